"""Sends what waits in the outbox, on a thread of its own. At least once: a message is marked only when it was taken."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sakigake.errors import SakigakeError
from watch.alerts.message import about
from watch.alerts.receivers import Receiver, ids
from watch.store.protocol import WatchStore
from watch.store.records import Delivery

STEP_S = 1.0
AT_ONCE = 50
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 3600.0
Say = Callable[..., None]


class Sender:
    """Sends for one watcher. `trouble` is the slug of what went wrong last, empty when nothing did."""

    def __init__(
        self, store: WatchStore, receivers: Sequence[Receiver], say: Say, *, names: bool = False
    ) -> None:
        self.trouble = ""
        self._store, self._say, self._names = store, say, names
        self._receivers = {each.id: each for each in receivers}
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sakigake-sender", daemon=True)
        store.keep_receivers(ids(receivers))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something new waits."""
        self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        """End after the message that is on its way; returns False when that takes longer."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.send_due()
            except SakigakeError as error:
                self._tell(error)  # the store is locked or the disk full: what waits stays
            self._wake.wait(STEP_S)
            self._wake.clear()

    def send_due(self) -> int:
        """Send what may be sent now; returns how many were taken. Raises SakigakeError when the store cannot be used."""
        taken = 0
        while not self._stop.is_set():
            due = self._store.due_deliveries(datetime.now(UTC), AT_ONCE)
            for delivery in due:
                if self._stop.is_set():
                    break
                taken += self._send(delivery)
            if not due:
                break
        return taken

    def _send(self, delivery: Delivery) -> bool:
        message = about(self._store.finding(delivery.number), names=self._names)
        try:
            self._receivers[delivery.receiver].send(message)
        except SakigakeError as error:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(delivery.tries, 20))
            self._store.postpone(delivery, datetime.now(UTC) + timedelta(seconds=wait_s))
            self._tell(error)
            return False
        self._store.mark_sent(delivery, datetime.now(UTC))
        if self.trouble:
            self.trouble = ""
            self._say("watch.alerts-again")
        return True

    def _tell(self, error: SakigakeError) -> None:
        """Say what is wrong once, not with every try."""
        if error.code != self.trouble:
            self.trouble = error.code
            self._say("watch.alert-waits", why=error.message())
