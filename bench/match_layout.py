"""Judge the learned layout map: `python -m bench.match_layout --corpus DIR --clipart DIR [--search] [--json FILE]`.

The protocol of bench.match (one half of the unrelated pictures), three questions: what the present score finds, what the
map finds alone, and what both find together. Every method is given twice: with the thresholds that make exactly the
allowed share of these posts a false alarm (what a method can do), and with each source of unrelated pictures left out
of tails and thresholds in turn and read afterwards (what to expect elsewhere).

The cohort's pictures are needed for its maps; bench/make_cohort.py says where DIR with the clip art comes from.
"""

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.calibrate import LEAST_SOURCE, levels, sources, unrelated
from bench.layout_scores import (
    MAP,
    MIRRORED,
    Plan,
    Ready,
    Stems,
    all_stems,
    cohort_stems,
    fit,
    maps_of,
    ready,
    view_maps,
    with_maps,
)
from bench.match import judge, oracle
from bench.protocol import ATTACKS, Corpus, Layout, Views, lay_out, read, views_of
from bench.scoring import Scores, best_wrong, score
from bench.scoring import ready as ready_now
from sakigake.fingerprint.layout_map import Weights, assemble, load, mirror_stem
from sakigake.fingerprint.layout_search import Kind
from watch.compare import cohort as cohorts
from watch.compare.engine import FULL, MIRROR, TRIM, TRIM_MIRROR
from watch.compare.measures import Matrix

NOW = {"edge_layout_v1": 1.0, "gradient_v1": 0.3}
COLOUR = {"oklab_thumb_8_v1": 1.0}
ALONE = {MAP: 1.0}
TOGETHER = {MAP: 1.0, "edge_layout_v1": 0.3}
GENRE_LEAST = 100


def views_plan(shape: Mapping[str, float], *, colour: bool = True) -> Plan:
    """Return a plan over the four views with the budget that ships; without colours their share goes to shapes."""
    shares = {FULL: (0.50, 0.15), MIRROR: (0.12, 0.03), TRIM: (0.10, 0.05), TRIM_MIRROR: (0.04, 0.01)}
    if not colour:
        return {view: {"shape": (sum(share), shape)} for view, share in shares.items()}
    return {view: {"shape": (one, shape), "colour": (other, COLOUR)} for view, (one, other) in shares.items()}


def search_plan(shape: Mapping[str, float], *, colour: bool = True) -> Plan:
    """Return the same with a third of the budget spent on where the post lies in the stage."""
    searched = {
        Kind.CROP.value: 0.13,
        Kind.BORDER.value: 0.10,
        MIRRORED + Kind.CROP: 0.05,
        MIRRORED + Kind.BORDER: 0.05,
    }
    kept = 1 - sum(searched.values())
    plan = {
        view: {name: (share * kept, weights) for name, (share, weights) in channels.items()}
        for view, channels in views_plan(shape, colour=colour).items()
    }
    return plan | {view: {"shape": (share, ALONE)} for view, share in searched.items()}


