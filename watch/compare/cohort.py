"""The cohort: descriptors of pictures that have nothing to do with anyone's post or draft.

A score says little by itself: two centred portraits always resemble each other. So each score is read against the
100 cohort pictures that resemble the post most, and those that resemble the stage most (adaptive score normalisation,
Matějka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition", Interspeech 2017).
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.vector import V1, VERSION, Descriptors, require_same_version
from watch.compare.accidental import widening
from watch.compare.masked import Masked
from watch.compare.measures import EDGES, LAYOUT, MEASURES, PARTS, Matrix, Ready, prepared, rows_of, unit

TOP = 100
NAMES = {V1: "cohort-v1", VERSION: "cohort-v2"}


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Rows of each part of its pictures' fingerprints, and the same made `ready` for comparing.

    `version` names the set, `digest` is the SHA-256 of the file it came from, `fingerprint` the version of the
    fingerprints that it can be compared with.
    """

    version: str
    fingerprint: str
    digest: str
    rows: dict[str, Matrix]
    ready: dict[str, Ready]


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """Mean and deviation of the top cohort scores of some pictures, one value per picture."""

    mean: Matrix
    spread: Matrix


def load(fingerprint: str = VERSION) -> Cohort:
    """Return the cohort that ships for a version of the fingerprint; raises ConfigError when its file is damaged."""
    return _load(fingerprint)


@cache  # of 70 MB: whoever names the version and whoever does not get the same one
def _load(fingerprint: str) -> Cohort:
    name = NAMES[fingerprint]
    raw = resources.read_bytes(f"{name}.npz")
    about = json.loads(resources.read_text(f"{name}.json"))
    digest = hashlib.sha256(raw).hexdigest()
    if digest != about["sha256"] or about["fingerprint"] != fingerprint:
        raise ConfigError("check-data-damaged", name=f"{name}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        rows = {part: unit(arrays[part].astype(np.float32)) for part in PARTS[fingerprint]}
    return Cohort(str(about["version"]), fingerprint, digest, rows, prepared(rows))


def extended(cohort: Cohort, pictures: Sequence[Descriptors]) -> Cohort:
    """Return a cohort with more pictures in it, after its own; raises UsageError for another fingerprint version."""
    for picture in pictures:
        require_same_version(picture.version, cohort.fingerprint)
    if not pictures:
        return cohort
    more = rows_of(pictures)
    rows = {part: np.concatenate([values, more[part]]) for part, values in cohort.rows.items()}
    return replace(cohort, rows=rows, ready=prepared(rows))


def beside_posts(cohort: Cohort, posts: Mapping[str, Ready]) -> dict[str, Against]:
    """Return, for each measure, how posts score against the cohort's closest pictures as stages."""
    wider = widened(posts)
    return {
        measure.name: wider(
            top(measure.compare(posts[measure.part], cohort.ready[measure.part]), measure.floor)
        )
        for measure in MEASURES[cohort.fingerprint]
    }


def beside_stages(cohort: Cohort, stages: Mapping[str, Ready]) -> dict[str, Against]:
    """Return, for each measure, how stages score against the cohort's closest pictures as posts."""
    wider = widened(stages)
    return {
        measure.name: wider(
            top(measure.compare(cohort.ready[measure.part], stages[measure.part]).T, measure.floor)
        )
        for measure in MEASURES[cohort.fingerprint]
    }


def widened(pictures: Mapping[str, Ready]) -> Callable[[Against], Against]:
    """Return what makes deviations larger for pictures that are alike by accident; those of version 1 stay as they are."""
    layouts, edges = pictures.get(LAYOUT), pictures[EDGES]
    if not isinstance(layouts, Masked) or isinstance(edges, Masked):
        return lambda against: against
    factors = widening(layouts, edges)

    def wider(against: Against) -> Against:
        # Of each picture there is one deviation, or one for each work that is left out of the cohort.
        rows = factors if against.spread.ndim == 1 else factors[:, None]
        return replace(against, spread=against.spread * rows)

    return wider


def top(scores: Matrix, floor: float) -> Against:
    """Return mean and deviation of the closest cohort pictures, row by row; `floor` bounds the deviation from below."""
    count = min(TOP, scores.shape[1])
    best = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count:]
    return Against(best.mean(axis=1), np.maximum(best.std(axis=1), floor))


def normalise(scores: NDArray[np.float32], posts: Against, stages: Against) -> Matrix:
    """Return scores (posts x stages) in deviations above the top cohort scores, the mean of both sides."""
    one = (scores - posts.mean[:, None]) / posts.spread[:, None]
    other = (scores - stages.mean) / stages.spread
    return np.asarray((one + other) / 2, np.float32)
