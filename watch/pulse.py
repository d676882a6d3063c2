"""The watcher's pulse: what `status` in another process, and later a page, can know of it. They meet in the store only."""

from dataclasses import dataclass
from enum import StrEnum

from sakigake import pulse
from watch.store.protocol import WatchStore

PULSE = "watch.pulse"
STOP = "watch.stop"  # left by whoever wants the watcher that runs to end
LOCK_FILE = "watch.lock"
_FRESH_MS = 30_000


class State(StrEnum):
    """What a watcher is doing, by what can be known from outside."""

    RUNNING = "running"
    STALE = "stale"
    NOT_RUNNING = "not_running"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a watcher is. Times in ms since 1970 by the PC's clock; `trouble` is a slug or empty.

    `ended_ms` is 0 unless it ended by itself: a pulse without it and without a process is of one that died.
    """

    started_ms: int
    beat_ms: int
    ended_ms: int = 0
    done: int = 0
    found: int = 0
    waiting: int = 0
    unsent: int = 0
    stages: int = 0
    trouble: str = ""
    alerts: str = ""

    def put(self, store: WatchStore) -> None:
        """Leave the pulse in the store; raises SakigakeError."""
        pulse.put(store, PULSE, self)

    @classmethod
    def read(cls, store: WatchStore) -> "Pulse | None":
        """Return the pulse last left; None when there is none that this version can read."""
        return pulse.read(store, PULSE, cls)

    def judge(self, now_ms: int, *, running: bool) -> State:
        """Say what the watcher is doing; `running` is whether a process holds the watcher's lock."""
        if not running:
            return State.NOT_RUNNING
        fresh = pulse.fresh(now_ms, (self.beat_ms,), _FRESH_MS)
        return State.RUNNING if fresh and not self.trouble else State.STALE
