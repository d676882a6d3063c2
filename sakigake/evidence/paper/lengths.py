"""How long was recorded, and how long not: from a session's entries, by the recording computer's own clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from sakigake.model import EntryType
from sakigake.timeline.entry import Entry

FORGOTTEN = "forgotten"
LOOKED, PAUSE, GAP = "looked", "pause", "gap"
_ENDS = frozenset({EntryType.RECOVERED, EntryType.SESSION_END})


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch that was not looked at: `kind` pause or gap, begin and end in ms since 1970, the slug of its reason."""

    kind: str
    begin: int
    end: int
    reason: str
    entry: int

    @property
    def ms(self) -> int:
        """Return its length."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Lengths:
    """Begin and end of a record, and every hole in it. All times are claims of the computer's clock, in ms."""

    begin: int
    end: int
    holes: tuple[Hole, ...]

    @property
    def whole(self) -> int:
        """Return the length from begin to end."""
        return max(0, self.end - self.begin)

    @property
    def looked(self) -> int:
        """Return how much of it was looked at."""
        return max(0, self.whole - self.of(PAUSE) - self.of(GAP))

    def of(self, kind: str) -> int:
        """Return the length of all holes of a kind."""
        return sum(hole.ms for hole in self.holes if hole.kind == kind)


def of(entries: Sequence[Entry]) -> Lengths:
    """Return the lengths of a record; `entries` are all of its entries in order, at least one.

    A pause that nothing ends is taken to the end of the record, before a break-off to the last sign of life.
    """
    holes: list[Hole] = []
    paused: Entry | None = None
    heard = entries[0].wall
    for entry in entries:
        length = entry.info.get("ms")
        ms = length if isinstance(length, int) and length > 0 else 0
        reason = str(entry.info.get("reason", ""))
        if entry.type is EntryType.GAP and reason != FORGOTTEN and ms:
            holes.append(Hole(GAP, entry.wall - ms, entry.wall, reason, entry.seq))
        elif entry.type in {EntryType.PAUSE, EntryType.RESUME}:
            if paused is not None and ms:
                why = str(paused.info.get("reason", ""))
                holes.append(Hole(PAUSE, entry.wall - ms, entry.wall, why, paused.seq))
            paused = entry if entry.type is EntryType.PAUSE else None
        elif entry.type in _ENDS and paused is not None:
            end = heard if entry.type is EntryType.RECOVERED else entry.wall
            if end > paused.wall:
                holes.append(Hole(PAUSE, paused.wall, end, str(paused.info.get("reason", "")), paused.seq))
            paused = None
        heard = entry.wall
    if paused is not None and heard > paused.wall:
        holes.append(Hole(PAUSE, paused.wall, heard, str(paused.info.get("reason", "")), paused.seq))
    return Lengths(entries[0].wall, max(entry.wall for entry in entries), tuple(holes))
