"""What happens around a canvas is no drawing: pointers, pop-ups, other windows, hidden layers, new canvases."""

import cv2
import numpy as np
import pytest

from capture.frame import Pixels
from tests.capture.easel import HEIGHT, WIDTH, Easel


def _popup(view: Pixels, x: int = 40, y: int = 60) -> Pixels:
    view = view.copy()
    view[y : y + 50, x : x + 170] = 70
    cv2.putText(view, "Zoom: 80 %", (x + 20, y + 32), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (230, 230, 230), 1)
    return view


def _window(view: Pixels, area: tuple[int, int, int, int], lines: int) -> Pixels:
    x, y, width, height = area
    view = view.copy()
    view[y : y + height, x : x + width] = 250
    view[y : y + 22, x : x + width] = (200, 150, 90)
    cv2.rectangle(view, (x, y), (x + width, y + height), (60, 60, 60), 2)
    for k in range(lines):
        cv2.putText(
            view,
            "secret message 1111",
            (x + 8, y + 45 + 18 * k),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.45,
            (0, 0, 0),
            1,
        )
    return view


def test_a_popup_that_goes_again_is_no_stage() -> None:
    easel = Easel().drawn()
    labels = [easel.show(_popup(easel.view())).label for _ in range(2)]
    assert labels == ["overlay", "overlay"]
    assert set(easel.labels(4)) <= {"cursor", "idle"}
    assert not easel.stages


def test_a_popup_that_comes_with_a_zoom_is_no_stage() -> None:
    easel = Easel().drawn()
    easel.pose = easel.fit(1.3)
    easel.show(_popup(easel.view()))
    easel.labels(4)
    easel.pose = easel.fit()
    easel.show(_popup(easel.view()))
    easel.labels(4)
    assert not easel.stages


def test_drawing_is_seen_while_a_popup_stands() -> None:
    easel = Easel().drawn()
    easel.show(_popup(easel.view()))
    easel.line(400, 400)
    assert easel.show(_popup(easel.view())).label == "draw"


def test_something_that_stays_is_believed_in_the_end() -> None:
    easel = Easel().drawn()
    cv2.rectangle(easel.page, (300, 200), (600, 420), (90, 140, 60), -1)
    labels = easel.labels(8)
    assert labels[0] == "overlay"
    assert "draw" in labels
    assert len(easel.stages) == 1


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [16, 60, 150])
def test_brush_outlines_are_no_drawing(size: int, known: bool) -> None:
    easel = Easel().drawn()
    places = [(200, 150), (700, 500), (450, 320), (450, 320), (450, 320), (300, 480), (620, 130), (5, 5)]
    for place in places:
        view = easel.view()
        cv2.circle(view, place, size // 2, (90, 20, 90), 1, cv2.LINE_AA)
        easel.show(view, pointer=place if known or size > 60 else None)
    easel.labels(3)
    assert not easel.stages


def test_another_window_in_front_is_not_looked_at() -> None:
    easel = Easel().drawn()
    easel.scribble(2)
    easel.show()
    for k in range(5):
        decision = easel.show(_window(easel.view(), (200, 100, 400, 300), k), own=False)
        assert (decision.label, decision.stage) == ("foreign", False)
    easel.labels(2)
    assert len(easel.stages) == 1


def test_untitled_window_over_part_then_all_then_gone_is_no_stage() -> None:
    easel = Easel().drawn()
    for k in range(3):
        easel.show(_window(easel.view(), (250, 150, 360, 260), k + 2), own=None)
    for k in range(3):
        easel.show(_window(easel.view(), (0, 0, WIDTH - 1, HEIGHT - 1), 10 + k), own=None)
    easel.labels(4, own=None)
    assert not easel.stages


def test_drawing_before_an_untitled_window_is_kept_after_it() -> None:
    easel = Easel().drawn()
    easel.scribble(3)
    easel.show(own=None)
    for k in range(5):
        decision = easel.show(_window(easel.view(), (0, 0, WIDTH - 1, HEIGHT - 1), 10 + k), own=None)
        assert not decision.stage, "the frame shows the window, not the drawing"
    easel.labels(2, own=None)
    assert len(easel.stages) == 1


def test_hiding_the_only_layer_and_showing_it_is_no_stage() -> None:
    easel = Easel().drawn()
    page = easel.page.copy()
    board = (np.indices(page.shape[:2]) // 20).sum(axis=0) % 2
    easel.page = np.repeat(np.where(board, 255, 200)[:, :, None], 3, axis=2).astype(np.uint8)
    assert easel.labels(2) == ["unknown", "unknown"]
    easel.page = page
    easel.labels(3)
    assert not easel.stages


def test_a_moved_window_shows_tools_that_are_no_drawing() -> None:
    easel = Easel().drawn()
    easel.pose = easel.fit(0.6, shift=(30, 20))
    moved = easel.view()
    moved[:, :70] = 60
    moved[:40] = 90
    for k in range(8):
        moved[60 + 40 * k : 80 + 40 * k, 20:50] = 180
    for _ in range(7):
        easel.show(moved.copy())
    easel.pose = easel.fit()
    easel.labels(4)
    assert not easel.stages


def test_another_canvas_of_another_size_is_a_new_canvas() -> None:
    easel = Easel().drawn()
    easel.scribble(3)
    easel.show()
    other = Easel(seed=9)
    other.scribble(20)
    smaller = np.ascontiguousarray(other.view()[:400, :700])
    decision = easel.show(smaller)
    assert decision.label == "new_canvas"
    assert decision.reverts_to is None
    cv2.line(smaller, (100, 100), (500, 300), (0, 0, 200), 8)
    shown = [easel.show(smaller.copy()) for _ in range(3)]
    assert [one.stage for one in shown].count(True) == 1


def test_the_same_canvas_in_a_resized_window_is_the_same_canvas() -> None:
    easel = Easel().drawn()
    taller = cv2.copyMakeBorder(easel.view(), 0, 60, 0, 84, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    labels = [easel.show(np.asarray(taller, np.uint8).copy()).label for _ in range(3)]
    assert labels[0] == "view"
    assert "draw" not in labels
    assert not easel.stages


def test_what_never_registers_is_a_new_canvas_after_a_while() -> None:
    easel = Easel().drawn()
    other = Easel(seed=31)
    other.page[:] = (60, 120, 70)
    other.scribble(25)
    labels = [easel.show(other.view()).label for _ in range(30)]
    assert labels.count("new_canvas") == 1
    assert 20 <= labels.index("new_canvas") <= 26
    assert not easel.stages
    other.line(400, 300, colour=(240, 240, 240))
    other.line(300, 300, colour=(240, 240, 240))
    for _ in range(3):
        easel.show(other.view())
    assert len(easel.stages) == 1


def test_lossy_frames_of_a_still_canvas_are_no_drawing() -> None:
    easel = Easel().drawn()
    for quality in (60, 75, 50, 65, 80, 60):
        _, jpeg = cv2.imencode(".jpg", easel.view(), [cv2.IMWRITE_JPEG_QUALITY, quality])
        easel.show(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8))
    assert not easel.stages
