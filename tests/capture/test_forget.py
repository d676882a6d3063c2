"""Forgetting: what was on the pictures is gone from the home, the record stays whole and says so."""

import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.forget import Request, forget, sweep, young
from capture.spool import digests
from sakigake.errors import SakigakeError
from sakigake.fingerprint.vector import VERSION
from sakigake.model import EntryType, StoredEntry
from sakigake.store.sqlite import FORGOTTEN, SqliteStore
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.ledger import Fingerprint, Ledger
from sakigake.timeline.reading import is_forgotten
from tests.capture.easel import Easel
from tests.capture.forgetting import MINUTE, Drawn, marks, traces
from tests.capture.running import Kept, Recording, environment


def test_the_digest_of_a_picture_that_a_full_disk_dropped_goes_as_well(drawn: Drawn, own_home: Path) -> None:
    drawn.stage()
    pixels = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)
    picture = digests(pixels)
    dropped = drawn.ledger.append(EntryType.DROP, info={"reason": "disk", "frames": 1}, picture=picture)
    assert dropped.opening is not None
    salt = json.loads(dropped.opening)["salt"]
    wanted = [
        mark for name in (picture.file, picture.pixels, salt) for mark in (name.encode(), bytes.fromhex(name))
    ]
    assert traces(own_home, wanted)
    drawn.on(MINUTE)
    assert drawn.forget(5) == (2, 0)
    assert traces(own_home, wanted) == []
    with Kept(own_home) as kept:
        kept.check()
        stored = {entry.seq: entry for entry in kept.stored()}
    assert is_forgotten(stored[dropped.seq])


@pytest.fixture
def drawn(own_home: Path) -> Iterator[Drawn]:
    made = Drawn(own_home)
    yield made
    made.store.close()


def test_what_is_young_and_not_stamped_is_gone_and_the_rest_stays(drawn: Drawn, own_home: Path) -> None:
    old = drawn.stage()
    drawn.on(10 * MINUTE)
    stamped = drawn.stage()
    drawn.seal()
    drawn.on(MINUTE)
    going = [drawn.stage(), drawn.stage()]
    leaves = drawn.store.leaves(drawn.session.id)
    wanted = [mark for entry in going for mark in marks(entry)]
    assert len(set(traces(own_home, wanted))) >= 3  # the search does find them
    drawn.on(2 * MINUTE)
    assert drawn.forget(5) == (2, 1)
    assert traces(own_home, wanted) == []
    assert drawn.store.leaves(drawn.session.id)[:-1] == leaves
    with Kept(own_home) as kept:
        kept.check()
        stored = {entry.seq: entry for entry in kept.stored()}
    assert [is_forgotten(stored[entry.seq]) for entry in (old, stamped, *going)] == [False, False, True, True]
    gap = parse_entry(stored[going[1].seq + 1].raw)
    assert gap.type is EntryType.GAP
    assert gap.info == {
        "reason": "forgotten",
        "stages": 2,
        "ms": 2 * MINUTE,
        "first": going[0].seq,
        "last": going[1].seq,
    }
    assert drawn.forget(5) == (0, 1)  # once is enough


def test_a_token_nobody_trusts_seals_nothing(drawn: Drawn) -> None:
    drawn.stage()
    drawn.seal(trusted=False)
    assert drawn.forget(5) == (1, 0)


def test_pictures_that_were_not_written_yet_count(drawn: Drawn) -> None:
    assert drawn.forget(5, discarded=3) == (3, 0)
    last = drawn.store.last_entry(drawn.session.id)
    assert last
    assert parse_entry(last.raw).info == {"reason": "forgotten", "stages": 3, "ms": 5 * MINUTE}


def test_a_picture_that_is_also_on_a_stage_that_stays_stays(drawn: Drawn, own_home: Path) -> None:
    drawn.stage(seed=4)
    drawn.on(10 * MINUTE)
    drawn.stage(seed=4)
    assert drawn.forget(5) == (1, 0)
    with Kept(own_home) as kept:
        kept.check()
        assert sum(entry.opening is not None for entry in kept.stored()) == 1
    assert drawn.store.state(FORGOTTEN) is None


