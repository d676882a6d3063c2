"""Pauses: stretches in which nothing is grabbed on purpose, because somebody asked for it or a gate closed.

A pause is no gap. Its beginning and its end are entries, and every heartbeat in between says that it goes on, so that
a crash in the middle of it cannot pass for a longer pause than there was.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from capture.coverage import Coverage
from capture.elapsed import Elapsed
from capture.pacer import SECOND
from sakigake.model import EntryType
from sakigake.timeline.entry import Info

ASKED = "asked"

Note = tuple[EntryType, Info]


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause that goes on. Times in ns of the elapsed-time clock, `wall_ms` by the PC's clock."""

    reason: str
    since_ns: int
    wall_ms: int
    until_ns: int | None = None

    def left_ms(self, now: int) -> int:
        """Return how long it still goes on; 0 when nobody said."""
        return 0 if self.until_ns is None else max(0, self.until_ns - now) // 1_000_000


@dataclass(frozen=True, slots=True)
class _Order:
    """What another thread wants; `until_ns` ends the pause by itself."""

    pause: bool
    until_ns: int | None = None


class Pauses:
    """The one account of pauses. Its entries are returned; whoever calls puts them on the ledger, in order.

    `ask` and `ask_end` may be called from any thread and take effect with the next `due`. All else is called on the
    capture thread. A pause that was asked for outranks every other reason, and only its own end ends it.
    """

    def __init__(self, coverage: Coverage, elapsed: Elapsed, interval_s: Callable[[], float]) -> None:
        self._coverage = coverage
        self._elapsed = elapsed
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._now: Pause | None = None
        self._order: _Order | None = None

    @property
    def current(self) -> Pause | None:
        """Return the pause that goes on; None while there is none."""
        return self._now

    @property
    def asked(self) -> bool:
        """Say whether nothing may be grabbed now, whatever a gate says."""
        return self._now is not None and self._now.reason == ASKED

    @property
    def ordered(self) -> bool:
        """Say whether an order still waits to take effect."""
        with self._lock:  # not in the middle of `due`
            return self._order is not None

    def ask(self, for_s: float | None = None) -> None:
        """Order a pause, for `for_s` seconds or until its end is ordered."""
        until = None if for_s is None else self._elapsed.now() + int(for_s * SECOND)
        with self._lock:
            self._order = _Order(pause=True, until_ns=until)

    def ask_end(self) -> None:
        """Order the end of the pause that was asked for."""
        with self._lock:
            self._order = _Order(pause=False)

    def due(self) -> list[Note]:
        """Return the entries of what was ordered since, or of a pause whose time is over; call it at every tick."""
        with self._lock:
            order, self._order = self._order, None
            if order is not None and order.pause:
                return self._begin(ASKED, order.until_ns)
            until = self._now.until_ns if self._now is not None else None
            over = until is not None and self._elapsed.now() >= until
            return self.end() if self.asked and (over or order is not None) else []

    def begin(self, reason: str) -> list[Note]:
        """Note that nothing is seen for this reason, a slug; the same reason again is no news."""
        return [] if self.asked else self._begin(reason, None)

    def end(self) -> list[Note]:
        """Note that there is no pause (any more)."""
        pause, self._now = self._now, None
        if pause is None:
            return []
        self._coverage.resume()
        return [(EntryType.RESUME, {"ms": self._length_ms(pause)})]

    def heartbeat(self, info: Info) -> Info:
        """Return what a heartbeat says: `info`, and why nothing is looked at when that is so."""
        return info if self._now is None else {**info, "paused": self._now.reason}

    def _begin(self, reason: str, until_ns: int | None) -> list[Note]:
        before, wall_ms = self._now, self._elapsed.clock.wall_ns() // 1_000_000
        if before is not None and before.reason == reason:
            self._now = replace(before, until_ns=until_ns)
            return []
        self._now = Pause(reason, self._elapsed.now(), wall_ms, until_ns)
        if before is not None:
            return [(EntryType.PAUSE, {"reason": reason, "ms": self._length_ms(before)})]
        gap = self._coverage.pause(self._interval_s())
        rest: list[Note] = [(EntryType.GAP, {"reason": gap.reason, "ms": gap.ms})] if gap else []
        return [*rest, (EntryType.PAUSE, {"reason": reason})]

    def _length_ms(self, pause: Pause) -> int:
        return (self._elapsed.now() - pause.since_ns) // 1_000_000
