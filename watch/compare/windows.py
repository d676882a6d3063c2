"""Where a cropped post may lie in a stage: windows in steps of half a cell, and the search for the ones that fit best.

A window is the product of a range of rows and a range of columns, so the post's map, resampled to each range of rows, and
the stage's, resampled to each range of columns, give the correlations of all windows with one product of matrices. All
stages are searched in steps of a cell first, with the strongest six directions of the maps' twelve channels.

The maps here are resampled from those that are stored, which is right to about a cell and cheap. What is found is
compared anew by `watch.compare.crops`, with the picture put into its window.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from sakigake.fingerprint.placed import Window
from watch.compare.measures import Matrix

LEAST, MOST = 11, 15  # cells of a side that a post may show
_KEPT = 6  # directions among the channels, which have nine tenths of the energy
_PARTS = 8  # of a cell
# Of what a stage has, in a window, for its share of the stage: nobody crops to the part where nothing is, and there
# anything fits.
LEAST_SHARE = 0.75
# Of a stage's energy, in a window of the same share: a window of empty ground would match by an accident.
_GROUND = np.float32(0.3)


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Ranges of rows (or columns) of a stage in steps of half a cell, p of them.

    `size` and `start` in cells; `resample` p x 16 x 16 takes a line of a post's map there, `cover` p x 16 is how much of a
    cell the range covers.
    """

    size: Matrix
    start: Matrix
    resample: Matrix
    cover: Matrix

    def window(self, rows: int, columns: int) -> Window:
        """Return the window of two ranges."""
        return Window(
            float(self.start[rows]) / SIDE,
            float(self.start[columns]) / SIDE,
            float(self.size[rows]) / SIDE,
            float(self.size[columns]) / SIDE,
        )


def covered(window: Window) -> Matrix:
    """Return how much of each cell of a stage (256) a window covers."""
    edges = np.arange(SIDE + 1, dtype=np.float32) / SIDE

    def line(start: float, share: float) -> Matrix:
        return np.asarray(
            np.maximum(np.minimum(edges[1:], start + share) - np.maximum(edges[:-1], start), 0) * SIDE
        )

    return (
        np.outer(line(window.top, window.height), line(window.left, window.width)).astype(np.float32).ravel()
    )


@cache
def ranges() -> Ranges:
    """Return all ranges."""
    found = [
        (half / 2, start / 2)
        for half in range(2 * LEAST, 2 * MOST + 2)
        for start in range(2 * SIDE - half + 1)
    ]
    resample = np.stack([_resampling(size, start) for size, start in found])
    size, start = (np.array(each, np.float32) for each in zip(*found, strict=True))
    return Ranges(size, start, resample, resample.sum(axis=2))


