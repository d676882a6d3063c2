"""Follows one canvas through a stream of views, and tells drawing on it from another view of it.

A view is first compared with the last one under the same pose. Only when the lines of the drawing are not where they
were is a new pose looked for. Frame-pair scores (differences, hashes, SSIM, phase correlation) cannot do this: they
score zooming and drawing alike.
"""

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np

from capture.comparison import Change, compare, moving_share
from capture.composite import Composite, Match
from capture.frame import Pixels
from capture.overlays import Doubt, OverlaySorter, Surroundings
from capture.poses import PoseFinder
from capture.registration import CELL, Mask, Matrix, Seen, far_apart, residue, zoom_of
from capture.rules import Rules

BLACK = 8  # a picture no brighter than this anywhere is a screen that is off, not a canvas
MOVING, MOVING_LOSSY = 10, 24  # of 255 levels, between one frame and the next
STILL = 0.01  # share of cells by which an unexplained view may differ from the last and stand still
AGAIN = 0.5  # share of a doubt's cells that must have differed under the last pose too
HEALED = 0.3  # share of a doubt's cells that may still differ when it has gone
SMALLEST_PAGE = 0.3  # share of the view: a smaller page is measured as if it were this large
SEARCHES = 4  # after this many samples without a pose, only every so many more look for one


