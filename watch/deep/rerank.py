"""A second opinion on which stage a post was made from, off unless it is asked for.

It speaks only where layout leaves the question open: among the stages on which the order rests. It changes which
of those is named, never whether there is a likeness, how strong it is called, the range, or the order in time. Whether it
helps is measured by `python -m bench.match --deep MODEL`; nobody here had weights to measure with, so it is off.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.views import Pixels
from sakigake.model import Score
from sakigake.store.protocol import Store
from watch.compare.measures import Matrix
from watch.compare.opinion import Ranked
from watch.deep.encoder import Encoder
from watch.deep.vectors import Vectors, stages

NAME = "semantic"
NOTE = "deep-rerank"  # a note of a finding
# What one deviation of the semantic score counts, on the scale of surprise (powers of ten). Not fitted to anything.
WEIGHT = 0.5
LEAST_SPREAD = 0.005  # of cosines: stages that differ by less are the same to the model


class Reranker:
    """Chooses among the stages of a range; stages that were not read are left as they are."""

    note = NOTE

    def __init__(self, store: Store, encoder: Encoder, vectors: Vectors) -> None:
        self._store = store
        self._encoder = encoder
        self._vectors = vectors

    def choose(self, pixels: Pixels, session: str, numbers: Sequence[int], surprise: Matrix) -> Ranked | None:
        """Return the best of some stages by layout and content together; None when fewer than two of them were read."""
        wanted = set(numbers)
        asked = [each for each in stages(self._store, session) if each.seq in wanted]
        held, rows = self._vectors.of(self._encoder.key, asked)
        if len(held) < 2:  # noqa: PLR2004 - one is no choice
            return None
        places = [list(numbers).index(each.seq) for each in held]
        cosines = np.asarray(rows @ self._encoder.pictures([pixels])[0], np.float32)
        above = deviations(cosines)
        joined = np.asarray(surprise, np.float32).copy()
        joined[places] += WEIGHT * np.maximum(above, 0)  # it may raise a stage, never lower one
        best = int(joined.argmax())
        if best not in places:
            return None
        at = places.index(best)
        return Ranked(best, Score(NAME, float(cosines[at]), float(above[at])))


def deviations(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how many deviations each cosine lies above the mean of all; the deviation is floored."""
    return np.asarray((cosines - cosines.mean()) / max(float(cosines.std()), LEAST_SPREAD), np.float32)
