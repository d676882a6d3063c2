"""Drawing makes stages, and nothing that happens without drawing does."""

import cv2
import numpy as np
import pytest

from capture.frame import Frame, Region
from capture.stages import Context, StageDetector
from tests.capture.easel import HEIGHT, WIDTH, Easel


def test_first_frame_is_no_stage_and_a_still_one_is_idle() -> None:
    easel = Easel()
    assert easel.labels(3) == ["first", "idle", "idle"]
    assert not easel.stages
    assert easel.detector.flush() is None


def test_a_stroke_becomes_a_stage_once_it_is_quiet() -> None:
    easel = Easel()
    easel.show()
    easel.scribble(4)
    drawing = easel.show()
    assert drawing.label == "draw"
    assert not drawing.stage
    quiet = easel.show()
    assert (quiet.stage, quiet.why) == (True, "settled")
    assert 0.002 < quiet.changed < 0.06
    assert quiet.reverts_to is None
    assert not any(easel.show().stage for _ in range(5))


def test_tiny_strokes_wait_until_patience_ends() -> None:
    easel = Easel().drawn()
    cv2.line(easel.page, (20, 20), (115, 20), (0, 0, 0), 4)
    decisions = [easel.show(pointer=(800, 600)) for _ in range(16)]
    assert [d.why for d in decisions if d.stage] == ["late"]
    assert 10 <= [d.stage for d in decisions].index(True) <= 14


def test_undo_names_the_stage_it_reverts_to() -> None:
    easel = Easel().drawn()
    before = easel.kept
    page = easel.page.copy()
    easel.scribble(6)
    easel.labels(3)
    assert easel.kept == before + 1
    easel.page = page
    easel.labels(3)
    assert [stage.reverts_to for stage in easel.stages] == [None, before]


def test_what_is_undone_before_it_was_a_stage_goes_back_to_the_last_one() -> None:
    easel = Easel().drawn()
    before = easel.kept
    page = easel.page.copy()
    easel.scribble(6)
    easel.show()
    easel.page = page
    easel.labels(3)
    assert [stage.reverts_to for stage in easel.stages] == [before]


def test_undo_to_the_blank_page_is_seen() -> None:
    easel = Easel()
    easel.show()
    blank = easel.page.copy()
    easel.scribble(4)
    easel.labels(3)
    easel.page = blank
    assert "draw" in easel.labels(6)
    assert len(easel.stages) == 2


