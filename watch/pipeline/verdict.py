"""What a post's time may decide. Pure: no input, no output."""

from dataclasses import replace
from hashlib import sha256

from sakigake.model import Finding, Interval
from watch.post import ClockClass, PostTime, Stamp

# Whoever read a stream saw the post then: that it was not there before is nobody's word. A server's word never makes a
# post old (it may be the server of whoever posted), it can only keep it from being too old.
_PLATFORM = frozenset({ClockClass.PLATFORM, ClockClass.REPLACEABLE})
_LOWER = _PLATFORM | {ClockClass.SERVER}
_UPPER = _PLATFORM | {ClockClass.WITNESSED}
CLAIMED_EARLIER = "claimed-time-earlier"
CLAIMED_ONLY = "post-time-claimed-only"
# Why an order stayed open, where a claim may be the reason: had it been somebody else's word, it might have decided.
_OPEN = frozenset({"post-time-not-given", "intervals-overlap"})


def deciding(time: PostTime) -> Interval:
    """Return the ends that may decide an order: what an author only claims is not among them, nor a server's upper end."""
    low, high = time.not_before, time.not_after
    return Interval(
        low.value if low and low.clock in _LOWER else None,
        high.value if high and high.clock in _UPPER else None,
    )


def claims(time: PostTime) -> tuple[Stamp, ...]:
    """Return the ends that are somebody's word alone: the author's, and an upper end that only a server states."""
    low, high = time.not_before, time.not_after
    words = (ClockClass.AUTHOR, ClockClass.SERVER)
    return (
        *((low,) if low and low.clock is words[0] else ()),
        *((high,) if high and high.clock in words else ()),
    )


def with_claims(finding: Finding, time: PostTime) -> Finding:
    """Say of a finding what the author's claims are worth: they are told, and they decide nothing.

    A claim to be older than the draft's record is a note of its own. It is no loss for whoever recorded: anybody can
    write any time into a post.
    """
    found = claims(time)
    if not found:
        return finding
    low = deciding(time).not_before
    reason = CLAIMED_ONLY if low is None and finding.order_reason in _OPEN else finding.order_reason
    began = finding.draft.not_before or finding.draft.not_after or finding.claimed
    notes = finding.notes
    if began and CLAIMED_EARLIER not in notes and any(each.value < began for each in found):
        notes = (*notes, CLAIMED_EARLIER)
    return replace(finding, order_reason=reason, notes=notes)


def idempotency(source: str, post_id: str, media: int, session: str) -> str:
    """Return the name under which a message about a finding is sent, 64 hex digits: the same however often it is."""
    parts = (source, post_id, str(media), session)
    return sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
