"""Where on the screen is the canvas? A suggestion to confirm, never a decision.

A canvas is where things change most often, inside straight edges that stay. Frames of other windows, and pairs of
frames between which nearly everything changed, say nothing about it; the first are left out by the caller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.frame import Pixels, Region

COARSE = 8  # pixels per cell of the map of change
FINE = 2  # pixels per cell of the map of edges
CHANGED = 6  # of 255 levels
EDGE = 5
MOST = 0.35  # share of the screen: when more changes at once, a window was moved or a mode switched
ENOUGH = 2  # changes of a cell that count; a clock changes more often than a canvas
STAYS = 0.6  # share of the frames in which an edge must be
STRAIGHT = 0.75  # share of its length along which a side must be an edge that stays
LONG = 0.25  # share of the screen that a side is long, at least
NEAR = 2  # cells: lines this near are one side
LINES = 24  # sides considered each way
SPARING = 0.8  # how much a share of the screen weighs against the same share of the changes
SMALLEST = 64  # pixels
FEWEST = 3  # frames

Map = NDArray[np.uint16]


@dataclass(slots=True)
class _Maps:
    """What the frames so far add up to: changes, and edges along columns and along rows."""

    changes: Map
    columns: Map
    rows: Map
    last: Pixels
    frames: int = 1


class CanvasFinder:
    """Takes in frames of the drawing program, all of one size, and suggests the rectangle of its canvas view."""

    def __init__(self) -> None:
        self._maps: _Maps | None = None
        self._size = (0, 0)

    def add(self, pixels: Pixels) -> None:
        """Take in one frame; one of another size begins anew, since the window layout has changed."""
        size = pixels.shape[1], pixels.shape[0]
        small = _shrunk(pixels, COARSE)
        gray = cv2.cvtColor(_shrunk(pixels, FINE), cv2.COLOR_BGR2GRAY).astype(np.int16)
        columns, rows = np.zeros(gray.shape, np.uint16), np.zeros(gray.shape, np.uint16)
        columns[:, 1:] = np.abs(np.diff(gray, axis=1)) > EDGE
        rows[1:] = np.abs(np.diff(gray, axis=0)) > EDGE
        maps = self._maps
        if maps is None or size != self._size:
            self._size = size
            self._maps = _Maps(np.zeros(small.shape[:2], np.uint16), columns, rows, small)
            return
        changed = cv2.absdiff(small, maps.last).max(axis=2) > CHANGED
        if float(changed.mean()) < MOST:
            maps.changes += changed
        maps.columns += columns
        maps.rows += rows
        maps.frames += 1
        maps.last = small

    def suggest(self) -> Region | None:
        """Return the suggestion, None before there is any."""
        maps = self._maps
        if maps is None or maps.frames < FEWEST:
            return None
        energy = np.minimum(maps.changes, ENOUGH).astype(np.float64)
        if not energy.any():
            return None
        enough = STAYS * maps.frames
        upright, level = _Sides(maps.columns.transpose() >= enough), _Sides(maps.rows >= enough)
        best, found = 0.0, None
        inside = cv2.integral(energy / energy.sum())
        for left, right in upright.pairs():
            for top, bottom in level.pairs():
                sides = upright.stays(left, top, bottom), upright.stays(right, top, bottom)
                if min(*sides, level.stays(top, left, right), level.stays(bottom, left, right)) < STRAIGHT:
                    continue
                score = _within(inside, left, top, right, bottom)
                score -= SPARING * (right - left) * (bottom - top) / (upright.last * level.last)
                if score > best:
                    best, found = score, (left, top, right, bottom)
        if found is None:
            return None
        left, top, right, bottom = (side * FINE for side in found)
        return Region(left, top, min(right, self._size[0]) - left, min(bottom, self._size[1]) - top)


class _Sides:
    """Edges that stay, as lines that may be sides of a rectangle: row by row of a map of them."""

    def __init__(self, edges: NDArray[np.bool_]) -> None:
        self.last = len(edges)
        near = edges.copy()
        near[1:] |= edges[:-1]
        self._sums = np.zeros((len(edges) + 1, edges.shape[1] + 1))
        self._sums[: len(edges), 1:] = near.cumsum(axis=1)
        # The ends of the screen are sides as well.
        self._sums[0] = self._sums[-1] = np.arange(edges.shape[1] + 1)
        lengths = self._sums[:, -1]
        lines = [int(line) for line in np.argsort(-lengths) if lengths[line] >= LONG * edges.shape[1]]
        self.lines: list[int] = []
        for line in lines:
            if all(abs(line - other) > NEAR for other in self.lines) and len(self.lines) < LINES:
                self.lines.append(line)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield pairs of lines far enough apart, the smaller first."""
        for one, other in combinations(sorted(self.lines), 2):
            if (other - one) * FINE >= SMALLEST:
                yield one, other

    def stays(self, line: int, start: int, end: int) -> float:
        """Return the share of a line between `start` and `end` that is an edge that stays."""
        sums = self._sums[line]
        start, end = min(start, len(sums) - 1), min(end, len(sums) - 1)
        return float(sums[end] - sums[start]) / max(1, end - start)


def _within(inside: NDArray[np.float64], left: int, top: int, right: int, bottom: int) -> float:
    """Return the share of all changes within a rectangle, from the integral of the coarse map."""
    scale = COARSE // FINE
    rows, columns = inside.shape
    x0, x1 = min(left // scale, columns - 1), min(-(-right // scale), columns - 1)
    y0, y1 = min(top // scale, rows - 1), min(-(-bottom // scale), rows - 1)
    return float(inside[y1, x1] - inside[y0, x1] - inside[y1, x0] + inside[y0, x0])


def _shrunk(pixels: Pixels, by: int) -> Pixels:
    height, width = pixels.shape[:2]
    size = max(1, width // by), max(1, height // by)
    # Cut to whole cells first: averaging whole cells is ten times cheaper.
    whole = pixels[: size[1] * by, : size[0] * by]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
