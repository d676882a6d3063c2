"""A general picture-and-text model through the matcher's protocol: alone, and joined to the scores by layout.

`python -m bench.match --corpus DIR --deep MODEL` decides whether such a model earns its place on a corpus. MODEL is the id of
one that `sakigake models` has put in place, or a folder with its files. Thresholds are those that make the same share of these
posts a false alarm, for every variant alike: a joined score has no calibration of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.protocol import ATTACKS, Corpus, Layout, attacked, picture
from sakigake import settings
from watch.compare.measures import Matrix
from watch.deep import shelf
from watch.deep.encoder import Encoder, load
from watch.deep.manifest import RECORD

# What one deviation of the semantic score counts on the scale of the others (powers of ten).
WEIGHTS = (0.25, 0.5, 1.0)
TOP = 100  # of the stages: as the cohort's scores are normalised
LEAST_SPREAD = 0.005

Judge = Callable[[Matrix, Mapping[str, Matrix]], dict[str, Any]]


def encoder(model: str) -> Encoder:
    """Return the model that is to be judged, checked first; raises SakigakeError."""
    folder = Path(model)
    if (folder / RECORD).is_file():
        return load(shelf.get(folder.parent.parent, folder.name))
    return load(shelf.get(settings.load().home, model))


def rows(made: Encoder, folder: Path, files: Sequence[str], attack: str = "none") -> Matrix:
    """Return the unit vectors of some pictures of a corpus, each attacked first."""
    found = []
    for at in range(0, len(files), made.batch):
        part = files[at : at + made.batch]
        found.append(made.pictures([attacked(picture(folder / file), attack, file) for file in part]))
    return np.concatenate(found)


def normalised(cosines: Matrix) -> Matrix:
    """Return cosines (posts x stages) as deviations above each post's closest stages."""
    count = min(TOP, cosines.shape[1])
    best = np.partition(cosines, cosines.shape[1] - count, axis=1)[:, -count:]
    spread = np.maximum(best.std(axis=1, keepdims=True), LEAST_SPREAD)
    mean = best.mean(axis=1, keepdims=True)
    return np.asarray((cosines - mean) / spread, np.float32)


def joined(layout: Matrix, semantic: Matrix, weight: float) -> Matrix:
    """Return scores that content may raise and never lower."""
    return np.asarray(layout + weight * np.maximum(semantic, 0), np.float32)


def variants(
    made: Encoder,
    corpus: Corpus,
    layout: Layout,
    *,
    ours: Matrix,
    ours_attacked: Mapping[str, Matrix],
    judge: Judge,
) -> dict[str, Any]:
    """Return the figures of the model alone and of each weight; `ours` are the scores by layout (posts x stages)."""
    stages = rows(made, corpus.folder, layout.stages)
    outputs = [pair.post for pair in layout.pairs]
    alone = rows(made, corpus.folder, layout.posts) @ stages.T
    under = {
        attack: rows(made, corpus.folder, outputs, attack) @ stages.T
        if attack != "none"
        else alone[: len(outputs)]
        for attack in ATTACKS
    }
    # Normalised by all stages alike: who is related is what is to be found out, and must not be known here.
    whole = normalised(alone)
    parts = {attack: normalised(values) for attack, values in under.items()}
    result = {"model": made.key, "layout": judge(ours, ours_attacked), "semantic": judge(whole, parts)}
    for weight in WEIGHTS:
        both = {attack: joined(ours_attacked[attack], parts[attack], weight) for attack in ATTACKS}
        result[f"joined_{weight}"] = judge(joined(ours, whole, weight), both)
    return result


def show(result: Mapping[str, Any]) -> None:
    """Print what decides: found at the same share of false alarms, and how often the true stage is first."""
    print(f"with {result['model']}, thresholds by oracle for every line:")
    for name, row in result.items():
        if name == "model":
            continue
        found = {level: each["tpr"] for level, each in row["per_post"].items()}
        attacks = {attack: each["r1"] for attack, each in row["attacks"].items()}
        print(f"  {name:12} found {found} first {row['pair']['r1']} under attack {attacks}")
