"""What changes in a view without the canvas changing: pointers, brush outlines, pop-ups, menus, other windows.

A changed region is looked at in the view's own coordinates, where whatever a program lays over its canvas stands
upright, however the canvas itself is turned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from capture.registration import Mask

SMALLEST = 9  # cells: below this a region is noise, a caret or part of a pointer
NEAR = 22  # cells: how far a pointer may have moved between the picture and the question where it is
COMPACT = 26  # cells: the largest brush outline that is taken for one without standing on the pointer
RECTANGLE = 60  # cells: the smallest pop-up
SIDE = 6  # cells: its shortest side
UPRIGHT = 0.88  # filled outline over its upright box
COVERED = 16  # cells of the page's border or beyond that a region must take to be a cover by that alone
FRAMED = 0.6  # share of the box's sides that are new edges
HIDDEN = 0.35  # share of old edges inside that may shine through before a region is no cover
SAME_BOX = 0.75  # overlap over union at which two boxes are the same overlay
SLIVER = 2  # cells: a strip this thin along the border is a pose off by a pixel
ROUND = 0.75  # short side over long side of a brush outline
ROUNDISH = 0.6
RING = 0.35  # share of a circle around the pointer that must have changed to be a brush outline
RING_WIDTH = 2.0
RING_GAP = 4  # cells inside and outside of it, where half as much at most has changed
SMALLEST_RING = 4  # cells
SECTORS = 16
FULL_RING = 0.6
AROUND = 0.7  # share of the sectors in which some of the circle lies
HOLLOW = 0.6  # share of its box above which a region that has gone was no outline
CENTRE = 2  # cells: how far from the pointer the middle of a brush outline may lie,
CENTRE_SHARE = 0.05  # and this share of its width more
EDGE = 3  # cells: this near, a region reaches the border of the view
WHOLE = 0.6  # share of the view above which a region is no pop-up


class Brush(Enum):
    """How like the outline of the brush a region is: not, small and near the pointer, on it, or where it was."""

    NONE = 0
    NEAR = 1
    CENTRED = 2
    GONE = 3


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box of cells."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """The rows of the box, to cut it out of a mask."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The columns of the box."""
        return slice(self.left, self.left + self.width)

    def grown(self, by: int, shape: tuple[int, ...]) -> "Box":
        """Return the box with `by` cells more on each side, inside a mask of that shape."""
        left, top = max(0, self.left - by), max(0, self.top - by)
        right, bottom = self.left + self.width + by, self.top + self.height + by
        return Box(left, top, min(shape[1], right) - left, min(shape[0], bottom) - top)

    def overlap(self, other: "Box") -> float:
        """Return intersection over union."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        if wide <= 0 or high <= 0:
            return 0.0
        both = wide * high
        return both / (self.width * self.height + other.width * other.height - both)


@dataclass(slots=True)
class Waiting:
    """A region that is held back: until when, and for how many samples it has stood there."""

    box: Box
    needed: int
    samples: int = 0


@dataclass(slots=True, eq=False)
class Doubt:
    """What differs from the canvas after the view moved: not believed before it has stood for `needed` samples.

    `absorbed`: then it belongs to the view, not to the drawing. `cells` is how many differed at first.
    """

    mask: Mask
    cells: int
    needed: int
    absorbed: bool
    samples: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What a change is judged by, all in cells: the lines there were, those there are, those in both.

    `covered` marks borders of the page that can be seen no more, `outside` what has changed beyond them: drawing
    can do neither. `pointers` are where the pointer is and where it lately was; None when that is not known.
    """

    before: Mask
    now: Mask
    kept: Mask
    covered: Mask
    outside: Mask
    pointers: tuple[tuple[float, float], ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The changed cells of a view, sorted: `drawn` is believed, `held` is not yet, the rest is dropped.

    `gone`: the brush was there and is no longer. `unsure`: the next sample will tell whether some of it is a stroke or the brush itself.
    """

    drawn: Mask
    held: Mask
    gone: Mask
    overlays: int
    unsure: bool


class OverlaySorter:
    """Sorts changed regions and remembers those held back from one sample to the next."""

    def __init__(self, confirm: int) -> None:
        self.waiting: list[Waiting] = []
        self._confirm = confirm
        self._specks: Mask | None = None

    @property
    def waits(self) -> bool:
        """Say whether the next sample decides something, even if nothing moves in it."""
        return bool(self.waiting) or self._specks is not None

    def reset(self) -> None:
        """Forget what is held back: the view moved, so it no longer stands where it stood."""
        self.waiting.clear()
        self._specks = None

    def sort(self, changed: Mask, around: Surroundings, patience: int, few: float) -> Sorted:
        """Sort the changed cells of one sample.

        A region shaped like a pop-up is believed after `patience` samples. Specks, as dots and fine hatching
        make, are believed beside a stroke, or when they have stood for a sample and make more than `few` of the view.
        """
        held, gone = _rings(changed, around)
        changed = changed & ~(held | gone)
        drawn, specks = np.zeros_like(changed), np.zeros_like(changed)
        still: list[Waiting] = []
        overlays, unsure = 0, False
        fresh = _fresh(around)
        for box, region in regions(changed):
            cut = region & changed[box.rows, box.columns]
            if np.count_nonzero(cut) < SMALLEST:
                specks[box.rows, box.columns] |= cut
                continue
            known = self._awaited(box, region, fresh, around, patience)
            brush = Brush.NONE if known is not None else _brush(box, region, around)
            if brush in {Brush.CENTRED, Brush.GONE}:
                (held if brush is Brush.CENTRED else gone)[box.rows, box.columns] |= region
                continue
            if brush is Brush.NEAR:
                unsure, known = True, Waiting(box, self._confirm)
            if known is None or known.samples >= known.needed:
                drawn[box.rows, box.columns] |= cut
                continue
            overlays += 1
            wide = box.grown(2, changed.shape)
            held[wide.rows, wide.columns] = True
            still.append(Waiting(box, known.needed, known.samples + 1))
        self.waiting = still
        if float(drawn.mean()) >= few:
            drawn |= specks
        elif self._specks is not None and float((specks & self._specks).mean()) >= few:
            drawn |= specks & self._specks
        specks &= ~drawn
        self._specks = specks if float(specks.mean()) >= few else None
        unsure = unsure or self._specks is not None
        return Sorted(drawn, held & ~drawn, gone & ~drawn, overlays, unsure)

    def _awaited(
        self, box: Box, region: Mask, fresh: Mask, around: Surroundings, patience: int
    ) -> Waiting | None:
        """Return what is already known of a region that is held back, or that it now is, as a pop-up."""
        for known in self.waiting:
            if known.box.overlap(box) >= SAME_BOX:
                return known
        return Waiting(box, patience) if self._cover(box, region, fresh, around) else None

    def doubt(
        self, changed: Mask, around: Surroundings, unknown: Mask, patience: int, coarser: float
    ) -> list[Doubt]:
        """Return the regions that differ after the view moved.

        `unknown` is what has not been seen before: a region that reaches there or to the border of the view is more
        likely a tool bar than a stroke. `coarser` is how many cells across the comparison made one.
        """
        doubts = []
        fresh = _fresh(around)
        for box, region in regions(changed):
            cells = int(np.count_nonzero(region & changed[box.rows, box.columns]))
            border = _at_border(box, unknown)
            if cells < SMALLEST * coarser**2 or (border and min(box.width, box.height) <= SLIVER * coarser):
                continue
            cover = self._cover(box, region, fresh, around)
            mask = np.zeros_like(changed)
            wide = box.grown(2, changed.shape)
            mask[wide.rows, wide.columns] = True
            if not cover:
                mask[box.rows, box.columns] = region
                mask = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            needed = patience if border or cover else self._confirm
            doubts.append(Doubt(np.asarray(mask, np.bool_), cells, needed, absorbed=border and not cover))
        return doubts

    @staticmethod
    def _cover(box: Box, region: Mask, fresh: Mask, around: Surroundings) -> bool:
        """Say whether a region is shaped like something laid over the canvas: upright, framed, hiding what was there."""
        height, width = fresh.shape
        inside = int(np.count_nonzero(around.before[box.rows, box.columns] & region))
        through = int(np.count_nonzero(around.kept[box.rows, box.columns] & region))
        if inside >= SMALLEST and through > HIDDEN * inside:
            return False
        if np.count_nonzero(around.outside[box.rows, box.columns] & region) >= COVERED:
            return True
        whole = box.width * box.height > WHOLE * width * height
        if whole or box.width * box.height < RECTANGLE or min(box.width, box.height) < SIDE:
            return False
        if np.count_nonzero(around.covered[box.rows, box.columns] & region) >= COVERED:
            return True
        outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = np.zeros(region.shape, np.uint8)
        cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
        if float(filled.mean()) < UPRIGHT:
            return False
        sides = _sides(box, fresh)
        return bool(sides) and float(np.mean(sides)) >= FRAMED


def _brush(box: Box, region: Mask, around: Surroundings) -> Brush:
    """Say whether a region may be the outline of the brush, here now or here no longer."""
    small = max(box.width, box.height) < COMPACT
    roundness = min(box.width, box.height) / max(box.width, box.height)
    if around.pointers is None:
        return Brush.NEAR if small and roundness > ROUNDISH else Brush.NONE
    middle = box.left + box.width / 2, box.top + box.height / 2
    off = [max(abs(middle[0] - x), abs(middle[1] - y)) for x, y in around.pointers]
    centred = CENTRE + CENTRE_SHARE * box.width
    if not off or roundness <= ROUND or min(off) > centred:
        return Brush.NEAR if small and roundness > ROUNDISH and off and off[0] < NEAR else Brush.NONE
    if off[0] <= centred:
        return Brush.CENTRED
    left = np.count_nonzero(around.now[box.rows, box.columns] & region)
    was = np.count_nonzero(around.before[box.rows, box.columns] & region)
    hollow = small or float(region.mean()) < HOLLOW
    return Brush.GONE if was > 2 * left and hollow else Brush.NONE


def _rings(changed: Mask, around: Surroundings) -> tuple[Mask, Mask]:
    """Mark the outline of the brush where the pointer is, and where one has gone with the pointer."""
    here, gone = np.zeros_like(changed), np.zeros_like(changed)
    for age, place in enumerate(around.pointers or ()):
        ring = brush_ring(changed & ~(here | gone), place)
        if age == 0:
            here = ring
        elif np.count_nonzero(around.before & ring) > 2 * np.count_nonzero(around.now & ring):
            gone |= ring
    return here, gone


def brush_ring(changed: Mask, pointer: tuple[float, float]) -> Mask:
    """Mark changed cells on a circle around the pointer: a brush outline, broken where it runs over a drawing."""
    ring = np.zeros_like(changed)
    rows, columns = np.nonzero(changed)
    x, y = columns + 0.5 - pointer[0], rows + 0.5 - pointer[1]
    radius = np.hypot(x, y)
    counts = np.bincount(radius.round().astype(np.int64), minlength=3)
    counts = counts[:-2] + counts[1:-1] + counts[2:]
    inside = np.arange(len(counts)) + 1
    # Sparse cells off the pointer's circle belong to strokes; only a circle mostly there is an outline.
    fullness = counts / (2 * np.pi * inside)
    fullness[: SMALLEST_RING - 1] = 0
    if not len(fullness) or fullness.max() < RING:
        return ring
    size = int(np.argmax(fullness)) + 1
    beside = [fullness[side - 1] for side in (size - RING_GAP, size + RING_GAP) if 0 < side <= len(fullness)]
    if max(beside, default=0.0) > fullness.max() / 2:
        return ring
    on = np.abs(radius - size) <= RING_WIDTH
    sectors = np.unique(((np.arctan2(y[on], x[on]) + np.pi) * SECTORS / (2 * np.pi)).astype(np.int64))
    # Either nearly all the way round, or a good part of it without a gap in that part.
    if len(sectors) >= SECTORS * AROUND or (fullness.max() >= FULL_RING and len(sectors) >= SECTORS / 2):
        ring[rows[on], columns[on]] = True
    return ring


def regions(changed: Mask) -> Iterator[tuple[Box, Mask]]:
    """Yield connected regions of a mask, small gaps closed: the box of each, and the region inside it."""
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    for label in range(1, count):
        box = Box(*(int(value) for value in stats[label, :4]))
        yield box, labels[box.rows, box.columns] == label


def _fresh(around: Surroundings) -> Mask:
    """Mark where there are edges now and were none, one cell wide of it."""
    new = (around.now & ~around.before).astype(np.uint8)
    return np.asarray(cv2.dilate(new, np.ones((3, 3), np.uint8)) > 0, np.bool_)


def _at_border(box: Box, unknown: Mask) -> bool:
    height, width = unknown.shape
    ends = box.left + box.width >= width - EDGE or box.top + box.height >= height - EDGE
    around = box.grown(EDGE, unknown.shape)
    return box.left <= EDGE or box.top <= EDGE or ends or bool(unknown[around.rows, around.columns].any())


def _sides(box: Box, fresh: Mask) -> list[float]:
    """Return for each side of a box inside the view which share of it is a new edge."""
    height, width = fresh.shape
    right, bottom = box.left + box.width - 1, box.top + box.height - 1
    sides = []
    if box.left > 0:
        sides.append(fresh[box.top : bottom + 1, max(0, box.left - 1) : box.left + 2].any(axis=1))
    if right < width - 1:
        sides.append(fresh[box.top : bottom + 1, right - 1 : right + 2].any(axis=1))
    if box.top > 0:
        sides.append(fresh[max(0, box.top - 1) : box.top + 2, box.left : right + 1].any(axis=0))
    if bottom < height - 1:
        sides.append(fresh[bottom - 1 : bottom + 2, box.left : right + 1].any(axis=0))
    return [float(side.mean()) for side in sides]
