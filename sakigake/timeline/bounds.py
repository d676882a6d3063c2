"""Two-sided bounds in time, from tokens alone: the PC's clock never enters here, and nothing is interpolated."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from sakigake.model import Interval


@dataclass(frozen=True, slots=True)
class TokenTime:
    """The time of a trusted token over the first `size` entries, as an enclosing interval."""

    size: int
    low: datetime
    high: datetime


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
