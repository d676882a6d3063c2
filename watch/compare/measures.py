"""What two fingerprints are compared by.

A fingerprint has parts; `rows_of` turns each into rows of unit length, `prepared` makes them ready for comparing. A
measure compares one part of posts with the same part of stages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.colour import shrink_thumb_v1
from sakigake.fingerprint.layout_map import CHANNELS
from sakigake.fingerprint.vector import V1, VERSION, Descriptors
from watch.compare.masked import Masked, masked, under
from watch.compare.sharpened import sharpened

Matrix = NDArray[np.float32]
Ready = Matrix | Masked

COLOUR_SIDE = 8
CHROMA_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare: `compare` turns a part of posts and of stages, made ready, into scores (posts x stages).

    `floor` bounds the spread of cohort scores from below. A picture of simple shapes has nearly equal scores with the
    whole cohort; without a floor any small excess would count as many deviations.
    """

    name: str
    part: str
    floor: float
    compare: Callable[[Ready, Ready], Matrix]


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
    small = np.stack([shrink_thumb_v1(picture.thumb, COLOUR_SIDE) for picture in pictures])
    centred = small - small.mean(axis=(1, 2), keepdims=True)
    centred[..., 1:] *= CHROMA_WEIGHT
    return unit(centred.reshape(len(pictures), -1))


def _cosine(posts: Ready, stages: Ready) -> Matrix:
    if isinstance(posts, Masked) or isinstance(stages, Masked):
        raise TypeError("layout maps are compared under masks")
    return np.asarray(posts @ stages.T, np.float32)


def _on_stage(posts: Ready, stages: Ready) -> Matrix:
    """Compare maps where the stage has something: a rough of a few strokes does not care for a post's ground."""
    return under(_maps(posts), _maps(stages))


def _on_post(posts: Ready, stages: Ready) -> Matrix:
    """Compare maps where the post has something."""
    return np.ascontiguousarray(under(_maps(stages), _maps(posts)).T)


def _maps(ready: Ready) -> Masked:
    if isinstance(ready, Masked):
        return ready
    raise TypeError("only layout maps have masks")


LAYOUT, EDGES, COLOURS = "layout_map_v1", "edge_layout_v1", "oklab_thumb_8_v1"
_GRADIENT = "gradient_v1"
SHARP = "layout_sharpened"  # made of the rows of LAYOUT
PARTS: Mapping[str, Mapping[str, Callable[[Sequence[Descriptors]], Matrix]]] = {
    V1: {EDGES: _edges, _GRADIENT: _gradients, COLOURS: _thumbs},
    VERSION: {LAYOUT: _layouts, EDGES: _edges, COLOURS: _thumbs},
}
# The floors were set on the development corpus (docs/matching.md).
_EDGE_LAYOUT = Measure(EDGES, EDGES, 0.02, _cosine)
_THUMBNAILS = Measure(COLOURS, COLOURS, 0.10, _cosine)
MEASURES: Mapping[str, tuple[Measure, ...]] = {
    V1: (_EDGE_LAYOUT, Measure(_GRADIENT, _GRADIENT, 0.03, _cosine), _THUMBNAILS),
    VERSION: (
        Measure("layout_on_stage_v2", SHARP, 0.03, _on_stage),
        Measure("layout_on_post_v2", SHARP, 0.03, _on_post),
        _EDGE_LAYOUT,
        _THUMBNAILS,
    ),
}


def names(version: str) -> tuple[str, ...]:
    """Return the names of what fingerprints of a version are compared by."""
    return tuple(measure.name for measure in MEASURES[version])


def rows_of(pictures: Sequence[Descriptors]) -> dict[str, Matrix]:
    """Return the rows of each part, by its name; the pictures' fingerprints are of one version."""
    return {name: rows(pictures) for name, rows in PARTS[pictures[0].version].items()}


def prepared(rows: Mapping[str, Matrix]) -> dict[str, Ready]:
    """Return the rows of each part ready for comparing, and the learned maps sharpened as well as they are."""
    ready: dict[str, Ready] = {
        name: masked(values) if name == LAYOUT else values for name, values in rows.items()
    }
    if LAYOUT in rows:
        ready[SHARP] = masked(sharpened(rows[LAYOUT]))
    return ready
