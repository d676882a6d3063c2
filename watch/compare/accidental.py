"""How easily a picture resembles others by accident, and how much further it must stand out for that.

What unrelated pictures share by accident is simple (a lone shape on white, stripes, windows of a screen) or evenly full (a
figure that fills the picture from rim to rim). The closest of the cohort tell some of that, not all: of the pairs of unrelated
pictures that reach the same value, those are two to four times as many. So the spread that a score is measured in is taken
the larger; for pictures as most drawings are it stays as it is (docs/adr/0016-accidental-likeness.md).
"""

import numpy as np

from sakigake.fingerprint.edges import BINS
from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from watch.compare.masked import Masked, Matrix

# From which value on each counts, and how much.
CONCENTRATED, FULL, LINED = 0.65, 0.75, 0.22
ONE_WAY, UPRIGHT = 0.36, 0.55
_OF_CONCENTRATED, _OF_FULL, _OF_LINED, _OF_ONE_WAY, _OF_UPRIGHT = 0.4, 1.5, 0.45, 0.65, 0.7


def widening(layouts: Masked, edges: Matrix) -> Matrix:
    """Return by how much the spread of each picture's scores is to be multiplied: n float32, 1 or more.

    `layouts` are n learned maps as they are compared whole, `edges` n rows of edge layouts (16 * 16 * 6).
    """
    share, lined, upright = spread_out(layouts), of_lines(layouts), along_axes(edges)
    more = (
        _OF_CONCENTRATED * np.maximum(0, CONCENTRATED - share)
        + _OF_FULL * np.maximum(0, share - FULL)
        + _OF_LINED * np.maximum(0, lined - LINED)
        + _OF_ONE_WAY * np.maximum(0, ONE_WAY - upright)
        + _OF_UPRIGHT * np.maximum(0, upright - UPRIGHT)
    )
    return np.asarray(1 + more, np.float32)


def spread_out(layouts: Masked) -> Matrix:
    """Return the share of the cells that hold what a map has: e to its entropy over the cells, 1 when it is even."""
    shares = layouts.energy / (layouts.energy.sum(axis=1, keepdims=True) + 1e-12)
    entropy = -(shares * np.log(shares + 1e-12)).sum(axis=1)
    return np.asarray(np.exp(entropy) / shares.shape[1], np.float32)


def of_lines(layouts: Masked) -> Matrix:
    """Return how nearly a map is made of one row and one column: 1 for stripes, 1/16 for what has no such order.

    It is the purity of each channel as a matrix, its fourth powers of singular values over their squares' square.
    """
    maps = layouts.maps.reshape(-1, CHANNELS, SIDE, SIDE)
    squares = maps @ maps.transpose(0, 1, 3, 2)
    energy = np.trace(squares, axis1=2, axis2=3)
    purity = np.square(squares).sum(axis=(1, 2, 3)) / (np.square(energy).sum(axis=1) + 1e-12)
    return np.asarray(purity, np.float32)


def along_axes(edges: Matrix) -> Matrix:
    """Return the share of edges that run upright or level: a third of those that run anywhere."""
    ways = np.square(edges.reshape(len(edges), -1, BINS)).sum(axis=1)
    return np.asarray((ways[:, 0] + ways[:, BINS // 2]) / (ways.sum(axis=1) + 1e-9), np.float32)
