"""The ticker and the capture thread: APScheduler calls, on one thread, and nothing it swallows goes unnoticed.

`renew` plans anew from now after the wall clock was set; whoever watches the clocks calls it.
"""

import concurrent.futures
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from sakigake.ticking import OnThread, SteadyTrigger

JOB = "look"
T = TypeVar("T")


class Ticker:
    """Calls `work` every `period_s` seconds on its thread; `failed` gets each exception that `work` ended with."""

    def __init__(
        self, work: Callable[[], None], period_s: float, failed: Callable[[BaseException], None]
    ) -> None:
        self.overruns = 0
        self._work = work
        self._period_s = period_s
        self._failed = failed
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="sakigake-capture")
        # It logs what we count and tell ourselves.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(executors={"default": OnThread(self._pool)}, timezone=UTC)
        self._scheduler.add_listener(self._event, EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Do something on the capture thread and wait for it; raises TimeoutError, or what `function` raises."""
        return self._pool.submit(function).result(timeout_s)

    def start(self) -> None:
        """Begin to tick, at once."""
        self._scheduler.add_job(
            self._work,
            self._trigger(),
            id=JOB,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=datetime.now(UTC),
        )
        self._scheduler.start()

    def renew(self) -> None:
        """Plan anew from now, whatever the wall clock says now."""
        self._scheduler.reschedule_job(JOB, trigger=self._trigger())

    def rest(self) -> None:
        """Tick no more; a tick that runs goes on, and `call` still works."""
        try:
            self._scheduler.remove_job(JOB)
        except JobLookupError:
            return  # never started

    def stop(self) -> None:
        """Let go of the threads, without waiting for one that hangs."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _trigger(self) -> SteadyTrigger:
        return SteadyTrigger(seconds=self._period_s, timezone=UTC)

    def _event(self, event: Any) -> None:
        if event.code == EVENT_JOB_ERROR:
            self._failed(event.exception)
        else:
            self.overruns += 1
