"""PDQ, 256 signs of low frequencies: a short code for finding candidates that does not survive strong redrawing.

Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019).
"""

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.views import LUMA, Floats

SIDE = 16

_ROWS = np.arange(1, SIDE + 1)[:, None]
_COLUMNS = np.arange(LUMA)[None, :]
_DCT = np.asarray(np.sqrt(2 / LUMA) * np.cos(np.pi / (2 * LUMA) * _ROWS * (2 * _COLUMNS + 1)), np.float32)


def pdq_v1(luma: Floats) -> NDArray[np.bool_]:
    """Return 256 bits, row by row over the vertical frequencies 1..16, from a 64x64 luminance (`reduce_v1`)."""
    block = _DCT @ luma @ _DCT.T
    return np.asarray(block > np.median(block)).ravel()
