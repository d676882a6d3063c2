"""Compares a view with the last one under the same pose, and says whether the pose is the same at all."""

from dataclasses import dataclass

import cv2
import numpy as np

from capture.frame import Pixels
from capture.registration import FEW_LINES, Mask, Seen, edges_kept, residue
from capture.rules import Rules

LEFT_BEHIND = 0.8  # share of the lines left that lie where they lay: then something was taken away
SPARSE = 200  # cells: a drawing of fewer lines is little proof of a pose, its borders are more
ROOTED = 0.5  # share of the borders in place that proves the pose of a view without a drawing
NEARLY_ALL = 0.95
JITTER = 0.02  # changed share above which a shift of the view would have been found as one
JITTER_LINES = 0.8  # share of what differs that lies along lines
JITTER_LEFT = 0.4  # share of it that may be left
WIDE = 5  # cells across a border, smoothed


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What differs from the last view, and the lines there were and still are: masks over its cells.

    `jitter`: what differs is a shift of less than two cells. `covered`: borders of the page that have gone. `steady`: the pose is the old one. `rooted`: there are borders, and in place.
    """

    changed: Mask
    before: Mask
    kept: Mask
    covered: Mask
    steady: bool
    rooted: bool
    jitter: bool
    metrics: dict[str, float]


def compare(local: Seen, seen: Seen, unseen: Mask | None, rules: Rules, contrast: int) -> Change | None:
    """Compare a view with the last one, `local`; None when they are not of one size.

    `unseen` is given at the first look after a move: what of the view had never been seen before is not compared,
    and the view may still settle.
    """
    if local.view.shape != seen.view.shape:
        return None
    changed = residue(seen.cells, local.cells, 1, contrast)
    if unseen is not None:
        changed &= ~unseen
    steadier = None if unseen is None else _steadier(local, seen, changed, contrast)
    jitter = steadier is not None
    changed = changed if steadier is None else steadier
    before, still = local.edges.drawn, edges_kept(local.edges, seen.edges)
    borders = local.edges.strong & ~before
    kept = still & before
    count = int(np.count_nonzero(before))
    share = float(np.count_nonzero(kept)) / max(1, count)
    area = float(changed.mean())
    metrics = {"residue": area, "lines": float(count), "lines_kept": share}
    rooted = _in_place(borders, still)
    covered = _of_the_page(borders, local.edges.strong) & ~still
    if count < FEW_LINES:
        if np.count_nonzero(borders) >= FEW_LINES:
            return Change(changed, before, kept, covered, rooted, rooted, jitter, metrics)
        return Change(changed, before, kept, covered, _flat_but_same(seen, changed), rooted, jitter, metrics)
    steady = share >= rules.same_lines or area < rules.draw
    left = int(np.count_nonzero(seen.edges.drawn))
    if not steady and left >= FEW_LINES:
        back = float(np.count_nonzero(edges_kept(seen.edges, local.edges) & seen.edges.drawn)) / left
        metrics["lines_left"] = back
        steady = back >= LEFT_BEHIND and share < back and not _mirrored(seen, local, share)
    if not steady and count < SPARSE and rooted:
        steady = not _mirrored(seen, local, share)
    return Change(changed, before, kept, covered, steady, rooted, jitter, metrics)


def moving_share(one: Pixels, other: Pixels, step: int) -> float:
    """Return the share of channel values that differ by more than `step`."""
    if np.array_equal(one, other):
        return 0.0
    far = cv2.threshold(cv2.absdiff(one, other).reshape(one.shape[0], -1), step, 255, cv2.THRESH_BINARY)[1]
    return cv2.countNonZero(far) / one.size


def _steadier(local: Seen, seen: Seen, changed: Mask, contrast: int) -> Mask | None:
    """Return what differs with more leeway, if that is next to nothing: the view was drawn again a little aside.

    Such a view differs along lines that were there, and nowhere else.
    """
    cells = int(np.count_nonzero(changed))
    if not 0 < cells < JITTER * changed.size:
        return None
    lines = cv2.dilate(local.edges.strong.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if np.count_nonzero(changed & lines) < JITTER_LINES * cells:
        return None
    left = residue(seen.cells, local.cells, 2, contrast) & changed
    return left if int(np.count_nonzero(left)) < JITTER_LEFT * cells else None


def _of_the_page(borders: Mask, strong: Mask) -> Mask:
    """Return the borders beyond which there is nothing: those of the page, not a straight line drawn on it."""
    outer = np.zeros_like(borders)
    for lines, edges, out in ((borders, strong, outer), (borders.T, strong.T, outer.T)):
        columns, busy = np.flatnonzero(lines.any(axis=0)), np.flatnonzero(edges.sum(axis=0) > 1)
        if not len(columns):
            continue
        for end, inwards in ((busy[0], 1), (busy[-1], -1)):
            band = slice(end, end + WIDE) if inwards > 0 else slice(max(0, end - WIDE + 1), end + 1)
            out[:, band] |= lines[:, band]
    return outer


def _in_place(borders: Mask, kept: Mask) -> bool:
    """Say whether there are borders, and most of them are among the lines kept."""
    count = int(np.count_nonzero(borders))
    return count >= FEW_LINES and int(np.count_nonzero(kept & borders)) >= ROOTED * count


def _flat_but_same(seen: Seen, changed: Mask) -> bool:
    """Say whether a view that was one flat colour has kept its pose.

    Zooming out shows the surroundings from the rim inwards; filling changes all of it.
    """
    if not seen.edges.empty:
        return True
    rim = np.ones_like(changed)
    rim[1:-1, 1:-1] = False
    return not bool((changed & rim).any()) or float(changed.mean()) > NEARLY_ALL


def _mirrored(seen: Seen, local: Seen, share: float) -> bool:
    """Say whether the mirror image of a view has more of the lines in place."""
    flipped = Seen.of(np.asarray(cv2.flip(seen.view, 1), np.uint8))
    kept = np.count_nonzero(edges_kept(local.edges, flipped.edges) & local.edges.drawn)
    return float(kept) / max(1, int(np.count_nonzero(local.edges.drawn))) > share
