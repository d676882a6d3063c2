"""One canvas as a film shows it, painted from stage pictures that lie on it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.frame import Pixels
from capture.registration import CELL, Mask, Matrix, far_apart, residue, scaling, shrink, zoom_of
from capture.rules import Rules

CONTRAST = Rules().contrast_moved
CONTRAST_COARSE = 70  # thin lines come out more or less pale when they are made small
UNLIKE = 28  # of 255 levels, between a picture and the canvas it is believed to show
AGREE = 0.3  # share of a region that has to be believed, for all of it to be
SHARP = 1.05  # canvas pixels per picture pixel from which on a picture is too coarse to be the last word
AS_BEGUN = 0.01  # of the zoom: a picture this near the first one's zoom and angle shows the page as that did
NEARBY = 0.1  # of the canvas: how far a pose may be moved when it is refined
RIM = 6  # cells at the rim of any other, where scroll bars may be, or what lies beyond is mixed in


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A stage picture and where it lies. `section` counts canvases from 0.

    `pose` takes pixels of the picture, `step` times smaller, to those of `canvas`; None when the canvas is not to be
    seen in it. `settled`: nothing but the canvas is. `canvas` is what the tracker believes the canvas looks like now,
    and `origin` where in it the place is at which it began.
    """

    section: int
    pixels: Pixels
    step: int
    pose: Matrix | None
    origin: Matrix
    canvas: Pixels
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One canvas over all its stages: `origin` and `size` at the tracker's resolution when it ended.

    `page` is left, top, right and bottom of what is worth showing, in the film's own pixels; `step` of those are one
    of the tracker's. `ground` is the colour around the page, `paper` that of what was never seen of it.
    """

    origin: Matrix
    size: tuple[int, int]
    step: int
    page: tuple[int, int, int, int]
    ground: tuple[int, int, int]
    paper: tuple[int, int, int]

    @property
    def shown(self) -> tuple[int, int]:
        """Return width and height of the page."""
        left, top, right, bottom = self.page
        return right - left, bottom - top


class Sheet:
    """One canvas at the pictures' own resolution. Only what has changed is painted anew, so that lines stand still.

    Poses are off by a fraction of a pixel; a line that is where it was is left as it was.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        wide, high = section.size
        self.pixels: Pixels = np.full((high * section.step, wide * section.step, 3), section.paper, np.uint8)
        self._believed: Pixels = np.full((high, wide, 3), section.paper, np.uint8)
        self._coarse: Mask = np.zeros((high * section.step, wide * section.step), np.bool_)

    def add(self, laid: Laid) -> None:
        """Paint what is new on the canvas in a picture; one that does not show it changes nothing."""
        if laid.pose is None:
            return
        wide, high = self._section.size
        step = self._section.step
        move = self._section.origin @ np.linalg.inv(laid.origin)
        pose = move @ laid.pose
        self._believe(laid, move)
        sharp = zoom_of(pose) <= SHARP
        coarse = None if sharp else Coarse(laid, shrink(self.pixels, wide, high))
        if coarse is not None:
            pose = coarse.refined(pose)
        matrix = scaling(step) @ pose @ scaling(1 / laid.step)
        as_begun = np.abs(pose[:2, :2] - np.eye(2)).max() < AS_BEGUN
        rim = 0 if as_begun else RIM * CELL * laid.step
        placed, inside = _placed(laid.pixels, matrix, (wide * step, high * step), rim)
        if coarse is not None:
            differs = coarse.differs(pose, scaling(step), self.pixels.shape[:2]) & inside
        else:
            differs = (residue(placed, self.pixels, 2, CONTRAST) | self._coarse) & inside
        believed = ~residue(shrink(placed, wide, high), self._believed, 1, UNLIKE)
        new = _agreed(differs, believed | laid.settled, step) & inside
        self.pixels[new] = placed[new]
        self._coarse[new] = not sharp

    def page(self) -> Pixels:
        """Return what is worth showing."""
        left, top, right, bottom = self._section.page
        return self.pixels[top:bottom, left:right]

    def _believe(self, laid: Laid, move: Matrix) -> None:
        """Take over the tracker's canvas picture, at its place in the whole."""
        left, top = round(move[0, 2]), round(move[1, 2])
        height, width = laid.canvas.shape[:2]
        height, width = min(height, self._believed.shape[0] - top), min(width, self._believed.shape[1] - left)
        if min(left, top) >= 0 and min(height, width) > 0:
            self._believed[top : top + height, left : left + width] = laid.canvas[:height, :width]


