"""Asking the sources: what fails rests, what is missed is a hole, what repeats is dropped."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sakigake.errors import ConfigError, NetworkError
from tests.watch.store.conformance import a_post
from watch.pipeline import polling
from watch.pipeline.polling import BACKLOG, NOT_RUNNING, Poller
from watch.post import Batch, ClockClass, Hole, Post, SourceInfo
from watch.sources import PostSource
from watch.store.records import SourceRow
from watch.store.sqlite import SqliteWatchStore

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Scripted:
    """A source that does what it is told to, one step a poll."""

    def __init__(self, *steps: Batch | Exception, interval_s: float = 60.0) -> None:
        self.steps = list(steps)
        self.cursors: list[str | None] = []
        self.closed = False
        self.interval_s = interval_s

    def describe(self) -> SourceInfo:
        return SourceInfo(
            "rss", "web", ClockClass.AUTHOR, "sent-nothing", "terms-none", self.interval_s, False
        )

    def poll(self, cursor: str | None, limit: int) -> Batch:
        self.cursors.append(cursor)
        step = self.steps.pop(0) if self.steps else Batch((), cursor)
        if isinstance(step, Exception):
            raise step
        assert len(step.posts) <= limit
        return step

    def close(self) -> None:
        self.closed = True


def batch(*numbers: int, cursor: str = "c", holes: tuple[Hole, ...] = ()) -> Batch:
    return Batch(tuple(a_post(number) for number in numbers), cursor, holes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteWatchStore]:
    opened = SqliteWatchStore(tmp_path / "watch.db")
    opened.add_source("feed", "rss", {}, LONG_AGO)
    yield opened
    opened.close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def polled(store: SqliteWatchStore, said: list[str]) -> Iterator[Callable[..., tuple[Scripted, Poller]]]:
    made: list[Poller] = []

    def make(*steps: Batch | Exception, queue: int = 500) -> tuple[Scripted, Poller]:
        source = Scripted(*steps)
        poller = Poller(store, lambda _row: source, lambda key, **_values: said.append(key), queue)
        made.append(poller)
        poller.begin()
        return source, poller

    yield make
    for each in made:
        each.close()


def test_a_cursor_goes_on_where_the_last_batch_ended(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    source, poller = polled(batch(1, 2, cursor="one"), batch(2, 3, cursor="two"))
    assert poller.poll("feed") == 2
    assert poller.poll("feed") == 1
    assert source.cursors == [None, "one"]
    assert [each.post.post_id for each in store.due(LONG_AGO, 9)] == ["post-1", "post-2", "post-3"]


def test_a_full_batch_is_followed_by_another_at_once(polled: Callable[..., tuple[Scripted, Poller]]) -> None:
    source, poller = polled(batch(*range(50)), batch(*range(50, 100)), batch(100))
    assert poller.poll("feed") == 101
    assert len(source.cursors) == 3


def test_a_source_that_repeats_itself_does_not_keep_its_thread(
    polled: Callable[..., tuple[Scripted, Poller]],
) -> None:
    source, poller = polled(*(batch(*range(50)) for _ in range(20)))
    assert poller.poll("feed") == 50
    assert len(source.cursors) == 2


def test_a_failure_is_told_once_and_its_hole_is_exact(
    store: SqliteWatchStore,
    polled: Callable[..., tuple[Scripted, Poller]],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "FIRST_REST_S", 0.0)
    _, poller = polled(
        batch(1),
        NetworkError("fetch-too-slow", host="h"),
        NetworkError("fetch-unreachable", host="h"),
        batch(2),
    )
    poller.poll("feed")
    good = store.source("feed").good
    for _ in range(2):
        poller.poll("feed")
    (hole,) = store.holes()
    assert (hole.began, hole.ended, hole.reason) == (good, None, "fetch-too-slow")
    poller.poll("feed")
    (hole,) = store.holes()
    assert (hole.began, hole.ended) == (good, store.source("feed").good)
    assert said == ["watch.source-trouble", "watch.source-again"]


def test_a_source_that_rests_is_not_asked(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    source, poller = polled(NetworkError("fetch-status", host="h", status=429, retry_after="3600"), batch(1))
    poller.poll("feed")
    assert poller.poll("feed") == 0
    assert len(source.cursors) == 1
    resting = store.source("feed").resting_until
    assert resting is not None
    assert resting > datetime.now(UTC) + timedelta(minutes=50)


def test_too_much_waiting_holds_the_sources_back(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    source, poller = polled(batch(*range(5)), batch(6), queue=5)
    poller.poll("feed")
    assert poller.poll("feed") == 0
    assert len(source.cursors) == 1
    assert store.holes() == [], "it is not late yet"


def test_what_is_late_for_the_backlog_is_a_hole(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    store.take_batch("feed", batch(*range(5)), LONG_AGO)
    _, poller = polled(batch(6), queue=5)
    store._db.execute("UPDATE sources SET hole_us = NULL")
    poller.poll("feed")
    assert [each.reason for each in store.holes()] == [BACKLOG]


def test_the_time_it_did_not_run_is_a_hole(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    store.take_batch("feed", batch(1), LONG_AGO)
    _, poller = polled(batch(2))
    assert [(each.began, each.ended, each.reason) for each in store.holes()] == [
        (LONG_AGO, None, NOT_RUNNING)
    ]
    poller.poll("feed")
    assert [(each.began, each.ended) for each in store.holes()] == [(LONG_AGO, store.source("feed").good)]


def test_a_hole_that_a_source_states_is_kept(
    store: SqliteWatchStore, polled: Callable[..., tuple[Scripted, Poller]]
) -> None:
    told = Hole(LONG_AGO, LONG_AGO + timedelta(hours=1), "source-replay-too-short")
    _, poller = polled(batch(1, holes=(told,)), batch(2, holes=(told,)))
    poller.poll("feed")
    poller.poll("feed")
    assert [(each.began, each.ended, each.reason) for each in store.holes()] == [
        (told.began, told.ended, told.reason)
    ]


def test_a_source_that_cannot_be_made_is_told_and_the_others_go_on(
    store: SqliteWatchStore, said: list[str]
) -> None:
    store.add_source("other", "rss", {}, LONG_AGO)
    good = Scripted(Batch((Post("other", "web", "1", "", "", "", (), a_post(1).time),), "c"))

    def make(row: SourceRow) -> PostSource:
        if row.id == "feed":
            raise ConfigError("watch-source-broke", source="feed")
        return good

    poller = Poller(store, make, lambda key, **_values: said.append(key), 10)
    poller.begin()
    assert poller.poll_all() == 1
    assert said == ["watch.source-trouble"]
    assert store.source("feed").trouble == "watch-source-broke"
    poller.close()
    assert good.closed


def test_one_broken_poll_does_not_end_the_others(store: SqliteWatchStore, said: list[str]) -> None:
    store.add_source("other", "rss", {}, LONG_AGO)
    made = {
        "feed": Scripted(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")),
        "other": Scripted(Batch((Post("other", "web", "1", "", "", "", (), a_post(1).time),), "c")),
    }
    poller = Poller(store, lambda row: made[row.id], lambda key, **_values: said.append(key), 10)
    poller.begin()
    assert poller.poll_all() == 1
    assert store.source("feed").trouble == "watch-source-broke"
    assert said == ["watch.source-trouble"]
    poller.close()


class Answering(Scripted):
    """A source whose poll waits until it is told to answer, or is closed."""

    def __init__(self, *steps: Batch | Exception) -> None:
        super().__init__(*steps, interval_s=0.0)
        self.asked, self.answer = threading.Event(), threading.Event()

    def poll(self, cursor: str | None, limit: int) -> Batch:
        self.asked.set()
        assert self.answer.wait(30)
        return super().poll(cursor, limit)

    def close(self) -> None:
        super().close()
        self.answer.set()


@pytest.mark.parametrize("closing", [batch(1), Batch((), "c"), NetworkError("fetch-cut-off", host="h")])
def test_a_poll_that_ends_after_the_pause_closes_no_hole(
    store: SqliteWatchStore, said: list[str], closing: Batch | Exception
) -> None:
    sources: list[Answering] = []

    def make(_row: SourceRow) -> PostSource:
        sources.append(Answering(closing if not sources else batch(2)))
        return sources[-1]

    poller = Poller(store, make, lambda key, **_values: said.append(key), 10)
    poller.begin()
    asked = threading.Thread(target=poller.poll, args=("feed",))
    asked.start()
    assert sources[0].asked.wait(30)
    paused = datetime.now(UTC)
    store.pause_source("feed", paused=True, now=paused)
    poller.sync()
    asked.join(30)
    assert sources[0].closed, "a paused stream is let go of"
    assert [(each.began, each.ended, each.reason) for each in store.holes()] == [(paused, None, "paused")]
    assert (said, store.source("feed").failures) == ([], 0)
    poller.sync()
    assert len(sources) == 1, "not opened while it is paused"
    store.pause_source("feed", paused=False, now=paused + timedelta(seconds=1))
    poller._plan = lambda name: None  # type: ignore[method-assign]  # noqa: ARG005 - asked by hand here
    poller.sync()
    sources[1].answer.set()
    poller.poll("feed")
    assert [(each.began, each.ended, each.reason) for each in store.holes()] == [
        (paused, store.source("feed").good, "paused")
    ]
    poller.close()


def test_the_schedule_asks_by_itself_and_a_broken_poll_does_not_end_it(
    store: SqliteWatchStore, said: list[str]
) -> None:
    source = Scripted(RuntimeError("a fault"), interval_s=0.0)
    poller = Poller(store, lambda _row: source, lambda key, **_values: said.append(key), 10)
    poller.begin()
    poller.start()
    until = datetime.now(UTC) + timedelta(seconds=20)
    while not store.source("feed").trouble and datetime.now(UTC) < until:
        poller.sync()
    assert store.source("feed").trouble == "watch-source-broke"
    store.remove_source("feed")
    poller.sync()
    assert source.closed
    poller.close()
