"""The recorded stages and the post on one line of time.

A bar is what outsiders' clocks say: it runs from not before to not after, and fades into an arrow where one of both is not
known. What a computer's own clock claims is a ring that touches no bar, named as a claim. Long empty stretches are cut out
of the line, and where that was done is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sakigake.model import Interval
from watch.explaining.figure import Box, Colour, Figure, Line, Part, Ring, Text
from watch.explaining.letters import Letters

MOST = 12  # stages that are drawn
_WIDTH, _LEFT, _RIGHT, _ROW = 960, 190, 30, 32
_STAGE, _NAMED, _POST, _CLAIM, _FAINT = (
    (150, 178, 205),
    (20, 90, 160),
    (225, 120, 20),
    (120, 120, 120),
    (205, 205, 205),
)
_CUT = 4  # a stretch that is longer than this many times all that is not empty is cut out
_BREAK = 46  # dots that a stretch takes which was cut out
_LEAST = timedelta(seconds=30)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # where nothing at all is known
_TAIL = 26  # dots of an arrow to a side that is not known


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in one line: a name, when it was by outsiders' clocks, and what a computer's clock claims."""

    name: str
    interval: Interval
    claimed: datetime | None = None
    named: bool = False
    post: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The sentences of one language that stand in the figure."""

    title: str
    order: str
    clocks: str
    claim: str
    unknown: str
    lang: str


def chosen(numbers: Sequence[int], named: Sequence[int], most: int = MOST) -> list[int]:
    """Return which stages are drawn: those that are named, and as many others as fit, evenly spread over the rest."""
    kept = sorted(set(named) & set(numbers))
    others = [number for number in numbers if number not in set(kept)]
    room = max(0, most - len(kept))
    if len(others) > room:
        others = [others[round(place * (len(others) - 1) / max(room - 1, 1))] for place in range(room)]
    return sorted({*kept, *others})


def figure(rows: Sequence[Row], said: Said, letters: Letters) -> Figure:
    """Return the figure of some stages and a post; moments are told in UTC."""
    scale = Scale.of(rows)
    title = letters.wrapped(said.order, 20, _WIDTH - 40)
    top = 20 + 30 * len(title) + 8
    parts: list[Part] = [Text(line, (20, 14 + 30 * n), 20) for n, line in enumerate(title)]
    bottom = top + 22 + _ROW * len(rows)
    parts += _ground(scale, top, bottom)
    for number, row in enumerate(rows):
        parts += _row(row, scale, top + 22 + _ROW * number, said, letters)
    under = bottom + 46
    notes = [
        *letters.wrapped(said.clocks, 15, _WIDTH - 80),
        "",
        *letters.wrapped(said.claim, 15, _WIDTH - 80),
    ]
    first = len(letters.wrapped(said.clocks, 15, _WIDTH - 80))
    parts.append(Box((22, under + 6, 44, under + 16), _NAMED))
    parts.append(Ring((33, under + 22 * (first + 1) - 11), 4, _CLAIM))
    at = under
    for line in notes:
        if line:
            parts.append(Text(line, (56, at), 15))
        at += 22 if line else 0
    return Figure((_WIDTH, at + 16), tuple(parts), said.title, said.order, said.lang)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where moments lie: stretches of time (start, end) and the dots that each takes, with a break between two."""

    stretches: tuple[tuple[datetime, datetime], ...]
    places: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Scale":
        """Return the scale that shows all moments of some rows."""
        groups = _groups([span for row in rows for span in _spans(row)])
        padded = []
        for first, last in groups:
            pad = max((last - first) * 0.06, _LEAST)
            padded.append((first - pad, last + pad))
        room = _WIDTH - _LEFT - _RIGHT - 2 * _TAIL - _BREAK * (len(padded) - 1)
        # Each stretch gets a fair part of the width, or a post's few seconds would be a hair beside a day of drawing.
        whole = sum((end - start).total_seconds() for start, end in padded)
        least = min(0.3, 1 / len(padded))
        shares = [max(least, (end - start).total_seconds() / whole) for start, end in padded]
        places, left = [], float(_LEFT + _TAIL)
        for share in shares:
            wide = room * share / sum(shares)
            places.append((left, left + wide))
            left += wide + _BREAK
        return cls(tuple(padded), tuple(places))

    def x(self, moment: datetime) -> float:
        """Return where a moment lies, in dots; those outside every stretch lie at the nearest end."""
        for (start, end), (left, right) in zip(self.stretches, self.places, strict=True):
            if moment <= end:
                share = max(0.0, (moment - start) / (end - start))
                return left + share * (right - left)
        return self.places[-1][1]


def _spans(row: Row) -> list[tuple[datetime, datetime]]:
    """Return the stretches that a row takes: its bar, as far as it is known, and its ring."""
    ends = [each for each in (row.interval.not_before, row.interval.not_after) if each]
    bars = [(ends[0], ends[-1])] if ends else []
    return [*bars, (row.claimed, row.claimed)] if row.claimed else bars


