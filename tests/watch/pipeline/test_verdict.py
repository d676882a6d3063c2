"""What the times of a post may decide."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.model import Finding, Interval, Likeness, Order
from watch.pipeline.verdict import CLAIMED_EARLIER, CLAIMED_ONLY, deciding, idempotency, with_claims
from watch.post import ClockClass, PostTime, Stamp

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FINDING = Finding(
    session="s", order=Order.UNCLEAR, order_reason="post-time-not-given", likeness=Likeness.STRONG,
    likeness_reason="", post=Interval(), draft=Interval(NOON, NOON + HOUR), claimed=NOON, stage=3,
    first_stage=2, last_stage=4, view="full", compared=8,
)  # fmt: skip


def at(hours: float, clock: ClockClass) -> Stamp:
    return Stamp(NOON + hours * HOUR, clock, "basis")


@pytest.mark.parametrize("clock", list(ClockClass))
def test_only_other_peoples_clocks_decide(clock: ClockClass) -> None:
    interval = deciding(PostTime(at(2, clock), at(3, clock)))
    assert (interval.not_before is not None) == (clock in {"A", "A-", "B"})
    assert (interval.not_after is not None) == (clock in {"A", "A-", "W"})


def test_an_earlier_claim_is_a_note_and_no_loss() -> None:
    time = PostTime(at(-48, ClockClass.AUTHOR), at(5, ClockClass.WITNESSED))
    told = with_claims(FINDING, time)
    assert told.order is Order.UNCLEAR
    assert told.order_reason == CLAIMED_ONLY
    assert told.notes == (CLAIMED_EARLIER,)
    assert with_claims(told, time) == told


def test_a_later_claim_is_no_note() -> None:
    told = with_claims(FINDING, PostTime(at(4, ClockClass.AUTHOR), None))
    assert told.notes == ()
    assert told.order_reason == CLAIMED_ONLY


def test_a_claim_beside_a_platforms_clock_changes_no_reason() -> None:
    time = PostTime(at(0.5, ClockClass.PLATFORM), at(-1, ClockClass.AUTHOR))
    found = replace(FINDING, order_reason="intervals-overlap")
    assert with_claims(found, time).order_reason == "intervals-overlap"


def test_without_claims_a_finding_stays_as_it_is() -> None:
    assert with_claims(FINDING, PostTime(at(2, ClockClass.PLATFORM), None)) is FINDING


@given(
    st.lists(st.text(max_size=8), min_size=4, max_size=4),
    st.lists(st.text(max_size=8), min_size=4, max_size=4),
)
def test_different_findings_have_different_keys(one: list[str], other: list[str]) -> None:
    def key(parts: list[str]) -> str:
        return idempotency(parts[0], parts[1], len(parts[2]), parts[3])

    same = [*one[:2], len(one[2]), one[3]] == [*other[:2], len(other[2]), other[3]]
    assert (key(one) == key(other)) is same
