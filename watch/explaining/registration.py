"""Where exactly a post lies on a stage: a bounded search around the place that the matcher found.

The matcher's maps have 16 cells a side and its windows steps of half a cell, so what it finds is right to some hundredths of
a side and looks shifted to the eye. From there each of the four sides may move by no more than `BOUND` (two cells), in
steps that are halved, to where the lines of both pictures agree best; moving costs a little. Of a part the search has a
few beginnings (`starts`), and the one with the best agreement is followed. Nobody chooses anything; a pair of unrelated pictures
gets the same search, and may gain as much from it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sakigake.fingerprint.edges import BINS
from sakigake.fingerprint.placed import Window, votes_v1
from sakigake.fingerprint.views import SQUARE, Floats, Pixels, reduce_v1

Ends = tuple[tuple[float, float], tuple[float, float]]  # rows and columns, each from and to

VERSION = "registration/1"
BOUND = 1 / 8  # of a stage's side, for each of the four sides of the window
STEPS = ((32, 1 / 32), (64, 1 / 64), (64, 1 / 128), (64, 1 / 256))  # cells of the grid, step
# Of the correlation, for an end that moves all it may. On 58 cropped real pairs it halved how many went astray.
PRICE = 0.1
LEAST_GAIN = 0.01  # of the correlation: with less, the matcher's own place is kept
_ROUNDS = 8
_PARTS = 4  # of a cell, in which pixels are told apart


@dataclass(frozen=True, slots=True)
class Registered:
    """A window, and the correlation of lines in it and in the one that the search began with."""

    window: Window
    before: float
    after: float


def register(post: Pixels, stage: Pixels, matched: Window) -> Registered:
    """Return where a post lies on a stage; `post` is the part that was compared, mirrored if it lies so (both BGR)."""
    lines, ground = (_lines(each) for each in (post, stage))
    cells, step = STEPS[0]
    target = _pooled(ground, cells)
    begun = [(start, _settled(lines, target, start, start, step)) for start in starts(post, stage, matched)]
    bounds, ends = max(begun, key=lambda each: _score(lines, target, *each[1]))
    for cells, step in STEPS[1:]:
        ends = _settled(lines, _pooled(ground, cells), ends, bounds, step)
    target = _pooled(ground, STEPS[-1][0])
    before = _score(lines, target, *_ends(matched))
    after = _score(lines, target, *ends)
    if after < before + LEAST_GAIN:
        return Registered(matched, before, before)
    (top, bottom), (left, right) = ends
    return Registered(Window(top, left, bottom - top, right - left), before, after)


def starts(post: Pixels, stage: Pixels, matched: Window) -> list[Ends]:
    """Return where the search begins: rows and columns (from, to) in shares of the stage's sides, each place once.

    The matcher's windows are never quite as long as a side and may be stretched. So a part is also begun with all rows,
    with all columns, and with the post's own proportions, in its width and in its height.
    """
    if (matched.top, matched.left, matched.height, matched.width) == (0, 0, 1, 1):
        return [_ends(matched)]
    shape = (
        post.shape[0] / post.shape[1] * stage.shape[1] / stage.shape[0]
    )  # height for each width, in shares
    rows, columns = _ends(matched)
    places = [
        (rows, columns),
        ((0.0, 1.0), columns),
        (rows, (0.0, 1.0)),
        (_around(rows, matched.width * shape), columns),
        (rows, _around(columns, matched.height / shape)),
    ]
    return list(dict.fromkeys(places))


def _around(ends: tuple[float, float], length: float) -> tuple[float, float]:
    """Return a range of another length around the same middle, moved into the stage and no longer than it."""
    long = min(max(length, 0.1), 1.0)
    start = min(max((ends[0] + ends[1] - long) / 2, 0.0), 1.0 - long)
    return start, start + long


def _ends(window: Window) -> Ends:
    return (window.top, window.top + window.height), (window.left, window.left + window.width)


def _settled(lines: Floats, target: Floats, ends: Ends, bounds: Ends, step: float) -> Ends:
    """Return where rows and columns, moved by turns a step at a time, no longer gain anything."""
    rows, columns = ends
    for _ in range(_ROUNDS):
        found = _along(lines, target, rows, columns, bounds[0], step)
        turned = lines.transpose(1, 0, 2), target.transpose(1, 0, 2)
        moved = _along(*turned, columns, found, bounds[1], step)
        if (found, moved) == (rows, columns):
            break
        rows, columns = found, moved
    return rows, columns


def _lines(pixels: Pixels) -> Floats:
    """Return the strength of lines by direction of each pixel of the matcher's square: 128 x 128 x 6."""
    return np.ascontiguousarray(votes_v1(reduce_v1(pixels).square).layout[..., :BINS])


