"""The order line: both intervals of time on one axis, as places from 0 to 1. Pure, and the same for every answer.

An end that nobody knows runs out of the drawing on that side, and is drawn so: open, never as if it stopped there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sakigake.model import Interval

INSET = 0.12  # of the axis, on both sides: what is open runs through it to the edge
LEAST_WIDTH = 0.012  # a bar that is thinner could not be seen
LEAST_SPAN = timedelta(seconds=60)
TICKS = 4
STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600),
        *(2592000, 5184000, 15552000, 31536000, 63072000, 157680000, 315360000),
    )
)


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on the axis; `open_before` and `open_after` say that this end is not known."""

    x: float
    width: float
    open_before: bool
    open_after: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment that the axis names."""

    x: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """Both bars; None for an interval of which no end is known. Without any end there is no axis and no tick."""

    draft: Bar | None
    post: Bar | None
    ticks: tuple[Tick, ...]


def line(draft: Interval, post: Interval) -> Line:
    """Lay both intervals on one axis that is linear in time."""
    known = [end for each in (draft, post) for end in (each.not_before, each.not_after) if end is not None]
    if not known:
        return Line(None, None, ())
    begin, end = min(known), max(known)
    if end - begin < LEAST_SPAN:
        middle = begin + (end - begin) / 2
        begin, end = middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2
    return Line(_bar(draft, begin, end), _bar(post, begin, end), _ticks(begin, end))


def _place(moment: datetime, begin: datetime, end: datetime) -> float:
    return INSET + (1 - 2 * INSET) * ((moment - begin) / (end - begin))


def _bar(interval: Interval, begin: datetime, end: datetime) -> Bar | None:
    low, high = interval.not_before, interval.not_after
    if low is None and high is None:
        return None
    left = 0.0 if low is None else _place(low, begin, end)
    right = 1.0 if high is None else _place(high, begin, end)
    if right - left < LEAST_WIDTH:  # kept within the axis, and around its middle
        left = min(max(0.0, (left + right - LEAST_WIDTH) / 2), 1 - LEAST_WIDTH)
        right = left + LEAST_WIDTH
    return Bar(left, right - left, low is None, high is None)


def _ticks(begin: datetime, end: datetime) -> tuple[Tick, ...]:
    """Choose round moments inside the axis, at least two where there is room."""
    span = end - begin
    step = next((each for each in STEPS if span / each <= TICKS), STEPS[-1])
    while span / step > 2 * TICKS:
        step *= 2
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    first = day + step * -((day - begin) // step) if step < timedelta(days=1) else day + timedelta(days=1)
    found: list[Tick] = []
    moment = first
    while moment <= end:
        if moment >= begin:
            found.append(Tick(_place(moment, begin, end), moment))
        moment += step
    return tuple(found) or (Tick(_place(begin, begin, end), begin), Tick(_place(end, begin, end), end))
