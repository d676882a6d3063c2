"""From a layout map to what the shortlist keeps of a key stage: 256 numbers, and the 256 bits of their signs.

The learned map (3,072 values) is what survives a redraw, and most of what its values say can be said with 256: they are
turned onto the directions in which maps of drawings differ most (principal components), and these are turned once more so
that all signs say about as much (iterative quantisation, Gong and Lazebnik, CVPR 2011). Fitted by bench/fit_shortlist.py on
drawn pictures and the cohort alone. Bits are compared by Hamming distance, the numbers, as int8, by their cosine.

All sums are of small whole numbers and exact in any order, so that the code of a map is the same on every machine.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.layout_map import CHANNELS, SIZE
from sakigake.fingerprint.vector import VERSION as FINGERPRINT

NAME = "shortlist-v1"
DIGEST = "d16376b8b96105e84bbfcf5744a4c1d797de83c28554ca427a1a0722d41d127f"
FINE = 256
CODE_BYTES = FINE // 8
VERSION = f"sakigake-shortlist/1-{DIGEST[:8]} of {FINGERPRINT}"
_CELLS = SIZE // CHANNELS

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """`kernel` (channels x cells x 256) and its sums over cells, whole numbers; `middle` 256 of a unit map's mean."""

    kernel: Floats
    sums: NDArray[np.float64]
    middle: NDArray[np.float64]


@cache
def load() -> Turn:
    """Return the fitted turn; raises ConfigError when its file is damaged."""
    raw = resources.read_bytes(f"{NAME}.npz")
    about = json.loads(resources.read_text(f"{NAME}.json"))
    if hashlib.sha256(raw).hexdigest() != DIGEST or about["fingerprint"] != FINGERPRINT:
        raise ConfigError("check-data-damaged", name=f"{NAME}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        kernel = np.asarray(arrays["kernel"], np.float32).reshape(CHANNELS, _CELLS, FINE)
        middle = np.asarray(arrays["middle"], np.float64)
    return Turn(kernel, kernel.sum(axis=1, dtype=np.float64), middle)


def describe(maps: NDArray[np.int8], turn: Turn | None = None) -> Floats:
    """Return the 256 numbers of each layout map (n x 3,072 int8), of unit length; of an empty map they are zeros."""
    turn = turn or load()
    cells = maps.reshape(len(maps), CHANNELS, _CELLS).astype(np.float32)
    totals = cells.sum(axis=2, dtype=np.float64)
    # Each channel's products add up to less than 2**24 and each channel's total to less than 2**53: no rounding.
    turned = np.zeros((len(maps), FINE), np.float64)
    for channel in range(CHANNELS):
        turned += cells[:, channel] @ turn.kernel[channel]
    turned -= (totals / _CELLS) @ turn.sums
    squares = np.square(cells).sum(axis=(1, 2), dtype=np.float64) - np.square(totals).sum(axis=1) / _CELLS
    values = turned - np.sqrt(np.maximum(squares, 0))[:, None] * turn.middle
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    values[squares <= 0] = 0
    return np.asarray(values / np.maximum(lengths, 1e-9), np.float32)


def describe_quickly(maps: Floats, turn: Turn | None = None) -> Floats:
    """Return the 256 numbers of layout maps that are floats around their channels' means (n x 3,072): of a post, never of a stage.

    As `describe` does it but for the order of the sums, so the last bits may differ from machine to machine.
    """
    turn = turn or load()
    values = maps @ turn.kernel.reshape(SIZE, FINE)
    values -= np.linalg.norm(maps, axis=1, keepdims=True) * turn.middle.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9), np.float32)


def codes(values: Floats) -> NDArray[np.uint8]:
    """Return the signs of described maps (n x 256) as n x 32 bytes."""
    return np.packbits(values > 0, axis=1)


def quantised(values: Floats) -> NDArray[np.int8]:
    """Return described maps as int8, the largest value of each at 127: only the direction is kept."""
    peaks = np.abs(values).max(axis=1, keepdims=True, initial=0)
    return np.asarray(np.rint(values * (127 / np.maximum(peaks, 1e-9))), np.int8)


def cosines(views: Floats, fine: NDArray[np.int8]) -> Floats:
    """Return the cosines (views x rows) of described views with quantised rows."""
    rows = fine.astype(np.float32)
    lengths = np.sqrt(np.maximum(np.einsum("rv,rv->r", rows, rows), 1e-9))
    return np.asarray((views @ rows.T) / lengths, np.float32)
