"""The wait until something that stood in the picture is surely gone from its pixels.

A compositor may fade it out, and without a compositor it stays until the program below has painted over it. So some
time must pass, and where all windows share the screen's pixels the fresh paint must be proven (see repaint.py).
"""

from collections.abc import Iterable, Sequence

from capture.frame import Region
from capture.windows.model import Desktop, Watcher, Window, hull, without
from sakigake.clock import Clock

SECOND = 1_000_000_000
SETTLING = "privacy-settling"
STALE = "privacy-stale"
# How long a wait that goes over by itself may last before it is told by its cause.
PATIENCE_S = 5.0
MAX_VEILS = 64


class Settling:
    """Keeps account of where something may still show and since when."""

    def __init__(self, watcher: Watcher, clock: Clock, settle_s: float) -> None:
        self._watcher = watcher
        self._clock = clock
        self._settle = int(settle_s * SECOND)
        self._cause = ""
        self._first: int | None = None
        self._last = 0
        self._veiled: list[Region] = []

    def unsure(self, cause: str, areas: Sequence[Region]) -> None:
        """Note that something may have shown in `areas` until now; `cause` is the slug to tell when that goes on."""
        self._cause, self._last = cause, self._clock.mono_ns()
        self._first = self._first or self._last
        self._veiled = without(self._veiled, areas) + list(areas)
        if len(self._veiled) > MAX_VEILS:
            self._veiled = [hull(self._veiled)]

    def wait(self, desktop: Desktop, painters: Iterable[Window]) -> str:
        """Return why it is too early, as a slug; empty once all is gone. Only to be called while nothing is there.

        `painters` are the windows that have to paint what was veiled.
        """
        if self._first is None:
            return ""
        if self._veiled and not desktop.composited:
            self._watcher.demand(self._veiled, painters)
            # The server may paint the background at once and the program its picture some moments later.
            self._last = self._clock.mono_ns()
        self._veiled = []
        now, painted = self._clock.mono_ns(), self._watcher.repainted()
        if painted and now - self._last >= self._settle:
            self._first = None
            return ""
        # Told by its name when it goes on: one window that comes and goes all the time, or a program that hangs.
        if now - self._first < PATIENCE_S * SECOND:
            return SETTLING
        return self._cause if painted else STALE
