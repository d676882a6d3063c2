"""Plain geometry of a drawing made by hand: outlines, what lies in front of what, hatching. Pixels, y downwards."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Outline = tuple[Point, ...]

STEP = 4.0  # pixels between two points of a stroke: close enough for a curve, few enough to be drawn quickly


def along(corners: Sequence[Point], step: float = STEP) -> Outline:
    """Return the polyline through `corners` with a point at least every `step` pixels."""
    points = [corners[0]]
    for (x0, y0), (x1, y1) in pairwise(corners):
        pieces = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / step))
        points += [(x0 + (x1 - x0) * i / pieces, y0 + (y1 - y0) * i / pieces) for i in range(1, pieces + 1)]
    return tuple(points)


def ellipse(centre: Point, rx: float, ry: float, start: float = 0.0, sweep: float = 360.0) -> Outline:
    """Return an arc of an ellipse, angles in degrees clockwise from the right; 360 degrees end where they began."""
    pieces = max(8, math.ceil(math.radians(abs(sweep)) * max(rx, ry) / STEP))
    angles = [math.radians(start + sweep * i / pieces) for i in range(pieces + 1)]
    return tuple((centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles)


def bezier(a: Point, b: Point, c: Point, d: Point, pieces: int = 24) -> Outline:
    """Return a cubic Bézier curve."""
    curve = []
    for i in range(pieces + 1):
        t = i / pieces
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        points = list(zip(weights, (a, b, c, d), strict=True))
        curve.append((sum(w * p[0] for w, p in points), sum(w * p[1] for w, p in points)))
    return tuple(curve)


def ribbon(middle: Outline, width: float) -> Outline:
    """Return the closed outline of a band of `width` along `middle`, round at its far end."""
    left, right = [], []
    for i, (x, y) in enumerate(middle):
        (x0, y0), (x1, y1) = middle[max(0, i - 1)], middle[min(len(middle) - 1, i + 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    tip = math.degrees(math.atan2(left[-1][1] - middle[-1][1], left[-1][0] - middle[-1][0]))
    cap = ellipse(middle[-1], width / 2, width / 2, tip, -180.0)
    return along((*left, *cap, *reversed(right), left[0]))


def turned(points: Iterable[Point], centre: Point, degrees: float) -> Outline:
    """Return `points` turned clockwise about `centre`."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cx, cy = centre
    return tuple(
        (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos) for x, y in points
    )


def shaky(points: Iterable[Point], amount: float, random: Random) -> Outline:
    """Return `points` with the slow wander of a hand that searches for the line, `amount` pixels wide."""
    dx = dy = 0.0
    wander = []
    for x, y in points:
        dx = 0.85 * dx + random.gauss(0, amount * 0.5)
        dy = 0.85 * dy + random.gauss(0, amount * 0.5)
        wander.append((x + dx, y + dy))
    return tuple(wander)


def inside(points: NDArray[np.float64], outline: Outline) -> NDArray[np.bool_]:
    """Return which of `points` (n x 2) lie inside a closed outline: even-odd rule."""
    ring = np.asarray(outline, dtype=np.float64)
    x, y = points[:, :1], points[:, 1:]
    x0, y0 = ring[:, 0], ring[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    rise = np.where(y1 == y0, 1e-12, y1 - y0)
    crossing = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / rise + x0)
    odd: NDArray[np.bool_] = crossing.sum(axis=1) % 2 == 1
    return odd


def uncovered(line: Outline, fronts: Sequence[Outline]) -> list[Outline]:
    """Return the pieces of `line` that no outline in `fronts` covers, each one point too long at its ends.

    The extra point lets a piece touch the line it disappears behind, so that the areas stay closed for a fill.
    """
    array = np.asarray(line, dtype=np.float64)
    hidden = np.zeros(len(line), dtype=bool)
    for front in fronts:
        hidden |= inside(array, front)
    if not hidden.any():
        return [line]
    if line[0] == line[-1] and not hidden[0]:
        # A closed outline starts at a hidden point, or its first piece would be cut in two.
        first = int(np.argmax(hidden))
        line = (*line[first:-1], *line[: first + 1])
        hidden = np.concatenate((hidden[first:-1], hidden[: first + 1]))
    pieces: list[Outline] = []
    begin: int | None = None
    for i, covered in enumerate([*hidden, True]):
        if not covered and begin is None:
            begin = max(0, i - 1)
        elif covered and begin is not None:
            pieces.append(line[begin : i + 1])
            begin = None
    return pieces


def roomiest(area: Outline, fronts: Sequence[Outline], lines: Sequence[Outline]) -> Point:
    """Return the point of `area` that is outside all `fronts` and farthest from all `lines`: where a fill goes."""
    ring = np.asarray(area, dtype=np.float64)
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    grid = np.stack(np.meshgrid(np.arange(left, right, 6.0), np.arange(top, bottom, 6.0)), axis=-1).reshape(
        -1, 2
    )
    free = inside(grid, area)
    for front in fronts:
        free &= ~inside(grid, front)
    grid = grid[free]
    drawn = np.concatenate([np.asarray(line, dtype=np.float64) for line in lines])
    distance = np.full(len(grid), np.inf)
    for chunk in np.array_split(drawn, max(1, len(drawn) // 200)):
        distance = np.minimum(distance, ((grid[:, None, :] - chunk[None]) ** 2).sum(axis=2).min(axis=1))
    x, y = grid[int(np.argmax(distance))]
    return float(x), float(y)


def hatched(area: Outline, but: Outline | None, spacing: float) -> list[Outline]:
    """Return horizontal strokes that cover `area`, less what lies inside `but`."""
    ring = np.asarray(area, dtype=np.float64)
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    strokes: list[Outline] = []
    xs = np.arange(left, right, 3.0)
    for y in np.arange(top + spacing / 2, bottom, spacing):
        row = np.stack((xs, np.full_like(xs, y)), axis=1)
        free = inside(row, area)
        if but is not None:
            free &= ~inside(row, but)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], free.astype(np.int8), [0]))))
        strokes += [
            ((float(xs[a]), float(y)), (float(xs[b - 1]), float(y)))
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
    return strokes
