"""Fit the calibration that ships: `python -m bench.calibrate --corpus DIR --out config/calibration-v2.json`.

Only unrelated pictures are used: tails of how high they score, and counts. Then the same fit is repeated with each
source of pictures left out in turn, from posts and from stages, and read on the source that was left out; what that
gives is printed and is what a figure about new material should be expected to look like. The levels that ship are raised
until sources that were left out raise no more alarms than a level allows, and no genre twice as many.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.protocol import Corpus, Layout, Mask, Views, lay_out, read, views_of
from bench.scoring import Scores, best_wrong, ready, score_all
from sakigake.fingerprint.vector import VERSION
from watch.compare import cohort as cohorts
from watch.compare.calibration import Channel, Kind, Tail
from watch.compare.engine import (
    CROP,
    CROP_MIRROR,
    CROPS,
    FRAME,
    FRAME_MIRROR,
    FULL,
    MIRROR,
    TRIM,
    TRIM_MIRROR,
    VIEWS,
)
from watch.compare.measures import Matrix

ABOVE = 0.1  # the tail is fitted to the best-scoring tenth of unrelated posts
SHAPE = {"layout_on_stage_v2": 0.5, "layout_on_post_v2": 0.5, "edge_layout_v1": 0.05}
COLOUR = {"oklab_thumb_8_v1": 1.0}
# How the budget of false alarms is spent on posts of each kind; each sums up to 1. What a frame shows is mostly wanted
# without it, while a drawing on white was most often posted with its margins.
SHARES = {
    Kind.PLAIN: {FULL: 0.59, MIRROR: 0.23, CROP: 0.12, CROP_MIRROR: 0.06},
    Kind.MARGINS: {FULL: 0.51, MIRROR: 0.17, TRIM: 0.10, TRIM_MIRROR: 0.04, CROP: 0.12, CROP_MIRROR: 0.06},
    Kind.FRAMED: {FULL: 0.17, MIRROR: 0.07, FRAME: 0.42, FRAME_MIRROR: 0.16, CROP: 0.12, CROP_MIRROR: 0.06},
}
OF_CHANNEL = {"shape": 0.88, "colour": 0.12}
CHANNELS = {"shape": SHAPE, "colour": COLOUR}
# In a part of a stage the few candidates are compared by everything at once: there colours do not search by themselves.
OF_PART = {"shape": 1.0}
PART_CHANNELS = {
    "shape": {
        "layout_on_stage_v1": 0.5,
        "layout_on_post_v1": 0.5,
        "edge_layout_v1": 0.3,
        "oklab_placed_v1": 0.2,
    }
}
SOME, STRONG = 0.01, 0.001  # of unrelated posts against a gallery
GRID = tuple(round(0.1 * step, 1) for step in range(-10, 101))
LEAST_SOURCE = 20
GENRE_LEAST = 100
CHARACTERS = (
    "anime"  # whose pictures are most alike, and whose artists need the answer most: no more than anyone's
)
GENRE_TIMES = {
    CHARACTERS: (1.0, 5.0)
}  # how many times a level's alarms a genre may raise: at `some`, at `strong`
GENRE_ANY = (2.0, 10.0)  # one post in a hundred is the least that a hundred posts can show

Part = tuple[Layout, Scores]
Fitted = dict[str, tuple[Channel, ...]]


def tail(best: Matrix) -> Tail:
    """Fit an exponential tail to the best scores of unrelated posts."""
    start = float(np.quantile(best, 1 - ABOVE))
    return Tail(start, float((best[best > start] - start).mean()), ABOVE)


def fit(parts: Sequence[Part], posts: Sequence[Mask], stages: Sequence[Mask]) -> Fitted:
    """Fit every tail on the chosen unrelated posts and stages of each part."""

    def best(part: int, view: str, values: Matrix) -> Matrix:
        layout, scores = parts[part]
        against = layout.ignored | ~(stages[part] & scores.stage_usable)
        chosen = posts[part] & scores.present[view]
        return best_wrong(values[chosen], against[chosen])

    fitted: Fitted = {}
    for view in (*VIEWS, *CROPS):
        channels = []
        of_channel, chosen_channels = (OF_PART, PART_CHANNELS) if view in CROPS else (OF_CHANNEL, CHANNELS)
        for name, weights in chosen_channels.items():
            tails = {
                measure: tail(
                    np.concatenate(
                        [
                            best(n, view, scores.normalised[view][measure])
                            for n, (_, scores) in enumerate(parts)
                        ]
                    )
                )
                for measure in weights
            }
            voted = [
                sum(
                    (
                        weight * tails[key].surprise(scores.normalised[view][key])
                        for key, weight in weights.items()
                    ),
                    start=np.zeros((), np.float32),
                )
                for _, scores in parts
            ]
            joint = tail(np.concatenate([best(n, view, values) for n, values in enumerate(voted)]))
            shares = {
                kind: round(share[view] * of_channel[name], 4)
                for kind, share in SHARES.items()
                if view in share
            }
            channels.append(Channel(name, weights, tails, joint, shares))
        fitted[view] = tuple(channels)
    return fitted


def levels(best: Matrix) -> tuple[float, float]:
    """Return the thresholds `some` and `strong`: what a tail says and what was seen, whichever is stricter.

    The tail is that of the largest value over all views and channels. Their own tails, each with its share of a budget, say
    too much together: they mostly alarm at the same posts.
    """
    ranked = np.sort(best)[::-1]
    over = tail(best)
    found = []
    for rate in (SOME, STRONG):
        fitted = over.start + over.scale * math.log(over.above / rate)
        found.append(max(fitted, float(ranked[int(rate * len(ranked))]) + 1e-3))
    return round(found[0], 3), round(found[1], 3)


def unrelated(layout: Layout) -> Mask:
    """Return which posts are unrelated to every stage."""
    return np.arange(len(layout.posts)) >= len(layout.pairs)


def sources(corpus: Corpus, files: Sequence[str]) -> NDArray[np.str_]:
    """Return the source of each file, empty for those of pairs and timelines."""
    known = {negative.file: negative.source for negative in corpus.negatives}
    return np.array([known.get(file, "") for file in files])


def genre(group: str) -> str:
    """Return the genre of a group of unrelated pictures: the first word of its name."""
    return group.removeprefix("hard-").split("-")[0]


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Posts of sources that nothing was fitted on: how far each stays under `some` and `strong`, and its genre."""

    excess: Matrix
    genres: NDArray[np.str_]
    sources: NDArray[np.str_]
    true: Matrix  # fits x pairs x 2: by how much true pairs lie above the levels

    def margins(self) -> tuple[float, float]:
        """Return by how much the levels have to be raised so that no bound is broken here."""
        found = [0.0, 0.0]
        for at, rate in enumerate((SOME, STRONG)):
            found[at] = max(0.0, _allow(self.excess[:, at], rate))
            for name in set(self.genres.tolist()):
                values = self.excess[self.genres == name, at]
                if values.size >= GENRE_LEAST:
                    found[at] = max(found[at], _allow(values, rate * GENRE_TIMES.get(name, GENRE_ANY)[at]))
        some, strong = (math.ceil(value * 20) / 20 for value in found)
        return some, strong

    def figures(self, margins: tuple[float, float]) -> dict[str, Any]:
        """Return false alarms and finds at the raised levels."""
        over = self.excess >= np.array(margins, np.float32)
        true = (self.true >= np.array(margins, np.float32)).mean(axis=1)
        return {
            "posts": len(over),
            "false_some": int(over[:, 0].sum()),
            "false_strong": int(over[:, 1].sum()),
            "found_some": [round(float(value), 3) for value in (true[:, 0].min(), true[:, 0].max())],
            "found_strong": [round(float(value), 3) for value in (true[:, 1].min(), true[:, 1].max())],
            "by_genre": self._split(self.genres, over),
            "sources": self._split(self.sources, over),
        }

    @staticmethod
    def _split(names: NDArray[np.str_], over: Mask) -> dict[str, list[int]]:
        return {
            name: [int((names == name).sum()), *(int(count) for count in over[names == name].sum(axis=0))]
            for name in sorted(set(names.tolist()))
        }


