"""Judge the matcher on a corpus: `python -m bench.match --corpus DIR --json FILE [--loose] [--sheets DIR]`.

JSON: `per_post.<level>`, `pair`, `attacks.<name>`, `ladder.<strength>`, `cost`, and the same for each of `peers`.

Shipped cohort, shipped calibration, shipped levels; nothing is fitted on DIR. An unrelated post counts as a false
alarm when any stage of the gallery reaches a level; an output counts as found when its true stage does.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import sheets
from bench.calibrate import all_views, genre
from bench.ladder import RUNGS, rung
from bench.peers import available, scores
from bench.protocol import ATTACKS, Corpus, Layout, Mask, lay_out, picture, read
from bench.scoring import best_wrong, charged, ready, score_all
from sakigake import resources
from sakigake.fingerprint import layout_map
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare.engine import FULL, match, post_views
from watch.compare.measures import Matrix

PAIR_RATES = {"tpr_1e3": 1e-3, "tpr_1e4": 1e-4}
POST_RATES = {"some": 0.01, "strong": 0.001}
ROUNDS = 1000

Score = Callable[[str], Matrix]


def interval(hits: Mask, groups: Sequence[str]) -> list[float]:
    """Return the 95 % interval of a rate, drawing whole source groups with replacement."""
    rng = np.random.default_rng(0)
    names = sorted(set(groups))
    of_group = [hits[np.array([group == name for group in groups])] for name in names]
    found = [np.array([hit.sum() for hit in of_group]), np.array([hit.size for hit in of_group])]
    drawn = rng.integers(0, len(names), (ROUNDS, len(names)))
    rates = found[0][drawn].sum(axis=1) / found[1][drawn].sum(axis=1)
    return [round(float(value), 3) for value in np.quantile(rates, (0.025, 0.975))]


def average_precision(positive: Matrix, negative: Matrix) -> float:
    """Return the area under precision and recall over all pairs at once (micro average precision)."""
    ranked = np.sort(positive)[::-1]
    above = negative.size - np.searchsorted(np.sort(negative), ranked, side="left")
    return float(np.mean(np.arange(1, ranked.size + 1) / (np.arange(1, ranked.size + 1) + above)))


def rate(hits: Mask) -> float | None:
    """Return a share to three places, None of nothing."""
    return round(float(hits.mean()), 3) if hits.size else None


def judge(
    layout: Layout, values: Matrix, thresholds: Mapping[str, float], attacked: Mapping[str, Matrix]
) -> dict[str, Any]:
    """Return every figure of one method. `values` are posts x stages, `attacked` outputs x stages by attack."""
    count = len(layout.pairs)
    rows = np.arange(count)
    sources = [pair.source for pair in layout.pairs]
    wrong = best_wrong(values, layout.ignored)
    true = values[rows, layout.truth]
    negative = values[~layout.ignored]
    pair_levels = {name: float(np.quantile(negative, 1 - share)) for name, share in PAIR_RATES.items()}
    first = true > wrong[:count]

    def split(name: str, hits: Mask) -> dict[str, Any]:
        labels = np.array([getattr(pair, name) for pair in layout.pairs])
        return {
            label: {"pairs": int((labels == label).sum()), "tpr": rate(hits[labels == label])}
            for label in sorted(set(labels.tolist()))
        }

    def splits(hits: Mask) -> dict[str, Any]:
        return {
            f"by_{name}": split(name, hits) for name in ("category", "kind", "source", "strength", "method")
        }

    def per_post(least: float) -> dict[str, Any]:
        alarms = wrong[count:] >= least
        return {
            "threshold": round(least, 4),
            "posts": len(layout.unrelated),
            "gallery": len(layout.stages),
            "false_posts": int(alarms.sum()),
            "false_rate": round(float(alarms.mean()), 5),
            "positives": count,
            "found": int((true >= least).sum()),
            "tpr": rate(true >= least),
            "tpr_ci": interval(true >= least, sources),
            **splits(true >= least),
            "false_by_group": counted([post.group for post in layout.unrelated], alarms),
            "false_by_genre": counted([genre(post.group) for post in layout.unrelated], alarms),
        }

    return {
        "per_post": {level: per_post(least) for level, least in thresholds.items()},
        "pair": {
            "unrelated_pairs": int(negative.size),
            **{name: rate(true >= least) for name, least in pair_levels.items()},
            "r1": rate(first),
            "r1_ci": interval(first, sources),
            "uap": round(average_precision(true, negative), 4),
            "r1_by": splits(first),
        },
        "attacks": {
            attack: {
                **{f"tpr_{level}": rate(spot >= least) for level, least in thresholds.items()},
                "r1": rate(spot > best_wrong(matrix, layout.ignored[:count])),
                "tpr_1e3": rate(spot >= pair_levels["tpr_1e3"]),
            }
            for attack, matrix in attacked.items()
            for spot in [matrix[rows, layout.truth]]
        },
    }


def counted(names: Sequence[str], alarms: Mask) -> dict[str, Any]:
    """Return posts and false alarms by name."""
    posts, false = Counter(names), Counter(name for name, alarm in zip(names, alarms, strict=True) if alarm)
    return {name: {"posts": size, "false_posts": false[name]} for name, size in sorted(posts.items())}


def oracle(layout: Layout, values: Matrix) -> dict[str, float]:
    """Return the thresholds that make exactly the allowed share of these posts a false alarm."""
    ranked = np.sort(best_wrong(values, layout.ignored)[len(layout.pairs) :])[::-1]
    return {
        level: float(np.nextafter(ranked[int(share * ranked.size)], np.inf))
        for level, share in POST_RATES.items()
    }


def ours(
    corpus: Corpus, layout: Layout, folder: Path | None, jobs: int, deep: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return our figures and what comparing costs; sheets of misses and alarms go to `folder`, if any.

    `deep` names a picture-and-text model that is to be judged beside layout.
    """
    cohort, calibration = cohorts.load(), calibrations.load()
    files = sorted({*layout.posts, *layout.stages})
    views = dict(zip(files, all_views(corpus, files, jobs=jobs), strict=True))
    stages, usable = ready([views[file][FULL] for file in layout.stages], cohort)
    outputs = [pair.post for pair in layout.pairs]

    def scored(posts: Sequence[Any]) -> Matrix:
        values = score_all(posts, stages, usable, cohort, jobs).surprise(calibration.views)
        return charged(calibration, values, stages.size)

    values = scored([views[file] for file in layout.posts])
    attacked = {
        attack: scored(all_views(corpus, outputs, attack, jobs))
        if attack != "none"
        else values[: len(outputs)]
        for attack in ATTACKS
    }
    levels = {"some": calibration.some, "strong": calibration.strong}
    result = judge(layout, values, levels, attacked)
    result["per_post_oracle"] = judge(layout, values, oracle(layout, values), {})["per_post"]
    result["ladder"] = {}
    for strength in RUNGS:
        posts, truth = rung(corpus, layout, strength)
        true = scored([post_views(pixels) for pixels in posts])[np.arange(len(posts)), truth]
        result["ladder"][f"{strength:.1f}"] = {"posts": len(posts)} | {
            f"tpr_{level}": rate(true >= least) for level, least in levels.items()
        }
    if deep:
        from bench import semantic  # noqa: PLC0415 - torch

        result["deep"] = semantic.variants(
            semantic.encoder(deep),
            corpus,
            layout,
            ours=values,
            ours_attacked=attacked,
            judge=lambda scores, under: judge(layout, scores, oracle(layout, scores), under),
        )
    if folder:
        sheets.write(folder, corpus, layout, values)
    result["refused"] = {
        "stages": int((~usable).sum()),
        "unrelated": int((values[len(outputs) :].max(axis=1) <= -99).sum()),
        "outputs": int((values[: len(outputs)].max(axis=1) <= -99).sum()),
    }
    return result, cost(corpus, layout)