def _resampling(size: float, start: float) -> Matrix:
    """Return the matrix (16 x 16) that takes a line of a post's map to a range of a stage's line, by linear interpolation."""
    matrix = np.zeros((SIDE, SIDE), np.float32)
    for part in range(SIDE * _PARTS):
        at = ((part + 0.5) / _PARTS - start) / size * SIDE - 0.5
        if not 0 <= at + 0.5 <= SIDE:
            continue
        lower = min(max(int(np.floor(at)), 0), SIDE - 2)
        upper = min(max(at - lower, 0.0), 1.0)
        matrix[part // _PARTS, lower : lower + 2] += np.array([1 - upper, upper], np.float32) / _PARTS
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """Stages made ready for the search: maps of few channels (n x 6 x 16 x 16) and what scales each window's score.

    `inverse` is windows x stages: one over the length of a stage in a window.
    """

    basis: Matrix
    maps: Matrix
    inverse: Matrix


@cache
def _steps() -> tuple[tuple[int, int, int], ...]:
    """Return the windows of the first search: size, top, left in cells."""
    return tuple(
        (size, top, left)
        for size in range(LEAST, MOST + 1)
        for top in range(SIDE - size + 1)
        for left in range(SIDE - size + 1)
    )


def basis(maps: Matrix) -> Matrix:
    """Return the strongest directions (6 x 12) among the channels of many maps (n x 3072)."""
    values = maps.reshape(len(maps), CHANNELS, -1)
    together = np.einsum("ncx,ndx->cd", values, values, optimize=True)
    _, directions = np.linalg.eigh(together)
    return np.ascontiguousarray(directions[:, : -_KEPT - 1 : -1].T, np.float32)


def searched(maps: Matrix, chosen: Matrix, usable: NDArray[np.bool_]) -> Searched:
    """Return stages (n x 3072) made ready, with `chosen` directions; those that are not usable fit nothing."""
    few = np.matmul(chosen, maps.reshape(len(maps), CHANNELS, -1))
    cover = np.zeros((len(_steps()), SIDE, SIDE), np.float32)
    for number, (size, top, left) in enumerate(_steps()):
        cover[number, top : top + size, left : left + size] = 1
    flat = cover.reshape(len(cover), -1)
    area = flat.sum(axis=1)
    energy = np.square(few).sum(axis=1)
    spread = energy @ flat.T - np.square(np.matmul(few, flat.T)).sum(axis=1) / area
    ground = _GROUND * energy.sum(axis=1, keepdims=True) * area / SIDE**2
    inverse = usable[:, None] / np.sqrt(np.maximum(spread, 0) + ground + 1e-12)
    return Searched(
        chosen, few.reshape(len(few), -1, SIDE, SIDE), np.ascontiguousarray(inverse.T, np.float32)
    )


def search(post: Matrix, stages: Searched) -> Matrix:
    """Return the best score of each stage over all windows, for a post's map (3072)."""
    few = (stages.basis @ post.reshape(CHANNELS, -1)).reshape(-1, SIDE, SIDE)
    placed = np.zeros((len(_steps()), *few.shape), np.float32)
    lines = np.ascontiguousarray(few.transpose(1, 2, 0))
    sized: dict[int, Matrix] = {}
    for size in range(LEAST, MOST + 1):
        small = np.asarray(cv2.resize(lines, (size, size), interpolation=cv2.INTER_LINEAR)).transpose(2, 0, 1)
        small = small - small.mean(axis=(1, 2), keepdims=True)
        sized[size] = np.asarray(small / (np.linalg.norm(small) + 1e-9), np.float32)
    for number, (size, top, left) in enumerate(_steps()):
        placed[number, :, top : top + size, left : left + size] = sized[size]
    scores = placed.reshape(len(placed), -1) @ stages.maps.reshape(len(stages.maps), -1).T
    scores *= stages.inverse
    return np.asarray(scores.max(axis=0), np.float32)


def refine(post: Matrix, stages: Searched, chosen: NDArray[np.intp]) -> list[tuple[float, int, int]]:
    """Return score, rows and columns (numbers of `ranges`) of the best window of each of the chosen stages."""
    every = ranges()
    few = (stages.basis @ post.reshape(CHANNELS, -1)).reshape(-1, SIDE, SIDE)
    few = few - few.mean(axis=(1, 2), keepdims=True)
    count = len(every.size)
    rows = np.matmul(every.resample[:, None], few[None]).reshape(count, -1)
    side = np.ascontiguousarray(every.resample.transpose(1, 0, 2).reshape(SIDE, -1))
    area = every.size[:, None] * every.size[None]
    length = np.linalg.norm(few) * np.sqrt(area) / SIDE + 1e-9
    alike = every.size[:, None] == every.size[None]
    found = []
    for number in chosen:
        stage = stages.maps[number]
        columns = (
            (stage.reshape(-1, SIDE) @ side).reshape(-1, count, SIDE).transpose(1, 0, 2).reshape(count, -1)
        )
        energy = np.square(stage).sum(axis=0)
        sums = np.matmul(np.matmul(every.cover, stage), every.cover.T)
        inside = every.cover @ energy @ every.cover.T
        held = inside >= LEAST_SHARE * energy.sum() * area / SIDE**2
        spread = np.maximum(inside - np.square(sums).sum(axis=0) / area, 0)
        spread += _GROUND * energy.sum() * area / SIDE**2 + 1e-12
        scores = np.where(alike & held, rows @ columns.T / np.sqrt(spread) / length, -np.inf)
        best = int(scores.argmax())
        found.append((float(scores.flat[best]), *divmod(best, count)))
    return found
