"""Key stages: few, different, in drawing order."""

import numpy as np
import pytest

from watch.index.keystages import key_stages


def test_a_short_timeline_is_kept_whole() -> None:
    rows = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
    assert key_stages(rows).tolist() == list(range(7))


def test_the_last_stage_is_one_of_them_and_equal_ones_are_not_taken_twice() -> None:
    rows = np.zeros((20, 3), np.float32)
    rows[10:] = 1
    assert key_stages(rows).tolist() == [0, 19]
    assert key_stages(rows[:0]).size == 0


@pytest.mark.parametrize("most", [2, 5, 10])
def test_every_stage_is_near_a_key_stage(most: int) -> None:
    """A drawing that moves along a line: with n key stages none is farther than twice the best that n can do."""
    line = np.linspace(0, 1, 200, dtype=np.float32)[:, None]
    chosen = line[key_stages(line, most), 0]
    farthest = float(np.abs(line - chosen).min(axis=1).max())
    assert len(chosen) == most
    assert farthest <= 2 * 1 / (2 * most) + 1e-3
