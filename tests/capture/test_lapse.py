"""The film of a drawing: whatever the view was, the page stays where it is."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capture.frame import Pixels
from capture.lapse import Still, frame_size, pictures, survey
from capture.registration import residue
from tests.capture.easel import Easel


class Album:
    """Keeps views of an easel as stage pictures, and beside each what the fitted page looked like."""

    def __init__(self, folder: Path, easel: Easel) -> None:
        self.folder, self.easel = folder, easel
        self.stills: list[Still] = []
        self.truths: list[Pixels] = []

    def keep(self, pixels: Pixels | None = None, label: str = "draw", why: str = "settled") -> None:
        path = self.folder / f"{len(self.stills):02}.png"
        assert cv2.imwrite(str(path), self.easel.view() if pixels is None else pixels)
        self.stills.append(Still(path, label, why))
        pose, self.easel.pose = self.easel.pose, self.easel.fit()
        self.truths.append(self.easel.view())
        self.easel.pose = pose

    def film(self) -> list[Pixels]:
        sections, count = survey(self.stills)
        assert count == len(self.stills)
        return list(pictures(self.stills, sections, frame_size(sections, None, 1080)))


def beyond(frame: Pixels, truth: Pixels, reach: int = 2) -> float:
    """The share of pixels that no shift of up to `reach` pixels explains."""
    return float(residue(frame, truth, reach, 70).mean())


def page_of(truth: Any, frame: Any) -> Any:
    """The page in a fitted view: what a film shows of it."""
    left, top = (truth.shape[1] - 800) // 2, (truth.shape[0] - 608) // 2
    assert abs(frame.shape[1] - 800) <= 4
    assert abs(frame.shape[0] - 608) <= 4
    return truth[top : top + frame.shape[0], left : left + frame.shape[1]]


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """A blank page, a sketch, then strokes in views of every kind."""
    easel = Easel()
    album = Album(tmp_path, easel)
    album.keep(label="first", why="first")
    easel.scribble(5)
    album.keep()
    easel.scribble(5)
    album.keep()
    for pose in (
        Easel.fit(1.6, shift=(40, -30)),
        Easel.fit(mirror=True),
        Easel.fit(2.2, shift=(-200, 120)),
        Easel.fit(0.8, angle=25),
        Easel.fit(1.1, mirror=True, shift=(60, 20)),
        Easel.fit(),
    ):
        easel.pose = pose
        easel.line(int(easel.random.integers(350, 550)), int(easel.random.integers(250, 400)))
        album.keep()
    return album


def test_the_page_stands_still_whatever_the_view(album: Album) -> None:
    frames = album.film()
    assert len(frames) == len(album.stills)
    for number, (frame, truth) in enumerate(zip(frames, album.truths, strict=True)):
        assert beyond(frame, page_of(truth, frame)) < 2e-4, number


def test_without_that_the_views_do_not_stand_still(album: Album) -> None:
    views = [np.asarray(cv2.imread(str(still.path)), np.uint8) for still in album.stills]
    far = [beyond(view, truth) for view, truth in zip(views, album.truths, strict=True)]
    assert sum(share > 0.01 for share in far) == 5


def test_nothing_moves_that_was_not_drawn(album: Album) -> None:
    frames = album.film()
    for number in range(2, len(frames) - 1):
        old, new = album.truths[number : number + 2]
        drawn = cv2.dilate(np.abs(old.astype(int) - new).max(axis=2).astype(np.uint8), np.ones((15, 15))) > 8
        moved = residue(frames[number], frames[number + 1], 2, 70)
        assert float((moved & ~page_of(drawn, moved)).mean()) < 1e-5, number


def test_a_view_from_afar_moves_little_and_is_made_good_by_the_next(album: Album) -> None:
    album.easel.pose = Easel.fit(0.3, shift=(20, 10))
    album.easel.line(300, 480, colour=(30, 30, 200))
    album.keep()
    album.easel.pose = Easel.fit()
    album.keep()
    frames = album.film()
    afar, near = (page_of(truth, frames[-1]) for truth in album.truths[-2:])
    assert beyond(frames[-2], afar, 4) < 2e-3
    assert beyond(frames[-1], near) < 2e-4


def test_a_view_of_something_else_leaves_the_picture_as_it_was(album: Album) -> None:
    rows = np.arange(640)[:, None, None] // 9 % 2 * 200
    album.keep(np.broadcast_to(rows, (640, 900, 3)).astype(np.uint8), "overlay", "late")
    album.keep()
    frames = album.film()
    assert np.array_equal(frames[-3], frames[-2])
    assert np.array_equal(frames[-3], frames[-1])


def test_a_pop_up_in_an_unquiet_picture_is_not_in_the_film(album: Album) -> None:
    covered = album.easel.view()
    cv2.rectangle(covered, (300, 200), (560, 420), (210, 210, 205), -1)
    cv2.rectangle(covered, (300, 200), (560, 420), (60, 60, 60), 2)
    album.keep(covered, "draw", "late")
    frame = album.film()[-1]
    assert beyond(frame, page_of(album.truths[-1], frame)) < 2e-4


def test_a_new_canvas_is_fitted_into_the_film(album: Album) -> None:
    other = np.full((640, 900, 3), 255, np.uint8)
    other[:, :300] = other[:, 600:] = (128, 128, 128)
    cv2.circle(other, (450, 300), 90, (20, 20, 160), 12)
    album.keep(other, "new_canvas", "new_canvas")
    cv2.circle(other, (450, 300), 40, (160, 20, 20), 12)
    album.keep(other)
    sections, count = survey(album.stills)
    assert [section.shown for section in sections] == [(800, 608), (300, 640)]
    assert count == 11
    frames = album.film()
    assert {frame.shape for frame in frames} == {(608, 800, 3)}
    left, right = frames[-1][:, :255], frames[-1][:, 545:]
    assert (left == 128).all()
    assert (right == 128).all()
    # The circle is as round as it was: 90 of 640 high, of which the film has 608.
    columns = np.flatnonzero((frames[-1][:, :, 0] < 100).any(axis=0) & (np.arange(800) > 255))
    assert columns[-1] - columns[0] == pytest.approx(192 * 608 / 640, abs=4)


def test_a_detector_that_began_anew_does_not_begin_a_new_canvas(album: Album) -> None:
    album.keep(label="first", why="first")
    assert len(survey(album.stills)[0]) == 1


def test_pictures_that_are_gone_are_passed_over(album: Album) -> None:
    album.stills[4].path.unlink()
    album.stills[6].path.write_bytes(b"")
    assert survey(album.stills)[1] == len(album.stills) - 2


def test_the_size_is_even_and_no_larger_than_asked(album: Album) -> None:
    sections, _ = survey(album.stills[:2])
    assert frame_size(sections, None, 1080) == (800, 608)
    assert frame_size(sections, None, 301) == (394, 300)
    assert frame_size(sections, 1215, 1080) == (1598, 1214)