def _groups(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return what is taken as stretches, at most three, with the long empty ones between them left out."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans) or [(_NEVER, _NEVER)]:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    gaps = sorted(
        ((later[0] - earlier[1], place) for place, (earlier, later) in enumerate(pairwise(joined))),
        reverse=True,
    )
    cuts: list[int] = []
    rest = joined[-1][1] - joined[0][0]
    for gap, place in gaps[:2]:
        rest -= gap
        if gap > max(rest, _LEAST) * _CUT / (1 + len(cuts)):
            cuts.append(place)
    ends = [-1, *sorted(cuts), len(joined) - 1]
    return [(joined[before + 1][0], joined[last][1]) for before, last in pairwise(ends)]


def _ground(scale: Scale, top: int, bottom: int) -> list[Part]:
    parts: list[Part] = []
    for number, ((start, end), (left, right)) in enumerate(zip(scale.stretches, scale.places, strict=True)):
        parts.append(Line((left - 8, bottom), (right + 8, bottom), (90, 90, 90)))
        for tick, moment in _ticks(start, end):
            x = scale.x(moment)
            parts.append(Line((x, top + 10), (x, bottom + 5), _FAINT, 1))
            parts.append(Text(tick, (x, bottom + 8), 13, centred=True))
        middle = left + (right - left) / 2
        parts.append(Text(f"{start:%Y-%m-%d} (UTC)", (middle, top - 10), 14, centred=True))
        if number:
            x = left - _BREAK / 2
            parts += [
                Line((x + shift - 4, bottom + 8), (x + shift + 4, bottom - 8), (90, 90, 90))
                for shift in (-4, 4)
            ]
            parts.append(Line((x, top + 8), (x, bottom - 10), _FAINT, 2, dashed=True))
    return parts


def _ticks(start: datetime, end: datetime) -> list[tuple[str, datetime]]:
    """Return two to five round moments in a stretch, in words."""
    span = (end - start).total_seconds()
    steps = (
        1,
        5,
        10,
        30,
        60,
        300,
        600,
        1800,
        3600,
        7200,
        21_600,
        43_200,
        86_400,
        604_800,
        2_592_000,
        31_536_000,
    )
    step = next((each for each in steps if span / each <= 4), steps[-1])  # noqa: PLR2004
    first = int(-(-start.timestamp() // step)) * step
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"  # noqa: PLR2004
    found = []
    for second in range(first, int(end.timestamp()) + 1, step):
        moment = datetime.fromtimestamp(second, UTC)
        found.append((f"{moment:{form}}", moment))
    return found


def _row(row: Row, scale: Scale, top: float, said: Said, letters: Letters) -> list[Part]:
    colour: Colour = _POST if row.post else _NAMED if row.named else _STAGE
    middle = top + _ROW / 2
    parts: list[Part] = [Text(row.name, (20, top + 5), 15)]
    low, high = row.interval.not_before, row.interval.not_after
    if low is None and high is None:
        parts.append(Text(said.unknown, (_LEFT + _TAIL, top + 5), 15, _CLAIM))
    else:
        left = scale.x(low) if low else None
        right = scale.x(high) if high else None
        start = left if left is not None else max(_LEFT, (right or 0) - 2 * _TAIL)
        end = right if right is not None else min(_WIDTH - _RIGHT, (left or 0) + 2 * _TAIL)
        parts.append(Box((start, middle - 9, max(end, start + 3), middle + 1), colour))
        if left is None:
            parts += _arrow(start, middle - 4, -1, colour)
        if row.named or row.post:
            parts += _told(row.interval, start, end, middle, letters)
        if right is None:
            parts += _arrow(end, middle - 4, 1, colour)
    if row.claimed:
        parts.append(Ring((scale.x(row.claimed), middle + 9), 4, _CLAIM))
    return parts


def _told(interval: Interval, start: float, end: float, middle: float, letters: Letters) -> list[Part]:
    """Return the ends of a bar as times, beside it where there is room: on its right, else on its left."""
    ends = [f"{each:%H:%M:%S}" if each else "?" for each in (interval.not_before, interval.not_after)]
    text = "–".join(ends)
    wide = letters.width(text, 14)
    right = end + 8 + (_TAIL if interval.not_after is None else 0)
    before = start - 8 - (_TAIL if interval.not_before is None else 0)
    left = right if right + wide < _WIDTH - 4 else max(float(_LEFT), before - wide)
    return [Text(text, (left, middle - 14), 14)]


def _arrow(x: float, y: float, way: int, colour: Colour) -> list[Part]:
    """Return an arrow that says: how far it goes on is not known."""
    tip = x + way * _TAIL
    return [
        Line((x, y), (tip, y), colour, 2, dashed=True),
        Line((tip - way * 7, y - 5), (tip, y), colour),
        Line((tip - way * 7, y + 5), (tip, y), colour),
    ]
