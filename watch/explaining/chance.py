"""What chance looks like: the whole procedure run with unrelated pictures in the place of the post.

The pictures ship with the program. They were drawn by code (bench/make_chance.py), so they are nobody's, and none of them is
in the cohort that scores are read against. Which of them are shown is a rule, not a choice: all are compared as whole
pictures with the stage in question, and the one with the highest value and the one in the middle are shown, each put through
the very same steps as the post: views, mirror, parts, alignment, bounded registration.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import V1, Descriptors, fingerprint_v1, fingerprint_v2, unpack
from sakigake.fingerprint.views import Pixels
from sakigake.model import CalibrationCount
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare import engine
from watch.compare.calibration import Kind, combine

NAME = "chance-v1"
RULE = (
    "of all shipped unrelated pictures, compared whole with this stage: the highest value and the middle one"
)
CLOSEST, MIDDLE = "closest", "median"


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An unrelated picture in the post's place: its number in the shipped set, and what the comparison gave.

    `rank` is its place among all of them, from 1 for the highest; `surprise` the value of the whole procedure.
    """

    role: str
    number: int
    rank: int
    among: int
    pixels: Pixels
    surprise: float
    view: str
    part: tuple[float, float, float, float] | None
    counts: CalibrationCount


@dataclass(frozen=True, slots=True)
class Valued:
    """What one picture is worth against one stage: its value, the view, and the part of the stage that gave it."""

    surprise: float
    view: str
    part: tuple[float, float, float, float] | None
    counts: CalibrationCount


@cache
def digest() -> str:
    """Return the SHA-256 of the shipped set; raises ConfigError when it is damaged."""
    raw = resources.read_bytes(f"{NAME}.npz")
    found = hashlib.sha256(raw).hexdigest()
    if found != json.loads(resources.read_text(f"{NAME}.json"))["sha256"]:
        raise ConfigError("check-data-damaged", name=f"{NAME}.npz")
    return found


@cache
def pictures() -> tuple[Pixels, ...]:
    """Return the shipped pictures, BGR; raises ConfigError when their file is damaged."""
    from PIL import Image  # noqa: PLC0415

    digest()
    with np.load(io.BytesIO(resources.read_bytes(f"{NAME}.npz")), allow_pickle=False) as arrays:
        coded, ends = arrays["coded"].tobytes(), arrays["ends"].tolist()
    found = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        with Image.open(io.BytesIO(coded[start:end])) as picture:
            found.append(np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1]))
    return tuple(found)


@cache
def described(version: str) -> tuple[tuple[int, ...], tuple[Descriptors, ...]]:
    """Return the numbers of the pictures that carry enough, and their fingerprints of a version."""
    make = fingerprint_v1 if version == V1 else fingerprint_v2
    every = [unpack(make(pixels)) for pixels in pictures()]
    usable = [n for n, each in enumerate(every) if information(each.coverage, each.contrast) is None]
    return tuple(usable), tuple(every[number] for number in usable)


def value(pixels: Pixels, stage: Descriptors) -> Valued | None:
    """Return what a picture is worth against one stage, by all that `check` does; None when it carries too little."""
    version = stage.version
    views = engine.comparable(engine.post_views(pixels, version))[0]
    if not views:
        return None
    others, known = cohorts.load(version), calibrations.load(version)
    match = engine.match(views, engine.gallery([stage], others), others, known)
    window = match.window(0)
    part = (window.top, window.left, window.height, window.width) if window else None
    surprise = float(match.surprise[0])
    return Valued(surprise, match.names[match.views[0]], part, known.count(surprise))


def ranking(stage: Descriptors) -> list[tuple[int, float]]:
    """Return number and value of every shipped picture compared as a whole with a stage, the highest first."""
    version = stage.version
    numbers, known = described(version)
    others = cohorts.load(version)
    _, normalised = engine.score_views(known, engine.gallery([stage], others), others)
    channels = calibrations.load(version).views[engine.FULL]
    surprise = combine(channels, normalised, Kind.PLAIN)[:, 0]
    order = np.argsort(-surprise, kind="stable")
    return [(numbers[place], float(surprise[place])) for place in order]


def examples(stage: Descriptors) -> list[Example]:
    """Return the pictures that the rule names, valued by the whole procedure."""
    ranked = ranking(stage)
    chosen = ((CLOSEST, 0), (MIDDLE, len(ranked) // 2))
    found = []
    for role, place in chosen:
        number = ranked[place][0]
        pixels = pictures()[number]
        valued = value(pixels, stage)
        if valued is None:
            raise ConfigError("check-data-damaged", name=f"{NAME}.npz")
        found.append(
            Example(
                role,
                number,
                place + 1,
                len(ranked),
                pixels,
                valued.surprise,
                valued.view,
                valued.part,
                valued.counts,
            )
        )
    return found
