"""A finding as it stands in a package: canonical JSON of integers and strings, and how a verifier reads it."""

from dataclasses import dataclass
from typing import Any

from sakigake.clock import from_ms, to_ms
from sakigake.errors import VerificationError
from sakigake.model import Finding, Interval, Likeness, Order
from sakigake.timeline.entry import HEX32, canonical, parse_canonical

MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the exporter states about a post. A verifier checks the order; the likeness is the exporter's figure."""

    order: Order
    likeness: Likeness
    post: Interval
    post_digest: str
    first_stage: int | None
    last_stage: int | None


def order_of(draft: Interval, post: Interval) -> Order:
    """Return which was first: decided only when the two intervals do not touch."""
    if draft.not_after and post.not_before and draft.not_after < post.not_before:
        return Order.DRAFT_FIRST
    if post.not_after and draft.not_before and post.not_after < draft.not_before:
        return Order.POST_FIRST
    return Order.UNCLEAR


def write(finding: Finding) -> bytes:
    """Return the canonical record of a finding; scores are in thousandths, times in ms since 1970 UTC."""
    record: dict[str, Any] = {
        "v": 1,
        "order": finding.order.value,
        "order_reason": finding.order_reason,
        "likeness": finding.likeness.value,
        "likeness_reason": finding.likeness_reason,
        "view": finding.view,
        "compared": finding.compared,
        "fingerprint_version": finding.fingerprint_version,
        "post_digest": finding.post_digest,
        "post": _times(finding.post),
        "draft": _times(finding.draft),
        "scores": {
            score.name: {"raw": round(score.raw * 1000), "normalised": round(score.normalised * 1000)}
            for score in finding.scores
        },
    }
    stages = {"best": finding.stage, "first": finding.first_stage, "last": finding.last_stage}
    record["stages"] = {key: value for key, value in stages.items() if value is not None}
    if counts := finding.counts:
        record["counts"] = {
            "version": counts.version,
            "pairs": counts.pairs,
            "reached": counts.reached,
            "posts": counts.posts,
            "post_alarms": counts.post_alarms,
        }
    return canonical(record)


def _times(interval: Interval) -> dict[str, int]:
    ends = {"not_before": interval.not_before, "not_after": interval.not_after}
    return {key: to_ms(value) for key, value in ends.items() if value}


def parse(raw: bytes) -> Comparison:
    """Read the record strictly; raises VerificationError."""
    what = "compare/finding.json"
    value = parse_canonical(raw, what)
    post, stages = value.get("post"), value.get("stages")
    if not (
        value.get("v") == 1
        and value.get("order") in list(Order)
        and value.get("likeness") in list(Likeness)
        and isinstance(value.get("post_digest"), str)
        and HEX32.fullmatch(value["post_digest"])
        and _integers(post, {"not_before", "not_after"}, 1 << 47)
        and _integers(stages, {"best", "first", "last"}, 1 << 31)
    ):
        raise VerificationError("evidence-malformed", what=what)
    ends = {key: from_ms(ms) for key, ms in (post or {}).items()}
    return Comparison(
        order=Order(value["order"]),
        likeness=Likeness(value["likeness"]),
        post=Interval(ends.get("not_before"), ends.get("not_after")),
        post_digest=value["post_digest"],
        first_stage=(stages or {}).get("first"),
        last_stage=(stages or {}).get("last"),
    )


def _integers(value: object, keys: set[str], below: int) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= keys
        and all(type(number) is int and 0 <= number < below for number in value.values())
    )
