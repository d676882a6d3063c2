"""Learned maps reduced to their main directions and sharpened before they are compared whole."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from watch.compare import cohort as cohorts
from watch.compare.measures import LAYOUT, SHARP, prepared
from watch.compare.sharpened import DIRECTIONS, SHARE, SIGMA, sharpened

CELLS = SIDE * SIDE


def maps(seed: int, count: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, CHANNELS * CELLS)).astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_it_is_an_unsharp_mask_of_the_main_directions(seed: int) -> None:
    """Held against OpenCV's own blur, one channel at a time."""
    made = sharpened(maps(seed))
    assert made.shape == (3, len(DIRECTIONS) * CELLS)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    channels = (DIRECTIONS @ maps(seed)[1].reshape(CHANNELS, CELLS)).reshape(-1, SIDE, SIDE)
    blurred = [cv2.GaussianBlur(each, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT) for each in channels]
    expected = channels - SHARE * np.stack(blurred)
    expected -= expected.mean(axis=(1, 2), keepdims=True)
    assert made[1] == pytest.approx(expected.ravel() / np.linalg.norm(expected), abs=1e-5)


def test_the_directions_are_those_of_the_cohort_that_ships() -> None:
    """Of these weights: whoever trains the net anew has to make them anew too."""
    cells = cohorts.load().rows[LAYOUT].reshape(-1, CHANNELS, CELLS).astype(np.float64)
    cells -= cells.mean(axis=2, keepdims=True)
    values, vectors = np.linalg.eigh(np.einsum("ncx,ndx->cd", cells, cells))
    main = vectors[:, -len(DIRECTIONS) :]
    assert values[-len(DIRECTIONS) :].sum() / values.sum() > 0.88
    spanned = DIRECTIONS.T @ DIRECTIONS
    assert spanned == pytest.approx(main @ main.T, abs=1e-3)


def test_an_empty_map_stays_empty() -> None:
    assert not sharpened(np.zeros((1, CHANNELS * CELLS), np.float32)).any()


def test_the_cohort_is_ready_in_both_ways() -> None:
    rows = {name: values[:2] for name, values in cohorts.load().rows.items()}
    ready = prepared(rows)
    assert ready.keys() == {*rows, SHARP}
