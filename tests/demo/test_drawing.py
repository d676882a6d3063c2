"""The drawing, rendered without a screen: areas are closed, fills land where they should, seeds differ."""

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from desk.demo import drawing
from desk.demo.drawing import Fill, Ink, Protect, Stroke
from desk.demo.pose import HEIGHT, WIDTH
from desk.demo.shapes import along, ellipse, hatched, inside, ribbon, roomiest, uncovered

# The round brushes of the paint program, in pixels.
BRUSHES = (3, 5, 7, 9, 13, 17, 21, 25, 31)
SEEDS = range(8)

Canvas = NDArray[np.uint8]

draw = cache(drawing.draw)


@cache
def rendered(seed: int) -> dict[str, Canvas]:
    """Return the canvas (palette numbers) at the end of each phase, drawn as the paint program draws."""
    picture = draw(seed)
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    protected: frozenset[Ink] = frozenset()
    phases = {}
    for phase in picture.phases:
        for action in phase.actions:
            fresh = canvas.copy()
            match action:
                case Protect(inks):
                    protected = inks
                    continue
                case Stroke(ink, brush, points):
                    line = np.round(np.array(points)).astype(np.int32)
                    cv2.polylines(fresh, [line], False, int(ink), BRUSHES[brush])
                case Fill(ink, (x, y)):
                    assert canvas[round(y), round(x)] == Ink.PAPER, f"{phase.name}: a fill misses the paper"
                    cv2.floodFill(fresh, None, (round(x), round(y)), int(ink), flags=4)
            if protected:
                kept = np.isin(np.arange(len(Ink)), list(protected))[canvas]
                fresh[kept] = canvas[kept]
            canvas = fresh
        phases[phase.name] = canvas
    return phases


@pytest.mark.parametrize("seed", SEEDS)
def test_every_area_is_filled_and_no_fill_leaks(seed: int) -> None:
    flats = rendered(seed)["flats"]
    share = {ink: float((flats == ink).mean()) for ink in Ink}
    assert 0.06 < share[Ink.FUR] < 0.4
    assert 0.3 < share[Ink.SKY] < 0.85
    assert 0.02 < share[Ink.GROUND] < 0.3
    assert share[Ink.CLOTH] > 0.002
    assert share[Ink.EYE] > 0.002
    assert share[Ink.MOON] > 0.005
    assert share[Ink.PAPER] < 0.01
    assert share[Ink.ROUGH] == share[Ink.SKETCH] == 0


@pytest.mark.parametrize("seed", [0, 7])
def test_each_phase_changes_the_canvas_enough_to_be_a_stage(seed: int) -> None:
    canvases = [np.zeros((HEIGHT, WIDTH), np.uint8), *rendered(seed).values()]
    changed = [float((a != b).mean()) for a, b in pairwise(canvases)]
    assert len(changed) >= 6
    assert min(changed) > 0.008


def test_seeds_draw_different_pictures_and_the_same_seed_the_same() -> None:
    finals = {seed: rendered(seed)["finishing"].tobytes() for seed in SEEDS}
    assert len(set(finals.values())) == len(SEEDS)
    assert drawing.draw(3) == draw(3)
    assert len({draw(seed).palette for seed in SEEDS}) > 4


def test_palette_colours_can_be_told_apart() -> None:
    for seed in SEEDS:
        assert len(set(draw(seed).palette)) == len(Ink)


def test_a_line_behind_something_is_cut_there() -> None:
    front = ellipse((50, 50), 20, 20)
    pieces = uncovered(along([(0, 50), (100, 50)]), [front])
    assert [(round(p[0][0]), round(p[-1][0])) for p in pieces] == [(0, 32), (68, 100)]
    ring = along([(30, 0), (70, 0), (70, 50), (30, 50), (30, 0)])
    (piece,) = uncovered(ring, [front])
    assert piece[0] != piece[-1]


def test_a_fill_goes_into_the_widest_place() -> None:
    square = along([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)])
    front = along([(0, 0), (60, 0), (60, 100), (0, 100), (0, 0)])
    x, y = roomiest(square, [front], [square, front])
    assert 70 < x < 90
    assert 15 < y < 85


def test_hatching_covers_an_area_and_spares_the_other() -> None:
    disc, hole = ellipse((50, 50), 40, 40), ellipse((50, 50), 15, 15)
    strokes = hatched(disc, hole, 8)
    ends = np.array([end for stroke in strokes for end in stroke])
    assert inside(ends, ellipse((50, 50), 41, 41)).all()
    assert not inside(ends, ellipse((50, 50), 14, 14)).any()
    assert len({stroke[0][1] for stroke in strokes}) == 10


def test_a_ribbon_is_closed() -> None:
    outline = ribbon(along([(0, 0), (100, 0)]), 20)
    assert outline[0] == outline[-1]
    assert inside(np.array([[50.0, 5.0], [50.0, 15.0]]), outline).tolist() == [True, False]
