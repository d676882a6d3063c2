from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture import recovery
from capture.recovery import RECENT_MS, Start, begin
from sakigake.clock import Clock, from_ms
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger

KEY = Ed25519PrivateKey.generate()
NOON_MS = 1_764_000_000_000


def clock(ms: int) -> Clock:
    return Clock(lambda: ms * 1_000_000, lambda: 5_000_000_000)


class Bench:
    """A store, and starts on it at given moments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = SqliteStore(folder / "sakigake.db")
        self.told: list[tuple[str, EntryType]] = []

    def tell(self, entry: StoredEntry, session: Session) -> None:
        self.told.append((session.id, entry.type))

    def start(
        self, after_ms: int = 0, source: str = "one", *, anew: bool = False, key: Ed25519PrivateKey = KEY
    ) -> Start:
        self.told.clear()
        return begin(
            self.store,
            Keys(self.folder / "keys", key),
            clock(NOON_MS + after_ms),
            origin="screen",
            source=source,
            anew=anew,
            leftovers=2,
            choose=lambda _number, _important: [],
            acknowledge=self.tell,
        )

    def kinds(self, session: str) -> list[EntryType]:
        return [entry.type for entry in self.store.entries(session)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_the_first_start_opens_a_session(bench: Bench) -> None:
    start = bench.start()
    assert (start.resumed, start.closed) == (False, ())
    assert bench.told == [(start.ledger.session.id, EntryType.SESSION_START)]


def test_a_recent_session_of_the_same_source_goes_on(bench: Bench) -> None:
    first = bench.start().ledger
    first.append(EntryType.HEARTBEAT, {"looks": 1})
    start = bench.start(after_ms=90_000)
    assert (start.resumed, start.gap_ms, start.leftovers) == (True, 90_000, 2)
    assert start.ledger.session.id == first.session.id
    assert bench.kinds(first.session.id)[2:] == [EntryType.RECOVERED, EntryType.GAP]
    start.ledger.append(EntryType.HEARTBEAT, {"looks": 1})
    assert start.ledger.size == 5


@pytest.mark.parametrize(
    ("after_ms", "source", "anew"), [(RECENT_MS, "one", False), (1000, "other", False), (1000, "one", True)]
)
def test_any_other_is_closed_and_a_new_one_begins(
    bench: Bench, after_ms: int, source: str, anew: bool
) -> None:
    first = bench.start().ledger.session
    start = bench.start(after_ms, source, anew=anew)
    assert (start.resumed, start.closed) == (False, (first.id,))
    assert start.ledger.session.id != first.id
    assert bench.kinds(first.id)[1:] == [EntryType.RECOVERED, EntryType.SESSION_END]
    assert bench.store.checkpoints(first.id)[-1].size == 3
    assert [session.ended is None for session in bench.store.sessions()] == [False, True]


def test_a_session_with_many_checkpoints_is_closed_and_a_new_one_begins(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MANY", 2)
    first = bench.start().ledger
    first.checkpoint([])
    assert bench.start(after_ms=1000).resumed
    first = bench.start(after_ms=2000).ledger
    first.checkpoint([])
    start = bench.start(after_ms=3000)
    assert (start.resumed, start.closed) == (False, (first.session.id,))


def test_a_session_whose_end_was_written_but_not_noted_is_noted_only(bench: Bench) -> None:
    first = bench.start().ledger
    first.append(EntryType.SESSION_END, {"reason": "stop"})
    start = bench.start(1000)
    assert (start.resumed, start.closed) == (False, ())
    assert bench.kinds(first.session.id) == [EntryType.SESSION_START, EntryType.SESSION_END]
    assert bench.store.sessions()[0].ended


def test_a_session_cut_off_before_its_first_entry_is_left_behind(bench: Bench) -> None:
    empty = Session("20251124-160000-0000", "0" * 32, from_ms(NOON_MS), "screen")
    bench.store.add_session(empty, KEY.public_key().public_bytes_raw())
    start = bench.start(1000)
    assert not start.resumed
    assert bench.kinds(empty.id) == []
    assert bench.store.sessions()[0].ended


def test_with_another_key_a_session_is_closed_but_not_signed(bench: Bench) -> None:
    first = bench.start().ledger.session
    start = bench.start(1000, key=Ed25519PrivateKey.generate())
    assert start.closed == (first.id,)
    assert bench.store.checkpoints(first.id) == []
    assert bench.kinds(first.id)[-1] is EntryType.SESSION_END


def test_a_clock_set_back_since_the_crash_is_no_negative_gap(bench: Bench) -> None:
    bench.start()
    assert bench.start(after_ms=-3_600_000).gap_ms == 0


def test_of_several_only_the_newest_goes_on(bench: Bench) -> None:
    older = bench.start().ledger.session
    newer = Ledger.start(bench.store, KEY, "screen", clock(NOON_MS + 5000)).session
    start = bench.start(after_ms=10_000)
    assert start.ledger.session.id == newer.id
    assert start.closed == (older.id,)
