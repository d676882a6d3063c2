"""Scores of many posts against many stages, as the product computes them, and as matrices for counting."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from bench.protocol import Mask, Views
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import Descriptors
from watch.compare import crops
from watch.compare.calibration import Calibration, Channel, Kind, combine
from watch.compare.cohort import Cohort
from watch.compare.engine import (
    CROPS,
    FULL,
    VIEWS,
    Gallery,
    comparable,
    gallery,
    kind_of,
    parts_of,
    score_views,
)
from watch.compare.measures import Matrix, names

_BLOCK = 32
_shared: dict[str, tuple[Gallery, Mask, Cohort]] = {}  # what each process of a pool works with
REFUSED = np.float32(-99.0)  # of a post or a stage that carries too little


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Normalised scores by view and measure (posts x stages), and which posts have the view at all."""

    normalised: Mapping[str, Mapping[str, Matrix]]
    present: Mapping[str, Mask]
    stage_usable: Mask

    def surprise(self, views: Mapping[str, tuple[Channel, ...]]) -> Matrix:
        """Return the calibrated value of every post and stage; REFUSED where either carries too little."""
        shape = next(iter(self.normalised[FULL].values())).shape
        best = np.full(shape, REFUSED, np.float32)
        kinds = np.array([kind_of([view for view in VIEWS if here[view]]) for here in self._rows()])
        for kind in Kind:
            for view, channels in views.items():
                chosen = np.flatnonzero(self.present[view] & (kinds == kind))
                scores = {name: values[chosen] for name, values in self.normalised[view].items()}
                if chosen.size:
                    best[chosen] = np.maximum(best[chosen], combine(channels, scores, kind))
        best[:, ~self.stage_usable] = REFUSED
        return best

    def _rows(self) -> Iterator[dict[str, bool]]:
        for row in range(len(self.present[FULL])):
            yield {view: bool(self.present[view][row]) for view in VIEWS}


def ready(stages: Sequence[Descriptors], cohort: Cohort) -> tuple[Gallery, Mask]:
    """Return the gallery of all stages and which of them carry enough to be compared."""
    usable = np.array([information(stage.coverage, stage.contrast) is None for stage in stages])
    return gallery(stages, cohort), usable


def score_all(posts: Sequence[Views], stages: Gallery, usable: Mask, cohort: Cohort, jobs: int = 2) -> Scores:
    """Score every view of many posts against every stage, by some processes."""
    blocks = [posts[start : start + _BLOCK] for start in range(0, len(posts), _BLOCK)]
    with ProcessPoolExecutor(
        jobs, initializer=_shared.update, initargs=({"all": (stages, usable, cohort)},)
    ) as pool:
        parts = list(pool.map(_score_block, blocks))
    first = parts[0]
    return Scores(
        {
            view: {name: np.concatenate([part.normalised[view][name] for part in parts]) for name in values}
            for view, values in first.normalised.items()
        },
        {view: np.concatenate([part.present[view] for part in parts]) for view in first.present},
        usable,
    )


def _score_block(posts: Sequence[Views]) -> Scores:
    return score(posts, *_shared["all"])


def score(posts: Sequence[Views], stages: Gallery, usable: Mask, cohort: Cohort) -> Scores:
    """Score every view of every post against every stage."""
    shape = (len(posts), stages.size)
    measures = names(cohort.fingerprint)
    normalised = {view: {name: np.zeros(shape, np.float32) for name in measures} for view in VIEWS}
    normalised |= {view: {name: np.full(shape, crops.NONE) for name in crops.MEASURES} for view in CROPS}
    present = {view: np.zeros(len(posts), np.bool_) for view in (*VIEWS, *CROPS)}
    for row, post in enumerate(posts):
        kept, _ = comparable(post)
        seen = [view for view in VIEWS if view in kept]
        if not seen:
            continue
        _, values = score_views([kept[view] for view in seen], stages, cohort)
        for number, view in enumerate(seen):
            present[view][row] = True
            for name in measures:
                normalised[view][name][row] = values[name][number]
        for view, found in parts_of(kept, stages.canvases).items():
            present[view][row] = True
            for name, values_of in found.normalised.items():
                normalised[view][name][row] = values_of
    return Scores(normalised, present, usable)


def best_wrong(values: Matrix, ignored: Mask) -> Matrix:
    """Return each post's largest value over the stages that count against it."""
    return np.asarray(np.where(ignored, REFUSED, values).max(axis=1), np.float32)


def charged(calibration: Calibration, values: Matrix, stages: int) -> Matrix:
    """Return values as `Calibration.level` compares them with its levels."""
    return np.asarray(values - max(0.0, float(np.log10(stages / calibration.stages))), np.float32)
