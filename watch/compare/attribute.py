"""Which stage a post was made from: the best fit, and all that fit nearly as well."""

from dataclasses import dataclass

import numpy as np

from watch.compare.measures import Matrix

# Neighbouring stages differ by a few strokes; redrawing, blurring and recompressing move a score by more than that.
NEAR_SHARE = 0.15
NEAR_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Attribution:
    """Positions in the gallery: the best stage and the first and last of those that fit nearly as well."""

    best: int
    first: int
    last: int


def attribute(surprise: Matrix) -> Attribution:
    """Return the attribution among stages in drawing order.

    The claim rests on the whole range: nothing is said about which of the stages in it was the one.
    """
    best = int(surprise.argmax())
    value = float(surprise[best])
    near = np.flatnonzero(surprise >= value - max(NEAR_LEAST, NEAR_SHARE * abs(value)))
    return Attribution(best, int(near[0]), int(near[-1]))
