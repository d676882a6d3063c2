"""Which stage a post was made from: the best fit, and the range of stages that its picture lay between."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.vector import Descriptors
from watch.compare.measures import Matrix

# Neighbouring stages differ by a few strokes; redrawing, blurring and recompressing move a score by more than that.
NEAR_SHARE = 0.15
NEAR_LEAST = 0.5
# How far the same picture gets from itself by scaling and compression: root mean square over the steps of a descriptor,
# and of OKLab. Measured on screenshots of a stream (python -m bench.copier): 0.2-0.6 and 0.004; the next stage 1.2-28.
COPY_STEPS, COPY_TONES = 2.0, 0.015
COPY_AGAIN = 2.0


@dataclass(frozen=True, slots=True)
class Attribution:
    """Positions in the gallery: the best stage, and the first and last between which the post's picture lay."""

    best: int
    first: int
    last: int


def attribute(surprise: Matrix, same: NDArray[np.intp]) -> Attribution:
    """Return the attribution among stages in drawing order; `same` are those the post is a plain copy of.

    The claim rests on the whole range: nothing is said about which of the stages in it was the one. It begins with the
    first that fits nearly as well and ends with the one after the last, since a post that is no copy of a stage may show
    the canvas as it was between two: seen by that next stage, and no sooner, has it certainly been there. Without it a
    copier's record of an earlier stage passed for what the artist drew after it (docs/adr/0014).
    """
    if same.size:
        best = int(same[surprise[same].argmax()])
        return Attribution(best, int(same[0]), int(same[-1]))
    best = int(surprise.argmax())
    value = float(surprise[best])
    near = np.flatnonzero(surprise >= value - max(NEAR_LEAST, NEAR_SHARE * abs(value)))
    return Attribution(best, int(near[0]), min(int(near[-1]) + 1, surprise.size - 1))


def copies(post: Descriptors, stages: Sequence[Descriptors]) -> NDArray[np.intp]:
    """Return the positions of the stages that `post` is a plain copy of, such as a screenshot; mostly none.

    A copy tells neighbouring stages apart where a redrawn post cannot.
    """
    steps = np.array([max(_steps(post, stage)) for stage in stages])
    tones = np.array([float(np.sqrt(np.mean((post.thumb - stage.thumb) ** 2))) for stage in stages])
    alike = (steps <= min(COPY_STEPS, COPY_AGAIN * max(float(steps.min()), 0.5))) & (tones <= COPY_TONES)
    return np.flatnonzero(alike)


def _steps(post: Descriptors, stage: Descriptors) -> list[float]:
    """Return how far two fingerprints of one version are apart in each descriptor that tells strokes apart."""
    return [
        _apart(one, other)
        for one, other in (
            (post.edges, stage.edges),
            (post.gradients, stage.gradients),
            (post.layout, stage.layout),
        )
        if one.size
    ]


def _apart(one: NDArray[np.int8], other: NDArray[np.int8]) -> float:
    return float(np.sqrt(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2)))
