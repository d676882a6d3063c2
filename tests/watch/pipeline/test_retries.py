"""Which failures are tried again, and how often."""

import pytest

from sakigake.errors import NetworkError, SakigakeError, UsageError
from watch.pipeline.retries import GONE, GONE_TRIES, WAITS_S, judge

PASSING = [
    NetworkError("fetch-too-slow", host="h"),
    NetworkError("fetch-status", host="h", status=503),
    NetworkError("fetch-status", host="h", status=429),
    SakigakeError("picture-decoder-gone", why="x"),
]
FINAL = [
    NetworkError("fetch-too-large", host="h"),
    NetworkError("fetch-address-refused", host="h"),
    NetworkError("fetch-status", host="h", status=403),
    UsageError("picture-damaged", name="1"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.code)
def test_what_may_pass_is_tried_again_less_and_less_often(error: SakigakeError) -> None:
    failure = judge(error)
    waits = [failure.wait_s(tried) for tried in range(len(WAITS_S) + 1)]
    assert waits == [*WAITS_S, None]


@pytest.mark.parametrize("error", FINAL, ids=lambda error: error.code)
def test_what_will_not_pass_is_not(error: SakigakeError) -> None:
    assert judge(error).wait_s(0) is None


@pytest.mark.parametrize("status", [404, 410])
def test_a_picture_that_is_gone_is_asked_for_a_little_longer(status: int) -> None:
    failure = judge(NetworkError("fetch-status", host="h", status=status))
    assert failure.reason == GONE
    assert [failure.wait_s(tried) is not None for tried in range(4)] == [True] * GONE_TRIES + [False, False]
