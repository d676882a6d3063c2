"""Working off the whole queue at once, and beside a recording."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from desk.demo import authority as demo
from sakigake.anchor import thread as beside
from sakigake.anchor.queue import AnchorThread, drain
from sakigake.clock import Clock
from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from tests.anchor.sessions import NOWHERE, Drawing, Time, trust
from tests.peers import hostile


def test_draining_tries_every_session_now(
    store: SqliteStore, folder: Path, service: demo.LocalAuthority, moment: Time
) -> None:
    drawings = []
    for _ in range(3):
        drawing = Drawing(store, moment)
        for _ in range(3):
            drawing.checkpoint("a", "dead")
        store.end_session(drawing.id, moment.clock.now())
        drawings.append(drawing)
        moment.on(60)
    for job in store.pending_jobs():
        store.postpone(job, moment.clock.now() + timedelta(minutes=9))
    believed = trust(folder, a=service.url, dead=NOWHERE)
    done = drain(store, believed, Clock(), deadline_s=20, timeout_s=2)
    assert (done.stamped, done.failed) == (6, 1)
    for drawing in drawings:
        assert sorted(drawing.stamped()) == [(0, "a", True), (2, "a", True)]
        assert {name for _, name in drawing.waiting()} == {"dead"}


def test_draining_ends_at_its_deadline(store: SqliteStore, folder: Path, moment: Time) -> None:
    drawing = Drawing(store, moment)
    drawing.checkpoint("a", "b", "c")
    with hostile.serve(hostile.silent) as url:
        began = time.monotonic()
        done = drain(store, trust(folder, a=url, b=url, c=url), Clock(), deadline_s=1, timeout_s=0.6)
        assert time.monotonic() - began < 2
    assert done.failed == 2
    assert done.waiting == 3


def test_the_thread_works_on_a_store_of_its_own(
    tmp_path: Path, store: SqliteStore, folder: Path, moment: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "POLL_S", 0.02)
    monkeypatch.setattr(beside, "REOPEN_S", 0.05)
    drawing = Drawing(store, moment)
    drawing.checkpoint("a")
    with demo.local_authority(folder) as early:
        port = int(early.url.rsplit(":", 1)[1])
    opened: list[None] = []

    def open_store() -> SqliteStore:
        if not opened:
            opened.append(None)
            raise SakigakeError("store-unusable", path="x", why="not there yet")
        return SqliteStore(tmp_path / "sakigake.db")

    thread = AnchorThread(open_store, trust(folder, a=f"http://127.0.0.1:{port}"), Clock(), timeout_s=2)
    thread.start()
    events: list[beside.AnchorEvent] = []

    def until(count: int) -> None:
        deadline = time.monotonic() + 10
        while len(events) < count:
            assert time.monotonic() < deadline, events
            events.extend(thread.events())
            time.sleep(0.01)

    until(2)
    assert [event.reason for event in events] == ["store-unusable", "anchor-unreachable"]
    with demo.local_authority(folder, port):
        until(3)
    assert (events[2].kind, events[2].authority) == (EntryType.ANCHOR_RESUME, "a")
    assert drawing.stamped() == [(0, "a", True)]
    assert thread.stop(5)
    assert not thread.events()
