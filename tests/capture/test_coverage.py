import pytest

from capture.coverage import Coverage, Gap
from capture.elapsed import Elapsed, slept_ns
from capture.pacer import SECOND
from sakigake.clock import Clock


class Hand:
    """Clocks that are moved by hand."""

    def __init__(self) -> None:
        self.mono = self.slept = 0
        self.elapsed = Elapsed(Clock(lambda: self.mono, lambda: self.mono), lambda: self.slept)

    def on(self, seconds: float) -> None:
        self.mono += round(seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        self.slept += round(seconds * SECOND)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def coverage(hand: Hand) -> Coverage:
    return Coverage(hand.elapsed, 60)


def test_looks_that_come_in_time_leave_no_gap(hand: Hand, coverage: Coverage) -> None:
    for _ in range(10):
        hand.on(5.9)
        assert coverage.missing(2) is None
        assert coverage.good(2) is None


def test_a_hole_of_more_than_three_intervals_is_a_gap_with_its_length(hand: Hand, coverage: Coverage) -> None:
    hand.on(30)
    assert coverage.good(2) == Gap("stall", 30_000)
    assert coverage.good(2) is None


def test_the_watchdog_tells_a_gap_while_it_lasts_and_the_next_look_does_not_tell_it_again(
    hand: Hand, coverage: Coverage
) -> None:
    hand.on(7)
    assert coverage.missing(2) == Gap("stall", 7_000)
    hand.on(30)
    assert coverage.missing(2) is None
    hand.on(30)
    assert coverage.missing(2) == Gap("stall", 60_000)
    hand.on(10)
    assert coverage.good(2) == Gap("stall", 10_000)
    assert coverage.reason == ""


def test_a_rest_shorter_than_an_interval_is_not_told(hand: Hand, coverage: Coverage) -> None:
    hand.on(7)
    coverage.missing(2)
    hand.on(1)
    assert coverage.good(2) is None


def test_a_failed_look_is_told_at_once_with_the_time_since_the_last_good_one(
    hand: Hand, coverage: Coverage
) -> None:
    hand.on(2)
    assert coverage.bad("source-gone") == Gap("source-gone", 2_000)
    hand.on(2)
    assert coverage.bad("source-gone") is None
    assert coverage.reason == "source-gone"
    hand.on(8)
    assert coverage.good(2) == Gap("source-gone", 10_000)


def test_the_lengths_of_all_gaps_add_up(hand: Hand, coverage: Coverage) -> None:
    told = 0
    hand.on(3)
    for _ in range(100):
        gap = coverage.bad("source-gone") or coverage.missing(2)
        told += gap.ms if gap else 0
        hand.on(7)
    gap = coverage.good(2)
    assert told + (gap.ms if gap else 0) == 703_000


def test_a_closed_lid_is_called_sleep_and_counts_in_full(hand: Hand, coverage: Coverage) -> None:
    hand.on(2)
    hand.sleep(8 * 3600)
    assert coverage.good(2) == Gap("sleep", 8 * 3_600_000 + 2_000)


def test_the_age_of_the_last_good_look_grows(hand: Hand, coverage: Coverage) -> None:
    hand.on(4)
    coverage.bad("error")
    assert coverage.good_age_s() == 4


def test_this_machine_tells_how_long_it_slept() -> None:
    first, again = slept_ns(), slept_ns()
    assert first > -1_000_000
    assert abs(again - first) < 100_000_000


def test_only_a_wall_clock_that_is_set_changes_the_offset() -> None:
    wall, mono, slept = 1000, 50, 0
    elapsed = Elapsed(Clock(lambda: wall, lambda: mono), lambda: slept)
    before = elapsed.offset()
    wall, mono, slept = wall + 70, mono + 20, slept + 50
    assert elapsed.offset() == before
    wall -= 5
    assert elapsed.offset() == before - 5


def test_a_gap_of_looks_that_were_only_too_early_is_no_stall(hand: Hand, coverage: Coverage) -> None:
    coverage.good(1)
    for _ in range(3):
        hand.on(1.0)
        coverage.early("privacy-settling", 1)
    hand.on(0.5)
    assert coverage.pause(1) == Gap("privacy-settling", 3500)


def test_a_look_that_was_too_early_does_not_hide_the_stall_before_it(hand: Hand, coverage: Coverage) -> None:
    coverage.good(1)
    hand.on(60.0)
    coverage.early("privacy-changed", 1)
    assert coverage.missing(1) == Gap("stall", 60_000)
