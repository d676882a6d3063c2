"""Asks the sources, each on a thread of its own, planned by APScheduler: one interval job a source, never two at once."""

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from sakigake.clock import iso
from sakigake.errors import NetworkError, NotFoundError, SakigakeError
from sakigake.ticking import OnThread, SteadyTrigger
from watch.post import SourceInfo
from watch.sources import PostSource
from watch.store.protocol import WatchStore
from watch.store.records import SourceRow

LIMIT = 50  # posts a poll
SHORTEST_S = 1.0
LATE_INTERVALS, LATE_S = 3, 60.0  # what is not asked for longer than this has a hole
FIRST_REST_S, LONGEST_REST_S = 5.0, 900.0
MOST_ASKED_S = (
    86_400.0  # a server that asks for more rest, by mistake or on purpose, is asked again the next day
)
STREAM_S = 3.0  # a stream that is silent for so long has nothing more, when all is to be asked once
STEP_S = 0.2
PACED_S = 5.0  # a source with a longer interval states it for its server's sake: it holds across starts
MOST_POLLS = 40  # in a row, when a source has more ready
BACKLOG, NOT_RUNNING, BROKEN = "backlog", "not-running", "internal-error"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Open:
    source: PostSource
    info: SourceInfo
    pool: concurrent.futures.ThreadPoolExecutor

    @property
    def interval_s(self) -> float:
        return max(SHORTEST_S, self.info.min_interval_s)


