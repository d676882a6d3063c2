"""Looks for the pose of a view: where it was lately, then by matching features, then by trying zooms and shifts."""

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.composite import Composite, Trace
from capture.frame import Pixels
from capture.registration import (
    CELL,
    FEW_LINES,
    Mask,
    Matrix,
    Registrar,
    Seen,
    far_apart,
    mirroring,
    scaling,
    shifting,
    shrink_mask,
    zoom_of,
)
from capture.rules import Rules

MAP = 80  # pixels across of the maps in which zooms are tried first
BOLD = 3  # how much a thin line counts for in a map of less than its resolution
ZOOM_STEP = 1.1
ZOOM_STEPS = 20
SMALLEST_MAP = 8
FEWEST_LINES = 100
SNAP = 0.01  # of the zoom: a pose this near a recent one has its zoom and angle
PROMISING = 0.5
FINER = 3  # zooms tried within one step, each way
SLACK = 8  # cells around a coarse place in which the fine one is looked for


class PoseFinder:
    """Finds the pose that best explains a view. Remembers recent poses, to which people keep coming back."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._registrar = Registrar()
        self._recent: deque[Matrix] = deque(maxlen=4)

    def restart(self) -> None:
        """Forget the poses: there is another canvas."""
        self._recent.clear()

    def remember(self, pose: Matrix, view: Pixels) -> None:
        """Put a pose first among the recent ones."""
        height, width = view.shape[:2]
        others = [known for known in self._recent if far_apart(known, pose, width, height) > 2 * CELL]
        self._recent = deque([pose, *others], self._recent.maxlen)

    def shift(self, move: Matrix) -> None:
        """Follow the canvas picture to its new coordinates."""
        self._recent = deque((move @ pose for pose in self._recent), self._recent.maxlen)

    def find(
        self,
        seen: Seen,
        composite: Composite,
        last: tuple[Seen, Matrix] | None,
        metrics: dict[str, float],
        *,
        thorough: bool,
    ) -> Trace | None:
        """Return the pose under which most lines of the canvas are found in the view, None when too few are.

        `last` is the last view and its pose. Unless `thorough`, only recent poses are tried: matching costs tens
        of milliseconds.
        """
        best: Trace | None = None
        for pose in self._likely(seen, last):
            needed = self._rules.pose_lines
            if last is not None and pose is last[1]:
                needed = self._rules.pose_lines_old
            best = _better(best, composite.trace(seen, pose), needed)
        if not thorough or (best is not None and best.edges >= self._rules.sure_lines):
            return best
        for pose, inliers in self._matched(seen, composite, last):
            metrics["inliers"] = max(metrics.get("inliers", 0.0), float(inliers))
            agreed = inliers >= self._rules.min_inliers
            needed = self._rules.pose_lines_matched if agreed else self._rules.pose_lines
            best = _better(best, composite.trace(seen, pose), needed)
            if best is not None and best.edges >= self._rules.pose_lines:
                break
        if best is not None:
            snapped = self._snapped(best.pose, seen.view)
            return _better(best, composite.trace(seen, snapped), 0.0) if snapped is not None else best
        if best is None:
            for pose in zooms(seen.edges.drawn, composite.lines(), composite.cell):
                best = _better(best, composite.trace(seen, pose), self._rules.pose_lines)
            metrics["searched"] = 1.0
        return best

    def _likely(self, seen: Seen, last: tuple[Seen, Matrix] | None) -> Iterator[Matrix]:
        if last is not None:
            yield last[1]
        yield from (pose for pose in self._recent if last is None or pose is not last[1])
        if last is not None:
            # Mirroring the view is how people look for mistakes, and half of a face hides it from a comparison.
            yield last[1] @ mirroring(seen.view.shape[1])

    def _snapped(self, pose: Matrix, view: Pixels) -> Matrix | None:
        """Return the pose with exactly the zoom and angle of a recent one, when it is hardly off; None otherwise.

        Matching is a few tenths of a percent off, and people go back to the same zooms.
        """
        height, width = view.shape[:2]
        middle = np.array([width / 2, height / 2, 1.0])
        for known in self._recent:
            if np.abs(pose[:2, :2] - known[:2, :2]).max() <= SNAP * zoom_of(known):
                snapped = known.copy()
                snapped[:2, 2] += (pose @ middle - known @ middle)[:2]
                return snapped
        return None

    def _matched(
        self, seen: Seen, composite: Composite, last: tuple[Seen, Matrix] | None
    ) -> Iterator[tuple[Matrix, int]]:
        """Yield poses found by matching features: the likely ones first, since each costs milliseconds."""
        mine = seen.described(self._registrar)
        for mirrored in (False, True):
            there = composite.features(self._registrar, mirrored=mirrored)
            if (found := self._registrar.similarity(mine, there)) is not None:
                back = mirroring(composite.picture.shape[1]) if mirrored else np.eye(3)
                yield back @ found.pose, found.inliers
        if last is not None:
            view, pose = last
            if (found := self._registrar.similarity(mine, view.described(self._registrar))) is not None:
                yield pose @ found.pose, found.inliers


def _better(best: Trace | None, trace: Trace | None, needed: float) -> Trace | None:
    if trace is None or trace.edge_count < FEW_LINES or trace.edges < needed:
        return best
    return trace if best is None or trace.edges > best.edges else best


def zooms(view: Mask, canvas: Mask, cell: tuple[float, float]) -> Iterator[Matrix]:
    """Yield upright poses found by laying the lines of a view over those of the canvas, zoom by zoom.

    For sparse line art, in which there is little for a feature detector to hold on to. `view` and `canvas` mark
    line cells; `cell` is the size of a canvas cell in canvas pixels. At most two poses: the best zoom inwards and
    the best outwards.
    """
    if min(int(np.count_nonzero(view)), int(np.count_nonzero(canvas))) < FEWEST_LINES:
        return
    to_view, to_canvas = scaling(1 / CELL), scaling(*cell)
    if (inward := _lay(view, canvas)) is not None:
        yield to_canvas @ inward @ to_view
    if (outward := _lay(canvas, view)) is not None:
        yield to_canvas @ np.linalg.inv(outward) @ to_view


def _lay(small: Mask, large: Mask) -> Matrix | None:
    """Return the matrix that lays a shrunken `small` on `large` so that most lines meet, in cells."""
    step = max(2, round(large.shape[1] / MAP))
    coarse_small, coarse_large = shrink_mask(small, step), shrink_mask(large, step)
    margin = coarse_large.shape[1] // 4, coarse_large.shape[0] // 4
    target = _Target(coarse_large * step, margin, exact=False)
    best: tuple[float, float, int, int] | None = None
    for power in range(ZOOM_STEPS):
        zoom = ZOOM_STEP**-power
        fit = target.fit(coarse_small, zoom)
        if fit is not None and (best is None or fit[0] > best[0]):
            best = fit[0], zoom, fit[1], fit[2]
    if best is None or best[0] < PROMISING:
        return None
    _, zoom, x, y = best
    fine = small.astype(np.float32)
    target = _Target(large.astype(np.float32), (margin[0] * step, margin[1] * step), exact=True)
    best = None
    for part in range(-FINER, FINER + 1):
        near = zoom * ZOOM_STEP ** (part / FINER)
        # Each zoom that is tried keeps the middle where it was.
        left = round(x * step + (zoom - near) * small.shape[1] / 2)
        top = round(y * step + (zoom - near) * small.shape[0] / 2)
        fit = target.fit(fine, near, (left, top))
        if fit is not None and (best is None or fit[0] > best[0]):
            best = fit[0], near, fit[1], fit[2]
    return None if best is None else shifting(best[2], best[3]) @ scaling(best[1])


class _Target:
    """The lines that others are laid over, with an empty margin: a view may look past the canvas.

    `exact` rewards lines that meet in the middle; else meeting nearly is as good.
    """

    def __init__(self, lines: NDArray[np.float32], margin: tuple[int, int], *, exact: bool) -> None:
        right, down = self._margin = margin
        wide = cv2.copyMakeBorder(lines, down, down, right, right, cv2.BORDER_CONSTANT)
        self._lines = np.minimum(np.asarray(wide, np.float32), 1)
        if exact:
            self._near = np.asarray(cv2.GaussianBlur(self._lines, (5, 5), 1.0), np.float32)
        else:
            self._near = np.asarray(cv2.dilate(self._lines, np.ones((3, 3), np.uint8)), np.float32)

    def fit(
        self, patch: NDArray[np.float32], zoom: float, around: tuple[int, int] | None = None
    ) -> tuple[float, int, int] | None:
        """Lay a patch, shrunken to `zoom`, where most of its lines meet; returns how well, and its left and top.

        With `around` only left and top near there are tried. How well is the smaller of two shares: lines of the
        patch that meet lines, and lines under the patch that are met, since any patch fits a busy corner.
        """
        width, height = round(patch.shape[1] * zoom), round(patch.shape[0] * zoom)
        if min(width, height) < SMALLEST_MAP:
            return None
        small = np.minimum(cv2.resize(patch, (width, height), interpolation=cv2.INTER_AREA) * BOLD, 1)
        right, down = self._margin
        rows, columns = self._near.shape
        left = top = 0
        if around is not None:
            left, top = max(0, around[0] + right - SLACK), max(0, around[1] + down - SLACK)
            columns, rows = min(columns, left + width + 2 * SLACK), min(rows, top + height + 2 * SLACK)
        total = float(small.sum())
        if width > columns - left or height > rows - top or total < SMALLEST_MAP:
            return None
        meets = cv2.matchTemplate(self._near[top:rows, left:columns], small, cv2.TM_CCORR)
        _, value, _, (x, y) = cv2.minMaxLoc(meets)
        x, y = x + left, y + top
        under = self._lines[y : y + height, x : x + width]
        met = float((under * cv2.dilate(small, np.ones((3, 3), np.uint8))).sum())
        return min(value / total, met / max(1.0, float(under.sum()))), x - right, y - down
