"""The layout map made quickly, for the first look alone: the same net and the same steps, in the order that costs least.

What a recorder keeps is made by sakigake/fingerprint/layout_map.py and must come out the same for ever, to the byte. What is
looked at here is thrown away after the look, so sums may be added in another order and angles taken from a table: maps
differ from those by a hundredth of their length (tests/watch/index/test_quick.py), and take a quarter of the time.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from sakigake.fingerprint import layout_map
from sakigake.fingerprint.colour import box_mean, oklab
from sakigake.fingerprint.layout_map import COLOUR_GAIN, EDGE_GAIN, STEM_CHANNELS, STEM_SIDE, mirror_stem
from sakigake.fingerprint.views import SQUARE, Floats, Pixels

_SIGMA, _FLOOR = 1.2, 0.02  # those of layout_map.stem_v1
_BINS = layout_map.BINS
_DIRECTIONS = np.arange(_BINS, dtype=np.float32)[:, None, None]
_SUM = np.ones((1, 3), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """A convolution as one product: `kernel` (rows x columns x in) x out."""

    kernel: Floats
    bias: Floats
    size: int
    stride: int
    added: bool
    rectified: bool


@cache
def _net() -> tuple[_Layer, ...]:
    return tuple(
        _Layer(
            np.ascontiguousarray(each.kernel.transpose(2, 3, 1, 0).reshape(-1, each.kernel.shape[0])),
            each.bias,
            each.kernel.shape[2],
            each.stride,
            each.added,
            each.rectified,
        )
        for each in layout_map.load().layers
    )


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a picture as `size` (width, height): between pixels at twice that, then the means of four.

    What cv2 does for any factor at once takes five times as long. A picture more than four times as large loses some of its
    pixels on the way; the first look is given none so large.
    """
    twice = cv2.resize(pixels, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(twice, size, interpolation=cv2.INTER_AREA), np.uint8)


def square(pixels: Pixels) -> Pixels:
    """Return a picture as 128 x 128."""
    return resized(pixels, (SQUARE, SQUARE))


def stem(small: Pixels) -> Floats:
    """Return what the net sees of a 128 x 128 BGR square, 9 x 32 x 32, as layout_map.stem_v1 does."""
    lab = oklab(small)
    smooth = cv2.GaussianBlur(lab, (0, 0), _SIGMA)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    xx, yy, xy = (_products(one, other) for one, other in ((across, across), (down, down), (across, down)))
    strength = np.sqrt(xx + yy)
    median = np.partition(strength.ravel(), strength.size // 2)[strength.size // 2]
    saturated = strength / (strength + (2 * median + _FLOOR))
    # cv2.phase gives 0..2 pi, a direction is half of that: places 0..6 on the circle of six.
    position = np.asarray(cv2.phase(xx - yy, 2 * xy), np.float32) * np.float32(_BINS / (2 * np.pi))
    away = np.abs(position - _DIRECTIONS)
    np.minimum(away, _BINS - away, out=away)
    np.subtract(1, away, out=away)
    np.maximum(away, 0, out=away)
    away *= saturated
    means = cv2.resize(away.reshape(-1, SQUARE), (STEM_SIDE, _BINS * STEM_SIDE), interpolation=cv2.INTER_AREA)
    made = np.empty((STEM_CHANNELS, STEM_SIDE, STEM_SIDE), np.float32)
    made[:_BINS] = np.asarray(means, np.float32).reshape(_BINS, STEM_SIDE, STEM_SIDE)
    np.sqrt(made[:_BINS], out=made[:_BINS])
    made[:_BINS] *= EDGE_GAIN
    colours = box_mean(lab, SQUARE // STEM_SIDE)
    made[_BINS:] = ((colours - colours.mean(axis=(0, 1))) * COLOUR_GAIN).transpose(2, 0, 1)
    return made


def _products(one: Floats, other: Floats) -> Floats:
    return np.asarray(cv2.transform(cv2.multiply(one, other), _SUM), np.float32)


def maps(stems: Floats) -> Floats:
    """Return the maps (n x 12 x 16 x 16, each channel around its mean) of n x 9 x 32 x 32 stems."""
    values = np.ascontiguousarray(stems.transpose(0, 2, 3, 1))
    for layer in _net():
        values = _convolved(values, layer)
    found = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(found - found.mean(axis=(2, 3), keepdims=True))


def _convolved(values: Floats, layer: _Layer) -> Floats:
    count, height, width, depth = values.shape
    size, rim = layer.size, layer.size // 2
    if size == 1:
        rows = values.reshape(-1, depth)
    else:
        padded = np.zeros((count, height + 2 * rim, width + 2 * rim, depth), np.float32)
        padded[:, rim : rim + height, rim : rim + width] = values
        height, width = height // layer.stride, width // layer.stride
        # In a row of cells the places under one row of the kernel lie side by side: one copy of all of them each.
        whole, line, cell, one = padded.strides
        windows: Floats = np.lib.stride_tricks.as_strided(
            padded,
            (count, height, width, size, size * depth),
            (whole, line * layer.stride, cell * layer.stride, line, one),
        )
        rows = windows.reshape(-1, size * size * depth)
    made = rows @ layer.kernel
    made += layer.bias
    made = made.reshape(count, height, width, -1)
    if layer.added:
        made += values
    return np.maximum(made, 0, out=made) if layer.rectified else made


def both(squares: list[Pixels]) -> Floats:
    """Return the layout maps (2n x 3,072) of squares and of their mirror images."""
    stems = np.stack([stem(each) for each in squares])
    return maps(np.concatenate([stems, mirror_stem(stems)])).reshape(2 * len(squares), -1)
