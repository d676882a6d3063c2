"""The artist's own unrelated works as further members of the cohort, and what was counted with them.

Kept are fingerprints, never pictures and no names, in one file under the home. It belongs to the fingerprint, the cohort and
the calibration that it was made with; with any other it is not used. Levels are only ever raised by it.
"""

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sakigake import durable
from sakigake.errors import ConfigError, SakigakeError
from sakigake.fingerprint.vector import VERSION, Descriptors, require_same_version, unpack
from sakigake.model import Likeness
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare import engine
from watch.compare.calibration import Calibration, Kind, combine
from watch.compare.cohort import Cohort
from watch.compare.measures import Matrix

NAME = "own-works.json"
FORMAT = 1
LEAST = 100  # works that a level may be raised by
MAX_BYTES = 100 * 2**20
RATES = {Likeness.SOME: 0.01, Likeness.STRONG: 0.001}
_STEPS = 1000  # levels are kept in thousandths


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """Own works as they are kept: `raised` is what is added to `some` and to `strong`, `mark` names the file."""

    works: tuple[Descriptors, ...]
    alarms: tuple[int, int]
    raised: tuple[float, float]
    mark: str

    @property
    def calibration(self) -> Calibration:
        """Return the shipped calibration under its own name, with the levels as they were raised."""
        known = calibrations.load(VERSION)
        some = known.some + self.raised[0]
        strong = max(some, known.strong + self.raised[1])
        return replace(known, version=f"{known.version}+own-{self.mark}", some=some, strong=strong)

    def cohort(self, post: Mapping[str, Descriptors], stages: Sequence[Descriptors]) -> Cohort:
        """Return the cohort for one comparison: without own works that are like the post or one of the stages.

        Such a work is not unrelated here: the picture before it was retouched, or the one that a post was made of. In
        the cohort it would make a true likeness look common.
        """
        shipped, known = cohorts.load(VERSION), calibrations.load(VERSION)
        near = engine.match(post, engine.gallery(self.works, shipped), shipped, known).surprise >= known.some
        near |= like_stages(self.works, stages, shipped, known).max(axis=1) >= known.some
        kept = [work for work, out in zip(self.works, near.tolist(), strict=True) if not out]
        return cohorts.extended(shipped, kept)


def like_stages(
    works: Sequence[Descriptors], stages: Sequence[Descriptors], cohort: Cohort, known: Calibration
) -> Matrix:
    """Return the surprise of works as they are, seen as posts, against stages (works x stages)."""
    _, scores = engine.score_views(works, engine.gallery(stages, cohort), cohort)
    return combine(known.views[engine.FULL], scores, Kind.PLAIN)


def raises(best: Matrix, known: Calibration) -> tuple[float, float]:
    """Return what `some` and `strong` are raised by, so that no more works alarm than a level allows.

    `best` is the charged surprise of each work. Fewer than `LEAST` works raise nothing, and nothing is ever lowered.
    """
    if best.size < LEAST:
        return 0.0, 0.0
    ranked = np.sort(best.astype(np.float64))[::-1]
    levels = (known.some, RATES[Likeness.SOME]), (known.strong, RATES[Likeness.STRONG])
    over = [float(ranked[int(rate * best.size)]) - level for level, rate in levels]
    # Half a step above it at least: what was seen shall not reach the level by a rounding.
    some, strong = (math.ceil(each * _STEPS + 0.5) / _STEPS if each >= 0 else 0.0 for each in over)
    return some, strong


def write(
    home: Path, fingerprints: Sequence[bytes], alarms: tuple[int, int], raised: tuple[float, float]
) -> Own:
    """Keep own works in place of those kept before; raises OSError with the old file intact."""
    cohort, known = cohorts.load(VERSION), calibrations.load(VERSION)
    record = {
        "v": FORMAT,
        "fingerprint": VERSION,
        "calibration": known.version,
        "cohort": cohort.digest,
        "alarms": list(alarms),
        "raised": [round(value * _STEPS) for value in raised],
        "works": [base64.b64encode(each).decode("ascii") for each in fingerprints],
    }
    raw = json.dumps(record, sort_keys=True, separators=(",", ":")).encode("ascii")
    durable.write(home / NAME, raw)
    return parse(raw)


def read(home: Path) -> Own | None:
    """Return the own works that are kept, None without any; raises ConfigError for those that do not fit."""
    path = home / NAME
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return parse(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise ConfigError("own-works-unfit", path=path) from error


def parse(raw: bytes) -> Own:
    """Read what is kept; raises ConfigError when it is damaged or made for another version."""
    try:
        record = json.loads(raw)
        _require_fitting(record)
        works = tuple(unpack(base64.b64decode(each, validate=True)) for each in record["works"])
        for work in works:
            require_same_version(work.version, VERSION)
        some, strong = _two(record["raised"], 20 * _STEPS)
        alarms = _two(record["alarms"], len(works) + 1)
    except (KeyError, TypeError, ValueError, binascii.Error, RecursionError, SakigakeError) as error:
        raise ConfigError("own-works-unfit", path=NAME) from error
    return Own(works, alarms, (some / _STEPS, strong / _STEPS), hashlib.sha256(raw).hexdigest()[:8])


def _require_fitting(record: Mapping[str, Any]) -> None:
    cohort, known = cohorts.load(VERSION), calibrations.load(VERSION)
    found = [record[key] for key in ("v", "fingerprint", "calibration", "cohort")]
    if not record["works"] or found != [FORMAT, VERSION, known.version, cohort.digest]:
        raise ValueError("nothing in it, or another version")


def _two(values: object, below: int) -> tuple[int, int]:
    if not (
        isinstance(values, list)
        and len(values) == len(RATES)
        and all(type(value) is int and 0 <= value < below for value in values)
    ):
        raise ValueError("not two numbers")
    return values[0], values[1]