@pytest.mark.parametrize(
    ("pose", "what"),
    [
        (Easel.fit(1.6), "zoom in"),
        (Easel.fit(3.0), "zoom in a lot"),
        (Easel.fit(0.45), "zoom out"),
        (Easel.fit(0.8, shift=(140, -90)), "pan"),
        (Easel.fit(0.8, angle=30), "rotate"),
        (Easel.fit(0.8, angle=-77), "rotate far"),
        (Easel.fit(0.8, mirror=True), "mirror"),
        (Easel.fit(1.1, angle=15, mirror=True, shift=(30, 20)), "all at once"),
    ],
)
def test_another_view_is_no_drawing_and_drawing_in_it_is(pose: np.ndarray, what: str) -> None:
    easel = Easel().drawn()
    home = easel.pose
    easel.pose = pose
    assert easel.show().label == "view", what
    assert "draw" not in easel.labels(4)
    assert not easel.stages
    middle = np.linalg.inv(pose) @ np.array([WIDTH / 2, HEIGHT / 2, 1])
    size = round(130 / np.sqrt(abs(np.linalg.det(pose[:2, :2]))))
    for k in range(4):
        easel.line(round(middle[0]) - size // 2, round(middle[1]) - (20 - 20 * k) * size // 130, size)
    easel.labels(4)
    assert len(easel.stages) == 1, what
    easel.pose = home
    assert easel.show().label == "view"
    assert "draw" not in easel.labels(4), "what was drawn is known from the other view"
    assert len(easel.stages) == 1


def test_mirroring_a_nearly_symmetric_drawing_is_no_drawing() -> None:
    easel = Easel()
    easel.show()
    cv2.circle(easel.page, (500, 300), 150, (20, 20, 20), 5, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.line(easel.page, (500 + side * 60, 450), (500 + side * 220, 720), (20, 20, 20), 5, cv2.LINE_AA)
        cv2.circle(easel.page, (500 + side * 60, 280), 30, (20, 20, 20), 4, cv2.LINE_AA)
    cv2.ellipse(easel.page, (380, 180), (70, 40), 20, 0, 300, (20, 20, 20), 4, cv2.LINE_AA)
    easel.labels(3)
    easel.stages.clear()
    easel.pose = easel.fit(mirror=True)
    assert easel.show().label == "view"
    easel.labels(3)
    assert not easel.stages


def test_zooming_a_blank_page_is_no_drawing() -> None:
    easel = Easel()
    easel.show()
    for zoom in (0.5, 1.4, 0.8):
        easel.pose = easel.fit(zoom)
        assert "draw" not in easel.labels(3)
    assert not easel.stages
    easel.scribble(4)
    easel.labels(2)
    assert len(easel.stages) == 1


def test_filling_the_whole_background_is_a_stage() -> None:
    easel = Easel().drawn()
    easel.page[(easel.page > 200).all(axis=2)] = (180, 60, 150)
    decision = easel.show()
    assert decision.label == "draw"
    assert decision.changed > 0.5
    assert easel.show().stage


def test_large_changes_need_no_quiet_sample() -> None:
    easel = Easel().drawn()
    for k in range(6):
        cv2.ellipse(easel.page, (150 + 120 * k, 350), (70, 220), 0, 0, 360, (10 * k, 90, 200 - 20 * k), -1)
        easel.show()
    assert any(stage.why == "large" for stage in easel.stages)


def test_burst_of_pictures_counts_frames_and_takes_large_changes_at_once() -> None:
    easel = Easel(step_ns=1000)
    easel.show()
    kept = []
    for colour in ((200, 120, 60), (60, 200, 90), (90, 60, 200)):
        easel.scribble(10)
        easel.page[(easel.page > 250).all(axis=2) | (easel.page == easel.page[2, 2]).all(axis=2)] = colour
        kept.append(easel.show().stage)
    assert kept == [True, True, True]


@pytest.mark.parametrize("level", [0, 3])
def test_black_frames_are_blank_and_change_nothing(level: int) -> None:
    easel = Easel().drawn()
    black = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    assert easel.show(black).label == "blank"
    assert [easel.show(black).label, *easel.labels(2)] == ["blank", "cursor", "idle"]
    assert not easel.stages


def test_black_before_the_first_picture_is_not_taken_for_the_canvas() -> None:
    easel = Easel()
    assert easel.show(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).label == "blank"
    assert easel.show().label == "first"


def test_flush_makes_a_stage_of_what_is_left() -> None:
    easel = Easel().drawn()
    easel.line(300, 300)
    easel.show()
    last = easel.detector.flush()
    assert last is not None
    assert (last.stage, last.why) == (True, "end")
    assert easel.detector.flush() is None


def test_a_frame_kept_without_being_a_stage_is_reverted_to_as_well() -> None:
    easel = Easel().drawn()
    page = easel.page.copy()
    easel.line(200, 200, 60)
    easel.show()
    assert easel.last is not None
    easel.detector.kept(77, easel.last)
    assert easel.detector.flush() is None, "it has been kept"
    page, easel.page = easel.page.copy(), page
    easel.scribble(5)
    easel.labels(2)
    easel.page = page
    easel.labels(3)
    assert easel.stages[-1].reverts_to == 77


def test_viewport_inside_the_frame_leaves_the_rest_of_the_screen_out() -> None:
    easel = Easel()
    easel.detector = StageDetector(Region(100, 50, WIDTH, HEIGHT))
    screen = np.full((HEIGHT + 120, WIDTH + 200, 3), 60, np.uint8)
    for k in range(6):
        screen[50 : 50 + HEIGHT, 100 : 100 + WIDTH] = easel.view()
        screen[:40] = 40 * k
        easel.show(screen.copy(), pointer=(3, 3))
        if k == 2:
            easel.scribble(5)
    assert len(easel.stages) == 1


def test_composite_is_the_canvas_without_the_view() -> None:
    easel = Easel().drawn()
    easel.pose = easel.fit(1.7, mirror=True, shift=(60, 30))
    easel.labels(3)
    easel.line(430, 330, 140)
    easel.labels(3)
    easel.pose = easel.fit()
    expected = cv2.resize(easel.view(), (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    composite = easel.detector.composite()
    assert composite is not None
    picture = composite[: HEIGHT // 2, : WIDTH // 2]
    assert np.abs(picture.astype(int) - expected).mean() < 3


def test_metrics_are_given_for_every_frame() -> None:
    easel = Easel().drawn()
    easel.pose = easel.fit(1.5)
    assert {"zoom", "known", "pose_lines", "moved", "pending"} <= easel.show().metrics.keys()
    easel.labels(1)
    assert easel.show().metrics["idle"] == 0


def test_odd_and_tiny_sizes_do_no_harm() -> None:
    for width, height in ((1, 1), (7, 3), (33, 1001), (641, 479), (1919, 1079)):
        detector = StageDetector()
        for seq in range(3):
            pixels = np.full((height, width, 3), 90 + 60 * seq, np.uint8)
            frame = Frame(pixels, 0, seq, seq, "folder", Region(0, 0, width, height))
            detector.step(frame, Context())
