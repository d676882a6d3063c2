"""Layout maps compared where one of the two pictures has something.

A rough of a few strokes says nothing of the ground around it, and a generator fills that ground with whatever it likes. So
the cells of a map are weighed by how much one of the two pictures has in them: once by the stage, once by the post.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import SIDE

Matrix = NDArray[np.float32]
CELLS = SIDE * SIDE

# Of an empty cell, against a mean of about one: that there is nothing counts a little.
LEAST_WEIGHT = np.float32(0.05)
_BLOCK = 256  # pictures at a time, which bounds the memory


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """Unit maps (n x channels * cells), their energy and weight by cell (n x cells), and their weighted directions.

    `sums` are the sums of the weights. All is float32.
    """

    maps: Matrix
    energy: Matrix
    weights: Matrix
    sums: Matrix
    directions: Matrix


def masked(maps: Matrix) -> Masked:
    """Return unit maps (rows of channels x 256 cells, each channel around its mean) made ready for comparing."""
    cells = maps.reshape(len(maps), -1, CELLS)
    energy = np.square(cells).sum(axis=1)
    weights = energy / (energy.mean(axis=1, keepdims=True) + 1e-9) + LEAST_WEIGHT
    sums = weights.sum(axis=1)
    means = np.einsum("ncx,nx->nc", cells, weights) / sums[:, None]
    centred = cells - means[..., None]
    lengths = np.sqrt(np.einsum("ncx,ncx,nx->n", centred, centred, weights)) + 1e-9
    directions = centred * (weights / lengths[:, None])[:, None, :]
    return Masked(maps, energy, weights, sums, directions.reshape(len(maps), -1))


def under(seen: Masked, masks: Masked) -> Matrix:
    """Return the cosines (len(seen) x len(masks)) of two sets of maps where those of `masks` have something.

    Means and lengths are taken with the weights of `masks` as well: it is the correlation under these weights.
    """
    agreed = seen.maps @ masks.directions.T
    spread = seen.energy @ masks.weights.T
    for start in range(0, len(seen.maps), _BLOCK):
        block = slice(start, start + _BLOCK)
        # One product for all channels: strided slices of each would be copied each time.
        rows = seen.maps[block]
        sums = rows.reshape(-1, CELLS) @ masks.weights.T
        spread[block] -= np.square(sums).reshape(len(rows), -1, sums.shape[1]).sum(axis=1) / masks.sums
    # An empty map has no length; the least weight keeps all others far above this.
    return np.asarray(agreed / np.sqrt(np.maximum(spread, 1e-6)), np.float32)
