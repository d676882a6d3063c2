"""The paint driver: what it looks for on a screen, and the real program on a real (virtual) screen."""

import shutil
from pathlib import Path

import mss
import numpy as np
import pytest

from desk.demo import paint, screen
from desk.demo.drawing import Drawing, Fill, Ink, Phase, Protect, Stroke, draw
from desk.demo.pose import HEIGHT, WIDTH
from sakigake.errors import NotFoundError, SakigakeError

needs_programs = pytest.mark.skipif(
    bool(screen.missing_programs(paint.PROGRAMS)), reason="needs Xvfb, xdotool and mtpaint (make system)"
)


def shot_of(palette: tuple[tuple[int, int, int], ...]) -> paint.Shot:
    """Return a made-up screen: grey, a palette column with 16 pixels a colour, and the canvas."""
    shot = np.full((660, 1280, 3), 190, np.uint8)
    for i, colour in enumerate(palette):
        shot[158 + 16 * i : 174 + 16 * i, 26:52] = colour
    shot[10:30, 20:60] = palette[Ink.ROUGH]  # the preview of the chosen colour
    shot[160 : 160 + HEIGHT, 175 : 175 + WIDTH] = palette[Ink.PAPER]
    return shot


def test_finds_the_canvas_but_not_its_swatch() -> None:
    palette = draw(1).palette
    assert paint.find_canvas(shot_of(palette), palette[Ink.PAPER]) == (175, 160, WIDTH, HEIGHT)
    assert paint.find_canvas(np.zeros((660, 1280, 3), np.uint8), palette[Ink.PAPER]) is None


def test_finds_each_colour() -> None:
    palette = draw(1).palette
    places = paint.find_swatches(shot_of(palette), palette, 175)
    assert {(left, right) for left, right, _ in places.values()} == {(26, 52)}
    assert all(abs(places[ink][2] - (166 + 16 * ink)) <= 1 for ink in Ink)


def test_says_so_when_the_palette_cannot_be_seen() -> None:
    with pytest.raises(SakigakeError) as raised:
        paint.find_swatches(np.zeros((660, 1280, 3), np.uint8), draw(1).palette, 175)
    assert raised.value.code == "demo-screen-failed"


def test_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "xdotool" else name)
    with pytest.raises(NotFoundError) as raised:
        paint.Painter(draw(1), {}, tmp_path)
    assert raised.value.params["programs"] == "xdotool"


@pytest.mark.x11
@needs_programs
def test_draws_fills_and_protects_in_the_real_program(tmp_path: Path) -> None:
    palette = draw(1).palette
    phase = Phase(
        "rough",
        (
            Stroke(Ink.LINE, 1, ((100, 100), (300, 100), (300, 300), (100, 300), (100, 100))),
            Fill(Ink.FUR, (200, 200)),
            Protect(frozenset({Ink.FUR})),
            Stroke(Ink.MOON, 8, ((50, 200), (400, 200))),
            Protect(frozenset()),
            Stroke(Ink.CLOTH, 4, ((200, 250), (202, 250))),
        ),
    )
    with (
        screen.virtual_screen(*paint.SCREEN, tmp_path) as env,
        paint.Painter(Drawing(palette, (phase,)), env, tmp_path) as painter,
    ):
        painter.draw(phase)
        left, top, width, height = painter.region
        with mss.MSS(display=env["DISPLAY"]) as eyes:
            grabbed = eyes.grab({"left": left, "top": top, "width": width, "height": height})
        canvas = np.asarray(grabbed)[:, :, 2::-1]
    seen = {
        name: tuple(int(level) for level in canvas[y, x])
        for name, (x, y) in {
            "paper": (30, 30), "fill": (150, 150), "protected": (200, 200), "over": (60, 200), "dab": (201, 250),
        }.items()
    }  # fmt: skip
    assert seen == {
        "paper": palette[Ink.PAPER],
        "fill": palette[Ink.FUR],
        "protected": palette[Ink.FUR],
        "over": palette[Ink.MOON],
        "dab": palette[Ink.CLOTH],
    }


@pytest.mark.x11
@needs_programs
def test_a_screen_of_its_own_is_ended_and_keeps_settings_apart(tmp_path: Path) -> None:
    with screen.virtual_screen(640, 480, tmp_path) as env:
        assert env["HOME"] == str(tmp_path)
        with mss.MSS(display=env["DISPLAY"]) as eyes:
            assert eyes.monitors[0]["width"] == 640
    with pytest.raises(mss.ScreenShotError):
        mss.MSS(display=env["DISPLAY"]).grab({"left": 0, "top": 0, "width": 8, "height": 8})


def test_a_screen_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NotFoundError) as raised, screen.virtual_screen(640, 480, tmp_path):
        pytest.fail("no screen could have been started")
    assert raised.value.code == "demo-program-missing"
