"""Learned maps before they are compared whole: the few directions that they really have, without what is smooth.

The twelve channels of a map are no twelve things: four directions among them hold nine tenths of what varies from cell to cell.
The rest is noise of the steps in which maps are kept, and costs three times the arithmetic. What changes slowly over a picture
(a bright middle, an empty rim) is what unrelated pictures share most; a part of it is taken off, as a photographer's unsharp
mask does. Both follow from the cohort and drawn pairs alone (docs/adr/0012-sharper-maps.md).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import CHANNELS, SIDE

Matrix = NDArray[np.float32]

# Principal directions of the channels over all cells of the cohort, for the weights that sakigake.fingerprint.layout_map
# names. Only the space that they span counts: scores do not change when they are turned within it.
DIRECTIONS = np.array(
    [
        [-0.3981, 0.1150, 0.5538, 0.0018, 0.0550, 0.5969, 0.1601, -0.3124, 0.1305, 0.0635, 0.0907, -0.0993],
        [
            0.1049,
            -0.2616,
            -0.0962,
            -0.2192,
            -0.2304,
            0.1008,
            -0.0752,
            0.1914,
            0.2080,
            0.4823,
            0.5459,
            -0.4288,
        ],
        [
            -0.1969,
            -0.4401,
            0.2575,
            -0.1773,
            0.2573,
            -0.2479,
            -0.2648,
            0.1372,
            0.5554,
            -0.1925,
            -0.2906,
            -0.1526,
        ],
        [0.0160, -0.3772, -0.1886, -0.0558, -0.1670, 0.3892, 0.1913, 0.2189, 0.2650, -0.1077, 0.0968, 0.6810],
    ],
    np.float32,
)
SHARE, SIGMA = 0.3, 2.5  # of the smooth part that is taken off, and its width in cells


def sharpened(maps: Matrix) -> Matrix:
    """Return maps of length one (n x 4 * 256) of maps (n x 12 * 256); a map of zeros stays.

    Each channel is around its mean. It is linear but for the length.
    """
    cells = maps.reshape(len(maps), CHANNELS, -1)
    few = np.matmul(DIRECTIONS, cells).reshape(len(maps), -1, SIDE, SIDE)
    smooth = _smoothing()
    sharp = few - SHARE * (smooth @ few @ smooth.T)
    sharp -= sharp.mean(axis=(2, 3), keepdims=True)
    rows = sharp.reshape(len(maps), -1)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)


@cache
def _smoothing() -> Matrix:
    """Return the matrix (16 x 16) that blurs a line of cells, reflected at its ends."""
    reach = int(4 * SIGMA)
    offsets = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    at = (np.arange(SIDE)[:, None] + offsets) % (2 * SIDE)
    at = np.where(at < SIDE, at, 2 * SIDE - 1 - at)
    matrix = np.zeros((SIDE, SIDE))
    np.add.at(
        matrix, (np.repeat(np.arange(SIDE), len(offsets)), at.ravel()), np.tile(bell / bell.sum(), SIDE)
    )
    return np.asarray(matrix, np.float32)
