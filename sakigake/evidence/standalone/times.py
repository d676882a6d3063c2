"""The bounds in time of entries."""

from datetime import datetime, timedelta
from typing import Any

from sakigake.evidence.standalone.rules import EPOCH, need
from sakigake.evidence.standalone.stamps import Token

SKEW = timedelta(seconds=2)  # two honest authorities may differ by as much
Span = tuple[datetime | None, datetime | None]


def bounds_of(entries: dict[int, dict[str, Any]], tokens: dict[str, Token]) -> dict[int, Span]:
    """Return [not before, not after] of entries, from the tokens of trusted authorities alone."""
    counted = {digest: token for digest, token in tokens.items() if token.authority}
    found: dict[int, Span] = {}
    highs = sorted(((token.size, token.high) for token in counted.values()), reverse=True)
    low: datetime | None = None
    for seq in sorted(entries):
        token = counted.get(entries[seq].get("after", ""))
        low = max(low, token.low) if low and token else low or (token.low if token else None)
        found[seq] = (low, None)
    high: datetime | None = None
    for seq in sorted(entries, reverse=True):
        while highs and highs[0][0] > seq:
            high = min(high, highs[0][1]) if high else highs[0][1]
            del highs[0]
        low = found[seq][0]
        need(not (low and high and low > high + SKEW), "times", f"#{seq}")
        found[seq] = (low, high)
    return found


def whole_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC, rounded down: by these a recorder tells which token is the newest."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def claimed_time(wall: int) -> datetime | None:
    """Return the computer's claim as a moment, None when it is none."""
    try:
        return EPOCH + timedelta(milliseconds=wall)
    except OverflowError:
        return None
