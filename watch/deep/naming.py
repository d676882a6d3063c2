"""Names for stages: the weights-free estimate always, and beside it what a model says when there is one.

Both are suggestions with a confidence, each under a source of its own; what a person says stands above both
(`sakigake.labels`). Nothing here is written to the ledger, and no order of steps is assumed.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from sakigake import resources
from sakigake.labels import ESTIMATE, STEPS, StageLabel
from sakigake.store.protocol import Store
from watch.deep import estimate
from watch.deep.encoder import Encoder, Rows
from watch.deep.vectors import StageRef, Vectors, stages
from watch.deep.worker import read_picture

MODEL = "model"  # the source of a name that a model gave


@dataclass(frozen=True, slots=True)
class Named:
    """What came of naming a session: new names, and the stages whose pictures are not there."""

    labels: tuple[StageLabel, ...]
    unreadable: tuple[int, ...]


@cache
def prompts(language: str) -> dict[str, tuple[str, ...]]:
    """Return the wordings of each step in a language; empty for one that has none."""
    table = tomllib.loads(resources.read_text("stage-prompts.toml"))
    return {step: tuple(table[language][step]) for step in STEPS} if language in table else {}


class Judge:
    """Names pictures by a model; its text vectors are made once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._steps: Rows | None = None

    def __call__(self, rows: Rows) -> list[tuple[str, float]]:
        """Return for each picture's vector the nearest step, and its share among the steps (softmax, as trained)."""
        if self._steps is None:
            self._steps = np.stack([self._step(step) for step in STEPS])
        scores = self._encoder.scale * rows @ self._steps.T
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        best = shares.argmax(axis=1)
        return [(STEPS[at], float(shares[row, at])) for row, at in enumerate(best)]

    def _step(self, step: str) -> Rows:
        asked = [prompts(language) for language in self._encoder.languages if prompts(language)] or [
            prompts("en")
        ]
        means = [self._encoder.texts(each[step]).mean(axis=0) for each in asked]
        whole = np.mean([mean / np.linalg.norm(mean) for mean in means], axis=0)
        return np.asarray(whole / np.linalg.norm(whole), np.float32)


def name_session(
    store: Store,
    folder: Path,
    session: str,
    at: datetime,
    *,
    judge: Judge | None = None,
    vectors: tuple[Vectors, str] | None = None,
    again: bool = False,
) -> Named:
    """Name the stages of a session that have no name of these sources yet (all of them with `again`), and keep the names.

    `folder` holds the kept pictures; a model names the stages that have a vector in `vectors` under that key. Of the two
    the estimate is the later and so the one that is shown: how far it can be trusted was measured.
    """
    wanted = _todo(store, session, vectors[1] if vectors else "", again=again)
    labels: list[StageLabel] = []
    unreadable = []
    said = _by_model(wanted, judge, vectors)
    for stage in wanted:
        picture = read_picture(folder, stage.file)
        if picture is None:
            unreadable.append(stage.seq)
            continue
        if stage in said:
            label, share = said[stage]
            labels.append(StageLabel(stage.seq, label, MODEL, at, share, vectors[1] if vectors else ""))
        found = estimate.estimate(picture)
        later = at + timedelta(milliseconds=1)
        labels.append(StageLabel(stage.seq, found.label, ESTIMATE, later, found.confidence, estimate.MODEL))
    there = {each.seq for each in stages(store, session)}  # one may have been forgotten meanwhile
    kept = tuple(each for each in labels if each.seq in there)
    store.put_labels(session, kept)
    return Named(kept, tuple(unreadable))


def _todo(store: Store, session: str, key: str, *, again: bool) -> list[StageRef]:
    known: dict[int, set[str]] = {}
    for each in store.labels(session):
        known.setdefault(each.seq, set()).add(each.model)
    needed = {estimate.MODEL, *([key] if key else [])}
    return [each for each in stages(store, session) if again or not needed <= known.get(each.seq, set())]


def _by_model(
    wanted: Sequence[StageRef], judge: Judge | None, vectors: tuple[Vectors, str] | None
) -> dict[StageRef, tuple[str, float]]:
    if judge is None or vectors is None:
        return {}
    held, rows = vectors[0].of(vectors[1], wanted)
    return dict(zip(held, judge(rows), strict=True)) if held else {}
