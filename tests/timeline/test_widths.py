"""How wide intervals are and whose time gives their ends."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.model import EntryType, Interval, StoredToken
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import widths
from sakigake.timeline.ledger import Ledger
from sakigake.timeline.reading import entry_bounds

START = datetime(2026, 1, 1, tzinfo=UTC)


def seal(store: SqliteStore, ledger: Ledger, name: str, second: float, *, trusted: bool = True) -> None:
    checkpoint = ledger.checkpoint([])
    assert checkpoint
    low = START + timedelta(seconds=second)
    raw = f"{name} {second}".encode()
    digest = sha256(raw).digest()
    high = low + timedelta(seconds=1)
    store.add_token(
        ledger.session.id, StoredToken(checkpoint.number, name, raw, digest, low, high, trusted=trusted)
    )


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[SqliteStore, Ledger]:
    store = SqliteStore(tmp_path / "sakigake.db")
    ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "screen")
    seal(store, ledger, "first", 0)
    for number in range(1, 4):
        ledger.append(EntryType.HEARTBEAT)
        seal(store, ledger, "second" if number % 2 else "third", 10 * number, trusted=number != 2)
    ledger.append(EntryType.HEARTBEAT)
    return store, ledger


def test_each_end_names_its_witness(recorded: tuple[SqliteStore, Ledger]) -> None:
    store, ledger = recorded
    intervals = entry_bounds(store, ledger.session.id, range(5))
    ends = widths.ends(store, ledger.session.id, intervals)
    assert ends[0] == widths.Ends(None, "first #0")
    assert ends[1] == widths.Ends("first #0", "second #1")
    # The authority that is not trusted gives nothing: the next one's time counts, and the interval is wider.
    assert ends[2] == widths.Ends("second #1", "second #3")
    assert ends[4] == widths.Ends("second #3", None)
    assert [widths.width_s(intervals[seq]) for seq in range(5)] == [None, 11, 21, 21, None]


def test_a_summary_counts_open_ends_and_does_not_hide_them(recorded: tuple[SqliteStore, Ledger]) -> None:
    store, ledger = recorded
    found = widths.summary(entry_bounds(store, ledger.session.id, range(5)).values())
    assert found == widths.Summary(count=5, closed=3, median_s=21, p95_s=21, most_s=21)


def test_without_tokens_there_is_no_figure() -> None:
    assert widths.summary([Interval(), Interval(START, None)]) == widths.Summary(2, 0, None, None, None)
