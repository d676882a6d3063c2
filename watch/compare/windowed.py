"""Correlations of pictures placed into windows with many stages, over the cells of each window only.

All of it is n pictures against u windows at once. `placed` are u x channels x cells, `weights` u x cells: how much of a
cell a window covers, times whatever else a cell is weighed by.
"""

from dataclasses import dataclass

import numpy as np

from watch.compare.masked import LEAST_WEIGHT, Masked, Matrix

# Of a picture's energy, in a window of the same share: the least that a correlation is divided by.
_GROUND = np.float32(0.02)
_BLOCK = 256  # pictures at a time, which bounds the memory


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Maps of many pictures (n x channels x cells) and their energy by cell (n x cells), float32."""

    maps: Matrix
    energy: Matrix

    @classmethod
    def of(cls, maps: Matrix) -> "Lines":
        """Return maps with their energy."""
        return cls(np.ascontiguousarray(maps, np.float32), np.square(maps).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Layouts:
    """Layout maps of many pictures under their own weights (n x cells): the weighted directions and their energy."""

    plain: Lines
    weights: Matrix
    directions: Matrix
    energy: Matrix

    @classmethod
    def of(cls, layouts: Masked) -> "Layouts":
        """Return maps as `watch.compare.masked` makes them ready."""
        count, cells = layouts.weights.shape
        directions = layouts.directions.reshape(count, -1, cells)
        energy = np.empty_like(layouts.weights)
        for start in range(0, count, _BLOCK):
            energy[start : start + _BLOCK] = np.square(directions[start : start + _BLOCK]).sum(axis=1)
        energy /= layouts.weights
        return cls(
            Lines(layouts.maps.reshape(count, -1, cells), layouts.energy), layouts.weights, directions, energy
        )

    def at(self, rows: list[int]) -> "Layouts":
        """Return some of the pictures."""
        lines = Lines(self.plain.maps[rows], self.plain.energy[rows])
        return Layouts(lines, self.weights[rows], self.directions[rows], self.energy[rows])


def energy_weights(maps: Matrix, cover: Matrix) -> Matrix:
    """Return the weights (u x cells) of cells by what placed maps have in them, where they are covered."""
    middle = (maps * cover[:, None]).sum(axis=2, keepdims=True) / cover.sum(axis=1)[:, None, None]
    energy = np.square(maps - middle).sum(axis=1)
    mean = (energy * cover).sum(axis=1, keepdims=True) / cover.sum(axis=1, keepdims=True)
    return np.asarray((energy / (mean + 1e-9) + LEAST_WEIGHT) * cover, np.float32)


def correlate(seen: Lines, placed: Matrix, weights: Matrix) -> Matrix:
    """Return the weighted correlations (n x u), the weights being those of the windows."""
    count, channels, cells = seen.maps.shape
    windows = len(placed)
    total = weights.sum(axis=1)
    centred = placed - (placed * weights[:, None]).sum(axis=2, keepdims=True) / total[:, None, None]
    length = np.sqrt((np.square(centred).sum(axis=1) * weights).sum(axis=1)) + 1e-9
    directions = centred * (weights / length[:, None])[:, None]
    agreed = seen.maps.reshape(count, -1) @ directions.reshape(windows, -1).T
    sums = (seen.maps.reshape(-1, cells) @ weights.T).reshape(count, channels, windows)
    spread = seen.energy @ weights.T - np.square(sums).sum(axis=1) / total
    ground = _GROUND * np.outer(seen.energy.sum(axis=1), total) / cells
    return np.asarray(agreed / np.sqrt(np.maximum(spread, 0) + ground + 1e-12), np.float32)


def contributions(seen: Matrix, placed: Matrix, weights: Matrix) -> Matrix:
    """Return what each cell (256) adds to the weighted correlation of two maps (channels x cells)."""

    def centred(maps: Matrix) -> Matrix:
        middle = maps - (maps @ weights / weights.sum())[:, None]
        return np.asarray(
            middle / np.sqrt(max(float((np.square(middle) @ weights).sum()), 1e-12)), np.float32
        )

    return np.asarray((centred(seen) * centred(placed)).sum(axis=0) * weights, np.float32)


def on_stage(stages: Layouts, placed: Matrix, cover: Matrix) -> Matrix:
    """Return the correlations (n x u) of layout maps weighed by what the stages have in the cells of each window."""
    count, channels, cells = stages.directions.shape
    windows = len(placed)
    covered = placed * cover[:, None]
    total = stages.weights @ cover.T
    agreed = stages.directions.reshape(count, -1) @ covered.reshape(windows, -1).T
    sums = (stages.directions.reshape(-1, cells) @ cover.T).reshape(count, channels, windows)
    seen = (
        (stages.weights @ covered.reshape(-1, cells).T).reshape(count, windows, channels).transpose(0, 2, 1)
    )
    agreed -= (sums * seen).sum(axis=1) / total
    spread = stages.energy @ cover.T - np.square(sums).sum(axis=1) / total
    ground = _GROUND * np.outer(stages.energy.sum(axis=1), cover.sum(axis=1)) / cells
    theirs = stages.weights @ (np.square(placed).sum(axis=1) * cover).T - np.square(seen).sum(axis=1) / total
    lengths = np.sqrt((np.maximum(spread, 0) + ground + 1e-12) * np.maximum(theirs, 1e-9))
    return np.asarray(agreed / lengths, np.float32)
