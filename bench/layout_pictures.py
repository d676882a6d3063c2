"""Synthetic img2img for training: a drawn scene as someone's draft, and as the post a generator made of it.

Everything is drawn by the recipes of bench/cohort_*.py and by those below: nobody's pictures. A scene is one drawing,
several cut out and put together, or dead leaves (occluding textured shapes of all sizes, whose statistics are close to
those of photographs: Lee, Mumford and Huang 2001). The draft keeps lines, flat strokes, greys or all of it; the post
gets other colours, another texture over the kept low frequencies, another background, local warps, filters and marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cohort_art import Pixels, Rng, blob, clouds
from bench.cohort_genres import DRAWERS

Z = 160  # side of a scene; twice what the net's edges are read from would add nothing
STYLES = ("flat", "line", "rough", "shaded", "ink")
GREY = np.array([0.114, 0.587, 0.299], np.float32)
LEAVES = "leaves"
MIXED = "mixed"

Floating = NDArray[np.floating[Any]]
Picture = Floating  # Z x Z x 3, 0..1, BGR
Mask = Floating  # Z x Z, 0..1


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A drawn picture; `mask` marks what stands before a plain ground, None where there is none."""

    genre: str
    picture: Picture
    mask: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Drawings to make scenes of."""

    drawings: Sequence[Drawing]

    def any(self, rng: Rng) -> Drawing:
        """Return one of all."""
        return self.drawings[int(rng.integers(len(self.drawings)))]

    def cut_out(self, rng: Rng) -> tuple[Picture, Mask] | None:
        """Return a drawing with a mask, when one is met soon enough."""
        for _ in range(12):
            found = self.any(rng)
            if found.mask is not None:
                return found.picture, found.mask
        return None


def pool(seed: int, count: int) -> Pool:
    """Draw `count` pictures of all genres and styles, one in six of them dead leaves."""
    wheel = [drawer for weight, drawer in DRAWERS for _ in range(weight)]
    drawings = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        if number % 6 == 0:
            drawings.append(Drawing(LEAVES, leaves(rng), None))
            continue
        drawer = wheel[rng.integers(len(wheel))]
        picture = as_picture(drawer(rng, STYLES[rng.integers(len(STYLES))]))
        drawings.append(Drawing(drawer.__name__, picture, before_plain(picture)))
    return Pool(drawings)


def as_picture(pixels: Pixels) -> Picture:
    """Return a drawing at the size of a scene."""
    small = cv2.resize(pixels, (Z, Z), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / 255


def before_plain(picture: Picture) -> Mask | None:
    """Return what stands before a plain ground: all that the ground, flooded from a corner, does not reach."""
    rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    middle = np.median(rim, axis=0)
    if (np.abs(rim - middle).max(axis=1) < 0.06).mean() < 0.7:
        return None
    ground = np.pad((np.abs(picture - middle).max(axis=-1) < 0.06).astype(np.uint8), 1, constant_values=1)
    _, parts = cv2.connectedComponents(ground, connectivity=4)
    mask = (np.asarray(parts)[1:-1, 1:-1] != np.asarray(parts)[0, 0]).astype(np.float32)
    return mask if 0.03 < mask.mean() < 0.9 else None


def texture(rng: Rng) -> Picture:
    """Return something to fill a shape with: a colour, a run, noise of one scale or of many, stripes."""
    base = rng.uniform(0, 1, 3)
    kind = rng.integers(4)
    if kind == 0:
        return np.broadcast_to(base, (Z, Z, 3)).astype(np.float32)
    if kind == 1:
        return as_picture(
            clouds(rng, int(rng.integers(2, 7)), rng.uniform(0.05, 0.7), int(rng.integers(1, 9)))
        )
    y, x = np.mgrid[0 : 1 : Z * 1j, 0 : 1 : Z * 1j]
    turn = rng.uniform(0, np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    if kind == 2:
        shade = np.clip(along - along.min(), 0, 1)
    else:
        shade = 0.5 + 0.5 * np.sin(along * rng.uniform(20, 120))
    other = base + rng.normal(0, 0.3, 3)
    return np.asarray(np.clip(base + (other - base) * shade[..., None], 0, 1), np.float32)


def leaves(rng: Rng) -> Picture:
    """Return dead leaves: shapes before shapes, of all sizes, each of its own texture and light."""
    scene: Picture = np.array(texture(rng))
    least, count = rng.uniform(0.015, 0.06), int(rng.integers(8, 90))
    sizes = np.sort(np.clip(least * rng.uniform(0.01, 1, count) ** -0.5, least, 0.5))[::-1]
    fills = [texture(rng) for _ in range(6)]
    for size in sizes:
        shape = blob(rng, rng.uniform(0, 1), rng.uniform(0, 1), float(size), rng.uniform(0.05, 0.7))
        mask = np.zeros((Z, Z), np.uint8)
        cv2.fillPoly(mask, [np.rint(shape * Z).astype(np.int32)], 255, cv2.LINE_AA)
        if size > 0.1:
            fill = texture(rng)
        else:
            fill = np.roll(fills[rng.integers(6)], rng.integers(0, Z, 2), (0, 1)) + rng.normal(0, 0.12, 3)
        cover = np.asarray(mask, np.float32)[..., None] / 255
        scene = scene * (1 - cover) + np.asarray(fill, np.float32) * cover
    if rng.random() < 0.5:
        scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 1.5)), np.float32)
    return np.clip(scene, 0, 1).astype(np.float32)


def scene(rng: Rng, drawings: Pool) -> Drawing:
    """Return one drawing, cut and turned a little, or several put together on a ground."""
    if rng.random() < 0.55:
        return _alone(rng, drawings.any(rng))
    kind = rng.random()
    if kind < 0.5:
        base: Picture = np.array(drawings.any(rng).picture)
    elif kind < 0.75:
        base = np.full((Z, Z, 3), rng.uniform(0.85, 1), np.float32)
    else:
        base = np.array(texture(rng))
    covered = np.zeros((Z, Z), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        found = drawings.cut_out(rng)
        if found is None:
            continue
        picture, mask = _moved(rng, *found, rng.uniform(0.35, 1.1), 0.38)
        if rng.random() < 0.3:
            picture = picture[..., rng.permutation(3)]
        base = base * (1 - mask[..., None]) + picture * mask[..., None]
        covered = np.maximum(covered, mask)
    return Drawing(MIXED, base.astype(np.float32), covered)


def _alone(rng: Rng, drawing: Drawing) -> Drawing:
    top, left, bottom, right = (int(part) for part in rng.integers(0, Z // 5, 4) * (rng.random() < 0.6))
    flip = -1 if rng.random() < 0.5 else 1

    def cut(values: Floating) -> Floating:
        part = np.ascontiguousarray(values[top : Z - bottom, left : Z - right][:, ::flip])
        return np.asarray(cv2.resize(part, (Z, Z), interpolation=cv2.INTER_AREA), np.float32)

    return Drawing(drawing.genre, cut(drawing.picture), None if drawing.mask is None else cut(drawing.mask))


def _moved(rng: Rng, picture: Picture, mask: Mask, scale: float, reach: float) -> tuple[Picture, Mask]:
    matrix = cv2.getRotationMatrix2D((Z / 2, Z / 2), rng.normal() * 15, scale)
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-reach, reach, 2) * Z
    if rng.random() < 0.5:
        picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    return (
        np.asarray(cv2.warpAffine(picture, matrix, (Z, Z)), np.float32),
        np.asarray(cv2.warpAffine(mask, matrix, (Z, Z)), np.float32),
    )


def warp(rng: Rng, picture: Picture, amount: float, cells: int, similar: float = 0.0) -> Picture:
    """Return a picture bent by smooth noise of `amount` sides, and moved, turned and scaled by about `similar`."""
    bend = rng.normal(size=(cells, cells, 2)).astype(np.float32) * amount * Z
    bend = np.asarray(cv2.resize(bend, (Z, Z), interpolation=cv2.INTER_CUBIC), np.float32)
    y, x = np.mgrid[0:Z, 0:Z].astype(np.float32) - Z / 2
    scale, turn = np.exp(rng.normal(0, similar, 2)), rng.normal() * similar * 0.6
    shift = rng.normal(size=2) * similar * Z * 0.5 + Z / 2
    across = (x * np.cos(turn) - y * np.sin(turn)) * scale[0] + shift[0] + bend[..., 0]
    down = (x * np.sin(turn) + y * np.cos(turn)) * scale[1] + shift[1] + bend[..., 1]
    bent = cv2.remap(
        picture,
        across.astype(np.float32),
        down.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(bent, np.float32)
