"""Alarms: a recording that looks well and is not, because the same picture comes back again and again.

A minimised window, a frozen capture, a permission that was taken away: the source answers, and nothing is recorded.
A still picture alone is no alarm, since people pause; one that stays still while the pointer is at work on it is.
"""

from capture.pacer import SECOND

ALARM_NS = 600 * SECOND
# Looks that found the pointer elsewhere on the canvas. At rest there is a look every 15 s at the longest, 40 in all.
MOVES = 5
BLACK, STILL = "black", "still"


class Alarms:
    """Takes in what each look found; `reason` is the alarm that is on, a slug, or empty. Times in ns of one clock."""

    def __init__(self) -> None:
        self.reason = ""
        self._kind = ""
        self._since = 0
        self._moves = 0
        self._pointer: tuple[int, int] | None = None

    def look(self, now: int, label: str, pointer: tuple[int, int] | None) -> str:
        """Take in one look: the detector's label, and where the pointer is on the canvas (None: not there, unknown).

        Returns an alarm once, when it begins.
        """
        kind = {"blank": BLACK, "idle": STILL}.get(label, "")
        if kind != self._kind:
            self.reset()
            self._kind, self._since = kind, now
        if pointer is not None:
            self._moves += self._pointer is not None and pointer != self._pointer
            self._pointer = pointer
        if self.reason or now - self._since < ALARM_NS or not self._counts():
            return ""
        self.reason = self._kind
        return self.reason

    def reset(self) -> None:
        """Begin anew: there was a pause, or nothing was seen."""
        self.reason, self._kind, self._moves, self._pointer = "", "", 0, None

    def _counts(self) -> bool:
        return self._kind == BLACK or (self._kind == STILL and self._moves >= MOVES)
