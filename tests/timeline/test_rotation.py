"""The entry that ties two keys: signed by both, for one ledger, and nothing else passes for it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import VerificationError
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import note, rotation
from sakigake.timeline.entry import Entry, parse_entry
from sakigake.timeline.ledger import Ledger

OLD, NEW = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
KEY = NEW.public_key().public_bytes_raw().hex()
LEDGER = "ab" * 16
GOOD = rotation.sign(LEDGER, OLD, NEW, "routine")


def entry(info: Mapping[str, int | str], seq: int = 1) -> dict[int, Entry]:
    made = Entry(seq, EntryType.KEY_ROTATE, 0, 0, "", "", "", None, None, None, dict(info))
    return {0: Entry(0, EntryType.SESSION_START, 0, 0, "", "", "", None, None, None, {}), seq: made}


def test_both_keys_sign_and_the_older_one_is_named() -> None:
    assert rotation.check(entry(GOOD), LEDGER, KEY, "x") == OLD.public_key().public_bytes_raw().hex()
    assert rotation.check({}, LEDGER, KEY, "x") is None


def test_another_ledger_key_or_place_is_refused() -> None:
    for entries, ledger, key in (
        (entry(GOOD), "cd" * 16, KEY),
        (entry(GOOD), LEDGER, str(GOOD["old"])),
        (entry(GOOD, 2), LEDGER, KEY),
        (entry(GOOD) | entry(GOOD, 2), LEDGER, KEY),
        (entry({}), LEDGER, KEY),
    ):
        with pytest.raises(VerificationError) as caught:
            rotation.check(entries, ledger, key, "x")
        assert caught.value.code == "rotation-wrong"


values = st.one_of(
    st.integers(), st.text(max_size=70), st.text("0123456789abcdefABCDEF", min_size=60, max_size=130)
)


@given(st.sampled_from(sorted(GOOD)), values)
def test_any_other_value_is_refused(name: str, value: int | str) -> None:
    if value != GOOD[name]:
        with pytest.raises(VerificationError):
            rotation.check(entry(GOOD | {name: value}), LEDGER, KEY, "x")


@given(st.sampled_from(["old", "new", "by_old", "by_new"]), st.integers(0, 511))
def test_each_flipped_bit_is_refused(name: str, bit: int) -> None:
    raw = bytearray.fromhex(str(GOOD[name]))
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    with pytest.raises(VerificationError):
        rotation.check(entry(GOOD | {name: raw.hex()}), LEDGER, KEY, "x")


def test_no_checkpoint_can_pass_for_a_statement() -> None:
    """Both are signed with the same key: their first lines differ whatever they hold."""
    text = rotation.statement(LEDGER, "0" * 64, "1" * 64, "routine")
    signed = note.sign(note.Checkpoint(LEDGER, 1, b"\0" * 32, None, None), NEW)
    assert text.startswith(b"sakigake/key-rotate/v1\n")
    assert signed.startswith(b"sakigake/" + LEDGER.encode() + b"\n")
    with pytest.raises(VerificationError):
        note.verify(text + signed[signed.index("\n\u2014".encode()) :], NEW.public_key())


def test_a_ledger_writes_it_as_entry_1(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    ledger = Ledger.start(store, NEW, "screen")
    ledger.continue_key(OLD, "lost-device")
    entries = {each.seq: parse_entry(each.raw) for each in store.entries(ledger.session.id)}
    assert rotation.check(entries, ledger.session.ledger, KEY, "x") == GOOD["old"]
    assert entries[1].info["reason"] == "lost-device"
    store.close()
