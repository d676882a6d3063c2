"""Pace, Retry-After and the breaker, on a clock of the test's own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.clock import Clock
from sakigake.errors import NetworkError
from watch.limits import FAILURES, LONGEST_REST_S, LONGEST_RETRY_AFTER_S, Limits, Rate

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HOST = "example.com"


class Time:
    """Both clocks; sleeping moves them."""

    def __init__(self) -> None:
        self.ns = 0
        self.slept: list[float] = []
        self.clock = Clock(lambda: int(START.timestamp()) * 10**9 + self.ns, lambda: self.ns)

    def go(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.go(seconds)


def limits(time: Time, rate: Rate | None = None) -> Limits:
    return Limits({HOST: rate} if rate else None, clock=time.clock, sleep=time.sleep)


def test_a_burst_passes_and_then_one_in_each_interval() -> None:
    time = Time()
    host = limits(time, Rate(per_s=2.0, burst=3.0))
    for _ in range(3):
        host.take(HOST)
    assert not time.slept
    for _ in range(4):
        host.take(HOST)
    assert sum(time.slept) == pytest.approx(2.0)
    host.take("elsewhere.example")
    assert sum(time.slept) == pytest.approx(2.0), "hosts do not wait for each other"


@given(st.lists(st.floats(0.0, 3.0), min_size=5, max_size=40), st.floats(0.1, 5.0), st.integers(1, 5))
def test_no_stretch_of_time_sees_more_than_the_rate(gaps: list[float], per_s: float, burst: int) -> None:
    time = Time()
    host = limits(time, Rate(per_s, float(burst)))
    taken = []
    for gap in gaps:
        time.go(gap)
        host.take(HOST)
        taken.append(time.ns / 1e9)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + per_s * (taken[last] - taken[first]) + 1e-3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 01 Nov 2026 12:02:00 GMT", 120.0),
        ("99999999999999", LONGEST_RETRY_AFTER_S),
        ("Mon, 01 Nov 2060 12:02:00 GMT", LONGEST_RETRY_AFTER_S),
    ],
)
def test_retry_after_is_obeyed_and_shown(header: str, seconds: float) -> None:
    time = Time()
    host = limits(time)
    host.failed(HOST, header)
    (rest,) = host.resting()
    assert (rest.host, rest.reason) == (HOST, "retry-after")
    assert rest.until == START + timedelta(seconds=seconds)
    with pytest.raises(NetworkError, match="left alone until") as refused:
        host.take(HOST)
    assert refused.value.code == "source-resting"
    time.go(seconds - 1)
    with pytest.raises(NetworkError):
        host.take(HOST)
    time.go(1)
    host.take(HOST)
    assert not host.resting()


@pytest.mark.parametrize("header", ["", "soon", "-5", "Sun, 01 Nov 2026 11:00:00 GMT", "Sun, 99 Nov", "٣"])
def test_a_retry_after_that_says_nothing_holds_nobody_up(header: str) -> None:
    time = Time()
    host = limits(time)
    host.failed(HOST, header)
    host.take(HOST)


def test_five_failures_in_a_row_open_the_breaker_and_each_further_one_doubles_the_rest() -> None:
    time = Time()
    host = limits(time)
    for _ in range(FAILURES - 1):
        host.failed(HOST)
    host.take(HOST)
    rests = []
    for _ in range(9):
        host.failed(HOST)
        (rest,) = host.resting()
        rests.append((rest.until - time.clock.now()).total_seconds())
        time.go(rests[-1])
        host.take(HOST)
    assert rests == [60, 120, 240, 480, 960, 1920, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]
    host.succeeded(HOST)
    for _ in range(FAILURES - 1):
        host.failed(HOST)
    assert not host.resting(), "a success forgives what was before"


def test_a_restart_forgets_neither_the_rest_nor_the_failures() -> None:
    time = Time()
    before = limits(time)
    for _ in range(FAILURES + 1):
        before.failed(HOST)
    before.failed("other.example", "30")
    before.succeeded("good.example")
    kept = before.state()
    assert set(kept) == {HOST, "other.example"}

    time.go(20)
    after = limits(time)
    after.restore(kept)
    assert {each.host: each.until for each in after.resting()} == {
        HOST: START + timedelta(seconds=120),
        "other.example": START + timedelta(seconds=30),
    }
    time.go(100)
    after.take(HOST)
    after.failed(HOST)
    assert (after.resting()[0].until - time.clock.now()).total_seconds() == 240


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.integers()
        | st.dictionaries(st.sampled_from(["failures", "until", "reason"]), st.text() | st.integers()),
    )
)
def test_a_damaged_state_is_passed_over(kept: dict[str, object]) -> None:
    time = Time()
    host = limits(time)
    host.restore(kept)
    host.resting()
    host.state()


def test_a_host_that_asks_for_less_gets_less() -> None:
    time = Time()
    host = limits(time, Rate(5.0, 5.0))
    host.take(HOST)
    host.slow(HOST, Rate(1.0, 1.0))
    host.slow(HOST, Rate(9.0, 9.0))
    for _ in range(4):
        host.take(HOST)
    assert sum(time.slept) == pytest.approx(3.0)
