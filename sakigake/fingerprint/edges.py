"""Where edges lie and which way they run: the descriptor that outlives a change of colours and brushwork."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.views import SQUARE, Floats

CELLS = 16
BINS = 6
MIRRORED = (0, 5, 4, 3, 2, 1)  # directions, as a mirror turns them
_SIGMA = 2.0
_FLOOR = 0.02
_CELL = SQUARE // CELLS
# For each pixel of the square the number of its cell, times BINS.
_CELL_OF: NDArray[np.intp] = (
    (np.arange(SQUARE)[:, None] // _CELL * CELLS + np.arange(SQUARE)[None, :] // _CELL) * BINS
).ravel()


def gradients(lab: Floats) -> tuple[Floats, Floats]:
    """Return (orientation in 0..pi, strength) of each pixel of a 128x128x3 OKLab square: its colour structure tensor.

    The three OKLab channels vote together (Di Zenzo 1986), so a line between two colours of one lightness counts.
    """
    smooth = cv2.GaussianBlur(lab, (0, 0), _SIGMA)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    xx, yy, xy = (products(a, b) for a, b in ((across, across), (down, down), (across, down)))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.asarray(angle % np.pi, np.float32), np.asarray(np.sqrt(xx + yy), np.float32)


def products(one: Floats, other: Floats) -> Floats:
    """Return the sum over three channels of two pictures' products; numpy's own sum over so short an axis is slow."""
    made = one * other
    return np.asarray(made[..., 0] + made[..., 1] + made[..., 2], np.float32)


def edge_layout_v1(angle: Floats, strength: Floats) -> Floats:
    """Return the layout of edges as 1536 values (16 x 16 cells x 6 orientations), unit length, zero mean per orientation.

    Strength is saturated against the picture's own median, so that a pencil rough and its inked painting meet.
    """
    saturated = strength / (strength + 2 * np.median(strength) + _FLOOR)
    position = angle.ravel() * (BINS / np.pi)
    lower = np.floor(position)
    part = position - lower
    first = lower.astype(np.intp) % BINS
    weight = saturated.ravel()
    size = CELLS * CELLS * BINS
    votes = np.bincount(_CELL_OF + first, weight * (1 - part), size)
    votes += np.bincount(_CELL_OF + (first + 1) % BINS, weight * part, size)
    layout = np.sqrt(votes.reshape(CELLS * CELLS, BINS) / _CELL**2)
    layout -= layout.mean(axis=0)
    flat = layout.ravel()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-9), np.float32)


def mirrored(layout: Floats) -> Floats:
    """Return the layout of edges of the mirrored picture: cells from right to left, each direction k now -k."""
    cells = layout.reshape(CELLS, CELLS, BINS)[:, ::-1, MIRRORED]
    return np.ascontiguousarray(cells, np.float32).ravel()


def coverage(strength: Floats, threshold: float) -> float:
    """Return the share of the 16 x 16 cells that hold an edge stronger than `threshold`."""
    peaks = strength.reshape(CELLS, _CELL, CELLS, _CELL).max(axis=(1, 3))
    return float((peaks > threshold).mean())
