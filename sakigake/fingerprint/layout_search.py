"""Where in a stage a post may lie: layout maps compared over crops, borders and shifts.

A post that was cropped shows a part of the stage, one in an app's frame shows the stage in a part of itself. Each such
guess is a hypothesis: the post's map is resampled as the guess says, and its cosine with the stage's map is taken over
the cells where both are seen. All hypotheses and stages are one matrix product. A mirrored post is searched for with
the map of its mirror image (`layout_maps_v1`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import CHANNELS, SIDE, SIZE
from sakigake.fingerprint.views import Floats

_LEAST_ENERGY = 1e-3  # of a stage's best window: an empty corner must not match everything


class Kind(StrEnum):
    """How post and stage lie to each other."""

    WHOLE = "whole"
    CROP = "crop"  # the post is a part of the stage
    BORDER = "border"  # the stage is a part of the post


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The smaller picture's side is `scale` of the larger one's; its corner lies at (`top`, `left`), shares of a side."""

    kind: Kind
    scale: float
    top: float
    left: float


def _grid(scale: float, step: float) -> Iterator[Hypothesis]:
    places = np.arange(round((1 - scale) / step) + 1) * step
    for kind in (Kind.CROP, Kind.BORDER):
        for top in places:
            for left in places:
                yield Hypothesis(kind, scale, float(top), float(left))


# A cell is 1/16 of a side; the net was trained to bear half of one. Strong crops are looked for on a coarser grid.
HYPOTHESES = (
    Hypothesis(Kind.WHOLE, 1.0, 0.0, 0.0),
    *_grid(0.9375, 0.0625),
    *_grid(0.875, 0.0625),
    *_grid(0.75, 0.0625),
    *_grid(0.625, 0.125),
)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Stages ready for comparing: `rows` n x 3072 and `lengths` hypotheses x n (of the part a hypothesis looks at)."""

    rows: Floats
    lengths: Floats


class Search:
    """The hypotheses as matrices: made once, used for every post."""

    def __init__(self, hypotheses: Sequence[Hypothesis] = HYPOTHESES) -> None:
        self.hypotheses = tuple(hypotheses)
        ways = [[_axis(guess, start) for guess in hypotheses] for start in ("top", "left")]
        self._down, self._across = (np.stack([matrix for matrix, _ in way]) for way in ways)
        rows, columns = (np.stack([seen for _, seen in way]) for way in ways)
        self._masks: Floats = (rows[:, :, None] & columns[:, None, :]).astype(np.float32)

    def views(self, layout: NDArray[np.generic]) -> Floats:
        """Return the map of a post (12 x 16 x 16) as each hypothesis sees it: hypotheses x 3072, unit length."""
        post = np.asarray(layout, np.float32).reshape(1, CHANNELS, SIDE, SIDE)
        moved = self._down[:, None] @ post @ self._across[:, None].transpose(0, 1, 3, 2)
        masks = self._masks[:, None]
        mean = (moved * masks).sum(axis=(2, 3), keepdims=True) / masks.sum(axis=(2, 3), keepdims=True)
        rows = ((moved - mean) * masks).reshape(len(self.hypotheses), SIZE)
        return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)

    def prepare(self, layouts: NDArray[np.generic]) -> Prepared:
        """Return stages (n x 12 x 16 x 16) made ready."""
        rows = np.asarray(layouts, np.float32).reshape(len(layouts), CHANNELS, SIDE * SIDE)
        masks = self._masks.reshape(len(self.hypotheses), -1)
        energy = (rows**2).sum(axis=1) @ masks.T
        for channel in range(CHANNELS):
            energy -= (rows[:, channel] @ masks.T) ** 2 / masks.sum(axis=1)
        least = _LEAST_ENERGY * energy.max(axis=1, keepdims=True) + 1e-9
        return Prepared(rows.reshape(len(rows), SIZE), np.sqrt(np.maximum(energy, least)).T)

    def compare(self, layout: NDArray[np.generic], stages: Prepared) -> Floats:
        """Return the cosine of a post with each stage under each hypothesis: hypotheses x n, -1..1."""
        return np.asarray(self.views(layout) @ stages.rows.T / stages.lengths, np.float32)


def _axis(guess: Hypothesis, start: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the matrix that resamples one axis of a post's map, and which cells of the stage the post covers."""
    corner = float(getattr(guess, start))
    centres = (np.arange(SIDE) + 0.5) / SIDE
    if guess.kind is Kind.CROP:
        seen = (centres > corner) & (centres < corner + guess.scale)
        places = (centres - corner) / guess.scale
    else:
        seen = np.ones(SIDE, np.bool_)
        places = corner + centres * guess.scale
    spots = np.clip(places * SIDE - 0.5, 0, SIDE - 1)
    lower = np.minimum(np.floor(spots).astype(np.intp), SIDE - 2)
    part = spots - lower
    matrix = np.zeros((SIDE, SIDE), np.float32)
    matrix[np.arange(SIDE), lower] = 1 - part
    matrix[np.arange(SIDE), lower + 1] += part
    return matrix, seen
