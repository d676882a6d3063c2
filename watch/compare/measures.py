"""What two fingerprints are compared by: each measure turns fingerprints into rows whose dot product is a cosine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.colour import shrink_thumb_v1
from sakigake.fingerprint.layout_map import CHANNELS
from sakigake.fingerprint.vector import V1, VERSION, Descriptors

Matrix = NDArray[np.float32]

_THUMB = 8
_CHROMA_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare: `rows` makes unit vectors, `floor` bounds the spread of cohort scores from below.

    A picture of simple shapes has nearly equal scores with the whole cohort; without a floor any small excess would
    count as many deviations.
    """

    name: str
    floor: float
    rows: Callable[[Sequence[Descriptors]], Matrix]


def unit(rows: Matrix) -> Matrix:
    """Return rows of length one; a row of zeros stays."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)


def _layouts(pictures: Sequence[Descriptors]) -> Matrix:
    """Return learned maps, each channel around its mean: how much of a thing there is says nothing of where it is."""
    maps = np.stack([picture.layout for picture in pictures]).astype(np.float32)
    channels = maps.reshape(len(pictures), CHANNELS, -1)
    channels -= channels.mean(axis=2, keepdims=True)
    return unit(maps)


def _edges(pictures: Sequence[Descriptors]) -> Matrix:
    return unit(np.stack([picture.edges for picture in pictures]).astype(np.float32))


def _gradients(pictures: Sequence[Descriptors]) -> Matrix:
    return unit(np.stack([picture.gradients for picture in pictures]).astype(np.float32))


def _thumbs(pictures: Sequence[Descriptors]) -> Matrix:
    """Return OKLab thumbnails of 8 x 8 around their mean, so that a colour cast over the whole picture is no matter."""
    small = np.stack([shrink_thumb_v1(picture.thumb, _THUMB) for picture in pictures])
    centred = small - small.mean(axis=(1, 2), keepdims=True)
    centred[..., 1:] *= _CHROMA_WEIGHT
    return unit(centred.reshape(len(pictures), -1))


# The floors were set on the development corpus (docs/matching.md).
_EDGES = Measure("edge_layout_v1", 0.02, _edges)
_COLOURS = Measure("oklab_thumb_8_v1", 0.10, _thumbs)
MEASURES: Mapping[str, tuple[Measure, ...]] = {
    V1: (_EDGES, Measure("gradient_v1", 0.03, _gradients), _COLOURS),
    VERSION: (Measure("layout_map_v1", 0.03, _layouts), _EDGES, _COLOURS),
}


def names(version: str) -> tuple[str, ...]:
    """Return the names of what fingerprints of a version are compared by."""
    return tuple(measure.name for measure in MEASURES[version])


def rows_of(pictures: Sequence[Descriptors]) -> dict[str, Matrix]:
    """Return the rows of each measure, by its name; the pictures' fingerprints are of one version."""
    return {measure.name: measure.rows(pictures) for measure in MEASURES[pictures[0].version]}
