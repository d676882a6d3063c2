"""A picture placed into a part of a canvas, described as if the whole canvas had been seen.

Who crops a picture moves and enlarges what is left of it. A descriptor of the cropped picture then has its cells elsewhere
than that of the whole one. If the place is known, or only guessed, the picture can be put back there: edges and colours are
summed over the cells of the canvas, and the net reads these. What lies beyond the picture is unknown; the net sees it as a
reflection, and whoever compares leaves those cells out.

Votes are computed once for a picture; each place costs two small products of matrices and a run of the net.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from sakigake.fingerprint import layout_map
from sakigake.fingerprint.colour import oklab
from sakigake.fingerprint.edges import BINS, CELLS, products
from sakigake.fingerprint.layout_map import COLOUR_GAIN, EDGE_GAIN, MIRRORED, STEM_SIDE
from sakigake.fingerprint.views import SQUARE, Floats, Pixels

# A cropped picture was enlarged: what the fingerprint's filters see of the whole canvas is wider here. Crops keep .7 to
# .95 of a side; one width for all of them differs from the right one by less than a fifth.
_ENLARGED = 1.25
_LAYOUT_SIGMA, _EDGE_SIGMA = 1.2 * _ENLARGED, 2.0 * _ENLARGED
_FLOOR = 0.02
_PARTS = 8  # of a cell, in which pixels are told apart


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a canvas in shares of its sides."""

    top: float
    left: float
    height: float
    width: float

    def mirrored(self) -> "Window":
        """Return the window where it lies when the canvas is mirrored."""
        return Window(self.top, 1 - self.left - self.width, self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Edges by direction (6) and OKLab (3) of each pixel of a 128 x 128 square, float32: for the net, and for edges.

    `mean` is the mean colour.
    """

    layout: Floats
    edges: Floats
    mean: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A picture in windows of a canvas (n of them): `layout` n x 12 x 256, `edges` n x 6 x 256, `thumbs` n x 3 x 256.

    What is in cells outside a window means nothing.
    """

    layout: Floats
    edges: Floats
    thumbs: Floats


def votes_v1(square: Pixels) -> Votes:
    """Return the votes of a 128 x 128 BGR square; 5 ms of CPU."""
    lab = oklab(square)
    mean = np.array(cv2.mean(lab)[:3], np.float32)
    return Votes(_votes(lab, _LAYOUT_SIGMA), _votes(lab, _EDGE_SIGMA), mean)


def _votes(lab: Floats, sigma: float) -> Floats:
    """Return each pixel's saturated strength, shared among the two nearest of six directions, and its colour."""
    smooth = cv2.GaussianBlur(lab, (0, 0), sigma)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), np.float32)
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3), np.float32)
    xx, yy, xy = (products(a, b) for a, b in ((across, across), (down, down), (across, down)))
    strength = np.sqrt(xx + yy)
    saturated = strength / (strength + 2 * np.median(strength) + _FLOOR)
    position = (0.5 * np.arctan2(2 * xy, xx - yy) % np.pi) * np.float32(BINS / np.pi)
    votes = np.empty((SQUARE, SQUARE, BINS + 3), np.float32)
    for direction in range(BINS):
        away = np.abs(position - direction)
        votes[..., direction] = saturated * np.maximum(1 - np.minimum(away, BINS - away), 0)
    votes[..., BINS:] = lab
    return votes


def placed_v1(votes: Votes, windows: list[tuple[Window, bool]]) -> Placed:
    """Return a picture placed into each window, mirrored where that is said; 2 ms of CPU for each."""
    stems, edges, thumbs = [], [], []
    for window, mirrored in windows:
        seen = window.mirrored() if mirrored else window
        fine, coarse = _pooled(votes.layout, seen, STEM_SIDE), _pooled(votes.edges, seen, CELLS)
        if mirrored:
            fine, coarse = fine[:, ::-1, MIRRORED], coarse[:, ::-1, MIRRORED]
        lines = np.sqrt(fine[..., :BINS]) * EDGE_GAIN
        colours = (fine[..., BINS:] - votes.mean) * COLOUR_GAIN
        stems.append(np.concatenate([lines, colours], axis=-1).transpose(2, 0, 1))
        edges.append(np.sqrt(coarse[..., :BINS]).reshape(-1, BINS).T)
        thumbs.append(coarse[..., BINS:].reshape(-1, 3).T)
    maps = layout_map.run(np.stack(stems), layout_map.load())
    return Placed(maps.reshape(len(windows), layout_map.CHANNELS, -1), np.stack(edges), np.stack(thumbs))


def _pooled(votes: Floats, window: Window, cells: int) -> Floats:
    """Return the means over each of cells x cells of the canvas, with the picture in a window of it."""
    rows = _means(cells, round(window.top, 5), round(window.height, 5))
    columns = _means(cells, round(window.left, 5), round(window.width, 5))
    strips = (rows @ votes.reshape(SQUARE, -1)).reshape(cells, SQUARE, -1)
    return np.asarray(np.matmul(columns, strips), np.float32)


@lru_cache(1024)
def _means(cells: int, start: float, share: float) -> Floats:
    """Return the matrix (cells x 128) that takes means of a line of pixels which is put at `start` of a canvas."""
    at = ((np.arange(cells * _PARTS) + 0.5) / (cells * _PARTS) - start) / share
    inside = 1 - np.abs(1 - np.abs(at) % 2)  # reflected as often as it takes
    pixel = np.clip((inside * SQUARE).astype(np.intp), 0, SQUARE - 1)
    means = np.zeros((cells, SQUARE), np.float32)
    np.add.at(means, (np.repeat(np.arange(cells), _PARTS), pixel), 1 / _PARTS)
    return means