class Poller:
    """Asks every source that is not paused as often as it allows. `queue` is how many posts may wait before it rests."""

    def __init__(
        self,
        store: WatchStore,
        make: Callable[[SourceRow], PostSource],
        say: Callable[..., None],
        queue: int,
    ) -> None:
        self._store, self._make, self._say, self._queue = store, make, say, queue
        self._open: dict[str, _Open] = {}
        self._ended = threading.Event()
        self._trouble = ""
        self._more: set[str] = set()
        self._asked: set[str] = set()
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # it logs what is told by us
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_listener(self._event, EVENT_JOB_ERROR)

    def begin(self) -> None:
        """Open every source and note since when each was not watched; asks nothing yet."""
        now = datetime.now(UTC)
        for row in self._store.sources():
            if not row.paused and (opened := self._ensure(row)) and row.good:
                self._note_late(row, opened, now, NOT_RUNNING)

    def start(self) -> None:
        """Plan the polls of what is open."""
        self._scheduler.start()
        for name in self._open:
            self._plan(name)

    def sync(self) -> None:
        """Take up sources that were added or resumed in the meantime and let go of those that were removed or paused."""
        rows = {row.id: row for row in self._store.sources() if not row.paused}
        for name in [each for each in self._open if each not in rows]:
            self._drop(name)
        for name, row in rows.items():
            if name not in self._open and self._ensure(row):
                self._plan(name)

    def renew(self) -> None:
        """Plan anew from now, after the wall clock was set."""
        for name, opened in self._open.items():
            try:
                self._scheduler.reschedule_job(name, trigger=self._trigger(opened))
            except JobLookupError:
                continue

    def poll_all(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Ask each source that may be asked, until it has nothing more; returns how many posts are new.

        What is on its way when `stopped` says so is waited for no longer.
        """
        asked = [
            opened.pool.submit(self._exhaust, name, opened)
            for name, opened in list(self._open.items())
            if self._may_ask(name, opened)
        ]
        while concurrent.futures.wait(asked, STEP_S).not_done and not stopped():
            pass
        return sum(each.result() for each in asked if each.done())

    def _may_ask(self, name: str, opened: _Open) -> bool:
        """Say whether a source's pace allows it: a start is no reason to ask sooner. What has more ready is asked on."""
        due = self._due(name, opened)
        if due <= datetime.now(UTC) or name in self._more:
            self._asked.add(name)
            return True
        if name not in self._asked:
            self._asked.add(name)
            self._say("watch.not-due", source=name, until=iso(due))
        return False

    def _due(self, name: str, opened: _Open) -> datetime:
        """Return from when on a source may be asked."""
        now = datetime.now(UTC)
        try:
            row = self._store.source(name)
        except NotFoundError:
            return now
        # One that fails has rests of its own; a good poll in the future is of a clock that was set back since.
        if opened.interval_s <= PACED_S or row.paused or row.failures or not row.good or row.good > now:
            return now
        return row.good + timedelta(seconds=opened.interval_s)

    def _exhaust(self, name: str, opened: _Open) -> int:
        """Ask until nothing more comes; a stream may take a moment before it has something to say."""
        fresh, until = self.poll(name), time.monotonic() + STREAM_S
        while (
            opened.info.min_interval_s < SHORTEST_S and time.monotonic() < until and not self._ended.is_set()
        ):
            if came := self.poll(name):
                fresh, until = fresh + came, time.monotonic() + STREAM_S
            if self._store.waiting() >= self._queue:
                break
        return fresh

    def close(self) -> None:
        """End the polls and let go of the sources' connections."""
        self._ended.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for name in list(self._open):
            self._drop(name)

    def poll(self, name: str) -> int:
        """Ask one source until it has no more or too much waits; returns how many posts are new."""
        fresh = 0
        for _ in range(MOST_POLLS):
            try:
                came, more = self._poll_once(name)
            except SakigakeError as error:
                self._not_kept(
                    error
                )  # the store is locked or the disk full; the cursor stays, so nothing is skipped
                return fresh
            except Exception as error:  # noqa: BLE001 - one source that breaks must not end the others
                self._broke(name, error)
                return fresh
            self._trouble = ""
            fresh += came
            if not more or self._ended.is_set():
                break
        return fresh

    def _poll_once(self, name: str) -> tuple[int, bool]:
        opened = self._open.get(name)
        try:
            row = self._store.source(name)
        except NotFoundError:
            return 0, False
        now = datetime.now(UTC)
        if opened is None or row.paused or (row.resting_until and row.resting_until > now):
            return 0, False
        if self._store.waiting() >= self._queue:
            self._note_late(row, opened, now, BACKLOG)
            self._more.add(name)
            return 0, False
        try:
            batch = opened.source.poll(row.cursor, LIMIT)
        except SakigakeError as error:
            if self._open.get(name) is opened:  # else its connection was closed under it
                self._rest(row, error)
            return 0, False
        let_go = self._ended.is_set() or self._open.get(name) is not opened
        if let_go and not batch.posts:
            return 0, False
        fresh = self._store.take_batch(name, batch, datetime.now(UTC))
        if row.failures:
            self._say("watch.source-again", source=name)
        # A source that repeats itself for ever must not keep its thread: it goes on only while something is new.
        more = fresh > 0 and len(batch.posts) >= LIMIT
        (self._more.add if more else self._more.discard)(name)
        return fresh, more

    def _not_kept(self, error: SakigakeError) -> None:
        if error.code != self._trouble:
            self._trouble = error.code
            self._say("watch.trouble", why=error.message())

    def _rest(self, row: SourceRow, error: SakigakeError) -> None:
        if self._ended.is_set():
            return  # its connection was closed under it
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(row.failures, 20))
        asked = str(error.params.get("retry_after") or "")
        if asked.isdecimal():  # a date is left to the limits of the host, which the source keeps
            rest_s = max(rest_s, min(float(asked[:9]), MOST_ASKED_S))
        until = datetime.now(UTC) + timedelta(seconds=rest_s)
        self._store.note_trouble(row.id, error.code, until)
        if not row.failures:
            self._say("watch.source-trouble", source=row.id, why=error.message())

    def _note_late(self, row: SourceRow, opened: _Open, now: datetime, reason: str) -> None:
        since = row.good or row.added
        if (now - since).total_seconds() > max(LATE_S, LATE_INTERVALS * opened.interval_s):
            self._store.open_hole(row.id, since, reason)

    def _ensure(self, row: SourceRow) -> _Open | None:
        try:
            source = self._make(row)
        except SakigakeError as error:
            if row.trouble != error.code:
                self._store.note_trouble(row.id, error.code, None)
                self._say("watch.source-trouble", source=row.id, why=error.message())
            return None
        pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="sakigake-source")
        self._open[row.id] = _Open(source, source.describe(), pool)
        return self._open[row.id]

    def _plan(self, name: str) -> None:
        opened = self._open[name]
        self._scheduler.add_executor(OnThread(opened.pool), alias=name)
        self._scheduler.add_job(
            self.poll,
            self._trigger(opened),
            args=(name,),
            id=name,
            executor=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=max(datetime.now(UTC), self._due(name, opened)),
        )

    def _drop(self, name: str) -> None:
        opened = self._open.pop(name)
        if self._scheduler.running:
            try:
                self._scheduler.remove_job(name)
            except JobLookupError:
                LOG.debug("the job was gone already")
            self._scheduler.remove_executor(name, shutdown=False)
        opened.source.close()
        opened.pool.shutdown(wait=False, cancel_futures=True)

    def _trigger(self, opened: _Open) -> SteadyTrigger:
        return SteadyTrigger(seconds=opened.interval_s, timezone=UTC)

    def _event(self, event: Any) -> None:
        """Take note of a job that the scheduler could not run to its end."""
        if not isinstance(event.exception, SakigakeError):
            self._broke(event.job_id, event.exception)

    def _broke(self, name: str, error: BaseException) -> None:
        """Let a source rest whose poll broke, and tell it, by the name of what broke only."""
        LOG.error("a poll ended with %s", type(error).__name__)
        try:
            row = self._store.source(name)
            self._rest(row, NetworkError("watch-source-broke", source=row.id))
        except SakigakeError:
            return  # the store cannot be used: the main loop tells it
