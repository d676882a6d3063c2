"""Runs what asks others for witnesses beside a recording, which never waits for it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.protocol import Store

POLL_S, REOPEN_S = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class AnchorEvent:
    """A witness stopped answering, or answers again. Only the recorder's writer may put it into the ledger.

    `kind` is ANCHOR_FAIL or ANCHOR_RESUME, `reason` an error's slug (empty when it answers again), `session` the
    session whose checkpoint was tried.
    """

    kind: EntryType
    session: str
    authority: str
    reason: str

    def info(self) -> dict[str, int | str]:
        """Return what the ledger's entry says."""
        return {"authority": self.authority, **({"reason": self.reason} if self.reason else {})}


class Outcome(Protocol):
    """What one pass of a worker did."""

    @property
    def events(self) -> Sequence[AnchorEvent]:
        """What has turned."""


class Worker(Protocol):
    """Works through its queue in a store, a pass at a time."""

    def run_once(self) -> Outcome:
        """Do what is due; raises SakigakeError when the store fails."""


class WorkThread:
    """Runs a worker on a store of its own. A daemon: it never keeps the program from ending."""

    def __init__(self, open_store: Callable[[], Store], work: Callable[[Store], Worker], name: str) -> None:
        self._open_store = open_store
        self._work = work
        self._events: SimpleQueue[AnchorEvent] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> bool:
        """End the work; a request under way is waited for, `timeout_s` at most. Says whether the thread has ended."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def events(self) -> list[AnchorEvent]:
        """Take the events there are, oldest first."""
        taken = []
        while True:
            try:
                taken.append(self._events.get_nowait())
            except Empty:
                return taken

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                store = self._open_store()
                try:
                    self._loop(self._work(store))
                finally:
                    store.close()
            except SakigakeError as error:
                # A full disk or a lost drive: the recorder meets it too and says so; the jobs wait in the store.
                self._events.put(AnchorEvent(EntryType.ANCHOR_FAIL, "", "", error.code))
                self._stop.wait(REOPEN_S)

    def _loop(self, worker: Worker) -> None:
        while not self._stop.wait(POLL_S):
            for event in worker.run_once().events:
                self._events.put(event)
