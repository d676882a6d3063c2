"""Which stages of a work stand for it in the shortlist: a few that are as different from one another as can be."""

import numpy as np
from numpy.typing import NDArray

MOST = 10


def key_stages(rows: NDArray[np.float32], most: int = MOST) -> NDArray[np.intp]:
    """Return the positions of at most `most` rows (stages x values) that cover all, in drawing order.

    The last stage comes first, then always the one that is farthest from all chosen so far (Gonzalez 1985): every stage
    is then within twice the smallest distance that so few can do with. Stages that are the same as a chosen one are not
    chosen.
    """
    if not len(rows):
        return np.zeros(0, np.intp)
    chosen = [len(rows) - 1]
    away = _apart(rows, rows[-1])
    while len(chosen) < most and float(away.max()) > 0:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, _apart(rows, rows[chosen[-1]]))
    return np.array(sorted(chosen), np.intp)


def _apart(rows: NDArray[np.float32], one: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.square(rows - one).sum(axis=1), np.float32)
