"""Pictures that carry too little are refused, early drafts are not."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import fingerprint_v1, unpack
from tests.fingerprint.pictures import blocks, face, rings

Pixels = NDArray[np.uint8]
WHITE = 255


def canvas() -> Pixels:
    return np.full((1080, 1920, 3), WHITE, np.uint8)


def reason(pixels: Pixels) -> str | None:
    found = unpack(fingerprint_v1(pixels))
    return information(found.coverage, found.contrast)


def rough(shade: int, width: int) -> Pixels:
    """A few searching lines, as the first minutes of a drawing have."""
    rng = np.random.default_rng(3)
    pixels = canvas()
    for _ in range(8):
        line = rng.integers(100, 1000, (6, 2)).astype(np.int32)
        cv2.polylines(pixels, [line], False, (shade, shade, shade), width, cv2.LINE_AA)
    return pixels


def test_blank_canvases_are_blank() -> None:
    noise = np.random.default_rng(1).normal(0, 8, (1080, 1920, 3))
    grainy = np.clip(canvas() - 20 + noise, 0, 255).astype(np.uint8)
    coded = cv2.imdecode(
        cv2.imencode(".jpg", canvas() - 60, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR
    )
    for pixels in (canvas(), np.zeros_like(canvas()), grainy, np.asarray(coded, np.uint8)):
        assert reason(pixels) == "blank"


@pytest.mark.parametrize("width", [2, 4, 8, 20])
def test_one_stroke_is_too_little(width: int) -> None:
    pixels = canvas()
    cv2.line(pixels, (600, 300), (1200, 800), (30, 30, 30), width)
    assert reason(pixels) == "too-little"


def test_two_flat_halves_are_too_little() -> None:
    pixels = canvas()
    pixels[:, :960] = 0
    assert reason(pixels) == "too-little"


@pytest.mark.parametrize(("shade", "width"), [(60, 1), (60, 2), (200, 1), (200, 2), (225, 2)])
def test_a_pale_rough_is_enough(shade: int, width: int) -> None:
    assert reason(rough(shade, width)) is None


@pytest.mark.parametrize("make", [rings, face, blocks])
def test_drawings_are_enough(make: object) -> None:
    assert callable(make)
    assert reason(make(640, 480)) is None
