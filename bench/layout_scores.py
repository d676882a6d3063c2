"""Scores by layout maps beside the present measures, normalised by the same cohort: what bench.match_layout judges."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.calibrate import tail
from bench.make_cohort import CHARACTERS, DRAWN, drawn
from bench.protocol import Layout, Mask, attacked, picture
from bench.scoring import Scores, best_wrong
from sakigake import resources
from sakigake.fingerprint.information import information
from sakigake.fingerprint.layout_map import Weights, mirror_stem, run, square_v1, stem_v1
from sakigake.fingerprint.layout_search import HYPOTHESES, Kind, Search
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from sakigake.fingerprint.views import Floats, Pixels, trim_v1
from watch.compare.calibration import Channel
from watch.compare.cohort import NAMES, TOP, Against, normalise
from watch.compare.engine import FULL, MIRROR, TRIM, TRIM_MIRROR
from watch.compare.measures import Matrix, unit
from watch.sanitise import load_picture

MAP = "layout_map_v1"
FLOOR = 0.03  # of the spread of cohort cosines
SEARCH_FLOOR = 0.15  # of the spread of values that are deviations already
MIRRORED = "mirror-"
SEARCHED = tuple(start + kind for start in ("", MIRRORED) for kind in (Kind.CROP, Kind.BORDER))

Stems = Mapping[str, NDArray[np.float16]]
Maps = Mapping[str, NDArray[np.int8]]
# For each view its channels: a share of the budget of false alarms, and measures with their weights.
Plan = Mapping[str, Mapping[str, tuple[float, Mapping[str, float]]]]


def stems_of(pixels: Pixels) -> Stems:
    """Return the stems of a picture and, when it has margins, of what is left without them."""
    trimmed = trim_v1(pixels)
    found = {FULL: stem_v1(square_v1(pixels)).astype(np.float16)}
    if trimmed.shape != pixels.shape:
        found[TRIM] = stem_v1(square_v1(trimmed)).astype(np.float16)
    return found


def all_stems(folder: Path, files: Sequence[str], attack: str = "none") -> list[Stems]:
    """Return the stems of some files, each attacked first."""
    return [stems_of(attacked(picture(folder / file), attack, file)) for file in files]


def cohort_stems(clipart: Path) -> NDArray[np.float16]:
    """Return the stems of the cohort that ships, drawn and read again in its order."""
    about = json.loads(resources.read_text(f"{NAME}.json"))
    pictures = [pixels for _, pixels in map(drawn, range(DRAWN + CHARACTERS))]
    kept = []
    for pixels in pictures:
        seen = unpack(fingerprint_v2(pixels))
        if information(seen.coverage, seen.contrast) is None:
            kept.append(pixels)
    kept += [load_picture(clipart / name)[0] for name in about["clipart"]["names"]]
    if len(kept) != about["pictures"]:
        raise ValueError(f"the cohort has {about['pictures']} pictures, here are {len(kept)}")
    return np.stack([stem_v1(square_v1(pixels)) for pixels in kept]).astype(np.float16)


def maps_of(stems: NDArray[np.float16], weights: Weights, block: int = 64) -> NDArray[np.int8]:
    """Return the stored maps (n x 12 x 16 x 16 int8) of n stems."""
    made = np.concatenate(
        [run(stems[at : at + block].astype(np.float32), weights) for at in range(0, len(stems), block)]
    )
    peaks = np.abs(made).max(axis=(1, 2, 3), keepdims=True) + 1e-9
    return np.asarray(np.rint(made * (127 / peaks)), np.int8)


def view_maps(seen: Sequence[Stems], weights: Weights) -> list[Maps]:
    """Return the maps of all views of some posts."""
    keys = [(number, view) for number, stems in enumerate(seen) for view in stems]
    plain = np.stack([seen[number][view] for number, view in keys])
    mirrored = np.stack([mirror_stem(stem.astype(np.float32)).astype(np.float16) for stem in plain])
    found: list[dict[str, NDArray[np.int8]]] = [{} for _ in seen]
    names = {FULL: MIRROR, TRIM: TRIM_MIRROR}
    both = zip(keys, maps_of(plain, weights), maps_of(mirrored, weights), strict=True)
    for (number, view), one, other in both:
        found[number][view], found[number][names[view]] = one, other
    return list(found)


def rows(maps: NDArray[np.int8]) -> Matrix:
    """Return maps as rows of length one, each channel around its mean."""
    values = maps.astype(np.float32)
    values -= values.mean(axis=(-2, -1), keepdims=True)
    return unit(values.reshape(len(values), -1))


def top(scores: Matrix, floor: float) -> Against:
    """Return mean and deviation of the closest cohort pictures, row by row."""
    count = min(TOP, scores.shape[1])
    best = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count:]
    return Against(best.mean(axis=1), np.maximum(best.std(axis=1), floor))


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Stages and cohort made ready: rows of maps, and for the search the stages and cohort one after the other."""

    stages: Matrix
    cohort: Matrix
    stage_side: Against
    search: Search
    both: tuple[Floats, Floats]
    searched_side: Mapping[str, Against]


