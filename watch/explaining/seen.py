"""The view of a post that fitted a stage best: which pixels of the post it shows, and where they lie in the stage."""

from dataclasses import dataclass

import numpy as np

from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import Descriptors
from sakigake.fingerprint.views import Pixels
from watch.compare import engine
from watch.explaining.alignment import WHOLE, Box

_PLAIN = {mirrored: name for name, mirrored in engine.MIRRORED.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What of a post was compared: `pixels` as they were (mirrored, if they fitted so), cut out of the post at `box`.

    `window` is where they lie in the stage, `part` whether that is a part of it only. `descriptors` are those of the
    pixels; of a part they are not mirrored yet, since it is placed mirrored (`crops.agreement_in_part`).
    """

    pixels: Pixels
    box: Box
    mirrored: bool
    window: Window
    part: bool
    descriptors: Descriptors


def of(pixels: Pixels, view: str, part: tuple[float, float, float, float] | None, version: str) -> Seen:
    """Return the view of a post by its name, and the part of the stage that it was found in; raises KeyError."""
    pixels = np.ascontiguousarray(pixels)
    views = engine.post_views(pixels, version)
    if part is None:
        plain, mirrored = (_PLAIN[view], True) if view in _PLAIN else (view, False)
        described, window = views[view], WHOLE
    else:
        plain, mirrored = engine.innermost(engine.comparable(views)[0]), view == engine.CROP_MIRROR
        described, window = views[plain], Window(*part)
    shown = engine.shown(pixels, version)[plain]
    box = _box(pixels, shown)
    given = np.ascontiguousarray(shown[:, ::-1] if mirrored else shown)
    return Seen(given, box, mirrored, window, part is not None, described)


def _box(pixels: Pixels, shown: Pixels) -> Box:
    """Return where a part lies in a picture of which it is a view (a slice that shares its memory)."""
    start = shown.__array_interface__["data"][0] - pixels.__array_interface__["data"][0]
    top, rest = divmod(start, pixels.strides[0])
    left = rest // pixels.strides[1]
    return float(left), float(top), float(left + shown.shape[1]), float(top + shown.shape[0])
