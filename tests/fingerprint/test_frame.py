"""An app's frame around a picture is found by the line at which it ends; a picture without one is left as it is."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.fingerprint.frame import frame_v1
from sakigake.fingerprint.views import Pixels, trim_v1
from tests.fingerprint.pictures import blocks, face, rings


def framed(pixels: Pixels, bars: tuple[int, int, int, int], tint: int) -> Pixels:
    """Put a picture under a bar with words and over one with a button."""
    top, bottom, left, right = bars
    made = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=[tint] * 3)
    for x in (20, 200):
        cv2.putText(made, "someone likes this", (x, top // 2 + 5), 0, 0.5, (128, 128, 128), 1)
    cv2.circle(made, (made.shape[1] // 2, made.shape[0] - bottom // 2), bottom // 4, (200, 60, 90), -1)
    return np.asarray(made, np.uint8)


@pytest.mark.parametrize("tint", [20, 235])
@pytest.mark.parametrize("bars", [(80, 60, 40, 30), (60, 90, 0, 0), (50, 50, 90, 90)])
def test_a_frame_with_words_is_taken_off(bars: tuple[int, int, int, int], tint: int) -> None:
    pixels = rings(600, 480)
    post = framed(pixels, bars, tint)
    found = frame_v1(post)
    assert found is not None
    assert abs(found.shape[0] - pixels.shape[0]) <= 20
    assert abs(found.shape[1] - pixels.shape[1]) <= 20
    assert trim_v1(post).shape[0] > found.shape[0] + 30  # the words stop the older way


def test_a_bar_full_of_words_is_a_bar() -> None:
    """A small post with a list of names above it: few rows of the bar are without an edge."""
    pixels = rings(220, 180)
    post = np.asarray(cv2.copyMakeBorder(pixels, 40, 0, 0, 0, cv2.BORDER_CONSTANT, value=[15] * 3), np.uint8)
    for y in (9, 18, 27, 36):
        cv2.putText(post, "user_731 likes this drawing", (2, y), 0, 0.35, (128, 128, 128), 1)
    assert (np.abs(post[:40].astype(int) - 15).max(axis=2) > 8).mean() > 0.15
    found = frame_v1(post)
    assert found is not None
    assert abs(found.shape[0] - pixels.shape[0]) <= 6


@pytest.mark.parametrize("make", [face, blocks])
def test_a_picture_without_a_frame_has_none(make: object) -> None:
    assert callable(make)
    assert frame_v1(make(500, 400)) is None


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 1000))
def test_something_is_always_left(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    pixels[: height // 4] = 255
    found = frame_v1(pixels)
    if found is None:
        return
    assert found.size
    assert found.shape[0] <= height
    assert found.shape[1] <= width