def _along(  # noqa: PLR0917 - a step of the search
    lines: Floats,
    target: Floats,
    ends: tuple[float, float],
    across: tuple[float, float],
    middle: tuple[float, float],
    step: float,
) -> tuple[float, float]:
    """Return the best of the nine ranges along the first axis whose ends are a step away at most; `across` stays."""
    cells = len(target)
    weights, cover = _range(cells, *across)
    narrow = np.einsum("cx,yxd->ycd", weights, lines, optimize=True)
    best, chosen = -9.0, ends
    for low in (0.0, -step, step):
        for high in (0.0, -step, step):
            tried = ends[0] + low, ends[1] + high
            if max(abs(tried[0] - middle[0]), abs(tried[1] - middle[1])) > BOUND + 1e-9:
                continue
            taken, covered = _range(cells, *tried)
            placed = np.einsum("ry,ycd->rcd", taken, narrow, optimize=True)
            away = ((tried[0] - middle[0]) ** 2 + (tried[1] - middle[1]) ** 2) / BOUND**2
            score = _correlation(placed, target, np.outer(covered, cover).astype(np.float32)) - PRICE * away
            if score > best + 1e-6:
                best, chosen = score, tried
    return chosen


def _score(lines: Floats, target: Floats, rows: tuple[float, float], columns: tuple[float, float]) -> float:
    cells = len(target)
    (down, high), (across, wide) = _range(cells, *rows), _range(cells, *columns)
    placed = np.einsum("ry,yxd,cx->rcd", down, lines, across, optimize=True)
    return _correlation(placed, target, np.outer(high, wide).astype(np.float32))


def _correlation(one: Floats, other: Floats, cover: Floats) -> float:
    """Return the correlation of two maps over the covered cells, each direction around its own mean."""
    total = max(float(cover.sum()), 1e-6)
    weights = cover[..., None]

    def around(maps: Floats) -> Floats:
        return np.asarray(maps - (maps * weights).sum(axis=(0, 1)) / total, np.float32)

    first, second = around(one), around(other)
    spread = float((np.square(first) * weights).sum()) * float((np.square(second) * weights).sum())
    return float((first * second * weights).sum()) / max(float(np.sqrt(spread)), 1e-6)


def _pooled(lines: Floats, cells: int) -> Floats:
    block = SQUARE // cells
    return np.asarray(lines.reshape(cells, block, cells, block, -1).mean(axis=(1, 3)), np.float32)


@lru_cache(4096)
def _range(cells: int, start: float, end: float) -> tuple[Floats, Floats]:
    """Return the matrix (cells x 128) that puts a line of a post on a line of the stage, and how much of a cell it covers."""
    at = ((np.arange(cells * _PARTS) + 0.5) / (cells * _PARTS) - start) / max(end - start, 1e-6)
    inside = (at >= 0) & (at < 1)
    pixel = np.clip((at * SQUARE).astype(np.intp), 0, SQUARE - 1)
    means = np.zeros((cells, SQUARE), np.float32)
    np.add.at(means, (np.repeat(np.arange(cells), _PARTS)[inside], pixel[inside]), 1)
    count = means.sum(axis=1)
    means /= np.maximum(count, 1)[:, None]
    return means, np.asarray(count / _PARTS, np.float32)
