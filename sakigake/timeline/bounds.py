"""Two-sided bounds in time, from tokens alone: the PC's clock never enters here, and nothing is interpolated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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
    return {seq: Interval(_latest(named, seq), _earliest(covering, seq)) for seq in wanted}


def _latest(named: Sequence[tuple[int, datetime]], seq: int) -> datetime | None:
    return max((low for number, low in named if number <= seq), default=None)


def _earliest(covering: Sequence[tuple[int, datetime]], seq: int) -> datetime | None:
    return min((high for size, high in covering if size > seq), default=None)
