"""Posts that show only a part of a stage, mirrored or not: where they lie in it, and how well they fit there.

All stages are searched on resampled maps (`watch.compare.windows`); the few that fit best, each in its best window, are
compared anew with the picture itself put into that window: layout where the stage has something, layout where the post has
something, edges and colours, all on the cells of the window only. A small window fits by accident more often than a large
one, so both sides are read against the cohort under the same window: the post as it lies there, and the part of the stage.

The cohort is always the one that ships: an artist's own works do not change what a crop is measured by.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sakigake.fingerprint.edges import BINS
from sakigake.fingerprint.information import information
from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from sakigake.fingerprint.placed import Placed, Window, placed_v1, votes_v1
from sakigake.fingerprint.vector import Descriptors
from watch.compare import cohort as cohorts
from watch.compare.accidental import widening
from watch.compare.cohort import top
from watch.compare.explain import Agreement
from watch.compare.masked import Masked, masked
from watch.compare.measures import CHROMA_WEIGHT, EDGES, LAYOUT, Matrix, rows_of
from watch.compare.windowed import Layouts, Lines, contributions, correlate, energy_weights, on_stage
from watch.compare.windows import Searched, basis, covered, ranges, refine, search, searched

NONE = np.float32(-99)  # of a stage that was no candidate: no window of it fits the post
ON_STAGE, ON_POST, COLOURS = "layout_on_stage_v1", "layout_on_post_v1", "oklab_placed_v1"
MEASURES = (ON_STAGE, ON_POST, EDGES, COLOURS)
_FIRST, _KEPT = 6, 3  # stages that are refined, of each hand; candidates that are compared, of both
_NEARLY = 0.75  # of the best stage's score in the search: what lies below is not refined
# In the refined search: half of the unrelated posts stay below it against 1,000 stages, and cost nothing more.
_LEAST = 0.235
_LAYOUT_FLOOR, _EDGE_FLOOR = 0.03, 0.02
_NEIGHBOUR = 0.8  # cosine of two maps from which on two stages are steps of one drawing
_CELLS = SIDE * SIDE


@dataclass(frozen=True, slots=True, eq=False)
class Canvases:
    """Stages made ready for windows; edges and colours around no mean yet, since each window has its own."""

    searched: Searched
    layouts: Layouts
    edges: Lines
    thumbs: Lines
    widening: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class _Null:
    """The cohort made ready for windows, and the directions among its channels that stages are searched by."""

    layouts: Layouts
    edges: Lines
    basis: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Raw and normalised scores of all stages by measure, NONE for most, and the window of each that has any."""

    raw: dict[str, Matrix]
    normalised: dict[str, Matrix]
    windows: dict[int, Window]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A stage with its best window (numbers of `ranges`)."""

    score: float
    mirrored: bool
    stage: int
    rows: int
    columns: int

    @property
    def window(self) -> Window:
        return ranges().window(self.rows, self.columns)


@cache
def _null() -> _Null:
    cohort = cohorts.load()
    layouts = cohort.ready[LAYOUT]
    if not isinstance(layouts, Masked):
        raise TypeError("layout maps have masks")
    edges = cohort.rows[EDGES].reshape(-1, _CELLS, BINS).transpose(0, 2, 1)
    return _Null(Layouts.of(layouts), Lines.of(edges), basis(layouts.maps))


def canvases(stages: Sequence[Descriptors], layouts: Masked, edges: Matrix) -> Canvases:
    """Return stages made ready; `layouts` and `edges` are theirs as they are compared whole."""
    thumbs = np.stack([stage.thumb for stage in stages]).reshape(len(stages), _CELLS, 3)
    usable = np.array([information(stage.coverage, stage.contrast) is None for stage in stages])
    return Canvases(
        searched(layouts.maps, _null().basis, usable),
        Layouts.of(layouts),
        Lines.of(edges.reshape(-1, _CELLS, BINS).transpose(0, 2, 1)),
        Lines.of(_tones(thumbs.transpose(0, 2, 1))),
        widening(layouts, edges),
    )


def find(
    plain: Descriptors, mirrored: Descriptors, stages: Canvases, without: int | None = None
) -> tuple[Found, Found]:
    """Return how a post and its mirror image fit into windows of stages; `plain` has its picture.

    The stage `without` is passed over: a work among others is no likeness of itself. Raises ValueError when `plain` has
    no picture.
    """
    if plain.square is None:
        raise ValueError("a post without its picture")
    chosen = _candidates((plain, mirrored), stages, without)
    count = len(stages.layouts.weights)
    empty = [Found({}, {}, {}) for _ in range(2)]
    for found in empty:
        found.raw.update({name: np.full(count, NONE, np.float32) for name in MEASURES})
        found.normalised.update({name: np.full(count, NONE, np.float32) for name in MEASURES})
    if chosen:
        placed = placed_v1(votes_v1(plain.square), [(each.window, each.mirrored) for each in chosen])
        rows = rows_of([plain])
        wide = np.asarray((stages.widening + widening(masked(rows[LAYOUT]), rows[EDGES])) / 2, np.float32)
        _compare(chosen, placed, stages, wide, empty)
    return empty[0], empty[1]


def agreement_in_part(post: Descriptors, stage: Descriptors, window: Window, *, mirrored: bool) -> Agreement:
    """Return where a post, put into a window of a stage, agrees with it: maps of the stage, empty outside the window.

    Each adds up to its correlation. Raises ValueError when the post has no picture.
    """
    if post.square is None:
        raise ValueError("a post without its picture")
    rows = rows_of([stage])
    layouts = masked(rows[LAYOUT])
    canvas = canvases([stage], layouts, rows[EDGES])
    placed = placed_v1(votes_v1(post.square), [(window, mirrored)])
    cover = covered(window)
    both = cover * layouts.weights[0], energy_weights(placed.layout, cover[None])[0]
    layout = sum(
        contributions(canvas.layouts.plain.maps[0], placed.layout[0], weights) / 2 for weights in both
    )
    edges = contributions(canvas.edges.maps[0], placed.edges[0], cover)
    colours = contributions(canvas.thumbs.maps[0], _tones(placed.thumbs)[0], cover)
    return Agreement(*(np.asarray(each, np.float32).reshape(SIDE, SIDE) for each in (layout, edges, colours)))


def _candidates(hands: Iterable[Descriptors], stages: Canvases, without: int | None) -> list[_Candidate]:
    """Return the stages and windows that fit best, of both hands together, the best first."""
    maps = [post.layout.astype(np.float32) for post in hands]
    scores = [search(each, stages.searched) for each in maps]
    if without is not None:
        for values in scores:
            values[without] = 0
    least = _NEARLY * max(float(each.max()) for each in scores)
    found = []
    for mirrored, (each, values) in enumerate(zip(maps, scores, strict=True)):
        first = np.argsort(-values, kind="stable")[:_FIRST]
        first = first[values[first] >= max(least, 1e-6)]
        for stage, (score, rows, columns) in zip(first, refine(each, stages.searched, first), strict=True):
            found.append(_Candidate(score, bool(mirrored), int(stage), rows, columns))
    found.sort(key=lambda each: -each.score)
    return [each for each in found[:_KEPT] if each.score >= _LEAST]


def _compare(
    chosen: Sequence[_Candidate], placed: Placed, stages: Canvases, wide: Matrix, found: Sequence[Found]
) -> None:
    """Compare the picture in each candidate's window with the candidate, and fill in what comes out.

    `wide` has for each stage how easily it and the post are alike by accident: scores are divided by it.
    """
    every, null = ranges(), _null()
    cover = np.stack([np.outer(every.cover[each.rows], every.cover[each.columns]).ravel() for each in chosen])
    weights = energy_weights(placed.layout, cover)
    parts = np.stack([_part(stages, each) for each in chosen])
    whole = np.ones_like(cover)
    # The cohort sees both in one go: the post where it lies, and the part of the stage as large as a picture.
    both = np.concatenate([placed.layout, parts])
    by_picture = top(
        correlate(null.layouts.plain, both, np.concatenate([weights, energy_weights(parts, whole)])).T,
        _LAYOUT_FLOOR,
    )
    by_cohort = top(on_stage(null.layouts, both, np.concatenate([cover, whole])).T, _LAYOUT_FLOOR)
    by_edges = top(correlate(null.edges, placed.edges, cover).T, _EDGE_FLOOR)
    tones = _tones(placed.thumbs)
    maps = stages.layouts.plain.maps.reshape(len(stages.layouts.weights), -1)
    alike = maps @ maps[[each.stage for each in chosen]].T >= _NEIGHBOUR
    for number, each in enumerate(chosen):
        rows = [each.stage, *(int(row) for row in np.flatnonzero(alike[:, number]) if row != each.stage)]
        one, other = slice(number, number + 1), len(chosen) + number
        raw = {
            ON_STAGE: on_stage(stages.layouts.at(rows), placed.layout[one], cover[one])[:, 0],
            ON_POST: correlate(_some(stages.layouts.plain, rows), placed.layout[one], weights[one])[:, 0],
            EDGES: correlate(_some(stages.edges, rows), placed.edges[one], cover[one])[:, 0],
            COLOURS: correlate(_some(stages.thumbs, rows), tones[one], cover[one])[:, 0],
        }
        left, right = (by_cohort, by_picture), (by_picture, by_cohort)
        scores = {
            name: sum(
                (raw[name] - side.mean[at]) / side.spread[at] / 2
                for side, at in ((sides[0], number), (sides[1], other))
            )
            for name, sides in ((ON_STAGE, left), (ON_POST, right))
        }
        scores[EDGES] = (raw[EDGES] - by_edges.mean[number]) / by_edges.spread[number]
        scores[COLOURS] = raw[COLOURS]
        _fill(found[each.mirrored], each, rows, raw, {name: got / wide[rows] for name, got in scores.items()})


def _fill(
    found: Found, best: _Candidate, rows: list[int], raw: dict[str, Matrix], scores: dict[str, Matrix]
) -> None:
    """Enter a candidate and its neighbours, none of which was found by itself: they count for no more than it does."""
    for place, row in enumerate(rows):
        if row in found.windows and row != best.stage:
            continue
        found.windows[row] = best.window
        for name in MEASURES:
            found.raw[name][row] = raw[name][place]
            found.normalised[name][row] = min(scores[name][place], scores[name][0])


def _part(stages: Canvases, chosen: _Candidate) -> Matrix:
    """Return the part of a stage's map (12 x 256) that lies in a window, as large as a whole map."""
    every = ranges()
    rows, columns = every.resample[chosen.rows], every.resample[chosen.columns]
    stage = stages.layouts.plain.maps[chosen.stage].reshape(CHANNELS, SIDE, SIDE)
    part = np.matmul(np.matmul(rows.T, stage), columns) / np.outer(rows.sum(axis=0), columns.sum(axis=0))
    flat = part.reshape(CHANNELS, -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True), np.float32)


def _some(lines: Lines, rows: list[int]) -> Lines:
    return Lines(lines.maps[rows], lines.energy[rows])


def _tones(thumbs: Matrix) -> Matrix:
    """Return OKLab thumbnails (n x 3 x cells) with chroma as heavy as where they are compared whole."""
    return np.asarray(thumbs * np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32)[:, None], np.float32)
