"""The cohort: descriptors of pictures that have nothing to do with anyone's post or draft.

A score says little by itself: two centred portraits always resemble each other. So each score is read against the
100 cohort pictures that resemble the post most, and those that resemble the stage most (adaptive score normalisation,
Matějka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition", Interspeech 2017).
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from watch.compare.measures import MEASURES, Matrix, unit

TOP = 100
NAME = "cohort-v1"


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Rows of each measure; `version` names the set, `digest` is the SHA-256 of the file it came from."""

    version: str
    digest: str
    rows: dict[str, Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """Mean and deviation of the top cohort scores of some pictures, one value per picture."""

    mean: Matrix
    spread: Matrix


@cache
def load() -> Cohort:
    """Return the cohort that ships; raises ConfigError when its file is damaged."""
    raw = resources.read_bytes(f"{NAME}.npz")
    about = json.loads(resources.read_text(f"{NAME}.json"))
    digest = hashlib.sha256(raw).hexdigest()
    if digest != about["sha256"]:
        raise ConfigError("check-data-damaged", name=f"{NAME}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        rows = {measure.name: unit(arrays[measure.name].astype(np.float32)) for measure in MEASURES}
    return Cohort(str(about["version"]), digest, rows)


def against(cohort: Cohort, rows: dict[str, Matrix]) -> dict[str, Against]:
    """Return, for each measure, how the pictures behind `rows` score against the cohort's closest pictures."""
    return {
        measure.name: _top(rows[measure.name] @ cohort.rows[measure.name].T, measure.floor)
        for measure in MEASURES
    }


def _top(scores: Matrix, floor: float) -> Against:
    count = min(TOP, scores.shape[1])
    top = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count:]
    return Against(top.mean(axis=1), np.maximum(top.std(axis=1), floor))


def normalise(scores: NDArray[np.float32], posts: Against, stages: Against) -> Matrix:
    """Return scores (posts x stages) in deviations above the top cohort scores, the mean of both sides."""
    one = (scores - posts.mean[:, None]) / posts.spread[:, None]
    other = (scores - stages.mean) / stages.spread
    return np.asarray((one + other) / 2, np.float32)
