"""Reductions and trimming."""

import cv2
import numpy as np

from sakigake.fingerprint.views import LUMA, SQUARE, reduce_v1, trim_v1
from tests.fingerprint.pictures import blocks, face, rings


def test_reductions_have_their_sizes() -> None:
    for pixels in (rings(1920, 1080), rings(1919, 1079), rings(90, 700)):
        reduced = reduce_v1(pixels)
        assert reduced.square.shape == (SQUARE, SQUARE, 3)
        assert reduced.luma.shape == (LUMA, LUMA)


def test_shrinking_in_two_steps_changes_little() -> None:
    pixels = blocks(1920, 1080)
    direct = cv2.resize(pixels, (SQUARE, SQUARE), interpolation=cv2.INTER_AREA)
    assert np.abs(reduce_v1(pixels).square.astype(int) - np.asarray(direct, int)).mean() < 1.5


def test_trim_cuts_margins_of_any_plain_colour() -> None:
    inner = blocks(400, 300)
    for shade in (0, 128, 255):
        framed = cv2.copyMakeBorder(inner, 40, 60, 30, 80, cv2.BORDER_CONSTANT, value=(shade, shade, shade))
        trimmed = trim_v1(np.asarray(framed, np.uint8))
        assert abs(trimmed.shape[0] - 300) <= 25
        assert abs(trimmed.shape[1] - 400) <= 25


def test_trim_leaves_what_has_no_margins_or_nothing_else() -> None:
    full = rings(320, 240)
    assert trim_v1(full).shape == full.shape
    blank = np.full((200, 300, 3), 255, np.uint8)
    assert trim_v1(blank).shape[0] >= 0.35 * 200
    dot = blank.copy()
    dot[95:105, 145:155] = 0
    assert trim_v1(dot).size


def test_trim_keeps_a_face_whole() -> None:
    pixels = face(600, 600)
    height, width = trim_v1(pixels).shape[:2]
    assert height >= 560
    assert width >= 460
