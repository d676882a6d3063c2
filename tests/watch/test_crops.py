"""Posts that show a part of a stage: the part is found where it lies, and accidents in small windows are not alarms."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakigake import words
from sakigake.fingerprint.placed import Window, placed_v1, votes_v1
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from sakigake.fingerprint.views import reduce_v1
from sakigake.model import Interval, Likeness
from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import START, drawing, framed, pictures, record, redrawn, saved
from watch import explained
from watch.check import check_picture
from watch.compare import calibration, cohort, engine
from watch.compare.windows import LEAST, LEAST_SHARE, covered, ranges

ROOT = Path(__file__).parents[2]
LATER = Interval(START + timedelta(hours=2), START + timedelta(hours=3))
CELL = 1 / 16
Pixels = NDArray[np.uint8]


def cut(pixels: Pixels, window: Window) -> Pixels:
    """Return the part of a picture that lies in a window."""
    height, width = pixels.shape[:2]
    top, left = round(window.top * height), round(window.left * width)
    return np.ascontiguousarray(
        pixels[top : top + round(window.height * height), left : left + round(window.width * width)]
    )


def apart(one: Window, other: Window) -> float:
    """Return by how much two windows differ at the side where they differ most, in cells."""
    first, second = (np.array([w.top, w.left, w.top + w.height, w.left + w.width]) for w in (one, other))
    return float(np.abs(first - second).max() / CELL)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    size = draw(st.floats(0.72, 0.92))
    top, left = (draw(st.floats(0, 1)) * (1 - size) for _ in range(2))
    return Window(top, left, size, size)


@given(st.integers(0, 2**32 - 1), windows(), st.booleans())
@settings(max_examples=6, deadline=None)
def test_an_exact_crop_comes_back_where_it_was_cut(seed: int, window: Window, turned: bool) -> None:
    picture = drawing(seed, 7)
    stages = engine.gallery([unpack(fingerprint_v2(drawing(seed + n, 7))) for n in (0, 1, 2)], cohort.load())
    post = cut(picture[:, ::-1] if turned else picture, window)
    found = engine.parts_of(engine.comparable(engine.post_views(post))[0], stages.canvases)
    view = found[engine.CROP_MIRROR if turned else engine.CROP]
    assert 0 in view.windows
    assert apart(view.windows[0], window.mirrored() if turned else window) <= 1
    assert view.normalised["layout_on_stage_v1"][0] > 8
    assert view.raw["edge_layout_v1"][0] > 0.7


@given(st.integers(0, 2**32 - 1), windows())
@settings(max_examples=8, deadline=None)
def test_a_picture_put_back_is_described_as_it_was(seed: int, window: Window) -> None:
    """Held against the fingerprint of the whole picture, over the cells of the window but for its rim."""
    whole = drawing(seed, 7)
    kept = unpack(fingerprint_v2(whole))
    placed = placed_v1(
        votes_v1(reduce_v1(cut(whole, window)).square), [(window, False), (window.mirrored(), True)]
    )
    inner = covered(window).reshape(16, 16) > 0.999
    inner[1:-1] &= inner[2:] & inner[:-2]
    inner[:, 1:-1] &= inner[:, 2:] & inner[:, :-2]
    one = placed.layout[0][:, inner.ravel()]
    other = kept.layout.reshape(12, 256)[:, inner.ravel()].astype(np.float32)
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    assert (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other) > 0.85
    thumb = kept.thumb.reshape(256, 3).T[:, inner.ravel()]
    assert np.abs(placed.thumbs[0][:, inner.ravel()] - thumb).mean() < 0.03


def test_mirrored_windows_are_mirror_images() -> None:
    square = reduce_v1(drawing(5, 7)).square
    window = Window(0.125, 0.0625, 0.75, 0.75)
    turned = np.ascontiguousarray(square[:, ::-1])
    one = placed_v1(votes_v1(square), [(window, True)])
    other = placed_v1(votes_v1(turned), [(window, False)])
    inner = covered(window) > 0
    for a, b in ((one.layout, other.layout), (one.edges, other.edges), (one.thumbs, other.thumbs)):
        # Where a pixel's border falls on that of a part of a cell, its left and its right neighbour take turns.
        assert np.corrcoef(a[0][:, inner].ravel(), b[0][:, inner].ravel())[0, 1] > 0.99


def test_all_ranges_lie_inside_and_cover_what_they_say() -> None:
    every = ranges()
    assert (every.start + every.size <= 16).all()
    assert every.size.min() == LEAST
    for rows, columns in ((0, 5), (17, 40), (len(every.size) - 1, 3)):
        both = np.outer(every.cover[rows], every.cover[columns]).ravel()
        assert np.allclose(covered(every.window(rows, columns)), both, atol=1e-5)


CUT = Window(0.12, 0.2, 0.74, 0.74)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    store = SqliteStore(tmp_path_factory.mktemp("home") / "sakigake.db")
    record(store, pictures())
    return store


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("bars", [False, True])
def test_a_cropped_post_is_found_and_shown_where_it_lies(
    tmp_path: Path, store: SqliteStore, turned: bool, bars: bool
) -> None:
    post = redrawn(cut(drawing(11, 7), CUT))
    post = np.ascontiguousarray(post[:, ::-1]) if turned else post
    path = saved(tmp_path / "post.png", framed(post) if bars else post)
    finding = check_picture(store, store.sessions(), path, LATER)
    assert finding.likeness is not Likeness.NONE
    assert finding.view == ("crop-mirror" if turned else "crop")
    assert finding.part is not None
    assert apart(Window(*finding.part), CUT) <= 1
    shown = explained.explain(store, tmp_path, path, finding)
    assert shown.maps.layout is not None
    assert shown.maps.edges.shape == (16, 16)
    outside = covered(Window(*finding.part)).reshape(16, 16) == 0
    assert not shown.maps.edges[outside].any()
    raw = {score.name: score.raw for score in finding.scores}
    assert float(shown.maps.edges.sum()) == pytest.approx(raw["edge_layout_v1"], abs=0.03)
    # On the canvas the post lies where the drawing has it.
    canvas = cv2.resize(shown.post, (64, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    whole = cv2.resize(redrawn(drawing(11, 7)), (64, 48), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = (
        cv2.resize((~outside).astype(np.uint8), (64, 48), interpolation=cv2.INTER_NEAREST)[4:-4, 4:-4] > 0
    )
    assert float(np.abs(canvas - whole)[4:-4, 4:-4][inside].mean()) < 40


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_command_says_that_a_part_was_compared(tmp_path: Path, lang: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    record(SqliteStore(home / "sakigake.db"), pictures())
    path = saved(tmp_path / "post.png", redrawn(cut(drawing(11, 7), CUT)))
    done = subprocess.run(
        [sys.executable, "-m", "desk", "check", str(path), "--json"],
        env={**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": lang, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    record_ = json.loads(done.stdout)
    assert record_["view"] == "crop"
    assert np.allclose(record_["part_of_stage"], [CUT.top, CUT.left, CUT.height, CUT.width], atol=CELL)
    assert words.text("finding.view.crop", lang)


def empty_corner(seed: int) -> Pixels:
    """Return a picture with everything in one corner and even ground elsewhere."""
    canvas = np.full((480, 640, 3), 235, np.uint8)
    canvas[:170, :220] = cv2.resize(drawing(seed, 7), (220, 170))
    return canvas


@pytest.mark.parametrize("seed", range(3))
def test_empty_ground_matches_nothing(seed: int) -> None:
    """A part of a stage without anything in it is refused, whatever the post shows."""
    stages = engine.gallery([unpack(fingerprint_v2(empty_corner(seed)))], cohort.load())
    post = drawing(500 + seed, 7)
    found = engine.parts_of(engine.comparable(engine.post_views(post))[0], stages.canvases)
    assert stages.canvases is not None
    for view in found.values():
        for window in view.windows.values():
            energy = stages.canvases.layouts.plain.energy[0]
            share = float((energy * covered(window)).sum() / energy.sum())
            # In the search maps have half the channels, which hold nine tenths of the energy.
            assert share >= 0.9 * LEAST_SHARE * window.height * window.width


def test_stages_that_carry_too_little_are_passed_over() -> None:
    blank = np.full((480, 640, 3), 255, np.uint8)
    cv2.line(blank, (100, 100), (500, 300), (0, 0, 0), 3)
    stages = engine.gallery(
        [unpack(fingerprint_v2(blank)), unpack(fingerprint_v2(drawing(3, 7)))], cohort.load()
    )
    found = engine.parts_of(engine.comparable(engine.post_views(cut(drawing(3, 7), CUT)))[0], stages.canvases)
    assert all(0 not in view.windows for view in found.values())
    assert 1 in found[engine.CROP].windows


@pytest.mark.parametrize("seed", range(700, 706))
def test_parts_of_other_drawings_are_no_alarm(seed: int) -> None:
    known, others = calibration.load(), cohort.load()
    stages = engine.gallery([unpack(fingerprint_v2(each)) for each in pictures()], others)
    post = redrawn(cut(drawing(seed, 7), CUT), seed)
    match = engine.match(engine.comparable(engine.post_views(post))[0], stages, others, known)
    assert known.level(float(match.surprise.max()), 1000) is Likeness.NONE


def test_neighbours_of_the_best_stage_count_no_more_than_it() -> None:
    """The range of stages that a claim rests on is not cut short by how few candidates are compared."""
    known, others = calibration.load(), cohort.load()
    steps = [unpack(fingerprint_v2(drawing(11, 6)))] * 5 + [unpack(fingerprint_v2(drawing(99, 7)))]
    stages = engine.gallery(steps, others)
    post = redrawn(cut(drawing(11, 6), CUT))
    match = engine.match(engine.comparable(engine.post_views(post))[0], stages, others, known)
    assert np.ptp(match.surprise[:5]) < 0.01
    assert match.surprise[5] < match.surprise[0] - 1


def test_looking_for_parts_costs_little() -> None:
    """CPU of this process, against 300 stages; a loaded machine makes it dearer by its caches, hence the room."""
    stages = [unpack(fingerprint_v2(drawing(seed, 7))) for seed in range(6)]
    canvases = engine.gallery(stages * 50, cohort.load()).canvases
    views = engine.comparable(engine.post_views(cut(drawing(4, 7), CUT)))[0]
    engine.parts_of(views, canvases)
    started = time.process_time()
    for _ in range(5):
        engine.parts_of(views, canvases)
    assert (time.process_time() - started) / 5 < 0.25
