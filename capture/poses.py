"""Looks for the pose of a view: where it was lately, then by matching features, then by trying zooms and shifts."""

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.composite import Composite, Match
from capture.frame import Pixels
from capture.registration import (
    CELL,
    Mask,
    Matrix,
    Registrar,
    Seen,
    far_apart,
    mirroring,
    scaling,
    shifting,
    shrink_mask,
)
from capture.rules import Rules

COARSE = 2  # cells per pixel of the maps in which zooms are tried
ZOOM_STEP = 1.06
ZOOM_STEPS = 32
SMALLEST_MAP = 8
PROMISING = 0.55


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
        contrast: int,
        metrics: dict[str, float],
        *,
        thorough: bool,
    ) -> Match | None:
        """Return the pose under which most lines of the canvas are found in the view, None when too few are.

        `last` is the last view and its pose. Unless `thorough`, only recent poses are tried: matching costs tens
        of milliseconds.
        """
        best: Match | None = None
        for pose in self._likely(seen, last):
            match = composite.match(seen, pose, contrast)
            if match is not None and self._proven(match, 0) and (best is None or match.edges > best.edges):
                best = match
        if not thorough or (best is not None and best.edges >= self._rules.same_lines - 0.1):
            return best
        for pose, inliers in self._matched(seen, composite, last):
            metrics["inliers"] = max(metrics.get("inliers", 0.0), float(inliers))
            match = composite.match(seen, pose, contrast)
            if (
                match is not None
                and self._proven(match, inliers)
                and (best is None or match.edges > best.edges)
            ):
                best = match
                if match.edges >= self._rules.pose_lines:
                    break
        if best is None:
            for pose in zooms(seen.edges.strong, composite.lines(), composite.cell):
                match = composite.match(seen, pose, contrast)
                if (
                    match is not None
                    and self._proven(match, 0)
                    and (best is None or match.edges > best.edges)
                ):
                    best = match
                    metrics["searched"] = 1.0
        return best

    def _proven(self, match: Match, inliers: int) -> bool:
        if match.edge_count < self._rules.few_lines:
            return False
        agreed = inliers >= self._rules.min_inliers
        return match.edges >= (self._rules.pose_lines_matched if agreed else self._rules.pose_lines)

    def _likely(self, seen: Seen, last: tuple[Seen, Matrix] | None) -> Iterator[Matrix]:
        yield from self._recent
        if last is not None:
            # Mirroring the view is how people look for mistakes, and half of a face hides it from a comparison.
            yield last[1] @ mirroring(seen.view.shape[1])

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


def zooms(view: Mask, canvas: Mask, cell: tuple[float, float]) -> Iterator[Matrix]:
    """Yield upright poses found by laying the lines of a view over those of the canvas, zoom by zoom.

    For sparse line art, in which there is little for a feature detector to hold on to. `view` and `canvas` mark
    line cells; `cell` is the size of a canvas cell in canvas pixels. At most two poses: the best zoom inwards and
    the best outwards.
    """
    view_map, canvas_map = _map(view), _map(canvas)
    if view_map is None or canvas_map is None:
        return
    to_view = scaling(1 / (CELL * COARSE))
    to_canvas = scaling(cell[0] * COARSE, cell[1] * COARSE)
    if (inward := _lay(view_map, canvas_map)) is not None:
        yield to_canvas @ inward @ to_view
    if (outward := _lay(canvas_map, view_map)) is not None:
        yield to_canvas @ np.linalg.inv(outward) @ to_view


def _map(lines: Mask) -> NDArray[np.float32] | None:
    """Return the share of line cells, coarsely; None when there is too little to lay anything over."""
    coarse = shrink_mask(lines, COARSE)
    return coarse if min(coarse.shape) >= SMALLEST_MAP and float(coarse.sum()) > SMALLEST_MAP else None


def _lay(small: NDArray[np.float32], large: NDArray[np.float32]) -> Matrix | None:
    """Return the matrix that lays a shrunken `small` on `large` so that most lines meet, in map coordinates."""
    # The view may look past the canvas, by up to a quarter of it.
    right, down = large.shape[1] // 4, large.shape[0] // 4
    large = np.asarray(cv2.copyMakeBorder(large, down, down, right, right, cv2.BORDER_CONSTANT), np.float32)
    near = np.asarray(cv2.dilate(np.minimum(large * 3, 1), np.ones((3, 3), np.uint8)), np.float32)
    best, found = PROMISING, None
    for step in range(ZOOM_STEPS):
        zoom = ZOOM_STEP**-step
        width, height = round(small.shape[1] * zoom), round(small.shape[0] * zoom)
        if min(width, height) < SMALLEST_MAP:
            break
        if width > large.shape[1] or height > large.shape[0]:
            continue
        patch = np.minimum(cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA) * 3, 1)
        total = float(patch.sum())
        if total < SMALLEST_MAP:
            break
        there = cv2.matchTemplate(near, patch, cv2.TM_CCORR) / total
        # How many lines of the canvas under the patch the patch explains: else any busy corner would fit.
        wide = cv2.dilate(patch, np.ones((3, 3), np.uint8))
        back = cv2.matchTemplate(large, np.asarray(wide, np.float32), cv2.TM_CCORR)
        under = cv2.matchTemplate(large, np.ones_like(patch), cv2.TM_CCORR)
        score = np.minimum(there, back / np.maximum(under, 1.0))
        _, value, _, (x, y) = cv2.minMaxLoc(score)
        if value > best:
            best = value
            found = shifting(x - right, y - down) @ scaling(width / small.shape[1], height / small.shape[0])
    return found
