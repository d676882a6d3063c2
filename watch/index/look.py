"""A first look at a post: only as much of it as tells whether a recorded work could be like it at all.

Describing a post for a comparison takes five times as long as this. The views are those of the comparison, read from a
picture that was shrunk by a whole factor first, best where it was decoded; only the layout map is made of them. What is found here is never an answer:
it names the works that the post is then compared with in full.
"""

import hashlib
import io
import json
from dataclasses import dataclass, field, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint.frame import SIDE, cut, enclosed
from sakigake.fingerprint.layout_map import SIZE, is_plain
from sakigake.fingerprint.vector import VERSION
from sakigake.fingerprint.views import Floats, Pixels, check_pixels, within
from watch.compare import cohort
from watch.compare.engine import FRAME, FULL, MIRRORED, TRIM
from watch.index import coding, quick

LEAST_SIDE = 192  # the shorter side of what is looked at is at least this, where the post has it


COHORT = "shortlist-cohort-v1"
COHORT_DIGEST = "2bc50e075cb221649c6e0eb1b6a1745092d4e142653be4b1a60a5837bd29f784"
# Of a side within the margins: more than so much is no view of its own here. Half a cell of the map is the most that
# anything moves by it, and most drawings have a rim of a line or two that is plain.
_NEARLY_ALL = 0.97
_LEAST_SPREAD = 0.03  # as for layout maps in watch/compare/measures.py


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The described views of a post (views x 256), and what of the cohort is like each: mean and spread of the closest.

    `maps` are the layout maps that they were described from (views x 3,072), `views` their names as a comparison has them, the
    mirrored ones after the others; there are none where only stored maps were looked at.

    Two portraits resemble each other anyway; what counts is how far a stage is above what portraits have in common.
    """

    values: Floats
    mean: Floats
    spread: Floats
    maps: Floats = field(default_factory=lambda: np.zeros((0, SIZE), np.float32))
    views: tuple[str, ...] = ()

    def above(self, fine: NDArray[np.int8]) -> Floats:
        """Return how many deviations above the closest of the cohort each of some fine rows is, in the view it fits best."""
        scores = coding.cosines(self.values, fine)
        return np.asarray(((scores - self.mean[:, None]) / self.spread[:, None]).max(axis=0), np.float32)


@cache
def _cohort() -> Floats:
    """Return the described maps of the shipped cohort; raises ConfigError when they are damaged or of another cohort.

    They ship ready: to make them, the whole cohort would have to be in memory (100 MB) before the first comparison is.
    """
    raw = resources.read_bytes(f"{COHORT}.npz")
    about = json.loads(resources.read_text(f"{cohort.NAMES[VERSION]}.json"))
    if hashlib.sha256(raw).hexdigest() != COHORT_DIGEST:
        raise ConfigError("check-data-damaged", name=f"{COHORT}.npz")
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        made_for = bytes(arrays["made_for"]).decode("ascii")
        rows = arrays["rows"].astype(np.float32)
    if made_for != f"{about['sha256']} {coding.VERSION}":
        raise ConfigError("check-data-damaged", name=f"{COHORT}.npz")
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def first_look(pixels: Pixels) -> Look:
    """Look at the views of a BGR picture: as it is, without frame or margins, and mirrored.

    A view of one colour is left out; of a blank picture nothing is left.
    """
    shown = {name: quick.square(each) for name, each in _shown(shrunk(pixels)).items()}
    shown = {name: square for name, square in shown.items() if not is_plain(square)}
    if not shown:
        none = np.zeros(0, np.float32)
        return Look(np.zeros((0, coding.FINE), np.float32), none, none)
    maps = quick.both(list(shown.values()))
    names = (*shown, *(MIRRORED[name] for name in shown))
    return replace(seen(coding.describe_quickly(maps)), maps=maps, views=names)


def _shown(pixels: Pixels) -> dict[str, Pixels]:
    """Return a small picture as it is, and without its frame, or else its margins, when it has any, as engine.shown does."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    small = np.asarray(
        quick.resized(pixels, (max(16, round(width * scale)), max(16, round(height * scale)))), np.int16
    )
    if (inside := enclosed(small)) is not None:
        return {FULL: pixels, FRAME: cut(pixels, *inside)}
    rows, columns = small.shape[:2]
    if (inside := within(small)) is not None:
        top, bottom, left, right = inside
        if min((bottom - top) / rows, (right - left) / columns) > _NEARLY_ALL:
            return {FULL: pixels}
        inner = cut(pixels, top / rows, bottom / rows, left / columns, right / columns)
        return {FULL: pixels, TRIM: inner}
    return {FULL: pixels}


def look_at(maps: NDArray[np.int8]) -> Look:
    """Return the look at views that have these layout maps (views x 3,072)."""
    return seen(coding.describe(maps))


def seen(values: Floats) -> Look:
    """Return the look at described views (views x 256)."""
    against = cohort.top(values @ _cohort().T, _LEAST_SPREAD)
    return Look(values, against.mean, against.spread)


def shrunk(pixels: Pixels) -> Pixels:
    """Return a picture with both sides divided by a whole number, by area means; a rest at the far rim is cut off."""
    check_pixels(pixels)
    height, width = pixels.shape[:2]
    factor = min(height, width) // LEAST_SIDE
    if factor <= 1:
        return pixels
    size = (width // factor, height // factor)
    whole = pixels[: size[1] * factor, : size[0] * factor]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
