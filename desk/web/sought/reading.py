"""The worker that reads stages, begun and ended from the desk.

It is no part of the desk: it goes on when the desk is closed, and one that was begun in a terminal is shown and ended just
the same. It reads what is there and ends by itself.
"""

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desk import deep_room
from desk.sessions import open_store
from desk.web.supervise import UP_POLL_S, UP_S, last_words, launched
from sakigake.errors import SakigakeError
from watch.deep import running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from sakigake.settings import Settings

COMMAND, LOG = ("deep", "run", "--once"), "deep.out"


@dataclass(frozen=True, slots=True)
class State:
    """How reading stands: whether a worker runs, how many stages were read of how many; what one that failed said last."""

    runs: bool
    read: int
    sealed: int
    last_words: tuple[str, ...] = ()


class Reading:
    """The desk's hand on the worker. `settings` returns those of now; may be used from several threads."""

    def __init__(self, settings: "Callable[[], Settings]") -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._begun: tuple[subprocess.Popen[bytes], Path] | None = None

    def state(self) -> State:
        """Return how it stands; raises NotFoundError without a model or a record, SakigakeError."""
        settings = self._settings()
        with closing(open_store(settings)) as store:
            read, sealed = deep_room.progress(settings, store, deep_room.chosen(settings))
        return State(running.runs(settings.home), read, sealed, self._failed())

    def _failed(self) -> tuple[str, ...]:
        if self._begun is None:
            return ()
        process, log = self._begun
        return last_words(log) if process.poll() else ()

    def start(self) -> None:
        """Begin to read; returns once it is at work, or has ended. Raises SakigakeError when it runs already."""
        with self._lock:
            home = self._settings().home
            if running.runs(home):
                raise SakigakeError("deep-running")
            child = launched(home, COMMAND, LOG)
            self._begun = child.process, child.log
            until = time.monotonic() + UP_S
            while child.process.poll() is None and not running.runs(home) and time.monotonic() < until:
                time.sleep(UP_POLL_S)

    def stop(self) -> None:
        """End the worker, whoever began it; raises NotFoundError when none runs, SakigakeError."""
        running.stop(self._settings().home)
