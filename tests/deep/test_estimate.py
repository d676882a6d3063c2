"""The weights-free names of stages: they work alone, force no order, and keep to what was measured."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import stage_names
from sakigake.errors import UsageError
from sakigake.labels import STEPS
from tests.deep.studio import Pixels, drawing
from watch.deep.estimate import estimate, measure


@pytest.mark.parametrize(
    ("step", "names"),
    [
        (0, {"blank"}),
        (1, {"rough", "sketch"}),
        (2, {"lineart"}),
        (3, {"flats"}),
        (4, {"shading", "finishing"}),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_each_step_of_a_drawing_is_named(step: int, names: set[str], seed: int) -> None:
    assert estimate(drawing(step, seed)).label in names


def test_grey_paper_and_dark_paper_are_paper_too() -> None:
    for paper in (230, 128, 25):
        canvas = np.full((300, 400, 3), paper, np.uint8)
        assert estimate(canvas).label == "blank"
        cv2.circle(canvas, (200, 150), 80, (0, 0, 0) if paper > 60 else (255, 255, 255), 2, cv2.LINE_AA)
        assert measure(canvas).coverage < 0.05


def test_paint_without_lines_goes_its_own_way() -> None:
    """Painterly: colour first, then form. No step is waited for, and each picture is judged by itself."""
    rng = np.random.default_rng(1)
    blotches = np.full((360, 480, 3), 255, np.uint8)
    for _ in range(14):
        spot = [int(v) for v in rng.integers((60, 60), (420, 300))]
        cv2.circle(blotches, spot, int(rng.integers(30, 70)), [int(v) for v in rng.integers(40, 220, 3)], -1)
    loose = np.asarray(cv2.GaussianBlur(blotches, (0, 0), 6), np.uint8)
    first = estimate(loose)
    assert first.label in {"color_rough", "flats", "shading", "finishing"}
    order = [estimate(each).label for each in (loose, drawing(2), drawing(0), drawing(4))]
    assert order[1:3] == ["lineart", "blank"], "an earlier step may come later"


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
@settings(max_examples=25, deadline=None)
def test_any_picture_gets_a_step_and_a_confidence(pixels: Pixels) -> None:
    made = estimate(pixels)
    assert made.label in STEPS
    assert 0 <= made.confidence <= 1
    assert abs(sum(made.shares.values()) - 1) < 1e-6
    assert made.confidence == max(made.shares.values())


@pytest.mark.parametrize("size", [(40, 60), (360, 480), (2000, 3000)])
def test_the_size_of_the_picture_says_nothing(size: tuple[int, int]) -> None:
    shown = cv2.resize(drawing(3), size[::-1], interpolation=cv2.INTER_AREA)
    assert estimate(np.asarray(shown, np.uint8)).label == "flats" or size[0] < 100


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(UsageError):
        estimate(np.zeros((0, 5, 3), np.uint8))


@pytest.mark.corpus
def test_names_on_timelines_of_people_are_those_of_the_table_in_the_docs(corpus: Path) -> None:
    found = stage_names.rows(corpus)
    table = stage_names.confusion(found)
    right = sum(counts[truth] for truth, counts in table.items())
    pairs, back = stage_names.steps_back(found)
    page = (Path(stage_names.__file__).parents[1] / "docs" / "deep.md").read_text(encoding="utf-8")
    for truth in ("lines", "flats", "shaded"):
        counts = table[truth]
        assert f"| {truth} | {counts['lines']} | {counts['flats']} | {counts['shaded']} |" in page
    assert right >= 0.75 * sum(sum(counts.values()) for counts in table.values())
    assert back <= 0.05 * pairs