def cost(corpus: Corpus, layout: Layout, sample: int = 40) -> dict[str, Any]:
    """Return CPU milliseconds per picture and per post against the whole gallery, in this one process."""
    cohort, calibration = cohorts.load(), calibrations.load()
    pictures = [picture(corpus.folder / file) for file in layout.posts[:sample]]
    stage_prints = [unpack(fingerprint_v2(picture(corpus.folder / file))) for file in layout.stages]

    def measure(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return (time.process_time() - started) * 1000

    kept: dict[str, Any] = {}
    return {
        "fingerprint_ms": round(measure(lambda: [fingerprint_v2(pixels) for pixels in pictures]) / sample, 2),
        "views_ms": round(
            measure(lambda: kept.update(views=[post_views(pixels) for pixels in pictures])) / sample, 2
        ),
        "gallery_ms": round(measure(lambda: kept.update(stages=ready(stage_prints, cohort)[0])), 1),
        "compare_ms": round(
            measure(lambda: [match(views, kept["stages"], cohort, calibration) for views in kept["views"]])
            / sample,
            2,
        ),
        "stages": len(layout.stages),
        "weights_bytes": len(resources.read_bytes(f"{layout_map.NAME}.npz")),
        "fingerprint_bytes": len(fingerprint_v2(pictures[0])),
    }


def main() -> int:
    """Run all methods and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--loose", action="store_true", help="keep groups of similar pictures as negatives")
    parser.add_argument(
        "--sheets", type=Path, help="write sheets of the worst misses and alarms to this folder"
    )
    parser.add_argument("--deep", default="", metavar="MODEL", help="judge this model beside layout")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    corpus = read(options.corpus)
    layout = lay_out(corpus, loose=options.loose)
    figures, spent = ours(corpus, layout, options.sheets, options.jobs, options.deep)
    peers: dict[str, Any] = {}
    for name, describe in available().items():
        outputs = [pair.post for pair in layout.pairs]
        values = scores(describe, corpus.folder, layout.posts, layout.stages, "none")
        attacked = {
            attack: scores(describe, corpus.folder, outputs, layout.stages, attack) for attack in ATTACKS
        }
        peers[name] = judge(layout, values, oracle(layout, values), attacked) | {"thresholds": "oracle"}
    result = {
        "calibration": calibrations.load().version,
        "cohort": cohorts.load().version,
        "loose": options.loose,
        "positives": len(layout.pairs),
        "unrelated": len(layout.unrelated),
        "gallery": len(layout.stages),
        **figures,
        "cost": spent,
        "peers": peers,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)
    return 0


def show(result: Mapping[str, Any]) -> None:
    """Print the main figures."""
    print(
        f"{result['positives']} true pairs, {result['unrelated']} unrelated posts, {result['gallery']} stages"
    )
    for name, method in {"sakigake": result, **result["peers"]}.items():
        for level, row in method["per_post"].items():
            print(
                f"{name:9} {level:6} found {row['tpr']} {row['tpr_ci']}"
                f" false {row['false_posts']}/{row['posts']} {method.get('thresholds', 'shipped')}"
            )
            for key in ("by_category", "by_kind", "by_strength", "by_method"):
                print(f"{'':16} " + " ".join(f"{label} {each['tpr']}" for label, each in row[key].items()))
            alarms = {label: each for label, each in row["false_by_genre"].items() if each["false_posts"]}
            print(
                f"{'':16} "
                + " ".join(f"{label} {each['false_posts']}/{each['posts']}" for label, each in alarms.items())
            )
        print(f"{'':9} pair { ({key: value for key, value in method['pair'].items() if key != 'r1_by'}) }")
        print(
            f"{'':9} "
            + " ".join(
                f"{key} {row['tpr_some']}/{row['tpr_strong']}/{row['r1']}"
                for key, row in method["attacks"].items()
            )
        )
    print(
        "ladder "
        + " ".join(f"{key} {row['tpr_some']}/{row['tpr_strong']}" for key, row in result["ladder"].items())
    )
    print(f"cost {result['cost']}")
    if "deep" in result:
        from bench import semantic  # noqa: PLC0415 - torch

        semantic.show(result["deep"])


if __name__ == "__main__":
    sys.exit(main())