def plans(*, search: bool) -> Mapping[str, Plan]:
    """Return what is judged."""
    found = {
        "now": views_plan(NOW),
        "edges alone": views_plan(NOW, colour=False),
        "map alone": views_plan(ALONE, colour=False),
        "map + colour": views_plan(ALONE),
        "map + edges + colour": views_plan(TOGETHER),
    }
    if search:
        found |= {
            "map alone, searched": search_plan(ALONE, colour=False),
            "map + colour, searched": search_plan(ALONE),
            "map + edges + colour, searched": search_plan(TOGETHER),
        }
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The present views and the stems of some posts."""

    views: Sequence[Views]
    stems: Sequence[Stems]


def look(corpus: Corpus, files: Sequence[str], attack: str = "none") -> Seen:
    """Read pictures, attacked first."""
    return Seen(views_of(corpus.folder, files, attack), all_stems(corpus.folder, files, attack))


def left_out(corpus: Corpus, layout: Layout, scores: Scores, plan: Plan) -> dict[str, Any]:
    """Return false alarms and finds with each source of unrelated pictures left out of everything fitted."""
    post_sources, stage_sources = (sources(corpus, files) for files in (layout.posts, layout.stages))
    alarms = {"some": Counter[str](), "strong": Counter[str]()}
    posts: Counter[str] = Counter()
    found: list[tuple[float, float]] = []
    groups = {post.file: post.group for post in layout.unrelated}
    genres: dict[str, Counter[str]] = {"posts": Counter(), "some": Counter(), "strong": Counter()}
    for source in sorted({*post_sources.tolist()} - {""}):
        mine = post_sources == source
        if mine.sum() < LEAST_SOURCE:
            continue
        kept = stage_sources != source
        values = scores.surprise(fit(plan, layout, scores, unrelated(layout) & ~mine, kept))
        values -= math.log10(len(kept) / kept.sum())
        others = unrelated(layout) & ~mine
        level = levels(best_wrong(values[others], (layout.ignored | ~kept)[others]))
        reached = best_wrong(values[mine], layout.ignored[mine])
        names = [groups[file] for file, own in zip(layout.posts, mine, strict=True) if own]
        posts[source] += len(names)
        true = values[np.arange(len(layout.pairs)), layout.truth]
        found.append((float((true >= level[0]).mean()), float((true >= level[1]).mean())))
        for name, least in zip(("some", "strong"), level, strict=True):
            alarms[name][source] += int((reached >= least).sum())
            genres[name].update(
                genre(group) for group, value in zip(names, reached, strict=True) if value >= least
            )
        genres["posts"].update(map(genre, names))
    spread = np.array(found)
    return {
        "posts": posts.total(),
        "false_some": alarms["some"].total(),
        "false_strong": alarms["strong"].total(),
        "found_some": [round(float(each), 3) for each in (spread[:, 0].min(), spread[:, 0].max())],
        "found_strong": [round(float(each), 3) for each in (spread[:, 1].min(), spread[:, 1].max())],
        "worst_sources": {
            name: f"{count} of {posts[name]}" for name, count in alarms["some"].most_common(4) if count
        },
        "by_genre": {
            name: {"posts": size, "some": genres["some"][name], "strong": genres["strong"][name]}
            for name, size in sorted(genres["posts"].items())
            if size >= GENRE_LEAST or name == "anime"
        },
    }


def genre(group: str) -> str:
    """Return the genre of a group of unrelated pictures: anime characters, or the first word of its name."""
    return group.removeprefix("hard-").split("-")[0]


def extend(seen: Seen, stages: Ready, weights: Weights, base: Scores, *, search: bool) -> Scores:
    """Return the present scores with those of the maps."""
    return with_maps(base, view_maps(seen.stems, weights), stages, search=search)


def measure(
    corpus: Corpus,
    files: Mapping[str, tuple[Views, Stems]],
    attacks: Mapping[str, Seen],
    cohort: np.ndarray[Any, np.dtype[np.float16]],
    weights: Weights,
    *,
    search: bool,
) -> tuple[dict[str, Any], dict[str, Matrix]]:
    """Return all figures, and of each method the values of posts x stages."""
    layout = lay_out(corpus)
    now = cohorts.load()
    stage_maps = np.stack(
        [each[FULL] for each in view_maps([files[file][1] for file in layout.stages], weights)]
    )
    mirrored = np.stack([mirror_stem(stem.astype(np.float32)).astype(np.float16) for stem in cohort])
    began = time.process_time()
    stages = ready(stage_maps, maps_of(cohort, weights), maps_of(mirrored, weights), search=search)
    spent = {"ready_s": round(time.process_time() - began, 1)}
    gallery, usable = ready_now([files[file][0][FULL] for file in layout.stages], now)

    def scored(seen: Seen) -> Scores:
        return extend(seen, stages, weights, score(seen.views, gallery, usable, now), search=search)

    began = time.process_time()
    scores = scored(Seen(*map(list, zip(*(files[file] for file in layout.posts), strict=True))))
    spent["compare_ms_per_post"] = round((time.process_time() - began) / len(layout.posts) * 1000, 1)
    attacked = {attack: scored(seen) for attack, seen in attacks.items()}
    every = np.ones(len(layout.stages), np.bool_)
    figures: dict[str, Any] = {"cost": spent}
    kept: dict[str, Matrix] = {}
    for name, plan in plans(search=search).items():
        fitted = fit(plan, layout, scores, unrelated(layout), every)
        values = scores.surprise(fitted)
        of_attacks = {"none": values[: len(layout.pairs)]} | {
            attack: spot.surprise(fitted) for attack, spot in attacked.items()
        }
        figures[name] = judge(layout, values, oracle(layout, values), of_attacks)
        figures[name]["left_out"] = left_out(corpus, layout, scores, plan)
        figures[name]["false_by_genre"] = by_genre(figures[name]["false_by_group"])
        kept[name] = values
    return figures, kept


def by_genre(groups: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Return posts and false alarms of groups summed by genre."""
    summed: dict[str, Counter[str]] = {}
    for group, row in groups.items():
        summed.setdefault(genre(group), Counter()).update(row)
    return {name: dict(row) for name, row in summed.items()}


def show(figures: Mapping[str, Any]) -> None:
    """Print the main figures."""
    for name, row in figures.items():
        if name == "cost":
            print(row)
            continue
        some, strong = row["per_post"]["some"], row["per_post"]["strong"]
        out = row["left_out"]
        print(
            f"{name}: some {some['tpr']} {some['interval']} ({some['false_posts']}/{some['posts']}),"
            f" strong {strong['tpr']} {strong['interval']} ({strong['false_posts']}), r1 {row['pair']['r1']},"
            f" uap {row['pair']['uap']}, pairs {row['pair']['tpr@1e-3']}/{row['pair']['tpr@1e-4']}"
        )
        print(f"   sources left out: {json.dumps(out)}")
        print(f"   anime {row['false_by_genre'].get('anime')}")
        print(
            "   "
            + " ".join(f"{key} {each['some']}/{each['strong']}" for key, each in row["by_category"].items())
        )
        print("   " + " ".join(f"{key} {each['some']}" for key, each in row["by_kind"].items()))
        print(
            "   "
            + " ".join(
                f"{key} {each['some']}/{each['strong']}/{each['r1']}" for key, each in row["attacks"].items()
            )
        )


def weights_of(path: Path | None) -> Weights:
    """Return the weights of a file, or those that ship."""
    if path is None:
        return load()
    with np.load(path, allow_pickle=False) as arrays:
        return assemble(arrays, path.name)


def main() -> int:
    """Read, score and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--clipart", type=Path, required=True)
    parser.add_argument(
        "--weights", type=Path, help="a net that bench.train_layout wrote; what ships otherwise"
    )
    parser.add_argument(
        "--search", action="store_true", help="also search for crops and borders: some minutes"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    corpus = read(options.corpus)
    layout = lay_out(corpus)
    names = sorted({*layout.posts, *layout.stages})
    seen = look(corpus, names)
    outputs = [pair.post for pair in layout.pairs]
    attacks = {attack: look(corpus, outputs, attack) for attack in ATTACKS if attack != "none"}
    files = dict(zip(names, zip(seen.views, seen.stems, strict=True), strict=True))
    weights = weights_of(options.weights)
    figures, _ = measure(
        corpus, files, attacks, cohort_stems(options.clipart), weights, search=options.search
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    show(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