@dataclass(frozen=True, slots=True)
class Sight:
    """What one view showed. `area` is the share of it that was drawn on, `held` the share under an overlay.

    `unsure`: the next view will tell more, so this is not a quiet one. `undone`: what seemed drawn since the last
    stage was something else, and is gone.
    """

    label: str
    area: float = 0.0
    held: float = 0.0
    unsure: bool = False
    undone: bool = False
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known around a view: pointer in view pixels, whose window is in front, the time, the codec."""

    pointer: tuple[float, float] | None
    own: bool | None
    now_ns: int
    lossy: bool


@dataclass(slots=True)
class Lost:
    """Since when no pose explains the view, over how many samples, and for how many it has stood still."""

    since_ns: int
    cells: Pixels
    samples: int = 0
    still: int = 0


class CanvasTracker:
    """Tells drawing from everything else, one view at a time.

    `_local` is the canvas as last believed under the present pose, pixel for pixel; `composite` is the canvas under
    all poses, less sharp. `_doubts` and `_unseen` are where `_local` is not to be trusted after a move.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.composite: Composite | None = None
        self.pose: Matrix | None = None
        self._finder = PoseFinder(rules)
        self._sorter = OverlaySorter(rules.confirm_samples)
        self._local: Seen | None = None
        self._doubts: list[Doubt] = []
        self._unseen: Mask | None = None
        self._previous: Pixels | None = None
        self._lost: Lost | None = None
        self._surround: Mask = np.zeros((1, 1), np.bool_)
        self._page = 1.0
        self._counted_elsewhere = False
        self._settled: tuple[Pixels, Matrix] | None = None
        self._pointers: deque[tuple[float, float]] = deque(maxlen=3)

    def look_away(self) -> None:
        """Another window was in front: the next view is compared with the canvas, not with that window."""
        self._previous = None

    def settle(self) -> None:
        """Remember how the canvas looks: a stage was taken."""
        if self.composite is not None:
            self.composite.settle()
        if self._local is not None and self.pose is not None:
            self._settled = self._local.cells, self.pose

    def see(self, view: Pixels, around: Circumstances) -> Sight:
        """Take in one view and say what it shows."""
        metrics: dict[str, float] = {}
        if around.pointer is not None:
            self._pointers.appendleft((around.pointer[0] / CELL, around.pointer[1] / CELL))
        if int(view.max()) < BLACK:
            self._previous = None
            return Sight("blank")
        local, composite = self._local, self.composite
        if local is None or composite is None:
            self._anchor(Seen.of(view))
            return Sight("first")
        previous, self._previous = self._previous, view
        unmoved = False
        if previous is not None and previous.shape == view.shape:
            metrics["idle"] = moving_share(view, previous, MOVING_LOSSY if around.lossy else MOVING)
            unmoved = metrics["idle"] < self.rules.idle
        unsettled = self._lost is not None or self._sorter.waits or self._doubts or self._unseen is not None
        if unmoved and not unsettled:
            return Sight("idle", metrics=metrics)
        return self._judge(Seen.of(view), local, composite, around, metrics, unmoved=unmoved)

    def _judge(
        self,
        seen: Seen,
        local: Seen,
        composite: Composite,
        around: Circumstances,
        metrics: dict[str, float],
        *,
        unmoved: bool,
    ) -> Sight:
        """Find the pose of a view, and with it what kind of view it is."""
        change = compare(local, seen, self._unseen, self.rules, self._contrast(around))
        metrics |= change.metrics if change is not None else {}
        if change is not None and change.steady and self.pose is not None:
            self._lost = None
            return self._same_pose(seen, change, composite, around, metrics)
        found, lost = None, self._lost
        if not (unmoved and lost is not None):
            last = (local, self.pose) if self.pose is not None else None
            thorough = lost is None or lost.samples < SEARCHES or lost.samples % SEARCHES == 0
            found = self._finder.find(seen, composite, last, metrics, thorough=thorough)
        if found is None and change is not None and self._looks_settled(seen, around):
            self._lost = None
            return self._take_back(seen, change, composite, metrics)
        if found is None:
            return self._wander(seen, change, composite, around, metrics)
        self._lost = None
        height, width = seen.view.shape[:2]
        metrics |= {
            "zoom": zoom_of(found.pose),
            "known": float(found.known.mean()),
            "pose_lines": found.edges,
        }
        near = self.pose is not None and far_apart(found.pose, self.pose, width, height) < 1.5 * CELL
        if near and change is not None:
            return self._same_pose(seen, change, composite, around, metrics)
        match = composite.match(found, seen, self._contrast(around, moved=True))
        return self._new_pose(seen, match, composite, around, metrics)

    def _same_pose(
        self,
        seen: Seen,
        change: Change,
        composite: Composite,
        around: Circumstances,
        metrics: dict[str, float],
    ) -> Sight:
        """Sort what changed under the old pose into drawing and overlays, and take the drawing over."""
        changed = change.changed
        for doubt in self._doubts:
            changed = changed & ~doubt.mask
        outside = changed & self._surround
        # Where it is known what lies beyond the page, a border that fades is only a fill of like brightness.
        covered = change.covered & (not self._surround.any())
        pointers, now = self._lately(around), seen.edges.strong
        surroundings = Surroundings(change.before, now, change.kept, covered, outside, pointers)
        result = self._sorter.sort(changed, surroundings, self._patience(around), self.rules.draw)
        drawn = (result.drawn | self._settle_doubts(seen, composite, around)) & ~self._surround
        self._overwrite(seen, result.gone | outside)
        if change.jitter and not self._sorter.waits and not self._doubts:
            self._local = seen
        if self._unseen is not None:
            # The first look after the one that moved: a pop-up that named the new zoom has gone by now.
            self._overwrite(seen, self._unseen)
            self._unseen = None
            self._widen(seen, composite)
        area = float(drawn.mean()) / self._page
        held = float(result.held.mean()) + sum(float(doubt.mask.mean()) for doubt in self._doubts)
        metrics |= {"area": area, "held": held, "page": self._page}
        if area >= self.rules.draw:
            if self.pose is not None:
                composite.paste(seen.view, drawn, self.pose)
            self._overwrite(seen, drawn)
            self._counted_elsewhere = self._counted_elsewhere or self.pose is None
            return Sight("draw", area, held, metrics=metrics)
        unsure = result.unsure or any(doubt.needed == self.rules.confirm_samples for doubt in self._doubts)
        label = "overlay" if result.overlays or self._doubts else "cursor"
        return Sight(label, 0.0, held, unsure, metrics=metrics)

    def _settle_doubts(self, seen: Seen, composite: Composite, around: Circumstances) -> Mask:
        """Look again at what differed when the view moved; returns what of it is drawing after all."""
        drawn = np.zeros(seen.edges.strong.shape, np.bool_)
        if not self._doubts or self.pose is None:
            return drawn
        trace = composite.trace(seen, self.pose)
        if trace is None:
            return drawn
        match = composite.match(trace, seen, self._contrast(around, moved=True))
        open_doubts = []
        for doubt in self._doubts:
            differs = match.changed & doubt.mask
            if np.count_nonzero(differs) <= HEALED * doubt.cells or (
                doubt.absorbed and doubt.samples >= doubt.needed
            ):
                self._overwrite(seen, doubt.mask)
            elif doubt.samples >= doubt.needed:
                # A stroke drawn in the same moment, counted once: what was drawn without a pose has been already.
                if not self._counted_elsewhere:
                    drawn |= differs
                else:
                    composite.paste(seen.view, differs, self.pose)
                self._overwrite(seen, doubt.mask)
            else:
                doubt.samples += 1
                open_doubts.append(doubt)
        self._doubts = open_doubts
        if not open_doubts:
            self._counted_elsewhere = False
        return drawn

    def _new_pose(
        self, seen: Seen, found: Match, composite: Composite, around: Circumstances, metrics: dict[str, float]
    ) -> Sight:
        """Take a view that shows the canvas from elsewhere; what differs there has to prove itself."""
        self._sorter.reset()
        self.pose, self._local = found.pose, seen
        self._finder.remember(found.pose, seen.view)
        unknown = ~found.known
        self._frame(composite.surround(seen, found.pose))
        nowhere = np.zeros_like(unknown)
        surroundings = Surroundings(
            found.lines, seen.edges.strong, found.kept, nowhere, nowhere, self._lately(around)
        )
        patience = self._patience(around)
        changed = found.changed & ~self._surround
        self._doubts = self._sorter.doubt(changed, surroundings, unknown, patience, found.coarser)
        self._unseen = unknown
        drawn = self._seen_twice(composite, found, seen.view)
        area = float(drawn.mean()) / self._page
        if area >= self.rules.draw:
            composite.paste(seen.view, drawn, found.pose)
        held = sum(float(doubt.mask.mean()) for doubt in self._doubts)
        metrics |= {
            "known": float(found.known.mean()),
            "area": area,
            "held": held,
            "moved": 1.0,
            "doubts": float(len(self._doubts)),
        }
        unsure = any(doubt.needed == self.rules.confirm_samples for doubt in self._doubts)
        counted = self._counted_elsewhere
        if not self._doubts:
            self._counted_elsewhere = False
        if area >= self.rules.draw and not counted:
            return Sight("draw", area, held, unsure, metrics=metrics)
        return Sight("view", 0.0, held, unsure, metrics=metrics)

    def _seen_twice(self, composite: Composite, found: Match, view: Pixels) -> Mask:
        """Take out of the doubts, and return, what differs where it did under the last pose: it is on the canvas."""
        differs, drawn = np.zeros_like(found.changed), np.zeros_like(found.changed)
        for doubt in self._doubts:
            if doubt.needed == self.rules.confirm_samples:
                differs |= found.changed & doubt.mask
        again = composite.suspect(differs, found.pose, view.shape[1], view.shape[0])
        open_doubts = []
        for doubt in self._doubts:
            if np.count_nonzero(again & doubt.mask) > AGAIN * doubt.cells:
                drawn |= found.changed & doubt.mask
            else:
                open_doubts.append(doubt)
        self._doubts = open_doubts
        return drawn

    def _wander(
        self,
        seen: Seen,
        change: Change | None,
        composite: Composite,
        around: Circumstances,
        metrics: dict[str, float],
    ) -> Sight:
        """Take a view that lies nowhere on the canvas: another window, a hidden layer, a clearing, a new canvas."""
        lost = self._lost
        if lost is None or lost.cells.shape != seen.cells.shape:
            lost = self._lost = Lost(around.now_ns, seen.cells)
        else:
            differs = float(residue(seen.cells, lost.cells, 1, self._contrast(around)).mean())
            lost.still = lost.still + 1 if differs < STILL else 0
            lost.cells = seen.cells
        lost.samples += 1
        metrics["lost"] = float(lost.samples)
        empty = seen.edges.empty
        if empty and composite.blank:
            # Zooming a blank page: there is nothing to register, and nothing to lose.
            self._anchor(seen)
            return Sight("view", metrics=metrics)
        waited = (around.now_ns - lost.since_ns) / 1e9
        long = waited >= self.rules.new_canvas_s and lost.samples >= self.rules.new_canvas_samples
        if change is None or long:
            self._anchor(seen)
            return Sight("new_canvas", metrics=metrics)
        settled = lost.still >= self.rules.settle_samples
        if self.pose is None and change.steady:
            return self._same_pose(seen, change, composite, around, metrics)
        if settled and empty and change.rooted:
            # All that was drawn was taken back.
            self._lost = None
            return self._same_pose(seen, change, composite, around, metrics)
        if settled and around.own:
            # Surely the canvas, though it cannot be said which part: drawing on it still counts.
            self._frame(np.zeros_like(change.changed))
            self.pose, self._local, self._doubts, self._unseen = None, seen, [], None
            self._sorter.reset()
        return Sight("unknown", metrics=metrics)

    def _looks_settled(self, seen: Seen, around: Circumstances) -> bool:
        """Say whether a view looks as the canvas did at the last stage, from where it was looked at then."""
        if self._settled is None or self._settled[0].shape != seen.cells.shape:
            return False
        return float(residue(seen.cells, self._settled[0], 1, self._contrast(around)).mean()) < STILL

    def _take_back(
        self, seen: Seen, change: Change, composite: Composite, metrics: dict[str, float]
    ) -> Sight:
        """Go back to the last stage: what was believed since was a window after all, and has been closed."""
        if self._settled is not None:
            self.pose = self._settled[1]
            self._frame(composite.surround(seen, self.pose))
            composite.paste(seen.view, change.changed, self.pose)
        self._doubts, self._unseen = [], None
        self._overwrite(seen, change.changed)
        return Sight("view", undone=True, metrics=metrics)

    def _overwrite(self, seen: Seen, cells: Mask) -> None:
        """Bring the marked cells of the last view up to date; elsewhere slow changes go on adding up."""
        if self._local is None or self._local is seen or not cells.any():
            return
        height, width = seen.view.shape[:2]
        marks = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
        where = cv2.resize(marks, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        view = self._local.view.copy()
        view[where] = seen.view[where]
        self._local = Seen.of(view)

    def _widen(self, seen: Seen, composite: Composite) -> None:
        """Let the canvas picture grow by what a moved view shows beyond it."""
        if self.pose is not None and (move := composite.grow(seen.view, self.pose)) is not None:
            self.pose = move @ self.pose
            self._finder.shift(move)

    def _anchor(self, seen: Seen) -> None:
        self.composite = Composite(seen.view)
        self.pose = np.eye(3)
        self._frame(self.composite.surround(seen, self.pose))
        self._local, self._lost, self._doubts, self._unseen = seen, None, [], None
        self._previous, self._counted_elsewhere = seen.view, False
        self._sorter.reset()
        self._finder.restart()
        self._finder.remember(self.pose, seen.view)

    def _frame(self, surround: Mask) -> None:
        """Learn which cells of the view lie beyond the page; what is drawn is measured by the rest."""
        self._surround = surround
        self._page = max(SMALLEST_PAGE, 1 - float(surround.mean()))

    def _lately(self, around: Circumstances) -> tuple[tuple[float, float], ...] | None:
        return None if around.pointer is None else tuple(self._pointers)

    def _patience(self, around: Circumstances) -> int:
        return self.rules.hold_samples_untitled if around.own is None else self.rules.hold_samples

    def _contrast(self, around: Circumstances, *, moved: bool = False) -> int:
        if around.lossy:
            return self.rules.contrast_lossy
        return self.rules.contrast_moved if moved else self.rules.contrast