def test_ages_go_by_the_clock_with_its_jumps_taken_out(drawn: Drawn) -> None:
    for by_ms in (-3_600_000, 30 * 86_400_000):
        before = drawn.stage()
        drawn.on(10 * MINUTE)
        drawn.on(by_ms)
        drawn.ledger.append(EntryType.CLOCK_JUMP, info={"by_ms": by_ms})
        after = drawn.stage()
        drawn.on(MINUTE)
        entries = list(drawn.store.entries(drawn.session.id))
        found = young(entries, drawn.now_ms, 5 * MINUTE)
        assert [(stage.seq, stage.age_ms) for stage in found] == [(after.seq, MINUTE)]
        found = young(entries, drawn.now_ms, 12 * MINUTE)
        assert (found[1].seq, found[1].age_ms) == (before.seq, 11 * MINUTE)
        drawn.on(20 * MINUTE)


def test_the_store_itself_refuses_to_forget_what_is_sealed_and_any_half_forgetting(drawn: Drawn) -> None:
    sealed = drawn.stage()
    drawn.seal()
    free = drawn.stage()
    gap = drawn.store.last_entry(drawn.session.id)
    assert gap
    assert not drawn.store.forget(drawn.session.id, [sealed.seq, free.seq], gap, [])
    with sqlite3.connect(drawn.settings.database) as db:
        everything = "opening = NULL, fp_opening = NULL, fingerprint = NULL"
        for change, seq in (
            (everything, sealed.seq),
            ("opening = NULL", free.seq),
            (f"{everything}, raw = x'00'", free.seq),
            (f"{everything}, leaf = zeroblob(32)", free.seq),
            ("opening = x'00', fp_opening = NULL, fingerprint = NULL", free.seq),
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                db.execute(f"UPDATE entries SET {change} WHERE seq = {seq}")  # noqa: S608 - constants
        db.execute(f"UPDATE entries SET {everything} WHERE seq = {free.seq}")  # noqa: S608 - constants
    db.close()


def test_a_token_that_comes_in_the_middle_wins(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn.stage()
    real, calls = drawn.ledger.forget, []

    def late(*values: object) -> StoredEntry | None:
        calls.append(values)
        if len(calls) == 1:
            drawn.seal()
            drawn.stage()
        return real(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(drawn.ledger, "forget", late)
    assert drawn.forget(5) == (1, 1)
    assert len(calls) == 2


def test_however_pages_split_and_merge_no_byte_is_left(tmp_path: Path) -> None:
    """SQLite moves rows about when it removes some; copies of others must not stay in the free space of a page."""
    for trial in range(8):
        rnd = random.Random(trial)
        store = SqliteStore(tmp_path / f"{trial}.db")
        other = SqliteStore(tmp_path / f"{trial}.db")
        ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "screen")
        alive: dict[int, list[bytes]] = {}
        gone: list[bytes] = []
        for _ in range(rnd.randrange(3, 7)):
            for _ in range(rnd.randrange(5, 50)):
                body = secrets.token_bytes(rnd.choice([200, 900, 3000, 9000]))
                entry = ledger.append(EntryType.STAGE, info={"n": 1}, fingerprint=Fingerprint(VERSION, body))
                assert entry.fp_opening
                alive[entry.seq] = [body[:32], body[-32:], entry.fp_opening[-60:-5]]
                if rnd.random() < 0.2:
                    other.put_state("x", secrets.token_hex(rnd.randrange(1, 300)))
            going = sorted(alive)[-rnd.randrange(1, 40) :]
            ledger.forget(going, {"reason": "forgotten"}, [])
            gone += [mark for seq in going for mark in alive.pop(seq)]
            store.leave_no_trace()
            data = b"".join(path.read_bytes() for path in tmp_path.glob(f"{trial}.db*"))
            assert not [mark for mark in gone if mark in data]
        store.close()
        other.close()


CRASH = """
import os, signal, sys
from pathlib import Path
from capture.forget import forget_at_rest
from capture.spool import Spool
from sakigake.clock import Clock
from sakigake.settings import load
from sakigake.store.sqlite import SqliteStore

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where, left = sys.argv[1], int(sys.argv[2])
owner = {"remove": Spool, "_empty_log": SqliteStore, "take_state": SqliteStore, "forget": SqliteStore}[where]
real = getattr(owner, where)

def counted(self, *values):
    global left
    left -= 1
    if left < 0:
        die()
    return real(self, *values)

setattr(owner, where, counted)
home = Path(sys.argv[3])
settings = load(home)
forget_at_rest(settings, Spool(settings.pictures), 5 * 60_000, Clock(lambda: int(sys.argv[4])))
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize(
    ("where", "left", "done"),
    [
        ("forget", 0, False),
        ("remove", 0, True),
        ("remove", 1, True),
        ("remove", 2, True),
        ("_empty_log", 1, True),
        ("take_state", 1, True),
        ("_empty_log", 2, True),
    ],
)
def test_kill_9_in_the_middle_leaves_nothing_half_done(
    drawn: Drawn, own_home: Path, where: str, left: int, done: bool
) -> None:
    going = [drawn.stage() for _ in range(3)]
    wanted = [mark for entry in going for mark in marks(entry)]
    drawn.end()
    drawn.store.close()
    wall = str((drawn.now_ms + 1000) * 1_000_000)
    program = [sys.executable, "-c", CRASH, where, str(left), str(own_home), wall]
    killed = subprocess.run(program, env=environment(own_home), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # The next start of a recorder finishes it, or finds nothing begun.
    (own_home.parent / "frames").mkdir(exist_ok=True)
    with Recording(own_home, "--source", f"folder:{own_home.parent / 'frames'}", "--once") as recording:
        assert recording.ended() == 0
    assert (traces(own_home, wanted) == []) is done
    with Kept(own_home) as kept:
        kept.check()
        first = kept.sessions[0]
        assert [is_forgotten(entry) for entry in kept.stored(first) if entry.type is EntryType.STAGE] == [
            done
        ] * 3
        assert len(kept.of(EntryType.GAP, first)) == int(done)


def test_the_detector_never_says_that_a_stage_goes_back_to_a_forgotten_one() -> None:
    def drawn_and_undone(*, forgetting: bool) -> int | None:
        easel = Easel().drawn()
        page, first = easel.page.copy(), easel.kept
        easel.line(300, 300, 300)
        easel.labels(3)
        if forgetting:
            easel.detector.forget({first})
        easel.page = page
        easel.labels(3)
        return easel.stages[-1].reverts_to

    assert drawn_and_undone(forgetting=False) is not None
    assert drawn_and_undone(forgetting=True) is None


def test_somebody_who_reads_puts_it_off_and_it_stays_noted(drawn: Drawn) -> None:
    """The note outlives this process too, and every start of a recorder tries again."""
    drawn.stage()
    done = forget(drawn.store, drawn.ledger, Request(5 * MINUTE, drawn.now_ms))
    assert done.count == 1
    assert drawn.store.forgotten_files()
    reader = SqliteStore(drawn.settings.database)
    reader._db.execute("BEGIN")
    reader._db.execute("SELECT count(*) FROM entries").fetchall()
    drawn.store._db.execute("PRAGMA busy_timeout = 100")
    with pytest.raises(SakigakeError, match="another process reads"):
        sweep(drawn.store, drawn.spool)
    assert drawn.store.state(FORGOTTEN)
    reader._db.execute("COMMIT")
    reader.close()
    sweep(drawn.store, drawn.spool)
    assert drawn.store.state(FORGOTTEN) is None
