"""When to look at the canvas: the monotonic clock decides, and the machine's comfort."""

import math
from collections import deque

SECOND = 1_000_000_000
# (nothing changed for so many seconds, interval times): 2 s while drawing, 5 s in a pause, 15 s when away.
REST = ((600, 7.5), (60, 2.5))
HEAVY_S = 0.150  # CPU of one look, mean of the last ten
LIGHT_S = 0.050
MAX_STRETCH = 4


def tick_s(interval_s: float) -> float:
    """Return the period of the ticker: at most a second, and the interval is a whole number of ticks."""
    return interval_s / max(1, math.ceil(interval_s))


class Pacer:
    """Decides at each tick whether to look now.

    `restful` lets it look less often while nothing changes. It also looks less often while looking is expensive:
    a stream that runs beside it comes first. Times are ns of an elapsed-time clock.
    """

    def __init__(self, interval_s: float, *, restful: bool) -> None:
        self._base = interval_s
        self._restful = restful
        self._slack = int(tick_s(interval_s) * SECOND / 2)
        self._next: int | None = None
        self._changed_at: int | None = None
        self._factor = 1.0
        self._stretch = 1
        self._costs: deque[float] = deque(maxlen=10)

    @property
    def interval_s(self) -> float:
        """Return the seconds between two looks as things are now."""
        return self._base * self._factor * self._stretch

    def due(self, now: int) -> bool:
        """Say whether it is time; half a tick early counts, or a late ticker would make it a whole tick late."""
        return self._next is None or now >= self._next - self._slack

    def looked(self, now: int, *, changed: bool, cost_s: float) -> None:
        """Take in one look that began at `now`: whether anything had changed and what CPU time it took."""
        if changed or self._changed_at is None:
            self._changed_at = now
        still_s = (now - self._changed_at) / SECOND
        self._factor = 1.0
        if self._restful:
            self._factor = next((factor for after, factor in REST if still_s >= after), 1.0)
        self._costs.append(cost_s)
        if len(self._costs) == self._costs.maxlen:
            mean = sum(self._costs) / len(self._costs)
            if mean > HEAVY_S and self._stretch < MAX_STRETCH:
                self._stretch *= 2
                self._costs.clear()
            elif mean < LIGHT_S and self._stretch > 1:
                self._stretch //= 2
                self._costs.clear()
        step = int(self.interval_s * SECOND)
        planned = (self._next if self._next is not None else now) + step
        # On the grid while we keep up; after a hole the grid starts anew instead of being caught up with.
        self._next = planned if planned > now else now + step
