"""Layout maps compared where one of the two has something."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from watch.compare.masked import masked, under
from watch.compare.measures import unit

CELLS = SIDE * SIDE


def maps(seed: int, count: int = 4) -> NDArray[np.float32]:
    """Return unit maps with each channel around its mean, as the product has them."""
    cells = np.random.default_rng(seed).normal(size=(count, CHANNELS, CELLS)).astype(np.float32) ** 3
    cells -= cells.mean(axis=2, keepdims=True)
    return unit(cells.reshape(count, -1))


@given(st.integers(0, 2**32 - 1))
def test_it_is_the_weighted_correlation(seed: int) -> None:
    """Held against the definition, in float64, one pair at a time."""
    one, other = maps(seed), maps(seed + 1)
    found = under(masked(one), masked(other))
    assert found.shape == (4, 4)
    a, b = one[1].reshape(CHANNELS, -1).astype(np.float64), other[2].reshape(CHANNELS, -1).astype(np.float64)
    energy = (b * b).sum(axis=0)
    weights = energy / energy.mean() + 0.05
    a, b = (each - (each * weights).sum(axis=1, keepdims=True) / weights.sum() for each in (a, b))
    expected = (weights * a * b).sum() / np.sqrt((weights * a * a).sum() * (weights * b * b).sum())
    assert found[1, 2] == pytest.approx(expected, abs=2e-5)
    assert (np.abs(found) <= 1 + 1e-5).all()


@given(st.integers(0, 2**32 - 1))
def test_a_map_is_most_like_itself(seed: int) -> None:
    made = masked(maps(seed))
    assert np.allclose(np.diag(under(made, made)), 1, atol=1e-5)


def test_what_stands_where_the_sketch_is_empty_hardly_counts() -> None:
    """A sketch in one corner; the post has the same there, and much more elsewhere."""
    rng = np.random.default_rng(5)
    cells = np.zeros((2, CHANNELS, SIDE, SIDE), np.float32)
    cells[:, :, :6, :6] = rng.normal(size=(CHANNELS, 6, 6))
    cells[1, :, 6:] = rng.normal(size=(CHANNELS, SIDE - 6, SIDE))
    cells -= cells.mean(axis=(2, 3), keepdims=True)
    rows = unit(cells.reshape(2, -1))
    sketch, post = masked(rows[:1]), masked(rows[1:])
    plain = float(rows[0] @ rows[1])
    assert plain < 0.6
    assert float(under(post, sketch)[0, 0]) > 0.9
    assert float(under(sketch, post)[0, 0]) == pytest.approx(plain, abs=0.1)


def test_an_empty_map_resembles_nothing() -> None:
    empty = masked(np.zeros((1, CHANNELS * CELLS), np.float32))
    other = masked(maps(1))
    for found in (under(empty, other), under(other, empty), under(empty, empty)):
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 1e-3
