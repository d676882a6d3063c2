"""Judge the matcher on a corpus: `python -m bench.match --corpus DIR --json FILE [--loose]`.

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

from bench.calibrate import all_views
from bench.peers import available, scores
from bench.protocol import ATTACKS, Corpus, Layout, Mask, lay_out, picture, read
from bench.scoring import best_wrong, charged, ready, score
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare.engine import FULL, match, post_views
from watch.compare.measures import Matrix

PAIR_RATES = (1e-3, 1e-4)
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
    pair_levels = {f"{share:g}": float(np.quantile(negative, 1 - share)) for share in PAIR_RATES}
    first = true > wrong[:count]

    def found(hits: Mask) -> dict[str, Any]:
        return {"found": int(hits.sum()), "tpr": rate(hits), "interval": interval(hits, sources)}

    def split(name: str) -> dict[str, Any]:
        labels = np.array([getattr(pair, name) for pair in layout.pairs])
        return {
            label: {
                "pairs": int((labels == label).sum()),
                **{level: rate((true >= least)[labels == label]) for level, least in thresholds.items()},
                "r1": rate(first[labels == label]),
                "tpr@1e-3": rate((true >= pair_levels["0.001"])[labels == label]),
            }
            for label in sorted(set(labels.tolist()))
        }

    groups = Counter(post.group for post in layout.unrelated)
    alarms = {
        level: Counter(
            post.group for post, value in zip(layout.unrelated, wrong[count:], strict=True) if value >= least
        )
        for level, least in thresholds.items()
    }
    return {
        "per_post": {
            level: {
                "threshold": round(least, 4),
                "posts": len(layout.unrelated),
                "gallery": len(layout.stages),
                "false_posts": int((wrong[count:] >= least).sum()),
                "false_rate": round(float((wrong[count:] >= least).mean()), 5),
                "positives": count,
                **found(true >= least),
            }
            for level, least in thresholds.items()
        },
        "pair": {
            "unrelated_pairs": int(negative.size),
            **{
                f"tpr@{share:.0e}".replace("e-0", "e-"): rate(true >= pair_levels[f"{share:g}"])
                for share in PAIR_RATES
            },
            "r1": rate(first),
            "r1_interval": interval(first, sources),
            "uap": round(average_precision(true, negative), 4),
        },
        "by_category": split("category"),
        "by_kind": split("kind"),
        "by_source": split("source"),
        "false_by_group": {
            group: {"posts": size, **{level: alarms[level][group] for level in thresholds}}
            for group, size in sorted(groups.items())
        },
        "attacks": {
            attack: {
                **{level: rate(spot >= least) for level, least in thresholds.items()},
                "r1": rate(spot > best_wrong(matrix, layout.ignored[:count])),
                "tpr@1e-3": rate(spot >= pair_levels["0.001"]),
            }
            for attack, matrix in attacked.items()
            for spot in [matrix[rows, layout.truth]]
        },
    }


def oracle(layout: Layout, values: Matrix) -> dict[str, float]:
    """Return the thresholds that make exactly the allowed share of these posts a false alarm."""
    ranked = np.sort(best_wrong(values, layout.ignored)[len(layout.pairs) :])[::-1]
    return {
        level: float(np.nextafter(ranked[int(share * ranked.size)], np.inf))
        for level, share in POST_RATES.items()
    }


def ours(corpus: Corpus, layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return our figures and what comparing costs."""
    cohort, calibration = cohorts.load(), calibrations.load()
    files = sorted({*layout.posts, *layout.stages})
    views = dict(zip(files, all_views(corpus, files), strict=True))
    stages, usable = ready([views[file][FULL] for file in layout.stages], cohort)
    outputs = [pair.post for pair in layout.pairs]

    def scored(posts: Sequence[Any]) -> Matrix:
        values = score(posts, stages, usable, cohort).surprise(calibration.views)
        return charged(calibration, values, stages.size)

    values = scored([views[file] for file in layout.posts])
    attacked = {
        attack: scored(all_views(corpus, outputs, attack)) if attack != "none" else values[: len(outputs)]
        for attack in ATTACKS
    }
    levels = {"some": calibration.some, "strong": calibration.strong}
    result = judge(layout, values, levels, attacked)
    result["per_post_oracle"] = judge(layout, values, oracle(layout, values), {})["per_post"]
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
        "fingerprint_bytes": len(fingerprint_v2(pictures[0])),
    }


def main() -> int:
    """Run all methods and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--loose", action="store_true", help="keep groups of similar pictures as negatives")
    options = parser.parse_args()
    corpus = read(options.corpus)
    layout = lay_out(corpus, loose=options.loose)
    figures, spent = ours(corpus, layout)
    methods = {"sakigake": figures}
    for name, describe in available().items():
        outputs = [pair.post for pair in layout.pairs]
        values = scores(describe, corpus.folder, layout.posts, layout.stages, "none")
        attacked = {
            attack: scores(describe, corpus.folder, outputs, layout.stages, attack) for attack in ATTACKS
        }
        methods[name] = judge(layout, values, oracle(layout, values), attacked) | {"thresholds": "oracle"}
    result = {
        "calibration": calibrations.load().version,
        "cohort": cohorts.load().version,
        "loose": options.loose,
        "positives": len(layout.pairs),
        "unrelated": len(layout.unrelated),
        "gallery": len(layout.stages),
        "methods": methods,
        "cost": spent,
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
    for name, method in result["methods"].items():
        for level, row in method["per_post"].items():
            print(
                f"{name:9} {level:6} found {row['tpr']} {row['interval']}"
                f" false {row['false_posts']}/{row['posts']} {method.get('thresholds', 'shipped')}"
            )
        print(f"{'':9} pair {method['pair']}")
        print(f"{'':9} " + " ".join(f"{key} {row['some']}" for key, row in method["by_category"].items()))
        print(
            f"{'':9} "
            + " ".join(
                f"{key} {row['some']}/{row['strong']}/{row['r1']}" for key, row in method["attacks"].items()
            )
        )
    print(f"cost {result['cost']}")


if __name__ == "__main__":
    sys.exit(main())
