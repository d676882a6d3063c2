"""The suggested rectangle is that of the canvas view, as long as there is enough to tell."""

import cv2
import numpy as np

from capture.canvas import CanvasFinder
from capture.frame import Pixels, Region
from tests.capture.easel import HEIGHT, WIDTH, Easel

LEFT, TOP = 90, 70


def _screen(easel: Easel, tick: int) -> Pixels:
    screen = np.full((HEIGHT + 130, WIDTH + 330, 3), 70, np.uint8)
    screen[:24] = (200, 150, 90)
    for k in range(12):
        cv2.rectangle(screen, (20, 100 + 40 * k), (50, 125 + 40 * k), (150, 150, 150), -1)
    right = LEFT + WIDTH + 40
    cv2.rectangle(screen, (right, 80), (right + 160, 240), (40, 40, 40), -1)
    if tick % 4 == 0:
        cv2.circle(screen, (right + 80, 160), 40, (tick * 9 % 255, 90, 200), -1)
    screen[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = easel.view()
    return screen


def _overlap(one: Region, other: Region) -> float:
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    both = max(0, wide) * max(0, high)
    return both / (one.width * one.height + other.width * other.height - both)


def test_canvas_is_found_between_the_tools() -> None:
    easel, finder = Easel(), CanvasFinder()
    for tick in range(16):
        finder.add(_screen(easel, tick))
        easel.scribble(3, box=(30, 30, 970, 730))
        if tick == 5:
            easel.pose = easel.fit(1.3, shift=(40, 30))
    found = finder.suggest()
    assert found is not None
    assert _overlap(found, Region(LEFT, TOP, WIDTH, HEIGHT)) > 0.9


def test_nothing_is_suggested_from_too_little() -> None:
    finder = CanvasFinder()
    assert finder.suggest() is None
    easel = Easel()
    finder.add(_screen(easel, 1))
    finder.add(_screen(easel, 1))
    assert finder.suggest() is None
    finder.add(_screen(easel, 1))
    assert finder.suggest() is None, "nothing has changed"


def test_another_screen_size_begins_anew() -> None:
    easel, finder = Easel(), CanvasFinder()
    for tick in range(8):
        finder.add(_screen(easel, tick))
        easel.scribble(3)
    assert finder.suggest() is not None
    finder.add(np.zeros((300, 400, 3), np.uint8))
    assert finder.suggest() is None


def test_a_whole_screen_that_changes_at_once_says_nothing() -> None:
    finder = CanvasFinder()
    for level in (0, 200, 60, 255):
        finder.add(np.full((400, 600, 3), level, np.uint8))
    assert finder.suggest() is None
