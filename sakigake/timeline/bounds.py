"""Two-sided bounds in time, from tokens alone: the PC's clock never enters here, and nothing is interpolated."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Protocol

from sakigake.clock import to_ms
from sakigake.model import Interval

CLOCK_TOLERANCE = timedelta(seconds=120)  # a computer's clock may be off by as much before it is worth a word


@dataclass(frozen=True, slots=True)
class TokenTime:
    """The time of a trusted token over the first `size` entries, as an enclosing interval."""

    size: int
    low: datetime
    high: datetime


class Timed(Protocol):
    """A token over the first `size` entries that tells a time no earlier than `low`."""

    @property
    def size(self) -> int:
        """Return the number of entries below it."""

    @property
    def low(self) -> datetime:
        """Return the low end of its time."""


def clock_disagrees(claimed: datetime | None, interval: Interval) -> bool:
    """Say whether what a computer's clock claimed lies clearly outside an interval, or is no time at all (None)."""
    if claimed is None:
        return True
    early = interval.not_before is not None and claimed < interval.not_before - CLOCK_TOLERANCE
    return early or (interval.not_after is not None and claimed > interval.not_after + CLOCK_TOLERANCE)


def picture_after(seq: int, still: str, after: str | None, tokens: Mapping[str, Timed]) -> datetime | None:
    """Return what the picture of stage `seq` is not before by the token `still` that its entry names.

    That token was the newest one at a look at which the canvas was still as at the stage before, so what the stage adds
    is younger. None when no recorder can have named it: it is unknown, over an entry of this number or later, or newer
    than `after`, the newest token when the entry was written.
    """
    if after is None or not {after, still} <= tokens.keys() or tokens[still].size > seq:
        return None
    low = tokens[still].low
    # Recorders tell the newest token by whole milliseconds.
    return low if to_ms(low) <= to_ms(tokens[after].low) else None


def bounds(
    afters: Iterable[tuple[int, str | None]],
    tokens: Mapping[str, TokenTime],
    wanted: Iterable[int],
) -> dict[int, Interval]:
    """Return the interval of each entry in `wanted`.

    `afters` holds (entry number, digest of the newest token it names) of the entries that are known; `tokens`
    maps the digest of each trusted token to its time. An entry was made
      not before the latest token that it, or any entry before it in the chain, names;
      not after the earliest token over a checkpoint that covers it.
    """
    named = sorted(
        (seq, tokens[digest].low) for seq, digest in afters if digest is not None and digest in tokens
    )
    covering = sorted((token.size, token.high) for token in tokens.values())
    latest = list(accumulate((low for _, low in named), max))
    earliest = list(accumulate((high for _, high in reversed(covering)), min))[::-1]
    numbers, sizes = [seq for seq, _ in named], [size for size, _ in covering]
    intervals: dict[int, Interval] = {}
    for seq in wanted:
        before, behind = bisect_right(numbers, seq), bisect_right(sizes, seq)
        intervals[seq] = Interval(
            latest[before - 1] if before else None,
            earliest[behind] if behind < len(earliest) else None,
        )
    return intervals
