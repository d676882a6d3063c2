import pytest

from capture.coverage import Coverage, Gap
from capture.elapsed import Elapsed
from capture.pacer import SECOND
from capture.pausing import Pause, Pauses
from sakigake.clock import Clock
from sakigake.model import EntryType


class Hand:
    """Clocks that are moved by hand."""

    def __init__(self) -> None:
        self.mono = self.slept = 0
        self.elapsed = Elapsed(Clock(lambda: self.mono, lambda: self.mono), lambda: self.slept)
        self.coverage = Coverage(self.elapsed, 60)
        self.pauses = Pauses(self.coverage, self.elapsed, lambda: 2.0)

    def on(self, seconds: float) -> None:
        self.mono += round(seconds * SECOND)


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_a_pause_that_is_ordered_begins_and_ends_with_an_entry(hand: Hand) -> None:
    hand.pauses.ask()
    assert (hand.pauses.ordered, hand.pauses.asked) == (True, False)
    assert hand.pauses.due() == [(EntryType.PAUSE, {"reason": "asked"})]
    assert (hand.pauses.ordered, hand.pauses.asked) == (False, True)
    assert hand.pauses.due() == []
    hand.on(90)
    hand.pauses.ask_end()
    assert hand.pauses.due() == [(EntryType.RESUME, {"ms": 90_000})]
    assert hand.pauses.current is None
    assert hand.pauses.due() == []


def test_a_pause_for_a_while_ends_by_itself_sleep_included(hand: Hand) -> None:
    hand.pauses.ask(600)
    hand.pauses.due()
    hand.on(100)
    assert hand.pauses.due() == []
    hand.slept = 600 * SECOND
    assert hand.pauses.due() == [(EntryType.RESUME, {"ms": 700_000})]


def test_its_time_counts_from_the_order(hand: Hand) -> None:
    hand.pauses.ask(10)
    hand.on(2)
    assert hand.pauses.due() == [(EntryType.PAUSE, {"reason": "asked"})]
    hand.on(8)
    assert hand.pauses.due() == [(EntryType.RESUME, {"ms": 8_000})]


def test_an_end_that_nothing_began_is_nothing(hand: Hand) -> None:
    assert hand.pauses.end() == []
    hand.pauses.ask_end()
    assert hand.pauses.due() == []
    hand.pauses.begin("privacy-covered")
    hand.pauses.ask_end()
    assert hand.pauses.due() == []  # only the gate opens the gate
    assert hand.pauses.current is not None


def test_a_gate_tells_the_same_reason_once_and_another_one_with_the_length_so_far(hand: Hand) -> None:
    assert hand.pauses.begin("privacy-covered") == [(EntryType.PAUSE, {"reason": "privacy-covered"})]
    hand.on(5)
    assert hand.pauses.begin("privacy-covered") == []
    hand.on(5)
    assert hand.pauses.begin("privacy-locked") == [
        (EntryType.PAUSE, {"reason": "privacy-locked", "ms": 10_000})
    ]
    hand.on(7)
    assert hand.pauses.end() == [(EntryType.RESUME, {"ms": 7_000})]


def test_what_was_asked_for_outranks_a_gate(hand: Hand) -> None:
    hand.pauses.begin("privacy-covered")
    hand.on(3)
    hand.pauses.ask()
    assert hand.pauses.due() == [(EntryType.PAUSE, {"reason": "asked", "ms": 3_000})]
    assert hand.pauses.begin("privacy-locked") == []
    assert hand.pauses.current == Pause("asked", 3 * SECOND, 3_000)


def test_a_heartbeat_says_that_it_goes_on(hand: Hand) -> None:
    assert hand.pauses.heartbeat({"looks": 7}) == {"looks": 7}
    hand.pauses.begin("privacy-locked")
    assert hand.pauses.heartbeat({"looks": 0}) == {"looks": 0, "paused": "privacy-locked"}


def test_a_pause_is_no_gap_however_long(hand: Hand) -> None:
    hand.coverage.good(2)
    hand.on(1)
    hand.pauses.begin("privacy-covered")
    hand.on(3600)
    assert hand.coverage.missing(2) is None
    hand.pauses.end()
    assert hand.coverage.missing(2) is None
    hand.on(2)
    assert hand.coverage.good(2) is None
    assert hand.coverage.good_age_s() == 0


def test_an_error_in_a_pause_is_no_gap_either(hand: Hand) -> None:
    hand.pauses.ask()
    hand.pauses.due()
    hand.on(100)
    assert hand.coverage.bad("error") is None
    assert hand.coverage.reason == ""


def test_the_machine_may_sleep_in_a_pause_and_a_later_stall_is_not_called_sleep(hand: Hand) -> None:
    hand.pauses.begin("privacy-locked")
    hand.slept = 7200 * SECOND
    hand.pauses.end()
    hand.on(30)
    assert hand.coverage.missing(2) == Gap("stall", 30_000)


def test_a_gap_that_goes_on_ends_where_the_pause_begins(hand: Hand) -> None:
    hand.on(10)
    assert hand.coverage.bad("source-gone") == Gap("source-gone", 10_000)
    hand.on(20)
    assert hand.pauses.begin("privacy-locked") == [
        (EntryType.GAP, {"reason": "source-gone", "ms": 20_000}),
        (EntryType.PAUSE, {"reason": "privacy-locked"}),
    ]
    assert hand.coverage.reason == ""
    hand.on(60)
    hand.pauses.end()
    hand.on(1)
    assert hand.coverage.good(2) is None


def test_a_hole_that_nobody_told_yet_is_not_lost_in_a_pause(hand: Hand) -> None:
    hand.on(30)  # the process was stopped, say, and the order is the first thing it finds
    hand.pauses.ask()
    assert hand.pauses.due() == [
        (EntryType.GAP, {"reason": "stall", "ms": 30_000}),
        (EntryType.PAUSE, {"reason": "asked"}),
    ]


def test_a_gap_after_a_pause_counts_from_its_end(hand: Hand) -> None:
    hand.pauses.begin("privacy-locked")
    hand.on(100)
    hand.pauses.end()
    hand.on(4)
    assert hand.coverage.bad("source-gone") == Gap("source-gone", 4_000)