def _allow(values: Matrix, rate: float) -> float:
    return float(np.sort(values)[::-1][int(rate * len(values))]) + 1e-4


def leave_sources_out(corpus: Corpus, parts: Sequence[Part]) -> LeftOut:
    """Return how the posts of each source do when nothing was fitted on that source."""
    post_sources = [sources(corpus, layout.posts) for layout, _ in parts]
    stage_sources = [sources(corpus, layout.stages) for layout, _ in parts]
    sizes = Counter(negative.source for negative in corpus.negatives)
    genres = {negative.file: genre(negative.group) for negative in corpus.negatives}
    excess: list[Matrix] = []
    names: list[str] = []
    origin: list[str] = []
    true: list[Matrix] = []
    for source in sorted(name for name, size in sizes.items() if size >= LEAST_SOURCE):
        posts = [
            unrelated(layout) & (each != source)
            for (layout, _), each in zip(parts, post_sources, strict=True)
        ]
        stages = [each != source for each in stage_sources]
        fitted = fit(parts, posts, stages)
        values = [scores.surprise(fitted) for _, scores in parts]
        seen = [
            best_wrong(value[chosen], (layout.ignored | ~kept)[chosen])
            for value, (layout, _), chosen, kept in zip(values, parts, posts, stages, strict=True)
        ]
        level = np.array(levels(np.concatenate(seen)), np.float32)
        fewer = float(np.mean([math.log10(len(kept) / kept.sum()) for kept in stages]))
        for value, (layout, _), each in zip(values, parts, post_sources, strict=True):
            mine = each == source
            best = best_wrong(value[mine], layout.ignored[mine]) - fewer
            excess.append(best[:, None] - level)
            names += [genres[file] for file, own in zip(layout.posts, mine, strict=True) if own]
            origin += [source] * int(mine.sum())
        layout = parts[0][0]
        found = values[0][np.arange(len(layout.pairs)), layout.truth] - fewer
        true.append(found[:, None] - level)
    return LeftOut(np.concatenate(excess), np.array(names), np.array(origin), np.stack(true))