def ready(
    stages: NDArray[np.int8], cohort: NDArray[np.int8], cohort_mirrored: NDArray[np.int8], *, search: bool
) -> Ready:
    """Make stages ready; for a search the cohort is searched for in every stage, which takes a minute or two."""
    stage_rows, cohort_rows = rows(stages), rows(cohort)
    finder = Search()
    prepared = finder.prepare(np.concatenate([stages, cohort]))
    both = (np.ascontiguousarray(prepared.rows.T), np.asarray(1 / prepared.lengths, np.float32))
    made = Ready(stage_rows, cohort_rows, top(stage_rows @ cohort_rows.T, FLOOR), finder, both, {})
    if not search:
        return made
    against = [search_one(made, one, other)[0] for one, other in zip(cohort, cohort_mirrored, strict=True)]
    sides = {name: top(np.stack([each[name] for each in against]).T, SEARCH_FLOOR) for name in SEARCHED}
    return replace(made, searched_side=sides)


def search_one(
    prepared: Ready, plain: NDArray[np.int8], mirrored: NDArray[np.int8]
) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
    """Return by way of lying the best deviation of each stage and of each cohort picture.

    Each hypothesis is read against the cohort under that hypothesis: a small window resembles more than a large one.
    """
    turned, scales = prepared.both
    count = len(prepared.stages)
    stages: dict[str, Matrix] = {}
    others: dict[str, Matrix] = {}
    for start, layout in (("", plain), (MIRRORED, mirrored)):
        cosines = (prepared.search.views(layout) @ turned) * scales
        side = top(np.asarray(cosines[:, count:], np.float32), FLOOR)
        deviations = (cosines - side.mean[:, None]) / side.spread[:, None]
        for kind in (Kind.CROP, Kind.BORDER):
            chosen = np.array([guess.kind is kind for guess in HYPOTHESES])
            best = deviations[chosen].max(axis=0)
            stages[start + kind], others[start + kind] = best[:count], best[count:]
    return stages, others


def with_maps(scores: Scores, posts: Sequence[Maps], prepared: Ready, *, search: bool) -> Scores:
    """Return scores with the map as one more measure of each view and, searched for, as views of its own."""
    normalised = {view: dict(measures) for view, measures in scores.normalised.items()}
    present = dict(scores.present)
    for view, measures in normalised.items():
        chosen = np.array([number for number, post in enumerate(posts) if view in post], np.intp)
        values = np.zeros((len(posts), len(prepared.stages)), np.float32)
        if chosen.size:
            made = rows(np.stack([posts[number][view] for number in chosen]))
            beside = top(made @ prepared.cohort.T, FLOOR)
            values[chosen] = normalise(made @ prepared.stages.T, beside, prepared.stage_side)
        measures[MAP] = values
    if search:
        found = [search_one(prepared, post[FULL], post[MIRROR]) for post in posts]
        for name in SEARCHED:
            beside = top(np.stack([others[name] for _, others in found]), SEARCH_FLOOR)
            values = np.stack([stages[name] for stages, _ in found])
            normalised[name] = {MAP: normalise(values, beside, prepared.searched_side[name])}
            present[name] = present[FULL]
    return Scores(normalised, present, scores.stage_usable)


def fit(
    plan: Plan, layout: Layout, scores: Scores, posts: Mask, stages: Mask
) -> dict[str, tuple[Channel, ...]]:
    """Fit the tails of a plan on the chosen unrelated posts and stages, as bench.calibrate does for what ships."""
    against = layout.ignored | ~(stages & scores.stage_usable)

    def best(view: str, values: Matrix) -> Matrix:
        chosen = posts & scores.present[view]
        return best_wrong(values[chosen], against[chosen])

    fitted: dict[str, tuple[Channel, ...]] = {}
    for view, channels in plan.items():
        made = []
        for name, (share, weights) in channels.items():
            measures = scores.normalised[view]
            tails = {key: tail(best(view, measures[key])) for key in weights}
            voted = sum(
                (weight * tails[key].surprise(measures[key]) for key, weight in weights.items()),
                start=np.zeros((), np.float32),
            )
            made.append(Channel(name, weights, tails, tail(best(view, voted)), share))
        fitted[view] = tuple(made)
    return fitted
