"""Finding a stage by words: the text and every stage that was read lie in one space, and the nearest come first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sakigake.store.protocol import Store
from watch.deep.encoder import Encoder
from watch.deep.vectors import StageRef, Vectors, stages


@dataclass(frozen=True, slots=True)
class Hit:
    """A stage and how near it is to the words: the cosine, and how far above the middle of all stages that lies.

    A cosine of such a model has no meaning of its own; `above` counts deviations among the stages that were searched.
    """

    stage: StageRef
    cosine: float
    above: float


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, nearest first, among how many stages; `unread` have no vector of this model yet."""

    hits: tuple[Hit, ...]
    searched: int
    unread: int


def search(
    store: Store, vectors: Vectors, encoder: Encoder, text: str, *, sessions: Sequence[str], limit: int
) -> Search:
    """Return the stages of some sessions that are nearest to a line of text."""
    wanted = [stage for session in sessions for stage in stages(store, session)]
    held, rows = vectors.of(encoder.key, wanted)
    if not held:
        return Search((), 0, len(wanted))
    scores = rows @ encoder.texts([text])[0]
    spread = max(float(scores.std()), 1e-6)
    order = np.argsort(-scores, kind="stable")[:limit]
    hits = tuple(
        Hit(held[at], float(scores[at]), (float(scores[at]) - float(scores.mean())) / spread) for at in order
    )
    return Search(hits, len(held), len(wanted) - len(held))


def foreign(text: str, languages: Sequence[str]) -> bool:
    """Say whether words are Japanese and the model learned none."""
    japanese = any("\u3040" <= each <= "\u30ff" or "\u4e00" <= each <= "\u9fff" for each in text)
    return japanese and "ja" not in languages