def record(corpus: Corpus, parts: Sequence[Part], margins: tuple[float, float]) -> dict[str, Any]:
    """Return the calibration record, fitted on everything, its levels raised by `margins`."""
    posts = [unrelated(layout) for layout, _ in parts]
    stages = [np.ones(len(layout.stages), np.bool_) for layout, _ in parts]
    fitted = fit(parts, posts, stages)
    pairs: list[Matrix] = []
    best: list[Matrix] = []
    for (layout, scores), chosen in zip(parts, posts, strict=True):
        values = scores.surprise(fitted)[chosen]
        against = layout.ignored[chosen]
        best.append(best_wrong(values, against))
        pairs.append(values[~against])
    all_pairs, all_posts = np.concatenate(pairs), np.concatenate(best)
    some, strong = (round(level + more, 3) for level, more in zip(levels(all_posts), margins, strict=True))
    kinds = Counter(genre(negative.group) for negative in corpus.negatives)
    cohort = cohorts.load()
    return {
        "version": "calibration/5",
        "fingerprint": VERSION,
        "cohort": {"version": cohort.version, "sha256": cohort.digest},
        "stages": len(parts[0][0].stages),
        "levels": {"some": some, "strong": strong},
        "views": {view: {channel.name: _channel(channel) for channel in row} for view, row in fitted.items()},
        "material": dict(sorted(kinds.items())),
        "counts": {
            "pairs": int(all_pairs.size),
            "posts": int(all_posts.size),
            "grid": list(GRID),
            "pairs_reaching": _reaching(all_pairs),
            "posts_reaching": _reaching(all_posts),
        },
    }


def _reaching(values: Matrix) -> list[int]:
    ordered = np.sort(values)
    return [int(values.size - np.searchsorted(ordered, edge, side="left")) for edge in GRID]


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "share": dict(channel.shares),
        "measures": {
            name: {"weight": weight, "tail": _tail(channel.tails[name])}
            for name, weight in channel.weights.items()
        },
        "joint": _tail(channel.joint),
    }


def _tail(fitted: Tail) -> dict[str, float]:
    return {"start": round(fitted.start, 4), "scale": round(fitted.scale, 4), "above": fitted.above}


def all_views(corpus: Corpus, files: Sequence[str], attack: str = "none", jobs: int = 2) -> list[Views]:
    """Return the views of many posts, by some processes."""
    blocks = [files[start : start + 64] for start in range(0, len(files), 64)]
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        done = pool.map(partial(views_of, corpus.folder, attack=attack), blocks)
        return [views for block in done for views in block]


def scored(layout: Layout, views: dict[str, Views], jobs: int) -> Scores:
    """Return the scores of a layout whose pictures' views are known."""
    cohort = cohorts.load()
    stages, usable = ready([views[file][FULL] for file in layout.stages], cohort)
    return score_all([views[file] for file in layout.posts], stages, usable, cohort, jobs)


def main() -> int:
    """Fit, cross-check and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    corpus = read(options.corpus)
    layouts = [lay_out(corpus, half=half) for half in (0, 1)]
    files = sorted({file for layout in layouts for file in (*layout.posts, *layout.stages)})
    views = dict(zip(files, all_views(corpus, files, jobs=options.jobs), strict=True))
    parts = [(layout, scored(layout, views, options.jobs)) for layout in layouts]
    others = leave_sources_out(corpus, parts)
    margins = others.margins()
    made, left_out = record(corpus, parts, margins), others.figures(margins) | {"margins": margins}
    # What ships says what was measured, not whose pictures they were.
    made["left_out"] = {key: value for key, value in left_out.items() if key != "sources"}
    options.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps({"levels": made["levels"], "material": made["material"], "left_out": left_out}, indent=1)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
