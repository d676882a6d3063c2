"""A finding as it stands in a package: canonical JSON of integers and strings, and how a verifier reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sakigake.clock import from_ms, to_ms
from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.container import Container
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
    draft: Interval
    stages: tuple[int, ...]
    first_stage: int | None
    last_stage: int | None
    earliest: int | None
    best_stage: int | None = None

    def named(self) -> dict[str, int]:
        """Return the stages that the exporter names, by what he names them as."""
        known = {
            "earliest": self.earliest,
            "first": self.first_stage,
            "best": self.best_stage,
            "last": self.last_stage,
        }
        return {key: seq for key, seq in known.items() if seq is not None}


@dataclass(frozen=True, slots=True)
class Checked:
    """The order as the tokens carry it, whether that confirms what is stated, and what is stated.

    `seen` says whether the pictures are there that the stated order rests on: without them nobody can look.
    """

    order: Order
    confirmed: bool
    stated: Comparison
    seen: bool


def check(package: Container, shown: Mapping[int, Interval], begin: int, *, live: bool) -> Checked | None:
    """Work the order out again from the checked times; returns None where the package compares nothing.

    `shown` are the intervals of the disclosed stages, on which alone an order may rest; `begin` is the number of the
    ledger's first stage, disclosed or not, and `live` says whether it records pictures as they come about. Raises VerificationError when
    the finding contradicts the tokens.
    """
    names = package.names()
    posts = [name for name in names if name.startswith("post/picture.")]
    if layout.FINDING not in names:
        if any(name.startswith(("post/", "compare/")) for name in names):
            raise VerificationError("package-file-missing", name=layout.FINDING)
        return None
    drawn = any(layout.COMPARED_FILE.fullmatch(name) for name in names)
    if drawn and layout.METHOD not in names:
        raise VerificationError("package-file-missing", name=layout.METHOD)
    stated = parse(container.read(package, layout.FINDING, MAX_BYTES))
    if len(posts) != 1 or container.digest(package, posts[0]) != stated.post_digest:
        raise VerificationError("commitment-wrong", what="post/")
    ascending = [*([] if stated.earliest is None else [stated.earliest]), *stated.stages]
    if not set(stated.stages) <= set(shown) or ascending != sorted(ascending):
        raise VerificationError("evidence-malformed", what=layout.FINDING)
    order, draft = Order.UNCLEAR, Interval()
    if stated.first_stage is not None and stated.last_stage is not None:
        draft = shown[stated.first_stage].hull(shown[stated.last_stage])
        earliest = stated.first_stage if stated.earliest is None else stated.earliest
        order = order_of(
            Interval(_begun(shown, earliest, begin) if live else None, draft.not_after), stated.post
        )
    if stated.order is not order and Order.UNCLEAR not in {stated.order, order}:
        raise VerificationError("order-contradicts")
    if order_of(draft, stated.draft) is not Order.UNCLEAR:
        raise VerificationError("order-contradicts")
    confirmed = stated.order in {Order.UNCLEAR, order} and _covers(stated.draft, draft)
    seen = stated.order is Order.UNCLEAR or all(layout.stage(seq, "png") in names for seq in stated.stages)
    return Checked(order, confirmed, stated, seen)


def _begun(shown: Mapping[int, Interval], earliest: int, begin: int) -> datetime | None:
    """Return what a picture that is alike from `earliest` on is not before: see `timeline.reading.picture_bounds`."""
    before = max((seq for seq in shown if seq < earliest), default=begin if earliest <= begin else None)
    stage = None if before is None else shown.get(before)
    return stage.not_before if stage else None


def _covers(stated: Interval, checked: Interval) -> bool:
    """Say whether a stated interval is no narrower than the one that the tokens carry."""
    low = stated.not_before is None or (
        checked.not_before is not None and stated.not_before <= checked.not_before
    )
    high = stated.not_after is None or (
        checked.not_after is not None and stated.not_after >= checked.not_after
    )
    return low and high


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
    stages["earliest"] = finding.earliest
    record["stages"] = {key: value for key, value in stages.items() if value is not None}
    if finding.part:
        sides = ("top", "left", "height", "width")
        record["part"] = {side: round(share * 1000) for side, share in zip(sides, finding.part, strict=True)}
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
    post, draft, stages = value.get("post", {}), value.get("draft", {}), value.get("stages", {})
    if not (
        value.get("v") == 1
        and value.get("order") in list(Order)
        and value.get("likeness") in list(Likeness)
        and isinstance(value.get("post_digest"), str)
        and HEX32.fullmatch(value["post_digest"])
        and _integers(post, {"not_before", "not_after"}, 1 << 47)
        and _integers(draft, {"not_before", "not_after"}, 1 << 47)
        and _integers(stages, {"best", "first", "last", "earliest"}, 1 << 31)
    ):
        raise VerificationError("evidence-malformed", what=what)
    if any(span.get("not_before", 0) > span.get("not_after", 1 << 47) for span in (post, draft)):
        raise VerificationError("evidence-malformed", what=what)
    return Comparison(
        order=Order(value["order"]),
        likeness=Likeness(value["likeness"]),
        post=_interval(post),
        post_digest=value["post_digest"],
        draft=_interval(draft),
        stages=tuple(stages[key] for key in ("first", "best", "last") if key in stages),
        first_stage=stages.get("first"),
        last_stage=stages.get("last"),
        earliest=stages.get("earliest"),
        best_stage=stages.get("best"),
    )


def _interval(ends: Mapping[str, int]) -> Interval:
    moments = {key: from_ms(ms) for key, ms in ends.items()}
    return Interval(moments.get("not_before"), moments.get("not_after"))


def _integers(value: object, keys: set[str], below: int) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= keys
        and all(type(number) is int and 0 <= number < below for number in value.values())
    )
