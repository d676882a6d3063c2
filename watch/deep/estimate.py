"""Which step of drawing a stage looks like, told from the picture alone: no weights, no network, no other stage.

Five things are measured on a small copy: how much of the paper is covered, how much of that is line and how much is
filled, how colourful the filled parts are, and how many tones they have. Each step of drawing is described by where it
lies on these; the nearest is the estimate, and how much nearer it is than the next its confidence. The order of steps is
no part of it: who paints without lines gets no line art, and a black and white drawing may stay one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.errors import UsageError

MODEL = "stages-v1"  # changes whenever the same picture may get another name
SIDE = 384  # pixels of the longer side of the copy that is measured
_PAPER_NEAR = 9.0  # of CIE Lab: nearer than this to the paper is paper
_COLOUR = 10.0  # of Lab chroma: above it a fill is coloured
_LINE_DEPTH = 12.0  # of Lab lightness: so much darker than around it is a line
_BLANK = 0.004  # covered less than this is paper with a speck
_THIN = 5  # pixels of the copy: what is narrower is line, not fill


@dataclass(frozen=True, slots=True)
class Look:
    """What is measured of a picture; shares are of the whole picture unless said otherwise.

    `coverage` not paper, `lines` thin and darker than around them, `depth` how much darker the middle one of these is
    (0 to 1), `fill` covered and wide, `colour` the coloured share of the fill, `saturation` its mean chroma (0 to 1),
    `tones` how many colours the fill has (effective number), `soft` the share of the fill that changes gently.
    """

    coverage: float
    lines: float
    depth: float
    fill: float
    colour: float
    saturation: float
    tones: float
    soft: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A step of drawing with its confidence (0 to 1), and how likely each step is."""

    label: str
    confidence: float
    shares: Mapping[str, float]
    look: Look


def measure(pixels: NDArray[np.uint8]) -> Look:
    """Measure a picture (BGR, any size); raises UsageError for one without pixels."""
    if pixels.ndim != 3 or min(pixels.shape[:2]) < 1:  # noqa: PLR2004 - height, width, colours
        raise UsageError("picture-empty", name="stage")
    scale = SIDE / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)
    covered = np.linalg.norm(lab - _paper(lab), axis=2) > _PAPER_NEAR
    light = cv2.GaussianBlur(lab[:, :, 0], (0, 0), 0.8)
    closed = cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    deeper = closed - light
    line = deeper > _LINE_DEPTH
    wide = cv2.morphologyEx(covered.astype(np.uint8), cv2.MORPH_OPEN, np.ones((_THIN, _THIN), np.uint8)) > 0
    inside = wide & ~cv2.dilate(line.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    chroma = np.hypot(lab[:, :, 1], lab[:, :, 2])
    filled = int(inside.sum())
    return Look(
        coverage=float(covered.mean()),
        lines=float(line.mean()),
        depth=float(np.median(deeper[line]) / 100) if line.any() else 0.0,
        fill=float(inside.mean()),
        colour=float((chroma[inside] > _COLOUR).mean()) if filled else 0.0,
        saturation=float(min(1.0, chroma[inside].mean() / 80)) if filled else 0.0,
        tones=_tones(lab[inside]) if filled else 1.0,
        soft=_soft(lab[:, :, 0], inside) if filled else 0.0,
    )


def _paper(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour of the paper: the commonest of the picture, counted twice along its rim."""
    rim = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    points = np.concatenate([lab.reshape(-1, 3), np.repeat(rim, 8, axis=0)])
    steps = np.floor(points / 6).astype(np.int32)
    names = (steps[:, 0] << 16) + ((steps[:, 1] + 64) << 8) + (steps[:, 2] + 64)
    values, counts = np.unique(names, return_counts=True)
    return np.asarray(points[names == values[counts.argmax()]].mean(axis=0), np.float32)


def _tones(points: NDArray[np.float32]) -> float:
    """Return the effective number of colours: e to the entropy of their histogram in steps of 6 of Lab."""
    steps = np.floor(points / 6).astype(np.int32)
    names = (steps[:, 0] << 16) + ((steps[:, 1] + 64) << 8) + (steps[:, 2] + 64)
    counts = np.unique(names, return_counts=True)[1] / len(names)
    return float(np.exp(-(counts * np.log(counts)).sum()))


def _soft(light: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the share of the fill whose lightness changes by .4 to 4 from a pixel to the next."""
    smooth = cv2.GaussianBlur(light, (0, 0), 1.2)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8)
    core = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not core.any():
        return 0.0
    return float(((steep[core] > 0.4) & (steep[core] < 4)).mean())  # noqa: PLR2004 - as the docstring says


def estimate(pixels: NDArray[np.uint8]) -> Estimate:
    """Return the step of drawing that a picture (BGR) looks like; raises UsageError for one without pixels."""
    return judge(measure(pixels))


def judge(look: Look) -> Estimate:
    """Return the step that fits what was measured.

    "thumbnail" and "final" are never estimated: the one differs from a rough by what comes after, the other from a
    finished picture by nothing that can be seen.
    """
    if look.coverage < _BLANK:
        sure = 1 - look.coverage / _BLANK / 2
        return Estimate("blank", sure, {"blank": sure, "rough": 1 - sure}, look)
    wide = look.fill / max(look.coverage, 1e-6)
    drawn = _above(0.3 - wide, 0.06) * _above(18 - look.tones, 3.0)
    painted = 1 - drawn
    # Lines: how dark they stand out tells a search for the form from the form that was found.
    rough, inked = _above(0.165 - look.depth, 0.02), _above(look.depth - 0.22, 0.02)
    # Paint: a flat has one tone each; light and shadow add tones, and ways from one to the next.
    depth_of_paint = math.log(max(look.tones, 1.0)) + 1.5 * (look.soft - 0.4)
    shaded, finished = _above(depth_of_paint - 3.45, 0.25), _above(depth_of_paint - 4.95, 0.25)
    # Colours that no line holds together.
    loose = _above(0.004 - look.lines * look.depth, 0.001) * _above(look.colour - 0.3, 0.08)
    shares = {
        "rough": drawn * rough,
        "sketch": drawn * (1 - rough) * (1 - inked),
        "lineart": drawn * (1 - rough) * inked,
        "color_rough": painted * (1 - shaded) * loose,
        "flats": painted * (1 - shaded) * (1 - loose),
        "shading": painted * shaded * (1 - finished),
        "finishing": painted * shaded * finished,
    }
    whole = sum(shares.values())
    shares = {name: value / whole for name, value in shares.items()}
    label = max(shares, key=lambda name: shares[name])
    return Estimate(label, shares[label], shares, look)


def _above(value: float, width: float) -> float:
    """Return how surely a value lies above nought: .5 at nought, .73 one width above it."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, value / width))))
