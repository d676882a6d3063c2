"""The result card: the sentences of one finding, in the fixed order that every finding has.

    1  the order in time, both intervals and what each end rests on
    2  the likeness: which stage, how often chance does the same, in counts
    3  other explanations
    4  what it does not say

The same words stand in the same place at the same size whichever way an answer goes; no share in per cent is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from desk.web.checking.carried import Answer
from sakigake import words
from sakigake.model import Finding, Interval, Likeness
from sakigake.phrases import chance
from watch.finding import ALIKE
from watch.post import PostTime, Stamp

# What the command line says to type is said otherwise on a page.
OWN_REASONS = frozenset({"post-time-not-given"})


@dataclass(frozen=True, slots=True)
class Ground:
    """What an interval rests on: a sentence for each of its ends that has one."""

    interval: Interval
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """The sentences of a finding. `alike` says that there is a stage to show beside the post."""

    order: str
    order_reason: str
    draft: Ground
    post: Ground
    likeness: str
    likeness_lines: tuple[str, ...]
    other: str
    limits: str
    alike: bool


def card(answer: Answer) -> Card:
    """Return the card of an answer, in the language that is spoken."""
    finding = answer.finding
    alike = finding.likeness in ALIKE
    return Card(
        order=words.text(f"finding.order.{finding.order.value}"),
        order_reason=_order_reason(finding),
        draft=Ground(finding.draft, tuple(_draft_rests(finding))),
        post=Ground(finding.post, tuple(_post_rests(finding.post, answer.time))),
        likeness=words.text(f"finding.likeness.{finding.likeness.value}"),
        likeness_lines=tuple(_likeness(finding)),
        other=words.text("desk.check.other-text") if alike else "",
        limits=words.text("report.limits"),
        alike=alike,
    )


def _order_reason(finding: Finding) -> str:
    slug = finding.order_reason
    if not slug:
        return ""
    return words.text(f"desk.check.reason.{slug}" if slug in OWN_REASONS else f"finding.order-reason.{slug}")


def _draft_rests(finding: Finding) -> Iterator[str]:
    if finding.likeness not in ALIKE:
        return
    if finding.draft == Interval():
        yield words.text("desk.check.draft-without-tokens")
    else:
        yield words.text("desk.check.draft-rests")


def _post_rests(post: Interval, time: PostTime | None) -> Iterator[str]:
    if time is None:
        yield words.text("desk.check.post-stated" if post != Interval() else "desk.check.post-unknown")
        return
    for key, stamp, used in (
        ("desk.check.post-before", time.not_before, post.not_before),
        ("desk.check.post-after", time.not_after, post.not_after),
    ):
        if stamp is not None:
            line = words.text(key, rests=_clock(stamp))
            yield line if used else words.text("desk.check.not-counted", line=line)
    if time.not_before is None and time.not_after is None:
        yield words.text("desk.check.post-unknown")


def _clock(stamp: Stamp) -> str:
    basis = words.table(words.language()).get(f"watch.basis.{stamp.basis}", stamp.basis)
    return words.text(
        "desk.check.rests", clock=words.text(f"findings.clock.{stamp.clock.value}"), basis=basis
    )


def _likeness(finding: Finding) -> Iterator[str]:
    if finding.likeness_reason:
        yield words.text(f"finding.likeness-reason.{finding.likeness_reason}")
    if finding.stage is not None and finding.likeness in ALIKE:
        first, last = finding.first_stage, finding.last_stage
        if first == last:
            yield words.text("desk.check.stage", stage=finding.stage)
        else:
            yield words.text("desk.check.stage-range", stage=finding.stage, first=first, last=last)
        yield words.text(f"finding.view.{finding.view}")
    if finding.compared:
        yield words.text("finding.compared", count=finding.compared)
    for note in finding.notes:
        yield words.text(f"finding.note.{note}")
    if finding.counts is None:
        if finding.likeness is not Likeness.NOT_COMPARABLE:
            yield words.text("desk.check.no-counts")
    elif finding.likeness in ALIKE:
        yield chance(finding.counts)
