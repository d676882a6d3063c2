"""A whole recording beside a private window: afterwards nothing of it is in any file."""

import threading
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.loop import Plan, Recorder
from capture.privacy import Gate, Rules
from capture.sources.gated import Gated
from capture.sources.screen import ScreenSource
from capture.sources.window import WindowSource
from capture.windows.x11 import X11Watcher
from capture.windows.x11pixels import X11Pixels
from sakigake import settings
from tests.peers.windows import PLANTED, Window
from tests.privacy.conftest import CANVAS_AT, PLACE, Screen, planted_pixels

pytestmark = [pytest.mark.x11, pytest.mark.slow]
TITLE = "letter to a friend"
INTERVAL_S = 0.2


def source_of(kind: str, screen: Screen) -> Gated:
    rules = Rules(settle_s=0.1)
    if kind == "region":
        return Gated(ScreenSource(PLACE), Gate(rules, X11Watcher(screen.display)))
    window = WindowSource("paint", connect=lambda: X11Pixels(screen.display, settle_s=0.1))
    gate = Gate(rules, X11Watcher(screen.display), target=lambda: window.window)
    return Gated(window, gate)


def draw_and_disturb(canvas: Window, private: Window, recorder: Recorder) -> None:
    """Draw strokes, and between them let the private window come from every side."""
    try:
        for number in range(12):
            canvas.give("dot", f"{60 + 25 * number},{60 + 10 * number}")
            time.sleep(3 * INTERVAL_S)
            if number % 3 == 0:
                private.give("flicker", 60)
            elif number % 3 == 1:
                private.give("move", "250,200,200,150")
                private.give("raise")
                time.sleep(2 * INTERVAL_S)
                private.give("lower")
                canvas.give("focus")
            time.sleep(3 * INTERVAL_S)
    finally:
        recorder.stop("stop")


@pytest.mark.parametrize("kind", ["region", "window"])
def test_no_byte_of_a_private_window_is_written(kind: str, screen: Screen, own_home: Path) -> None:
    options = ("--title", "drawing", "--program", "paint", "--traits", "bare")
    place = ("300,150,200,200", "--title", TITLE, "--program", "mail")
    with (
        Window(screen.display, CANVAS_AT, *options) as canvas,
        Window(screen.display, *place, planted=True) as private,
    ):
        time.sleep(0.4)
        private.give("lower")
        canvas.give("focus")
        configuration = settings.load()
        configuration.tables["anchor"]["enabled"] = False
        said: Counter[str] = Counter()
        recorder = Recorder(
            configuration,
            Plan(source=source_of(kind, screen), name="test", interval_s=INTERVAL_S),
            lambda key, **_: said.update([key]),
            lambda *_: None,
        )
        hand = threading.Thread(target=draw_and_disturb, args=(canvas, private, recorder))
        hand.start()
        ending = recorder.run()
        hand.join()
    assert ending.stages > 0, said
    pictures = [path for path in own_home.rglob("*") if path.suffix in {".png", ".jxl"}]
    assert len(pictures) >= 3
    for path in pictures:
        pixels = cv2.imread(str(path))
        assert pixels is not None
        assert planted_pixels(np.asarray(pixels, np.uint8)) == 0
    planted = [color.to_bytes(3, order) for color in PLANTED for order in ("big", "little")]
    for path in own_home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert TITLE.encode() not in data
            assert TITLE.encode("utf-16-le") not in data
            assert not [color for color in planted if color * 4 in data], path


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    pixels = np.full((64, 64, 3), 250, np.uint8)
    pixels[5, 5] = [PLANTED[0] & 255, PLANTED[0] >> 8 & 255, PLANTED[0] >> 16]
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), pixels)
    read = cv2.imread(str(path))
    assert read is not None
    assert planted_pixels(np.asarray(read, np.uint8)) == 1
