"""What the record covers: between two good looks that are too far apart lies a gap, and a gap has a reason."""

import threading
from dataclasses import dataclass

from capture.elapsed import Elapsed
from capture.pacer import SECOND

HOLE_INTERVALS = 3
SHORTEST_HOLE_S = 2.0  # with intervals of a fraction of a second a busy machine is late all the time
SLEPT_NS = SECOND
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without a good look that ends now: `ms` long, `reason` a slug."""

    reason: str
    ms: int


class Coverage:
    """Keeps account of looks. Called by the capture thread and by the watchdog; each gap is told once.

    A gap that goes on is told at once and then again every `repeat_s`, each time for the stretch since it was last
    told, so that a crash in the middle of it cannot hide it. The lengths of all gaps add up. A pause is no gap: while
    it goes on nothing is missing.
    """

    def __init__(self, elapsed: Elapsed, repeat_s: float) -> None:
        self._elapsed = elapsed
        self._repeat = int(repeat_s * SECOND)
        self._lock = threading.Lock()
        self._good = elapsed.now()
        self._told = self._good
        self._slept = elapsed.slept_ns()
        self._reason = ""
        self._paused = False
        self._early = ""

    @property
    def reason(self) -> str:
        """Return why nothing can be seen right now; empty while all is well."""
        return self._reason

    def good_age_s(self) -> float:
        """Return the seconds since the last good look."""
        return (self._elapsed.now() - self._good) / SECOND

    def good(self, interval_s: float) -> Gap | None:
        """Note a good look; returns the gap (or the rest of it) that it ends."""
        with self._lock:
            now, slept = self._elapsed.now(), self._elapsed.slept_ns()
            since = max(self._good, self._told)
            limit = interval_s * SECOND if self._reason else _hole(interval_s)
            gap = self._gap(self._reason or self._cause(slept), now - since) if now - since > limit else None
            self._good, self._slept, self._reason, self._early = now, slept, "", ""
            return gap

    def bad(self, reason: str) -> Gap | None:
        """Note a look that failed; returns a gap when there is something new to tell."""
        with self._lock:
            return None if self._paused else self._open(reason)

    def pause(self, interval_s: float) -> Gap | None:
        """Note that from now on nothing is looked at on purpose; returns the gap, or the rest of it, before that."""
        with self._lock:
            length = self._elapsed.now() - max(self._good, self._told)
            limit = MS if self._reason else _hole(interval_s)
            reason = self._reason or self._cause(self._elapsed.slept_ns())
            gap = self._gap(reason, length) if length > limit else None
            self._paused, self._reason = True, ""
            return gap

    def early(self, reason: str, interval_s: float) -> None:
        """Note a look that came in time but was too early to keep: a gap that comes of it is no stall."""
        with self._lock:
            if self._elapsed.now() - max(self._good, self._told) <= _hole(interval_s):
                self._early = reason

    def resume(self) -> None:
        """Note that looks are called for again: what lies before this moment is no gap."""
        with self._lock:
            self._paused = False
            self._told, self._slept = self._elapsed.now(), self._elapsed.slept_ns()

    def missing(self, interval_s: float) -> Gap | None:
        """Note that no look may have come for long; returns the gap so far when there is something new to tell."""
        with self._lock:
            if self._paused:
                return None
            since = max(self._good, self._told)
            if not self._reason and self._elapsed.now() - since <= _hole(interval_s):
                return None
            return self._open(self._reason or self._cause(self._elapsed.slept_ns()))

    def _open(self, reason: str) -> Gap | None:
        now = self._elapsed.now()
        since = max(self._good, self._told)
        if self._reason and now - since < self._repeat:
            return None
        self._reason = reason
        return self._gap(reason, now - since)

    def _gap(self, reason: str, length: int) -> Gap:
        self._told = self._elapsed.now()
        return Gap(reason, length // 1_000_000)

    def _cause(self, slept: int) -> str:
        return "sleep" if slept - self._slept > SLEPT_NS else self._early or "stall"


def _hole(interval_s: float) -> float:
    """Return the ns without a good look that make a gap."""
    return max(interval_s * HOLE_INTERVALS, SHORTEST_HOLE_S) * SECOND
