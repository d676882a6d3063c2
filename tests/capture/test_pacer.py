import pytest

from capture.pacer import SECOND, Pacer, tick_s


def ticks(
    pacer: Pacer,
    seconds: float,
    period: float,
    *,
    changed: bool = False,
    cost: float = 0.0,
    start: float = 0.0,
) -> list[float]:
    """Tick `period` apart for a while; returns the seconds at which it looked."""
    looked = []
    for number in range(round(seconds / period) + 1):
        now = round((start + number * period) * SECOND)
        if pacer.due(now):
            looked.append(start + number * period)
            pacer.looked(now, changed=changed, cost_s=cost)
    return looked


@pytest.mark.parametrize(
    ("interval", "tick"), [(2, 1), (5, 1), (0.2, 0.2), (1, 1), (1.5, 0.75), (2.5, 2.5 / 3)]
)
def test_the_interval_is_a_whole_number_of_ticks_of_at_most_a_second(interval: float, tick: float) -> None:
    assert tick_s(interval) == pytest.approx(tick)


def test_it_looks_at_once_and_then_every_interval() -> None:
    assert ticks(Pacer(2, restful=False), 8, 1, changed=True) == [0, 2, 4, 6, 8]


def test_a_tick_that_comes_a_little_early_or_late_does_not_shift_the_grid() -> None:
    pacer, looked = Pacer(2, restful=False), []
    for moment in (0.0, 1.02, 1.98, 3.03, 4.01, 4.97, 5.99):
        if pacer.due(round(moment * SECOND)):
            looked.append(moment)
            pacer.looked(round(moment * SECOND), changed=True, cost_s=0)
    assert looked == [0.0, 1.98, 4.01, 5.99]


def test_after_a_hole_it_looks_once_and_starts_a_new_grid() -> None:
    pacer = Pacer(2, restful=False)
    pacer.looked(0, changed=True, cost_s=0)
    assert ticks(pacer, 3, 1, changed=True, start=100) == [100, 102]


def test_it_rests_while_nothing_changes_and_wakes_with_the_first_change() -> None:
    pacer = Pacer(2, restful=True)
    ticks(pacer, 59, 1)
    assert pacer.interval_s == 2
    ticks(pacer, 10, 1, start=60)
    assert pacer.interval_s == 5
    ticks(pacer, 600, 1, start=71)
    assert pacer.interval_s == 15
    pacer.looked(700 * SECOND, changed=True, cost_s=0)
    assert pacer.interval_s == 2


def test_a_folder_is_looked_at_just_as_often_when_nothing_comes() -> None:
    pacer = Pacer(2, restful=False)
    ticks(pacer, 700, 1)
    assert pacer.interval_s == 2


def test_expensive_looks_come_less_often_and_cheap_ones_as_before() -> None:
    pacer = Pacer(2, restful=False)
    ticks(pacer, 18, 1, changed=True, cost=0.2)
    assert pacer.interval_s == 4
    ticks(pacer, 200, 1, changed=True, cost=0.2, start=20)
    assert pacer.interval_s == 8  # and no further
    ticks(pacer, 300, 1, changed=True, cost=0.02, start=300)
    assert pacer.interval_s == 2
