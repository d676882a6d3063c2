"""Where a post lies in a stage: found, and found nowhere else."""

import numpy as np
import pytest

from sakigake.fingerprint.layout_map import layout_map_v1, layout_maps_v1, load, read_map
from sakigake.fingerprint.layout_search import HYPOTHESES, Kind, Search
from tests.fingerprint.pictures import Pixels, blocks

SEARCH = Search()
STAGES = [blocks(512, 512, seed=seed) for seed in range(20, 32)]
PREPARED = SEARCH.prepare(np.stack([read_map(layout_map_v1(stage, load())) for stage in STAGES]))


def found(pixels: Pixels) -> tuple[Kind, float, int, float]:
    """Return the kind, scale and stage of the best hypothesis, and its cosine."""
    cosines = SEARCH.compare(read_map(layout_map_v1(pixels, load())), PREPARED)
    at, stage = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return HYPOTHESES[at].kind, HYPOTHESES[at].scale, int(stage), float(cosines[at, stage])


def test_hypotheses_are_distinct_and_lie_inside() -> None:
    assert len(set(HYPOTHESES)) == len(HYPOTHESES) == 109
    for guess in HYPOTHESES:
        assert 0 <= guess.top <= 1 - guess.scale + 1e-9
        assert 0 <= guess.left <= 1 - guess.scale + 1e-9


def test_shapes_and_range() -> None:
    cosines = SEARCH.compare(read_map(layout_map_v1(STAGES[0], load())), PREPARED)
    assert cosines.shape == (109, len(STAGES))
    assert np.abs(cosines).max() <= 1.0001


def test_the_whole_is_found_as_the_whole() -> None:
    kind, _, stage, cosine = found(STAGES[4])
    assert (kind, stage) == (Kind.WHOLE, 4)
    assert cosine == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("part", [0.88, 0.75, 0.66])
def test_a_crop_is_found(part: float) -> None:
    side = int(512 * part)
    kind, scale, stage, cosine = found(STAGES[7][512 - side :, :side])
    assert (kind, stage) == (Kind.CROP, 7)
    assert scale == pytest.approx(part, abs=0.07)
    assert cosine > 0.5


def test_a_framed_picture_is_found() -> None:
    framed = np.full((640, 640, 3), 30, np.uint8)
    framed[40:552, 90:602] = STAGES[2]
    kind, scale, stage, _ = found(framed)
    assert (kind, stage) == (Kind.BORDER, 2)
    assert scale == pytest.approx(0.8, abs=0.08)


def test_a_mirrored_crop_is_found_by_the_mirrored_map() -> None:
    post = np.ascontiguousarray(STAGES[9][60:460, 90:490][:, ::-1])
    _, mirrored = layout_maps_v1(post, load())
    cosines = SEARCH.compare(read_map(mirrored), PREPARED)
    assert int(np.unravel_index(int(cosines.argmax()), cosines.shape)[1]) == 9


def test_a_map_of_zeros_matches_nothing() -> None:
    blank = np.zeros((12, 16, 16), np.int8)
    assert np.abs(SEARCH.compare(blank, PREPARED)).max() < 1e-6
    assert np.isfinite(
        SEARCH.compare(read_map(layout_map_v1(STAGES[0], load())), SEARCH.prepare(blank[None]))
    ).all()
