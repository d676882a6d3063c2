"""The recorder's pulse: what `status` and `stop` in other processes know of it. They meet only in the store."""

from dataclasses import dataclass
from enum import StrEnum

from sakigake import pulse
from sakigake.store.protocol import Store

PULSE = "record.pulse"
STOP = "record.stop"
SOURCE = "record.source"
FRESH_INTERVALS = 3


class State(StrEnum):
    """What a recorder is doing, by what can be known from outside."""

    RECORDING = "recording"
    PAUSED = "paused"
    STALE = "stale"
    NOT_RECORDING = "not_recording"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a recorder is. Times in ms since 1970 by the PC's clock; `trouble` is a slug or empty.

    `paused` is the reason for a pause that goes on since `paused_ms`, until `until_ms` if that is not 0.
    """

    session: str
    origin: str
    started_ms: int
    beat_ms: int
    good_ms: int
    interval_s: float
    stages: int = 0
    entries: int = 0
    gaps: int = 0
    drops: int = 0
    errors: int = 0
    passed_over: int = 0
    waiting: int = 0
    trouble: str = ""
    unstamped: int = 0
    free_mb: int = -1
    paused: str = ""
    paused_ms: int = 0
    until_ms: int = 0

    def put(self, store: Store) -> None:
        """Leave the pulse in the store; raises SakigakeError."""
        pulse.put(store, PULSE, self)

    @classmethod
    def read(cls, store: Store) -> "Pulse | None":
        """Return the pulse last left; None when there is none that this version can read."""
        return pulse.read(store, PULSE, cls)

    def judge(self, now_ms: int, *, running: bool) -> State:
        """Say what the recorder is doing; `running` is whether a process holds the recorder's lock."""
        if not running:
            return State.NOT_RECORDING
        limit_ms = (max(self.interval_s * FRESH_INTERVALS, 0) + pulse.EVERY_S * 2) * 1000
        # In a pause nothing is looked at, so only the pulse itself must be fresh.
        moments = (self.beat_ms,) if self.paused else (self.beat_ms, self.good_ms)
        fresh = pulse.fresh(now_ms, moments, limit_ms)
        if self.trouble or not fresh:
            return State.STALE
        return State.PAUSED if self.paused else State.RECORDING
