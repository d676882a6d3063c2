"""Histograms of gradients over coarse cells, contrast-normalised (Dalal and Triggs 2005, Felzenszwalb 2010)."""

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.views import SQUARE, Floats

CELLS = 8
BINS = 9
_CELL = SQUARE // CELLS
_CLIP = 0.2
_CELL_OF: NDArray[np.intp] = (
    (np.arange(SQUARE)[:, None] // _CELL * CELLS + np.arange(SQUARE)[None, :] // _CELL) * BINS
).ravel()


def gradient_v1(angle: Floats, strength: Floats) -> Floats:
    """Return 576 values (8 x 8 cells x 9 signless orientations), unit length, zero mean.

    Each cell is divided by the energy of its 3 x 3 neighbourhood: unlike the edge layout it weighs quiet and busy
    parts of a picture alike.
    """
    position = angle.ravel() * (BINS / np.pi)
    lower = np.floor(position)
    part = position - lower
    first = lower.astype(np.intp) % BINS
    weight = strength.ravel()
    size = CELLS * CELLS * BINS
    votes = np.bincount(_CELL_OF + first, weight * (1 - part), size)
    votes += np.bincount(_CELL_OF + (first + 1) % BINS, weight * part, size)
    cells = votes.reshape(CELLS, CELLS, BINS)
    energy = np.pad((cells**2).sum(axis=-1), 1, mode="edge")
    around = sum(energy[y : y + CELLS, x : x + CELLS] for y in range(3) for x in range(3))
    clipped = np.minimum(cells / np.sqrt(around + 1e-6)[..., None], _CLIP)
    flat = (clipped - clipped.mean()).ravel()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-9), np.float32)
