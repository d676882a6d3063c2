"""The canvas put together from registered views: what is compared with, never what is kept as evidence.

Because every view is placed by its pose, the picture has no zoom, no mirror and no rotation in it: shown stage by
stage it is a steady time-lapse of any program.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from capture.frame import Pixels
from capture.registration import (
    CELL,
    Features,
    Gray,
    Mask,
    Matrix,
    Registrar,
    Seen,
    edges_kept,
    edges_of,
    grid_of,
    residue,
    scaling,
    shifting,
    shrink,
    zoom_of,
)

REACH = 2  # cells that resampling and a pose off by a pixel may smear
SHARP = 1.15  # a picture shrunk by less than this is not averaged first: it would only be blurred
MIN_KNOWN = 0.02
MIN_GRID = 20  # cells across below which a zoomed-in view says nothing about the canvas picture
PAPER = 245  # of 255 levels: surroundings are darker than this
ALIKE = 4
ALONG = 0.9  # share of two opposite sides that is of one colour
MOST = 0.75  # share of the view that surroundings fill at most
MAX_GROWTH = 2.5  # canvas picture over view, in pixels: a bound on memory


Area = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """How many of the picture's lines a view has, under one pose.

    `edges` is the share of the `edge_count` line cells of the picture that are found again in the view. It is done
    at the coarser of the two resolutions: `coarser` is how many cells of the view across became one, because the
    picture knows no more. `view` is the view in those, of which the picture knows `known`.
    """

    pose: Matrix
    edges: float
    edge_count: int
    coarser: float
    view: Pixels
    known: Mask
    lines: Mask
    kept: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What a view shows that the picture does not, under one pose: masks over the view's cells.

    `changed`; `known`, of what the picture says anything at all; `lines` that the picture has there; `kept`, those
    of them that the view has too.
    """

    pose: Matrix
    edges: float
    coarser: float
    changed: Mask
    lines: Mask
    kept: Mask
    known: Mask


