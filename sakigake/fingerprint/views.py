"""Pictures made small: the two reductions every descriptor starts from, and the views a post is looked at in.

All of it works on height x width x 3 uint8 arrays in BGR, the order OpenCV speaks. A reduction forgets the aspect
ratio on purpose: img2img posts are often stretched to the sizes a generator likes, and layout survives that.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Levels = NDArray[np.int16]  # of the channels, 0..255: differences need a sign
_Number = TypeVar("_Number", np.int16, np.float32)

SQUARE = 128  # side of the picture that layout descriptors see
LUMA = 64  # side of the picture that PDQ sees
_PDQ_INPUT = 512  # the reference shrinks larger pictures to this before it filters
_TRIM_SIDE = 160
_TRIM_TOLERANCE = 10
_TRIM_LIMIT = 0.3
_TRIM_KEPT = 0.35
_TRIM_NOISE = 0.03
_TRIM_STEP = 4


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A picture as small as the descriptors need it: `square` 128x128x3 uint8 BGR, `luma` 64x64 float32 0..255."""

    square: Pixels
    luma: Floats

    def mirrored(self) -> "Reduced":
        """Return the reduction of the mirrored picture."""
        return Reduced(np.ascontiguousarray(self.square[:, ::-1]), np.ascontiguousarray(self.luma[:, ::-1]))


def check_pixels(pixels: Pixels) -> None:
    """Raise ValueError unless `pixels` is a non-empty height x width x 3 uint8 array."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:  # noqa: PLR2004 - h, w, BGR
        raise ValueError(f"expected height x width x 3 uint8, got {pixels.dtype} {pixels.shape}")


def reduce_v1(pixels: Pixels) -> Reduced:
    """Return the two small pictures all `_v1` descriptors are computed from."""
    check_pixels(pixels)
    small = _shrink(pixels)
    square = cv2.resize(small, (SQUARE, SQUARE), interpolation=cv2.INTER_AREA)
    return Reduced(np.asarray(square, np.uint8), _pdq_luma(small))


def _shrink(pixels: Pixels) -> Pixels:
    """Return the picture with no side above 512, by area means."""
    height, width = pixels.shape[:2]
    down, across = max(1, height // _PDQ_INPUT), max(1, width // _PDQ_INPUT)
    if (down, across) != (1, 1) and not (height % down or width % across):
        # Whole factors take OpenCV's quick path: a third of the time on a 1920x1080 canvas.
        height, width = height // down, width // across
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if max(height, width) > _PDQ_INPUT:
        size = (min(width, _PDQ_INPUT), min(height, _PDQ_INPUT))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def _pdq_luma(pixels: Pixels) -> Floats:
    """Return PDQ's 64x64 luminance: two passes of a truncated box filter, then decimation (ThreatExchange, 2019)."""
    height, width = pixels.shape[:2]
    weights = np.array([[0.114, 0.587, 0.299]], np.float32)
    luma = np.asarray(cv2.transform(pixels.astype(np.float32), weights), np.float32).reshape(height, width)
    window = ((width + 127) // 128, (height + 127) // 128)
    # The reference centres a window of even size half a pixel later than OpenCV does, and at the rim it averages
    # what lies inside the picture, hence the division by a filtered mask.
    anchor = ((window[0] - 1) // 2, (window[1] - 1) // 2)

    def box(values: Floats) -> Floats:
        total = cv2.boxFilter(
            values, -1, window, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        return np.asarray(total, np.float32)

    weight = box(np.ones((height, width), np.float32))
    for _ in range(2):
        luma = box(luma)
        luma /= weight
    rows = ((np.arange(LUMA) + 0.5) * height / LUMA).astype(np.intp)
    columns = ((np.arange(LUMA) + 0.5) * width / LUMA).astype(np.intp)
    return np.ascontiguousarray(luma[np.ix_(rows, columns)], np.float32)


def trim_v1(pixels: Pixels) -> Pixels:
    """Return the picture without near-uniform rows and columns at its rim: margins, letterbox bars, app frames.

    At most 30 % is cut from each side, and nothing at all when less than 35 % of a side would be left.
    """
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    scale = _TRIM_SIDE / max(height, width)
    size = (max(8, int(width * scale)), max(8, int(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.int16)
    found = within(small)
    if found is None:
        return pixels
    top, bottom, left, right = found
    rows, columns = small.shape[:2]
    return pixels[
        int(top / rows * height) : int(np.ceil(bottom / rows * height)),
        int(left / columns * width) : int(np.ceil(right / columns * width)),
    ]


def within(small: Levels) -> tuple[int, int, int, int] | None:
    """Return the rows and columns that lie within the margins of a small picture: top, bottom, left and right.

    None when hardly anything would be left of it.
    """
    top, bottom = _content(small)
    left, right = _content(np.asarray(cv2.transpose(small), np.int16))
    rows, columns = small.shape[:2]
    kept = bottom - top >= _TRIM_KEPT * rows and right - left >= _TRIM_KEPT * columns
    return (top, bottom, left, right) if kept else None


def _content(lines: Levels) -> tuple[int, int]:
    """Return the range of `lines` (n x m x 3) that remains when uniform lines are cut from both ends."""
    limit = int(len(lines) * _TRIM_LIMIT)
    start = _uniform(lines[:limit])
    return start, len(lines) - _uniform(lines[: len(lines) - limit - 1 : -1])


def _uniform(lines: Levels) -> int:
    """Return how many lines from the first on are near-uniform, a few at a time: mostly none is."""
    low, high = (lines.shape[1] - 1) // 2, lines.shape[1] // 2
    for first in range(0, len(lines), _TRIM_STEP):
        some = lines[first : first + _TRIM_STEP]
        # Twice the median, which of an even number of levels is the mean of two: whole numbers, and no half ones.
        ordered = np.partition(some, (low, high), axis=1)
        middle = ordered[:, low] + ordered[:, high]
        odd = (largest(np.abs(2 * some - middle[:, None])) > 2 * _TRIM_TOLERANCE).mean(axis=1) >= _TRIM_NOISE
        if odd.any():
            return first + int(odd.argmax())
    return len(lines)


def largest(values: NDArray[_Number]) -> NDArray[_Number]:
    """Return the largest of three channels (... x 3); numpy's own maximum over so short an axis is slow."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])
