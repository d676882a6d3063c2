"""What tames APScheduler: jobs on a thread of ours, and a plan that never lies in the past.

APScheduler plans by the wall clock. Set forward by a month it would first list every run it missed (80 MB, seconds);
set back by an hour it would stay silent for that hour. The trigger below never plans in the past; whoever watches the
clocks plans anew from now.
"""

import concurrent.futures
from datetime import datetime

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.triggers.interval import IntervalTrigger


class OnThread(BasePoolExecutor):  # type: ignore[misc] # APScheduler 3 ships no types
    """Runs jobs on the pool it is given, which has one thread."""

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        super().__init__(pool)


class SteadyTrigger(IntervalTrigger):  # type: ignore[misc] # APScheduler 3 ships no types
    """An interval that skips what is past instead of listing it."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next run after `previous_fire_time`, or one interval from now when that is over already."""
        planned: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        if previous_fire_time is None or planned is None or planned > now:
            return planned
        return now + self.interval  # type: ignore[no-any-return]
