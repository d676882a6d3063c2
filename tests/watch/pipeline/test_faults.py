"""A watcher whose store is locked, whose disk is full, whose post breaks a step: it says so, goes on, and loses nothing."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sakigake.store.sqlite import SqliteStore
from tests.watch.pipeline import scene
from tests.watch.pipeline.test_polling import Scripted
from watch import retention, watcher
from watch.alerts.apprised import Apprised
from watch.decoding import DecoderPool
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.pipeline.steps import Steps
from watch.pipeline.works import RecordedWorks
from watch.post import Batch, MediaRef, Post, PostTime
from watch.pulse import Pulse
from watch.store.sqlite import SqliteWatchStore
from watch.watcher import Plan, Watcher

PATIENCE_S = 90.0
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")


class Bench:
    """A watcher in this process, with what it said."""

    def __init__(self, store: SqliteWatchStore, make: Callable[..., Watcher]) -> None:
        self.store, self.make = store, make
        self.said: list[str] = []
        self.watcher: Watcher | None = None
        self._thread: threading.Thread | None = None

    def start(self, source: Scripted) -> None:
        self.watcher = self.make(source, lambda key, **_values: self.said.append(key))
        self._thread = threading.Thread(target=self.watcher.run)
        self._thread.start()

    def stop(self) -> None:
        if self.watcher and self._thread:
            self.watcher.stop("interrupt")
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()
            self._thread = None


@pytest.fixture
def bench(home: Path, world: scene.World) -> Iterator[Bench]:
    store = SqliteWatchStore(home / "watch.db")
    store.add_source("feed", "rss", {}, datetime.now(UTC))
    store._db.execute("PRAGMA busy_timeout = 100")
    records = SqliteStore(home / "sakigake.db")
    to = Apprised(world.hook, "json:hook")
    with (
        Fetcher(Guard.of([world.site.place])) as fetcher,
        closing(RecordedWorks(records, home)) as works,
        DecoderPool(1) as pool,
    ):

        def make(source: Scripted, say: Callable[..., None]) -> Watcher:
            steps = Steps(store, fetcher, pool, works, None)
            plan = Plan(
                store, steps, lambda _row: source, [to], works.catch_up, lambda: 0, say,
                lambda _finding: None, lambda _post, _state: None,
            )  # fmt: skip
            return Watcher(plan)

        made = Bench(store, make)
        yield made
        made.stop()
    store.close()
    records.close()


def a_batch(world: scene.World, *pictures: bytes) -> Batch:
    posts = []
    for number, picture in enumerate(pictures):
        url = world.picture(f"/canary{number}.jpg", picture)
        posts.append(
            Post("feed", "web", f"canary-{number}", "", "canary", "", (MediaRef(url=url),), PostTime())
        )
    return Batch(tuple(posts), "c")


def until(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_locked_store_is_told_once_and_nothing_is_lost(
    bench: Bench, world: scene.World, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PAUSE_S", 0.1)
    gate = threading.Event()
    hold = world.site.pages
    batch = a_batch(world, scene.unrelated(1), scene.derived())
    picture = hold["/canary1.jpg"]
    hold["/canary1.jpg"] = lambda asked, connection: gate.wait(PATIENCE_S) and picture(asked, connection)
    bench.start(Scripted(batch))
    until(lambda: bench.store.counts().unrelated == 1)
    other = sqlite3.connect(home / "watch.db", isolation_level=None)
    other.execute("PRAGMA busy_timeout = 20000")
    other.execute("BEGIN IMMEDIATE")
    gate.set()
    until(lambda: "watch.trouble" in bench.said)
    assert world.receiver.got == [], "nothing is sent before it is durable"
    other.execute("ROLLBACK")
    other.close()
    until(lambda: "watch.trouble-over" in bench.said)
    until(lambda: world.receiver.got)
    bench.stop()
    assert len(bench.store.findings()) == 1
    assert bench.said.count("watch.trouble") == 1


def test_a_full_disk_is_told_and_the_work_is_done_when_there_is_room(
    bench: Bench, world: scene.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PAUSE_S", 0.1)
    monkeypatch.setattr("watch.pipeline.polling.FIRST_REST_S", 0.1)
    db = bench.store._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    batch = a_batch(world, scene.unrelated(1), scene.derived())
    big = tuple(Post("feed", "web", f"x{n}", "", "", "", (), PostTime(), bytes(4096)) for n in range(20))
    told = Batch((*batch.posts, *big), "c")
    bench.start(Scripted(*[told] * 200, interval_s=0.0))
    until(lambda: "watch.trouble" in bench.said)
    assert bench.store.source("feed").cursor is None, "no cursor without its posts"
    assert bench.store.waiting() == 0
    db.execute("PRAGMA max_page_count = 1000000")
    until(lambda: world.receiver.got)
    until(lambda: bench.store.counts().unrelated == 21)
    bench.stop()
    assert len(bench.store.findings()) == 1


def test_a_step_that_breaks_is_tried_again_and_the_others_go_on(
    bench: Bench, world: scene.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = scene.unrelated(1)
    opened = DecoderPool.decode

    def decode(self: DecoderPool, data: bytes, name: str, **more: bool) -> object:
        if data == broken:
            raise ZeroDivisionError
        return opened(self, data, name, alone=more.get("alone", False))

    monkeypatch.setattr(DecoderPool, "decode", decode)
    bench.start(Scripted(a_batch(world, broken, scene.unrelated(2), scene.derived())))
    until(lambda: world.receiver.got)
    until(lambda: bench.store.counts().unrelated == 1)
    bench.stop()
    assert bench.store.waiting() == 1
    assert bench.store._read("SELECT tries, reason FROM posts WHERE state = 'waiting'") == [
        (1, "internal-error")
    ]


def test_the_log_is_cleaned_while_it_runs(
    bench: Bench, world: scene.World, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "TRACES_S", 0.1)
    bench.start(Scripted(a_batch(world, scene.unrelated(1), scene.unrelated(2))))
    until(lambda: bench.store.counts().unrelated == 2)

    def clean() -> bool:
        return b"canary" not in b"".join(path.read_bytes() for path in home.glob("watch.db*"))

    until(clean)
    pulse = Pulse.read(bench.store)
    assert pulse is not None
    assert pulse.ended_ms == 0
    bench.stop()
    ended = Pulse.read(bench.store)
    assert ended is not None
    assert (ended.done, ended.found, bool(ended.ended_ms)) == (2, 0, True)
