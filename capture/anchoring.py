"""The joint between a recording and its outside witnesses: who is asked, and the threads that ask."""

import threading
import time

from capture.table import number
from sakigake.anchor import blocks, calendars, queue, trust
from sakigake.anchor.thread import AnchorEvent
from sakigake.clock import Clock
from sakigake.model import Session
from sakigake.settings import Settings
from sakigake.store.protocol import Store
from sakigake.store.sqlite import SqliteStore

POLL_S = 0.2


class Anchoring:
    """Nothing is asked when `anchor.enabled` is off. Raises ConfigError when the settings name an odd authority."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        table = settings.section("anchor")
        self._timeout_s = number(settings, "anchor", "timeout_s")
        self._trust = trust.load(settings.tables) if table["enabled"] else trust.Trust()
        asked = calendars.load(settings.tables)
        self._thread = (
            queue.AnchorThread(
                lambda: SqliteStore(settings.database), self._trust, clock, timeout_s=self._timeout_s
            )
            if self._trust.asked
            else None
        )
        self._blocks = (
            blocks.BlockThread(lambda: SqliteStore(settings.database), asked, clock)
            if asked.addresses
            else None
        )

    def choose(self, number: int, *, important: bool) -> list[str]:
        """Return the authorities that checkpoint `number` goes to."""
        return queue.choose(self._trust, number, important=important)

    def start(self) -> None:
        """Begin to ask."""
        for thread in (self._thread, self._blocks):
            if thread is not None:
                thread.start()

    def events(self) -> list[AnchorEvent]:
        """Return what has turned since the last call."""
        return [event for thread in (self._thread, self._blocks) if thread for event in thread.events()]

    def finish(self, store: Store, session: Session, hurry: threading.Event) -> int:
        """Wait for the last checkpoint's tokens and for a calendar to take it, as long as one request may take.

        Returns how many tokens still wait. What does not come now comes with the next recording, `timeline anchor` or
        an export. What was tried and put off is not waited for, and `hurry` ends the wait.
        """
        until = time.monotonic() + self._timeout_s + 2
        while time.monotonic() < until and self._waits(store, session.id):
            if hurry.wait(POLL_S):
                break
        for thread in (self._thread, self._blocks):
            if thread is not None:
                thread.stop(0.0)
        return len(store.pending_jobs(session.id)) if self._thread is not None else 0

    def _waits(self, store: Store, session: str) -> bool:
        if self._thread is not None and any(job.tries == 0 for job in store.pending_jobs(session)):
            return True
        return self._blocks is not None and blocks.untried(store, session)
