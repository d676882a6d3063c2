"""What an app shows around a picture: bars with words and buttons, found by the straight line where the picture begins.

A bar with a word in it is no uniform margin, so `trim_v1` stops at it. But between bar and picture runs an edge across
the whole picture, and on its far side one colour prevails between the words.
"""

import cv2
import numpy as np

from sakigake.fingerprint.views import Floats, Levels, Pixels, check_pixels, largest

SIDE = 192  # the longer side of what lines are looked for in
_STEP = 14  # of one channel across two rows, of 255
_ACROSS = 0.72  # of the middle three fifths of a line: bars on the other two sides cover the rest
_LIMIT = 0.3
_KEPT = 0.35
_GROUND = (
    0.4  # of the pixels outside the line have the bar's own colour at least; the rest are words, a button
)
_NEAR = 8  # of one channel from that colour
_LEAST = 2


def frame_v1(pixels: Pixels) -> Pixels | None:
    """Return the part of a picture that an app's frame encloses, None when it has no frame."""
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.int16)
    found = enclosed(small)
    return None if found is None else cut(pixels, *found)


def cut(pixels: Pixels, top: float, bottom: float, left: float, right: float) -> Pixels:
    """Return a part of a picture that is given in shares of its sides, a pixel of it at least."""
    height, width = pixels.shape[:2]
    return pixels[
        round(top * height) : max(round(bottom * height), round(top * height) + 1),
        round(left * width) : max(round(right * width), round(left * width) + 1),
    ]


def enclosed(small: Levels) -> tuple[float, float, float, float] | None:
    """Return what a frame encloses of a picture whose longer side is 192: top, bottom, left and right in shares, or None."""
    top, bottom = _lines(small)
    left, right = _lines(np.asarray(cv2.transpose(small), np.int16))
    if (top, bottom, left, right) == (0, 1, 0, 1) or bottom - top < _KEPT or right - left < _KEPT:
        return None
    return top, bottom, left, right


def _lines(rows: Levels) -> tuple[float, float]:
    """Return where the picture begins and ends along the first axis, as shares of it; 0 and 1 without a line."""
    count, across = rows.shape[:2]
    middle = rows[:, across // 5 : across - across // 5]
    start, end = _first(middle), _first(middle[::-1])
    return (start / count if start else 0), (1 - end / count if end else 1)


def _first(rows: Levels) -> float:
    """Return how many rows lie outside the first line; 0 when there is none or what lies outside is no bar."""
    limit = int(len(rows) * _LIMIT)
    near_rim = rows[: limit + 4]  # a line is looked for up to two rows further in
    steps = largest(np.abs(near_rim[2:] - near_rim[:-2])) > _STEP
    share = steps.mean(axis=1)
    for line in np.flatnonzero(share[:limit] >= _ACROSS):
        at = int(line) + int(share[line : line + 3].argmax())  # a line blurred by shrinking spans some rows
        if at < _LEAST:
            continue
        outside = rows[:at]
        ground = np.rint(_medians(outside)).astype(np.int16)
        near = largest(np.abs(outside - ground)) <= _NEAR
        return at + 1.5 if near.mean() >= _GROUND else 0
    return 0


def _medians(rows: Levels) -> Floats:
    """Return the median of each channel; what numpy does for the short axis at the end takes three times as long."""
    channels = np.ascontiguousarray(rows.reshape(-1, 3).T)
    low, high = (channels.shape[1] - 1) // 2, channels.shape[1] // 2
    ordered = np.partition(channels, (low, high), axis=1)
    return np.asarray((ordered[:, low] + ordered[:, high]) / 2, np.float32)
