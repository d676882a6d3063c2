"""How wide the intervals of a session are, and whose time gives their ends: for people who judge a record."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sakigake.model import Interval
from sakigake.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Ends:
    """Which witness gives each end of an interval, None where there is none."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Of `count` intervals `closed` have both ends; the figures are of those, in seconds, None when there are none."""

    count: int
    closed: int
    median_s: float | None
    p95_s: float | None
    most_s: float | None


def width_s(interval: Interval) -> float | None:
    """Return the width in seconds, None when an end is open."""
    if interval.not_before is None or interval.not_after is None:
        return None
    return (interval.not_after - interval.not_before).total_seconds()


def ends(store: Store, session: str, intervals: Mapping[int, Interval]) -> dict[int, Ends]:
    """Return who gives the ends of each interval: the authority, and the checkpoint its token covers."""
    # Where two tokens say the same, the earlier one is named.
    trusted = [token for token in reversed(store.tokens(session)) if token.trusted]
    lows = {token.time_low: f"{token.authority} #{token.checkpoint}" for token in trusted}
    highs = {token.time_high: f"{token.authority} #{token.checkpoint}" for token in trusted}
    return {
        seq: Ends(
            lows.get(each.not_before) if each.not_before else None,
            highs.get(each.not_after, "bitcoin") if each.not_after else None,
        )
        for seq, each in intervals.items()
    }


def summary(intervals: Iterable[Interval]) -> Summary:
    """Return the figures of a session's intervals."""
    found = [width_s(interval) for interval in intervals]
    closed = sorted(width for width in found if width is not None)
    if not closed:
        return Summary(len(found), 0, None, None, None)
    at = min(len(closed) - 1, int(len(closed) * 0.95))
    return Summary(len(found), len(closed), statistics.median(closed), closed[at], closed[-1])
