"""Sheets of the worst misses and the strongest false alarms, to be looked at: pictures teach more than rates."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.protocol import Corpus, Layout, picture
from bench.scoring import best_wrong
from sakigake.fingerprint.views import Pixels
from watch.compare.measures import Matrix

MISSES, ALARMS = 24, 12
_SIDE, _ACROSS, _GAP = 150, 4, 6


def sheet(rows: Sequence[tuple[Pixels, Pixels, str]]) -> Pixels:
    """Return pairs of pictures side by side with a line of text under each, four pairs in a row."""
    tiles = []
    for one, other, text in rows:
        both = [cv2.resize(each, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for each in (one, other)]
        tile = np.full((_SIDE + 18, 2 * _SIDE + _GAP, 3), 255, np.uint8)
        tile[:_SIDE, : 2 * _SIDE] = np.hstack(both)
        cv2.putText(tile, text, (2, _SIDE + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
        tiles.append(tile)
    while len(tiles) % _ACROSS:
        tiles.append(np.full_like(tiles[0], 255))
    return np.vstack([np.hstack(tiles[at : at + _ACROSS]) for at in range(0, len(tiles), _ACROSS)])


def write(folder: Path, corpus: Corpus, layout: Layout, values: Matrix) -> None:
    """Write misses.png (stage, post) and alarms.png (post, stage that it was taken for) of one method's values."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(layout.pairs)
    true = values[np.arange(count), layout.truth]
    misses = []
    for row in np.argsort(true)[:MISSES]:
        pair = layout.pairs[row]
        stage, post = (picture(corpus.folder / file) for file in (pair.stage, pair.post))
        misses.append((stage, post, f"{true[row]:.2f} {pair.category} {pair.kind}"))
    wrong = np.where(layout.ignored, -np.inf, values)[count:]
    alarms = []
    for row in np.argsort(-best_wrong(values, layout.ignored)[count:])[:ALARMS]:
        taken = int(wrong[row].argmax())
        post, stage = (
            picture(corpus.folder / file) for file in (layout.unrelated[row].file, layout.stages[taken])
        )
        alarms.append((post, stage, f"{wrong[row, taken]:.2f} {layout.unrelated[row].group}"))
    for name, rows in (("misses", misses), ("alarms", alarms)):
        cv2.imwrite(str(folder / f"{name}.png"), sheet(rows))
