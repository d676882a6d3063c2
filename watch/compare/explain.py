"""Which regions of a post and a stage agree: what each cell adds to the scores that they are compared by.

A score is a sum over cells, so the sum of a map of contributions is the score itself. A cell may take away from it: there
the two disagree. Layout, edges and colours are told apart, since a generator may keep one of them and change another.
"""

from dataclasses import dataclass

import numpy as np

from sakigake.fingerprint.edges import CELLS
from sakigake.fingerprint.layout_map import SIDE
from sakigake.fingerprint.vector import Descriptors, require_same_version
from watch.compare.masked import CELLS as MAP_CELLS
from watch.compare.masked import Masked, Matrix, masked
from watch.compare.measures import COLOUR_SIDE, COLOURS, EDGES, LAYOUT, rows_of
from watch.compare.sharpened import sharpened


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Contributions by cell, rows from top to bottom; float32.

    `layout` 16 x 16 adds up to the mean of the two masked correlations, `edges` 16 x 16 and `colours` 8 x 8 (of a part of
    a stage 16 x 16) to their cosines. `layout` is None for fingerprints of version 1, which have no learned map.
    """

    layout: Matrix | None
    edges: Matrix
    colours: Matrix


def agreement(post: Descriptors, stage: Descriptors) -> Agreement:
    """Return where a view of a post agrees with a stage; raises UsageError when their versions differ."""
    require_same_version(post.version, stage.version)
    rows = rows_of([post, stage])
    return Agreement(
        layout=layout_agreement(masked(sharpened(rows[LAYOUT]))) if LAYOUT in rows else None,
        edges=_cells(rows[EDGES], CELLS),
        colours=_cells(rows[COLOURS], COLOUR_SIDE),
    )


def layout_agreement(pair: Masked) -> Matrix:
    """Return what each cell adds to the correlations of two maps (post, stage), the mean of both masks."""
    both = _under(pair, seen=0, mask=1) + _under(pair, seen=1, mask=0)
    return np.asarray(both.reshape(SIDE, SIDE) / 2, np.float32)


def _under(pair: Masked, *, seen: int, mask: int) -> Matrix:
    """Return what each cell adds to the correlation of map `seen` with map `mask` under the weights of `mask`.

    The means are taken off on both sides, although one would do for the sum: a cell where both are average adds nothing.
    """
    cells = pair.maps[seen].reshape(-1, MAP_CELLS)
    weights = pair.weights[mask]
    centred = cells - (cells @ weights / pair.sums[mask])[:, None]
    spread = max(float((np.square(centred) * weights).sum()), 1e-6)
    directions = pair.directions[mask].reshape(-1, MAP_CELLS)
    return np.asarray((centred * directions).sum(axis=0) / np.sqrt(spread), np.float32)


def _cells(rows: Matrix, side: int) -> Matrix:
    """Return the products of two unit rows, added up by cell; a row runs over cells, then over values in a cell."""
    return np.asarray((rows[0] * rows[1]).reshape(side, side, -1).sum(axis=2), np.float32)