class Composite:
    """The canvas picture. Its own coordinates are those of the view it began with, moved when it grows."""

    def __init__(self, view: Pixels) -> None:
        self.picture = view.copy()
        self._known = np.full(view.shape[:2], 255, np.uint8)
        self._fresh = np.zeros(view.shape[:2], np.uint8)
        self._suspects = np.zeros((view.shape[0] // CELL, view.shape[1] // CELL), np.uint8)
        self._surround = np.asarray(_enlarge(surround_of(grid_of(view)), *view.shape[1::-1]), np.uint8)
        self._first = view.shape[1], view.shape[0]
        self._origin: Matrix = np.eye(3)
        self._features: dict[bool, Features] = {}
        self._gray: Gray | None = None

    def features(self, registrar: Registrar, *, mirrored: bool) -> Features:
        """Return the descriptors of the picture, or of its mirror image; computed once per change."""
        if mirrored not in self._features:
            picture = np.asarray(cv2.flip(self.picture, 1), np.uint8) if mirrored else self.picture
            self._features[mirrored] = registrar.features(picture)
        return self._features[mirrored]

    @property
    def cell(self) -> tuple[float, float]:
        """Return the size of a cell of `lines` in pixels of the picture."""
        height, width = self.picture.shape[:2]
        return width / max(1, width // CELL), height / max(1, height // CELL)

    def lines(self) -> Mask:
        """Return the cells of the picture that lie on a drawn line."""
        return edges_of(grid_of(self.picture)).drawn

    @property
    def blank(self) -> bool:
        """Say whether nothing has been drawn yet."""
        return edges_of(grid_of(self.picture)).empty

    def trace(self, seen: Seen, pose: Matrix) -> Trace | None:
        """Look for the lines of the picture in a view; None when the view shows next to nothing of the picture."""
        height, width = seen.cells.shape[:2]
        coarser = max(1.0, 1 / zoom_of(pose))
        wide, high = round(width / coarser), round(height / coarser)
        if min(wide, high) < MIN_GRID:
            return None
        cells, edges = seen.cells, seen.edges
        if coarser > 1:
            cells = shrink(cells, wide, high)
            edges = edges_of(cells)
        there, known = self._seen(self._grays(), pose, seen.view, (wide, high))
        if np.count_nonzero(known) < MIN_KNOWN * known.size:
            return None
        before = edges_of(there)
        lines = before.drawn & known
        kept = edges_kept(before, edges) & lines
        count = int(np.count_nonzero(lines))
        share = float(np.count_nonzero(kept)) / max(1, count)
        return Trace(pose, share, count, coarser, cells, known, lines, kept)

    def match(self, trace: Trace, seen: Seen, contrast: int) -> Match:
        """Compare a view with the picture under a pose that its lines have proven."""
        height, width = seen.cells.shape[:2]
        size = trace.view.shape[1], trace.view.shape[0]
        there, _ = self._seen(self.picture, trace.pose, seen.view, size)
        changed = residue(trace.view, there, REACH, contrast) & trace.known
        masks = (_enlarge(mask, width, height) for mask in (changed, trace.lines, trace.kept, trace.known))
        return Match(trace.pose, trace.edges, trace.coarser, *masks)

    def paste(self, view: Pixels, cells: Mask, pose: Matrix) -> None:
        """Take over the marked cells of a view; they count as fresh until `settle`."""
        height, width = view.shape[:2]
        marks = cv2.dilate(cells.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
        marks = cv2.resize(marks, (width, height), interpolation=cv2.INTER_NEAREST)
        placed = self._placed(view, np.asarray(marks, np.uint8), pose)
        if placed is None:
            return
        area, picture, mask = placed
        where = mask > 0
        self.picture[area][where] = picture[where]
        self._known[area][where] = 255
        self._fresh[area][where] = 255
        self._changed()

    def suspect(self, cells: Mask, pose: Matrix, width: int, height: int) -> Mask:
        """Remember that these cells of a view differed from the picture; returns those that did so in the last view.

        What differs in one place of the canvas under two poses lies on the canvas, not on the screen.
        """
        rows, columns = cells.shape
        down = (
            self._suspects.shape[1] / self.picture.shape[1],
            self._suspects.shape[0] / self.picture.shape[0],
        )
        matrix = (scaling(*down) @ pose @ scaling(width / columns, height / rows))[:2]
        marks = cells.astype(np.uint8)
        back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        before = cv2.warpAffine(self._suspects, matrix, (columns, rows), flags=back)
        size = self._suspects.shape[1], self._suspects.shape[0]
        self._suspects = np.asarray(cv2.warpAffine(marks, matrix, size, flags=cv2.INTER_NEAREST), np.uint8)
        near = cv2.dilate(before, np.ones((3, 3), np.uint8))
        return np.asarray((near > 0) & cells, np.bool_)

    def surround(self, seen: Seen, pose: Matrix) -> Mask:
        """Return the cells of a view in which there is nothing to draw on, as far as that is known."""
        rows, columns = seen.cells.shape[:2]
        height, width = seen.view.shape[:2]
        matrix = (pose @ scaling(width / columns, height / rows))[:2]
        back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self._surround, matrix, (columns, rows), flags=back) > 0, np.bool_)

    def settle(self) -> None:
        """Forget what is fresh: a stage was taken."""
        self._fresh[:] = 0

    def shows_fresh(self, pose: Matrix, width: int, height: int) -> float:
        """Return the share of what is fresh that a view of that size with this pose shows."""
        total = int(np.count_nonzero(self._fresh))
        if not total:
            return 1.0
        window = cv2.warpAffine(
            np.full((height, width), 255, np.uint8),
            pose[:2],
            (self.picture.shape[1], self.picture.shape[0]),
            flags=cv2.INTER_NEAREST,
        )
        return float(np.count_nonzero(cv2.bitwise_and(window, self._fresh))) / total

    def grow(self, view: Pixels, pose: Matrix) -> Matrix | None:
        """Add what a placed view shows beyond the picture; returns the matrix from the old coordinates to the new.

        None, and nothing added, when the picture would become larger than `MAX_GROWTH` views.
        """
        height, width = view.shape[:2]
        corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
        x, y, _ = pose @ corners
        high, wide = self.picture.shape[:2]
        left, top = max(0, int(np.ceil(-x.min() - 1))), max(0, int(np.ceil(-y.min() - 1)))
        right = max(0, int(np.ceil(x.max() - wide - 1)))
        bottom = max(0, int(np.ceil(y.max() - high - 1)))
        if (wide + left + right) * (high + top + bottom) > MAX_GROWTH * width * height:
            return None
        if left or top or right or bottom:
            border = (top, bottom, left, right, cv2.BORDER_CONSTANT)
            self.picture = np.asarray(cv2.copyMakeBorder(self.picture, *border), np.uint8)
            self._known = np.asarray(cv2.copyMakeBorder(self._known, *border), np.uint8)
            self._fresh = np.asarray(cv2.copyMakeBorder(self._fresh, *border), np.uint8)
            self._surround = np.asarray(cv2.copyMakeBorder(self._surround, *border), np.uint8)
            size = self.picture.shape[1] // CELL, self.picture.shape[0] // CELL
            self._suspects = np.zeros((size[1], size[0]), np.uint8)
        move = shifting(left, top)
        self._origin = move @ self._origin
        placed = self._placed(view, np.full((height, width), 255, np.uint8), move @ pose)
        if placed is not None:
            area, picture, mask = placed
            new = (mask > 0) & (self._known[area] == 0)
            self.picture[area][new] = picture[new]
            self._known[area][new] = 255
            self._changed()
        return move

    def thumbnail(self) -> Gray:
        """Return the grey cells of the area the picture began with, for comparing stages with one another."""
        left, top = round(self._origin[0, 2]), round(self._origin[1, 2])
        width, height = self._first
        area = self.picture[top : top + height, left : left + width]
        return np.asarray(cv2.cvtColor(grid_of(area), cv2.COLOR_BGR2GRAY), np.uint8)

    def _grays(self) -> Gray:
        if self._gray is None:
            self._gray = np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY), np.uint8)
        return self._gray

    def _changed(self) -> None:
        self._features.clear()
        self._gray = None

    def _seen(
        self, picture: Pixels, pose: Matrix, view: Pixels, size: tuple[int, int]
    ) -> tuple[Pixels, Mask]:
        """Return the picture, in colour or grey, as a view shows it in `size` cells, and where it is known."""
        (height, width), (wide, high) = view.shape[:2], size
        # Placed at twice the cells and then averaged, as the view was: else thin lines would come out paler here.
        fine_wide, fine_high = CELL * wide, CELL * high
        step = zoom_of(pose) * width / fine_wide  # picture pixels per pixel of that
        rows, columns = self.picture.shape[:2]
        known = self._known
        if step > SHARP:
            shape = max(1, round(columns / step)), max(1, round(rows / step))
            picture = shrink(picture, *shape)
            known = np.asarray(cv2.resize(known, shape, interpolation=cv2.INTER_NEAREST), np.uint8)
        down = scaling(picture.shape[1] / columns, picture.shape[0] / rows)
        matrix = down @ pose @ scaling(width / fine_wide, height / fine_high)
        seen = cv2.warpAffine(
            picture,
            matrix[:2],
            (fine_wide, fine_high),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        inside = cv2.warpAffine(
            known,
            (matrix @ scaling(CELL))[:2],
            (wide, high),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        side = 2 * REACH + 1
        # The outermost cells mix with what lies beyond the picture.
        inside = cv2.erode(inside, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
        return shrink(np.asarray(seen, np.uint8), wide, high), np.asarray(inside > 0, np.bool_)

    def _placed(self, view: Pixels, marks: Gray, pose: Matrix) -> tuple[Area, Pixels, Gray] | None:
        """Return the part of the picture that a view lies on, and the view and a mask of it as they lie there."""
        rows, columns = self.picture.shape[:2]
        height, width = view.shape[:2]
        corners = pose @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
        left, right = max(0, int(corners[0].min())), min(columns, int(corners[0].max()) + 1)
        top, bottom = max(0, int(corners[1].min())), min(rows, int(corners[1].max()) + 1)
        if left >= right or top >= bottom:
            return None
        area = slice(top, bottom), slice(left, right)
        pose = shifting(-left, -top) @ pose
        size = right - left, bottom - top
        if size == (width, height) and np.allclose(pose, np.eye(3), atol=1e-3):
            return area, view, marks
        zoom = zoom_of(pose)
        if zoom < 1:
            # warpAffine does not average, so a zoomed-in view is made small first.
            view = shrink(view, max(1, round(width * zoom)), max(1, round(height * zoom)))
        matrix = pose @ scaling(width / view.shape[1], height / view.shape[0])
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        picture = cv2.warpAffine(view, matrix[:2], size, flags=flags, borderMode=border)
        mask = cv2.warpAffine(marks, pose[:2], size, flags=cv2.INTER_NEAREST)
        return area, np.asarray(picture, np.uint8), np.asarray(mask, np.uint8)


def surround_of(cells: Pixels) -> Mask:
    """Mark what lies around the page: one colour along two opposite sides of the view, and what joins it.

    A colour as bright as paper may be the page itself, and one that fills most of the view surely is.
    """
    nothing = np.zeros(cells.shape[:2], np.bool_)
    for across in (cells.transpose(1, 0, 2), cells):
        colour = np.median(across[[0, -1]].reshape(-1, 3), axis=0)
        alike = np.abs(cells - colour).max(axis=2) <= ALIKE
        ends = alike.transpose()[[0, -1]] if across is not cells else alike[[0, -1]]
        if colour.max() >= PAPER or float(ends.mean(axis=1).min()) < ALONG:
            continue
        _, labels = cv2.connectedComponents(alike.astype(np.uint8))
        rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        joined = np.isin(labels, rim[rim > 0])
        if 0 < float(joined.mean()) < MOST:
            inner = cv2.erode(
                joined.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE
            )
            return np.asarray(inner > 0, np.bool_)
    return nothing


def _enlarge(mask: Mask, width: int, height: int) -> Mask:
    if mask.shape == (height, width):
        return mask
    whole = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole > 0, np.bool_)
