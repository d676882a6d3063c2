"""The SQLite store against the conformance suite, and what only a file can get wrong."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import SakigakeError
from tests.watch.store.conformance import NOW, StoreConformance, a_finding, a_post, settled, with_feed
from watch.post import Batch, ClockClass, MediaRef, Post, PostTime, Stamp
from watch.store.protocol import WatchStore
from watch.store.records import PostState
from watch.store.rows import post_of, post_values
from watch.store.sqlite import SqliteWatchStore

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
STAMPS = st.none() | st.builds(
    Stamp,
    st.datetimes(timezones=st.just(NOW.tzinfo)),
    st.sampled_from(ClockClass),
    TEXT,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchStore]:
    opened = SqliteWatchStore(tmp_path / "watch.db")
    yield opened
    opened.close()


@pytest.fixture
def reopened(tmp_path: Path, store: WatchStore) -> Iterator[WatchStore]:  # noqa: ARG001 - beside the first one
    opened = SqliteWatchStore(tmp_path / "watch.db")
    yield opened
    opened.close()


class TestSqlite(StoreConformance):
    """Every promise of the protocol."""


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("watch.db*"))


def test_an_unrelated_post_leaves_no_byte_of_itself(store: SqliteWatchStore, tmp_path: Path) -> None:
    canary = Post(
        "feed", "rss", "canary-id-qz", "https://canary-url-qz/", "canary-author-qz", "canary-name-qz",
        (MediaRef(url="https://canary-media-qz/a.jpg"),), PostTime(), b"canary-raw-qz",
    )  # fmt: skip
    with_feed(store, canary)
    assert on_disk(tmp_path).count(b"canary-") >= 6, "it is there while it waits"
    (waiting,) = store.due(NOW, 1)
    settle = [(waiting.key, PostState.UNRELATED)]
    from watch.store.records import Outcome

    store.settle([Outcome("feed", key, state, "", ("e" * 64,), 1) for key, state in settle], (), NOW)
    store.leave_no_trace()
    assert b"canary-" not in on_disk(tmp_path)


def test_a_full_disk_changes_nothing(store: SqliteWatchStore) -> None:
    with_feed(store, a_post(1))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    many = tuple(a_post(number) for number in range(2, 400))
    with pytest.raises(SakigakeError) as caught:
        store.take_batch("feed", Batch(many, "c2"), NOW)
    assert caught.value.code == "store-write-failed"
    assert store.source("feed").cursor == "c1"
    assert store.waiting() == 1
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.take_batch("feed", Batch(many, "c2"), NOW) == 398


def test_a_locked_store_says_so_and_goes_on(store: SqliteWatchStore, tmp_path: Path) -> None:
    with_feed(store, a_post(1))
    store._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "watch.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SakigakeError) as caught:
        settled(store, 1, PostState.FOUND, a_finding())
    assert caught.value.code == "store-write-failed"
    other.execute("ROLLBACK")
    other.close()
    assert len(settled(store, 1, PostState.FOUND, a_finding())) == 1


def test_a_reader_elsewhere_puts_cleaning_off(store: SqliteWatchStore, tmp_path: Path) -> None:
    from watch import retention

    with_feed(store, a_post(1))
    store._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "watch.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM posts").fetchall()
    settled(store, 1, PostState.UNRELATED)
    assert not retention.clean(store)
    other.execute("COMMIT")
    assert retention.clean(store)
    other.close()


def test_retention_is_counted_in_days(store: SqliteWatchStore) -> None:
    from watch import retention

    with_feed(store, a_post(1))
    settled(store, 1, PostState.UNRELATED)
    assert retention.sweep(store, NOW + timedelta(days=29, hours=23), 30) == 0
    assert retention.sweep(store, NOW + timedelta(days=30, seconds=1), 30) == 1


def test_several_threads_take_turns(store: SqliteWatchStore) -> None:
    with_feed(store)

    def add(start: int) -> None:
        for number in range(start, start + 20):
            store.take_batch("feed", Batch((a_post(number),), str(number)), NOW)

    threads = [threading.Thread(target=add, args=(20 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.waiting() == 80


@given(st.lists(TEXT, min_size=5, max_size=5), STAMPS, STAMPS, st.binary(max_size=40))
def test_a_post_survives_its_columns(
    texts: list[str], low: Stamp | None, high: Stamp | None, raw: bytes
) -> None:
    post_id, platform, url, author, name = texts
    post = Post("feed", platform, post_id, url, author, name, (MediaRef(url),), PostTime(low, high), raw)
    assert post_of("feed", post_values(post), [(url, "")]) == post