class Coarse:
    """A picture in which the canvas is smaller than on the sheet, beside the sheet made as small.

    A pixel of it is several on the canvas, so its pose is off by as much, and thin lines are pale in it: both are made
    good where the picture is as it came.
    """

    def __init__(self, laid: Laid, canvas: Pixels) -> None:
        high, wide = (side // laid.step for side in laid.pixels.shape[:2])
        self._view = shrink(laid.pixels[: high * laid.step, : wide * laid.step], wide, high)
        self._canvas = canvas

    def refined(self, pose: Matrix) -> Matrix:
        """Return a better pose, by laying lines over lines (ECC, Evangelidis and Psarakis 2008), if one is near."""
        expected, inside = self._expected(pose)
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-5)
        start = np.eye(2, 3, dtype=np.float32)
        try:
            found = cv2.findTransformECC(
                _lines(expected), _lines(self._view), start, cv2.MOTION_AFFINE, until, inside, 5
            )
        except cv2.error:  # it does not converge
            return pose
        better = pose @ np.linalg.inv(np.vstack([np.asarray(found[1], np.float64), [0.0, 0.0, 1.0]]))
        height, width = self._view.shape[:2]
        far = far_apart(better, pose, width, height)
        return better if far < NEARBY * max(self._canvas.shape[:2]) else pose

    def differs(self, pose: Matrix, enlarge: Matrix, size: tuple[int, int]) -> Mask:
        """Mark on the sheet what differs when both are this coarse."""
        expected, inside = self._expected(pose)
        marks = (residue(self._view, expected, 2, CONTRAST_COARSE) & (inside > 0)).astype(np.uint8)
        placed = cv2.warpAffine(marks, (enlarge @ pose)[:2], (size[1], size[0]), flags=cv2.INTER_NEAREST)
        return np.asarray(placed > 0, np.bool_)

    def _expected(self, pose: Matrix) -> tuple[Pixels, Pixels]:
        """Return the sheet as the picture would show it, and 255 where it does."""
        rows, columns = self._canvas.shape[:2]
        zoom = zoom_of(pose)
        small = shrink(self._canvas, max(1, round(columns / zoom)), max(1, round(rows / zoom)))
        matrix = scaling(small.shape[1] / columns, small.shape[0] / rows) @ pose
        size = self._view.shape[1], self._view.shape[0]
        back = cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(
            small, matrix[:2], size, flags=cv2.INTER_LINEAR | back, borderMode=cv2.BORDER_REPLICATE
        )
        whole = np.full(small.shape[:2], 255, np.uint8)
        inside = cv2.warpAffine(whole, matrix[:2], size, flags=cv2.INTER_NEAREST | back)
        return np.asarray(shown, np.uint8), np.asarray(inside, np.uint8)


def _lines(picture: Pixels) -> NDArray[np.float32]:
    """Return how steep each place is: lines stay where they are, whatever colours are filled in between."""
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    x, y = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    return np.asarray(np.sqrt(np.hypot(x, y)), np.float32)


def _agreed(differs: Mask, believed: Mask, step: int) -> Mask:
    """Return the regions of what differs that the tracker believes to be on the canvas, and a little around them.

    Its picture is coarse, so a stroke counts as a whole when a part of it agrees. A pop-up does not at all.
    """
    high, wide = believed.shape
    few = shrink((differs * np.uint8(255)), wide, high) > 0
    grown = cv2.dilate(few.astype(np.uint8), np.ones((5, 5), np.uint8))
    count, labels = cv2.connectedComponents(grown)
    inside = np.where(few, labels, 0).ravel()
    sizes = np.bincount(inside, minlength=count)
    agree = np.bincount(inside, weights=believed.ravel(), minlength=count)
    good = agree >= AGREE * np.maximum(1, sizes)
    good[0] = False
    marked = (good[labels] & (grown > 0)).astype(np.uint8)
    whole = cv2.resize(marked, (wide * step, high * step), interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole > 0, np.bool_)


def _placed(pixels: Pixels, matrix: Matrix, size: tuple[int, int], rim: int) -> tuple[Pixels, Mask]:
    """Return a picture as it lies on the canvas, and where it does, less a rim."""
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[rim : height - rim, rim : width - rim] = 255
    inside = cv2.warpAffine(mask, matrix[:2], size, flags=cv2.INTER_NEAREST)
    if np.allclose(matrix, np.eye(3), atol=1e-3) and size == (width, height):
        return pixels, np.asarray(inside > 0, np.bool_)
    zoom = zoom_of(matrix)
    if zoom < 1:
        # warpAffine does not average, so a zoomed-in view is made small first.
        pixels = shrink(pixels, max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = matrix @ scaling(width / pixels.shape[1], height / pixels.shape[0])
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    placed = cv2.warpAffine(pixels, small[:2], size, flags=flags, borderMode=border)
    return np.asarray(placed, np.uint8), np.asarray(inside > 0, np.bool_)
