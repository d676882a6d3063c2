"""The joint between a recording and its time tokens: who is asked, and the thread that asks."""

import threading
import time

from capture.table import number
from sakigake.anchor import queue, trust
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
        self._thread = (
            queue.AnchorThread(
                lambda: SqliteStore(settings.database), self._trust, clock, timeout_s=self._timeout_s
            )
            if self._trust.asked
            else None
        )

    def choose(self, number: int, *, important: bool) -> list[str]:
        """Return the authorities that checkpoint `number` goes to."""
        return queue.choose(self._trust, number, important=important)

    def start(self) -> None:
        """Begin to ask."""
        if self._thread is not None:
            self._thread.start()

    def events(self) -> list[queue.AnchorEvent]:
        """Return what has turned since the last call."""
        return [] if self._thread is None else self._thread.events()

    def finish(self, store: Store, session: Session, hurry: threading.Event) -> int:
        """Wait for the tokens of the last checkpoint as long as one request may take; returns how many still wait.

        What does not come now comes with the next recording, `timeline anchor` or an export. A job that was tried and
        put off is not waited for, and `hurry` ends the wait.
        """
        if self._thread is None:
            return 0
        until = time.monotonic() + self._timeout_s + 2
        while time.monotonic() < until and any(job.tries == 0 for job in store.pending_jobs(session.id)):
            if hurry.wait(POLL_S):
                break
        self._thread.stop(0.0)
        return len(store.pending_jobs(session.id))
