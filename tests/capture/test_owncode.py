"""Our own code in the recorded picture is not taken for drawing; what is drawn beside it still is."""

import hashlib

import cv2
import numpy as np
import pytest

from capture.frame import Frame, Pixels, Region
from capture.owncode import TRIES, OwnCode
from capture.stages import Context, StageDetector
from sakigake.witness import overlay
from sakigake.witness.code import Head

STEP_S, EVERY_S, SECONDS = 2, 16, 200


def code(number: int) -> Pixels:
    root = hashlib.sha256(b"%d" % number).digest()
    png = overlay.picture(Head(root.hex()[:8], number + 1, root), "ja")
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def scene(width: int, height: int) -> Pixels:
    """A drawing program with a page and some lines on it."""
    picture = np.full((height, width, 3), 200, np.uint8)
    left, top, wide, high = width // 10, height // 12, width * 13 // 20, height * 4 // 5
    picture[top : top + high, left : left + wide] = 255
    rng = np.random.default_rng(1)
    for _ in range(60):
        x, y = (int(each) for each in rng.integers([left, top], [left + wide - 40, top + high - 40]))
        cv2.line(picture, (x, y), (x + 35, y + 30), (40, 40, 40), 3)
    return picture


def stages(width: int, height: int, scale: float, *, covered: bool, drawn_at: int | None = None) -> list[int]:
    """Return when the detector sees stages while nothing but the code changes (and one drawing, if asked for)."""
    below, shown, last, found = scene(width, height), 0, 0, []
    detector, own = StageDetector(), OwnCode(lambda: shown)
    on_air = code(0)
    for second in range(0, SECONDS, STEP_S):
        if second == drawn_at:
            cv2.circle(below, (width // 3, height // 2), height // 8, (30, 60, 90), -1)
        picture = below.copy()
        small = cv2.resize(on_air, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture[-small.shape[0] - 10 : -10, -small.shape[1] - 10 : -10] = small
        before = picture.copy()
        seen = own.cover(picture) if covered else picture
        assert np.array_equal(picture, before), "the picture that is kept stays as it was"
        whole = Region(0, 0, width, height)
        frame = Frame(np.asarray(seen, np.uint8), 0, second * 10**9, second // STEP_S, "obs", whole)
        if detector.step(frame, Context(True, None)).stage:
            found.append(second)
            detector.kept(second, frame)
        if second - last >= EVERY_S:
            shown, last = shown + 1, second
            on_air = code(shown)
    return found


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(1920, 1080, 1.0), (1280, 720, 2 / 3), (1920, 1080, 0.4)]
)
def test_a_changing_code_is_no_drawing(width: int, height: int, scale: float) -> None:
    assert stages(width, height, scale, covered=True) == []
    assert len(stages(width, height, scale, covered=False)) >= 4, "without the cover each change is a stage"


def test_drawing_beside_it_is_still_seen() -> None:
    (seen,) = stages(1920, 1080, 1.0, covered=True, drawn_at=70)
    assert 70 <= seen <= 76


def test_nothing_is_covered_where_no_code_is() -> None:
    turns = 0
    own = OwnCode(lambda: turns)
    empty = scene(960, 540)
    assert own.cover(empty) is empty
    shown = empty.copy()
    shown[300:464, 500:868] = code(1)
    for _ in range(TRIES):
        own.cover(empty)
    assert own.cover(shown) is shown, "it is looked for only after a change of the code"
    turns += 1
    assert (own.cover(shown)[300:464, 500:868] == 255).all()
    assert np.array_equal(own.cover(shown)[:290], shown[:290])
    turns += 1
    for _ in range(TRIES):
        own.cover(empty)
    assert own.cover(empty) is empty, "it was taken off the scene"
