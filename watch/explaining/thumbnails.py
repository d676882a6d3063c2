"""The thumbnail test: two pictures at 8, 16, 32 and 64 dots, enlarged again without smoothing.

A picture made from another from image to image mostly keeps what is large: at thumbnail size both look the same, however
different they are close up. Two unrelated pictures differ there at once. The same strip of a chance pair stands beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sakigake.fingerprint.views import Pixels
from watch.explaining.letters import Letters
from watch.explaining.sheet import below, beside, blank, bordered, centred, enlarged, margined, size_within

SIZES = (8, 16, 32, 64)  # dots of the longer side
_TILE = 192  # a multiple of each
_LABEL = 92


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two aligned pictures of equal size, and what stands above them and beside each."""

    title: str
    names: tuple[str, str]
    pictures: tuple[Pixels, Pixels]


def thumbnail(pixels: Pixels, longest: int) -> Pixels:
    """Return a picture shrunk to `longest` dots by area means, however long and thin it is."""
    size = size_within((pixels.shape[1], pixels.shape[0]), longest)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def sheet(pairs: Sequence[Pair], letters: Letters) -> Pixels:
    """Return the strips of all pairs, one below the other, each size in a column of its own."""
    width = _LABEL + len(SIZES) * (_TILE + 14)
    parts = [_heads(letters)]
    for pair in pairs:
        rows = [_row(name, pixels, letters) for name, pixels in zip(pair.names, pair.pictures, strict=True)]
        parts += [letters.strip(pair.title, 17, width), below(rows, 8)]
    return margined(below(parts))


def _heads(letters: Letters) -> Pixels:
    heads = blank(26, _LABEL + len(SIZES) * (_TILE + 14))
    for column, size in enumerate(SIZES):
        letters.draw(heads, f"{size} px", (_LABEL + column * (_TILE + 14), 0), 17)
    return heads


def _row(name: str, pixels: Pixels, letters: Letters) -> Pixels:
    tiles = []
    for size in SIZES:
        small = thumbnail(pixels, size)
        times = _TILE // size
        large = enlarged(small, (small.shape[1] * times, small.shape[0] * times))
        tiles.append(bordered(centred(large, large.shape[0], _TILE)))
    height = max(tile.shape[0] for tile in tiles)
    label = blank(max(height, 44), _LABEL - 12)
    for number, line in enumerate(letters.wrapped(name, 15, _LABEL - 12)):
        letters.draw(label, line, (0, number * 21), 15)
    return beside([label, *tiles])
