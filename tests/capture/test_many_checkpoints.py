"""A session that goes on for a year must not have more checkpoints than a package can number."""

from capture.elapsed import Elapsed
from capture.pacer import SECOND
from capture.writer import Checkpoints
from sakigake.clock import Clock
from sakigake.evidence.layout import MAX_CHECKPOINTS

DAY_S = 86_400.0


class Drawing:
    """A recording with a new stage at every moment, on a clock led by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        clock = Clock(wall_ns=lambda: 0, mono_ns=lambda: int(self.now_s * SECOND))
        self.checkpoints = Checkpoints(Elapsed(clock, lambda: 0), 60.0, 15.0)
        self.count = self.size = 0

    def go_on(self, seconds: float, step_s: float) -> None:
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s += step_s
            self.size += 1
            self.checkpoints.with_stage = True
            if self.checkpoints.due(self.size):
                self.count += 1
                self.checkpoints.made(self.size, self.count)


def test_a_long_day_has_one_every_fifteen_seconds() -> None:
    drawing = Drawing()
    drawing.go_on(0.8 * DAY_S, 15.0)
    assert drawing.count == 0.8 * DAY_S // 15
    assert drawing.checkpoints.least_s == 0


def test_a_year_without_a_rest_leaves_numbers_for_the_end() -> None:
    drawing = Drawing()
    drawing.go_on(2 * DAY_S, 15.0)
    assert drawing.checkpoints.least_s == 600
    drawing.go_on(363 * DAY_S, 300.0)
    assert 9_500 < drawing.count <= 9_900
    drawing.go_on(3 * 365 * DAY_S, 1_800.0)
    assert drawing.count == 9_900
    assert drawing.count + 99 < MAX_CHECKPOINTS
