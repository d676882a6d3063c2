"""The order line, and what an answer carries: pure."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.web.checking.carried import Answer, Drawn, Request, finding, plain
from desk.web.checking.order import LEAST_WIDTH, Bar, line
from sakigake.model import CalibrationCount, Finding, Interval, Likeness, Order, Score
from watch.post import ClockClass, PostTime, Stamp

T = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MOMENTS = st.none() | st.integers(1_580_000_000, 2_200_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = draw(MOMENTS), draw(MOMENTS)
    if low and high and low > high:
        low, high = high, low
    return Interval(low, high)


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


def test_bars_lie_in_the_order_of_time() -> None:
    drawn = line(Interval(at(0), at(10)), Interval(at(30), at(60)))
    assert drawn.draft
    assert drawn.post
    assert drawn.draft.x + drawn.draft.width < drawn.post.x
    assert drawn.post.width == pytest.approx(3 * drawn.draft.width)
    swapped = line(Interval(at(30), at(60)), Interval(at(0), at(10)))
    assert (swapped.draft, swapped.post) == (drawn.post, drawn.draft)  # neither has a place of its own


def test_what_is_not_known_is_open() -> None:
    drawn = line(Interval(None, at(10)), Interval(at(30), None))
    assert drawn.draft == Bar(0.0, drawn.draft.width if drawn.draft else 0, True, False)
    assert drawn.post
    assert drawn.post.open_after
    assert drawn.post.x + drawn.post.width == 1
    assert line(Interval(), Interval()).ticks == ()
    assert line(Interval(at(0), at(1)), Interval()).post is None


@given(intervals(), intervals())
def test_everything_lies_on_the_axis(draft: Interval, post: Interval) -> None:
    drawn = line(draft, post)
    for bar in filter(None, (drawn.draft, drawn.post)):
        assert bar.x >= 0
        assert bar.width >= LEAST_WIDTH * 0.999
        assert bar.x + bar.width <= 1.0000001
    assert len(drawn.ticks) <= 9
    assert all(0 <= tick.x <= 1 for tick in drawn.ticks)
    places = [tick.x for tick in drawn.ticks]
    assert places == sorted(places)


@given(intervals(), intervals())
def test_bars_that_are_apart_in_time_do_not_overlap_much(draft: Interval, post: Interval) -> None:
    drawn = line(draft, post)
    if draft.not_after and post.not_before and draft.not_after < post.not_before:
        assert drawn.draft
        assert drawn.post
        assert drawn.draft.x + drawn.draft.width <= drawn.post.x + 2 * LEAST_WIDTH


SLUGS = st.text(st.characters(codec="utf-8"), max_size=12)
FINDINGS = st.builds(
    Finding,
    session=SLUGS,
    order=st.sampled_from(Order),
    order_reason=SLUGS,
    likeness=st.sampled_from(Likeness),
    likeness_reason=SLUGS,
    post=intervals(),
    draft=intervals(),
    claimed=MOMENTS,
    stage=st.none() | st.integers(0, 10**6),
    first_stage=st.none() | st.integers(0, 10**6),
    last_stage=st.none() | st.integers(0, 10**6),
    view=SLUGS,
    compared=st.integers(0, 10**6),
    scores=st.tuples() | st.tuples(st.builds(Score, SLUGS, st.floats(-1, 9), st.floats(-9, 99))),
    counts=st.none()
    | st.builds(
        CalibrationCount, SLUGS, st.integers(1, 9), st.integers(0, 9), st.floats(0, 1), st.integers(1, 9),
        st.integers(0, 9), st.floats(0, 1),
    ),
    notes=st.tuples() | st.tuples(SLUGS, SLUGS),
    earliest=st.none() | st.integers(0, 10**6),
    part=st.none() | st.tuples(*[st.floats(0, 1)] * 4),
)  # fmt: skip


@given(FINDINGS)
def test_a_finding_comes_back_as_it_was(found: Finding) -> None:
    assert finding(json.loads(json.dumps(plain(found)))) == found


def test_a_request_and_an_answer_come_back_as_they_were(tmp_path: Path) -> None:
    request = Request("a\u202e.png", "https://x.com/a/status/1", ("s1",), Interval(at(0), None), fetch=True)
    request.write(tmp_path)
    assert Request.read(tmp_path) == request
    found = Finding(
        "s",
        Order.POST_FIRST,
        "",
        Likeness.SOME,
        "",
        Interval(at(0), None),
        Interval(),
        None,
        3,
        3,
        4,
        "full",
        9,
    )
    time = PostTime(Stamp(at(0), ClockClass.PLATFORM, "x-status-id"), None)
    answer = Answer(
        found,
        time,
        (Drawn("post.jpg", 4, 3, "desk.check.x", {"a": "<b>"}), Drawn("chance-1.jpg", 1, 1)),
        "a",
        1.5,
    )
    answer.write(tmp_path)
    assert Answer.read(tmp_path) == answer
    assert answer.picture("post") == answer.pictures[0]
    assert answer.picture("stage") is None
    assert answer.many("chance-") == [Drawn("chance-1.jpg", 1, 1)]
