"""What unrelated works score against stages when each is left out of the cohort in turn.

A work that is a member of the cohort and a post at once would be measured by itself: its likeness to itself would raise
the mean that it is held against. So for each pair of a post and a stage whatever of the two is in the cohort is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.vector import Descriptors
from watch.compare import cohort as cohorts
from watch.compare.calibration import Calibration, combine
from watch.compare.cohort import TOP, Against, Cohort
from watch.compare.crops import Canvases
from watch.compare.engine import FULL, VIEWS, canvases_of, kind_of, parts_of
from watch.compare.measures import MEASURES, Matrix, Ready, prepared, rows_of

_BLOCK = 512  # stages at a time, which bounds the memory


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """The surprise of each work as a post: against every stage, and against every other work (-inf for itself)."""

    stages: Matrix
    works: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Pictures ready to be compared, and how they score against the cohort without each work (pictures x works)."""

    ready: Mapping[str, Ready]
    beside: Mapping[str, Against]
    canvases: Canvases | None = None


def leave_one_out(
    works: Sequence[Mapping[str, Descriptors]],
    stages: Sequence[Descriptors],
    used: NDArray[np.bool_],
    cohort: Cohort,
    calibration: Calibration,
) -> LeftOut:
    """Compare works (their views, as posts) with stages and with one another; `used` says which are in the cohort."""
    measures = MEASURES[cohort.fingerprint]
    own = [views[FULL] for views in works]
    every = cohorts.extended(cohort, own)
    size = len(next(iter(cohort.rows.values())))
    unused = size + np.flatnonzero(~used)

    def side(pictures: Sequence[Descriptors], left: int | NDArray[np.intp] | None, *, seen: bool) -> _Side:
        """Make pictures ready; `left` is the cohort's column that no row, or the one that each row, is held against."""
        ready, beside = prepared(rows_of(pictures)), {}
        wider = cohorts.widened(ready)
        for each in measures:
            mine, theirs = ready[each.part], every.ready[each.part]
            scores = (each.compare(mine, theirs) if seen else each.compare(theirs, mine).T).copy()
            scores[:, unused] = -np.inf
            if left is not None:
                scores[np.arange(len(pictures)), left] = -np.inf
            beside[each.name] = wider(left_out(scores, size, each.floor))
        return _Side(ready, beside, None if seen else canvases_of(pictures, ready))

    blocks = [stages[start : start + _BLOCK] for start in range(0, len(stages), _BLOCK)]
    sides = [side(block, None, seen=False) for block in blocks]
    others = side(own, size + np.arange(len(own)), seen=False)
    against_stages = np.zeros((len(works), len(stages)), np.float32)
    against_works = np.zeros((len(works), len(works)), np.float32)
    for work, views in enumerate(works):
        names = [view for view in VIEWS if view in views]
        post = side([views[view] for view in names], left=size + work, seen=True)
        alone = {name: Against(a.mean[:, [work]], a.spread[:, [work]]) for name, a in post.beside.items()}
        plain = _Side(post.ready, alone)
        for start, block in zip(range(0, len(stages), _BLOCK), sides, strict=True):
            found = _surprise(names, plain, block, work, calibration)
            parts = _in_parts(views, block, calibration)
            against_stages[work, start : start + _BLOCK] = np.maximum(found, parts)
        found = _surprise(names, post, others, work, calibration)
        against_works[work] = np.maximum(found, _in_parts(views, others, calibration, work))
        against_works[work, work] = -np.inf
    return LeftOut(against_stages, against_works)


def left_out(scores: Matrix, own: int, floor: float) -> Against:
    """Return mean and deviation of each row's top cohort scores without each own work (rows x own works).

    `scores` are rows x cohort, the own works from column `own` on; what is -inf is not in the cohort at all.
    """
    best = -np.sort(-scores, axis=1)[:, : TOP + 1].astype(np.float64)
    middle = best[:, :TOP].mean(axis=1, keepdims=True)
    best -= middle
    mine = scores[:, own:] - middle
    # Without a work that is not among the closest, the one after them goes: that leaves the closest as they are.
    gone = np.where(mine > best[:, TOP:], mine, best[:, TOP:])
    mean = (best.sum(axis=1, keepdims=True) - gone) / TOP
    spread = np.sqrt(np.maximum((np.square(best).sum(axis=1, keepdims=True) - gone**2) / TOP - mean**2, 0))
    return Against(np.asarray(mean + middle, np.float32), np.asarray(np.maximum(spread, floor), np.float32))


def _in_parts(
    views: Mapping[str, Descriptors], stages: _Side, calibration: Calibration, without: int | None = None
) -> Matrix:
    """Return the largest surprise over parts of each stage; no own work is in the cohort that these are held against."""
    found = parts_of(views, stages.canvases, without)
    kind = kind_of(views)
    values = [
        combine(calibration.views[view], each.normalised, kind)
        for view, each in found.items()
        if view in calibration.views
    ]
    return np.asarray(np.stack(values).max(axis=0) if values else -np.inf, np.float32)


def _surprise(
    names: Sequence[str], post: _Side, stages: _Side, work: int, calibration: Calibration
) -> Matrix:
    """Return the largest surprise over the views of a post for each stage, as `engine.match` has it."""
    scores: dict[str, Matrix] = {}
    for each in MEASURES[calibration.fingerprint]:
        raw = each.compare(post.ready[each.part], stages.ready[each.part])
        one, other = post.beside[each.name], stages.beside[each.name]
        left = (raw - one.mean) / one.spread
        right = (raw - other.mean[:, work]) / other.spread[:, work]
        scores[each.name] = np.asarray((left + right) / 2, np.float32)
    kind = kind_of(names)
    found = [
        combine(calibration.views[view], {key: row[n] for key, row in scores.items()}, kind)
        for n, view in enumerate(names)
    ]
    return np.asarray(np.stack(found).max(axis=0), np.float32)
