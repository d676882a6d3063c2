"""The ledger and its store: append only, whole after every call, and a name that cannot be taken twice."""

import sqlite3
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.clock import Clock, from_ms
from sakigake.errors import ConfigError, SakigakeError
from sakigake.model import EntryType, Picture, StoredToken
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import keys, merkle, note
from sakigake.timeline.entry import parse_entry, parse_picture
from sakigake.timeline.ledger import Fingerprint, Ledger

PICTURE = Picture("ab" * 32, "cd" * 32, 64, 48)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "sakigake.db")


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def token(checkpoint: int, second: int, *, trusted: bool = True) -> StoredToken:
    raw = f"{checkpoint} {second}".encode()
    when = from_ms(second * 1000)
    return StoredToken(checkpoint, "a", raw, sha256(raw).digest(), when, when, trusted)


def test_entries_chain_and_open(store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "screen")
    ledger.append(EntryType.STAGE, {"changed_ppm": 9}, PICTURE, Fingerprint("skg-1", b"fp"))
    ledger.append(EntryType.SESSION_END)
    stored = list(store.entries(ledger.session.id))
    parsed = [parse_entry(entry.raw) for entry in stored]
    assert [entry.seq for entry in parsed] == [0, 1, 2]
    assert [entry.prev for entry in parsed[1:]] == [entry.leaf.hex() for entry in stored[:-1]]
    assert ledger.session.ledger == stored[0].leaf.hex()[:32]
    assert parsed[0].info["key"] == key.public_key().public_bytes_raw().hex()
    opening = stored[1].opening
    assert opening
    assert parsed[1].commit == sha256(opening).hexdigest()
    assert parse_picture(opening) == PICTURE


def test_checkpoints_cover_link_and_queue(store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "screen")
    first = ledger.checkpoint(["a", "b"])
    assert first
    assert ledger.checkpoint(["a"]) is None
    store.add_token(ledger.session.id, token(0, 100))
    ledger.append(EntryType.HEARTBEAT)
    second = ledger.checkpoint(["a"])
    assert second
    stated = note.verify(second.note, key.public_key())
    assert stated.prev == sha256(first.note).hexdigest()
    assert stated.after == token(0, 100).digest.hex()
    assert stated.root == merkle.root(store.leaves(ledger.session.id))
    assert {(job.checkpoint, job.authority) for job in store.pending_jobs()} == {(0, "b"), (1, "a")}


def test_entry_names_the_latest_trusted_token(store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "screen")
    ledger.checkpoint(["a"])
    ledger.append(EntryType.HEARTBEAT)
    ledger.checkpoint(["a"])
    ledger.append(EntryType.HEARTBEAT)
    ledger.checkpoint(["a"])
    store.add_token(ledger.session.id, token(1, 500))
    store.add_token(ledger.session.id, token(0, 400))  # came late over an earlier checkpoint
    store.add_token(ledger.session.id, token(2, 900, trusted=False))
    entry = parse_entry(ledger.append(EntryType.HEARTBEAT).raw)
    assert entry.after == token(1, 500).digest.hex()


def test_resume_goes_on_where_the_last_entry_stands(store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "screen")
    ledger.append(EntryType.HEARTBEAT)
    again = Ledger.resume(store, ledger.session, key)
    entry = again.append(EntryType.RECOVERED, {"reason": "crash"})
    assert parse_entry(entry.raw).prev == store.leaves(ledger.session.id)[1].hex()
    with pytest.raises(SakigakeError):
        ledger.append(EntryType.HEARTBEAT)  # the writer that was overtaken cannot fork the chain


def test_checkpoints_count_what_is_no_stage_also_after_a_restart(
    store: SqliteStore, key: Ed25519PrivateKey
) -> None:
    ledger = Ledger.start(store, key, "screen")
    ledger.append(EntryType.STAGE, picture=PICTURE)
    ledger.append(EntryType.GAP, {"reason": "sleep"})
    ledger.checkpoint([])
    again = Ledger.resume(store, ledger.session, key)
    again.append(EntryType.STAGE, picture=PICTURE)
    again.append(EntryType.SESSION_END)
    again.checkpoint([])
    counts = [
        note.verify(each.note, key.public_key()).events for each in store.checkpoints(ledger.session.id)
    ]
    assert counts == [2, 3]


@pytest.mark.parametrize("table", ["entries", "checkpoints", "tokens"])
def test_evidence_cannot_be_changed_or_removed(
    tmp_path: Path, store: SqliteStore, key: Ed25519PrivateKey, table: str
) -> None:
    ledger = Ledger.start(store, key, "screen")
    ledger.checkpoint(["a"])
    store.add_token(ledger.session.id, token(0, 1))
    with sqlite3.connect(tmp_path / "sakigake.db") as db:
        for statement in (f"UPDATE {table} SET session = 'x'", f"DELETE FROM {table}"):  # noqa: S608 - from the list above
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                db.execute(statement)
    db.close()


def test_gap_in_the_numbers_is_refused(store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "screen")
    entry = ledger.append(EntryType.HEARTBEAT)
    with pytest.raises(SakigakeError):
        store.append(ledger.session.id, replace(entry, seq=5, leaf=bytes(32)))
    assert len(store.leaves(ledger.session.id)) == 2


def test_records_survive_reopening(tmp_path: Path, store: SqliteStore, key: Ed25519PrivateKey) -> None:
    ledger = Ledger.start(store, key, "folder", Clock(wall_ns=lambda: 1_795_378_065_743_000_000))
    store.end_session(ledger.session.id, from_ms(1_795_378_070_000))
    store.close()
    again = SqliteStore(tmp_path / "sakigake.db")
    (session,) = again.sessions()
    assert session == replace(ledger.session, ended=from_ms(1_795_378_070_000))
    assert again.public_key(session.id) == key.public_key().public_bytes_raw()


def test_key_is_made_once_and_kept_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keys.load_or_create(tmp_path)
    assert keys.load_or_create(tmp_path).private_bytes_raw() == first.private_bytes_raw()
    assert (tmp_path / keys.KEY_FILE).stat().st_mode & 0o077 == 0
    monkeypatch.setenv("SAKIGAKE_PASSPHRASE", "ひみつ")
    assert keys.load_or_create(tmp_path).private_bytes_raw() == first.private_bytes_raw()  # plain as it was
    locked = keys.load_or_create(tmp_path / "locked")
    assert keys.load_or_create(tmp_path / "locked").private_bytes_raw() == locked.private_bytes_raw()
    monkeypatch.delenv("SAKIGAKE_PASSPHRASE")
    with pytest.raises(ConfigError):
        keys.load_or_create(tmp_path / "locked")


def test_working_state_is_taken_once(store: SqliteStore) -> None:
    store.put_state("stop", "1")
    store.put_state("stop", "2")
    assert store.state("stop") == "2"
    assert store.take_state("stop") == "2"
    assert store.take_state("stop") is None
