"""A first look at a post: only as much of it as tells whether a recorded work could be like it at all.

Describing a post for a comparison takes five times as long as this. The views are those of the comparison, read from a
picture that was shrunk by a whole factor first, best where it was decoded; only the layout map is made of them. What is found here is never an answer:
it names the works that the post is then compared with in full.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake import resources
from sakigake.errors import ConfigError
from sakigake.fingerprint import layout_map
from sakigake.fingerprint.layout_map import SIZE, is_plain, mirror_stem, quantise, run, square_v1, stem_v1
from sakigake.fingerprint.vector import VERSION
from sakigake.fingerprint.views import Floats, Pixels, check_pixels
from watch.compare import cohort
from watch.compare.engine import shown
from watch.index import coding

LEAST_SIDE = 192  # the shorter side of what is looked at is at least this, where the post has it


COHORT = "shortlist-cohort-v1"
COHORT_DIGEST = "2bc50e075cb221649c6e0eb1b6a1745092d4e142653be4b1a60a5837bd29f784"
_LEAST_SPREAD = 0.03  # as for layout maps in watch/compare/measures.py


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The described views of a post (views x 256), and what of the cohort is like each: mean and spread of the closest.

    Two portraits resemble each other anyway; what counts is how far a stage is above what portraits have in common.
    """

    values: Floats
    mean: Floats
    spread: Floats

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
    small = shrunk(pixels)
    squares = [square for square in map(square_v1, shown(small).values()) if not is_plain(square)]
    if not squares:
        none = np.zeros(0, np.float32)
        return Look(np.zeros((0, coding.FINE), np.float32), none, none)
    stems = np.stack([stem_v1(square) for square in squares])
    maps = run(np.concatenate([stems, mirror_stem(stems)]), layout_map.load())
    return look_at(np.frombuffer(b"".join(map(quantise, maps)), np.int8).reshape(-1, SIZE))


def look_at(maps: NDArray[np.int8]) -> Look:
    """Return the look at views that have these layout maps (views x 3,072)."""
    values = coding.describe(maps)
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
