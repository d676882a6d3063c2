"""When has the drawing reached a new stage? Decides frame by frame which ones to keep."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from capture.comparison import moving_share
from capture.frame import Frame, Pixels, Region
from capture.registration import CELL, Gray, shrink
from capture.rules import Rules
from capture.tracking import MOVING, MOVING_LOSSY, CanvasTracker, Circumstances, Sight

LONG_SIDE = 640  # of the picture that is looked at, at most
HALF_FROM = 600  # a canvas up to this long is looked at in full
BURST_NS = 500_000_000
REMEMBERED = 32
FIRST_SIGHT = frozenset({"first", "new_canvas"})
AT_REST = frozenset({"idle", "cursor"})
QUIET = frozenset({"idle", "cursor", "view", "overlay"})
SMALL_OVERLAY = 0.03
SHOWN = 0.5
ALIKE = 3  # cells in which two looks of the same canvas may differ
UNLIKE = 12  # of 255 levels, between two looks of the canvas


@dataclass(frozen=True, slots=True)
class Context:
    """What is known around a frame. None is unknown.

    `own_window` says whether the window with the canvas is in front, `pointer` is in pixels of the frame.
    """

    own_window: bool | None = None
    pointer: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one frame means.

    `label` is what the frame shows: first, idle, draw, view (zoomed, moved, turned), overlay, cursor, foreign,
    unknown, blank, new_canvas. `stage` says to keep it. `changed` is the share of the view drawn on since the last
    stage. `reverts_to` is the ledger number of the earlier stage the canvas has gone back to. `why` is a slug:
    settled, large, late, end. `still` is the ledger number of the last stage when that is durable and the view is the
    one it was taken from, and every look since has found nothing else.
    """

    label: str
    stage: bool
    changed: float
    reverts_to: int | None
    why: str
    metrics: dict[str, float]
    still: int | None = None


@dataclass(slots=True)
class Pending:
    """What has been drawn since the last stage."""

    area: float = 0.0
    since_ns: int = 0
    large: bool = False
    seen_seq: int = -1


@dataclass(slots=True)
class Remembered:
    """A stage as it looked, by the frame it was taken from; `stage` is its ledger number once that is known."""

    frame: int
    look: Gray
    stage: int | None = None


class StageDetector:
    """Decides frame by frame; `canvas` is the canvas's viewport inside the frame, None is the whole frame."""

    def __init__(self, canvas: Region | None = None, rules: Rules | None = None) -> None:
        self._canvas = canvas
        self._rules = rules or Rules()
        self._tracker = CanvasTracker(self._rules)
        self._pending = Pending()
        self._stages: deque[Remembered] = deque(maxlen=REMEMBERED)
        self._last_ns: int | None = None
        self._last_seq = -1
        self._seen: Pixels | None = None  # the last view
        self._as_kept: Pixels | None = None  # the view that the last stage was taken from
        self._left = True  # whether a look since then has found something else

    def step(self, frame: Frame, context: Context) -> Decision:
        """Take in one frame and say what it is."""
        burst = self._last_ns is not None and frame.mono_ns - self._last_ns < BURST_NS
        self._last_ns, self._last_seq = frame.mono_ns, frame.seq
        if context.own_window is False:
            self._tracker.look_away()
            self._seen, self._left = None, True
            return self._decide(frame, Sight("foreign"), burst=burst)
        view, scale = self._view(frame)
        self._seen = view
        pointer = None
        if context.pointer is not None:
            left, top = (self._canvas.left, self._canvas.top) if self._canvas else (0, 0)
            pointer = (context.pointer[0] - left) * scale, (context.pointer[1] - top) * scale
        around = Circumstances(pointer, context.own_window, frame.mono_ns, frame.lossy)
        sight = self._tracker.see(view, around)
        if sight.label in FIRST_SIGHT:
            self._pending = Pending()
            self._stages.clear()
            self._remember(frame.seq)
            return self._decide(frame, sight, burst=burst)
        decision = self._decide(frame, sight, burst=burst)
        if decision.stage:
            return decision
        return replace(decision, still=self._still(view, sight, lossy=frame.lossy))

    def flush(self) -> Decision | None:
        """Return the stage that the end of the session makes of what has changed since the last one."""
        if self._pending.area < self._rules.draw:
            return None
        return self._stage("draw", self._pending.seen_seq, "end", {})

    def kept(self, stage_seq: int, frame: Frame) -> None:
        """Learn the ledger number of a stage that was kept, so that a later one can be said to revert to it.

        A frame may be kept that was not called a stage, when it is the one shown last.
        """
        if frame.seq == self._last_seq and all(known.frame != frame.seq for known in self._stages):
            self._pending = Pending()
            self._remember(frame.seq)
        for known in self._stages:
            if known.frame == frame.seq:
                known.stage = stage_seq

    def forget(self, stages: Collection[int]) -> None:
        """Never again name one of these ledger numbers: what was there is forgotten."""
        for known in self._stages:
            if known.stage in stages:
                known.stage = None

    def composite(self) -> Pixels | None:
        """Return the canvas put together from all views (BGR, reduced), None before the first frame."""
        return None if self._tracker.composite is None else self._tracker.composite.picture.copy()

    def _decide(self, frame: Frame, sight: Sight, *, burst: bool) -> Decision:
        rules, pending = self._rules, self._pending
        if sight.undone:
            pending = self._pending = Pending()
        was_large = pending.large
        if sight.label == "draw":
            if pending.area < rules.draw:
                pending.since_ns = frame.mono_ns
            pending.area += sight.area
            pending.large = pending.area >= rules.stage_at_once
            pending.seen_seq = frame.seq
        quiet = sight.label in QUIET and sight.held < SMALL_OVERLAY and not sight.unsure
        waited = (frame.mono_ns - pending.since_ns) / 1e9
        metrics = sight.metrics | {"pending": pending.area, "quiet": float(quiet)}
        why = ""
        if quiet and pending.area >= rules.stage and self._shown(frame):
            why = "settled"
        elif sight.label == "draw" and pending.large and (was_large or burst):
            why = "large"
        elif (quiet or sight.label == "draw") and pending.area >= rules.stage_late and waited >= rules.late_s:
            why = "late"
        if why:
            return self._stage(sight.label, frame.seq, why, metrics)
        return Decision(
            sight.label, stage=False, changed=pending.area, reverts_to=None, why="", metrics=metrics
        )

    def _stage(self, label: str, frame: int, why: str, metrics: dict[str, float]) -> Decision:
        reverts_to = self._reverted(metrics)
        changed, self._pending = self._pending.area, Pending()
        self._remember(frame)
        return Decision(label, stage=True, changed=changed, reverts_to=reverts_to, why=why, metrics=metrics)

    def _still(self, view: Pixels, sight: Sight, *, lossy: bool) -> int | None:
        """Return the number of the last stage if the view is, within what counts as no motion, the one it shows."""
        if sight.label not in AT_REST or sight.unsure or sight.held:
            self._left = True
        as_kept = self._as_kept
        if self._left or self._pending.area or not self._stages or as_kept is None:
            return None
        if as_kept.shape != view.shape:
            return None
        same = moving_share(view, as_kept, MOVING_LOSSY if lossy else MOVING) < self._rules.idle
        return self._stages[-1].stage if same else None

    def _remember(self, frame: int) -> None:
        self._as_kept, self._left = self._seen, self._seen is None
        self._tracker.settle()
        composite = self._tracker.composite
        if composite is not None:
            self._stages.append(Remembered(frame, composite.thumbnail()))

    def _reverted(self, metrics: dict[str, float]) -> int | None:
        """Return the ledger number of the remembered stage that looks as the canvas does now."""
        composite = self._tracker.composite
        if composite is None or not self._stages:
            return None
        now = composite.thumbnail()
        *earlier, last = self._stages
        since_last = unlike(now, last.look)
        metrics["unlike_last"] = float(since_last)
        if since_last <= ALIKE and self._pending.area >= self._rules.stage:
            return last.stage  # drawn, and undone before it was a stage
        limit = max(ALIKE, since_last // 10)
        for known in reversed(earlier):
            if unlike(now, known.look) <= limit < since_last:
                return known.stage
        return None

    def _shown(self, frame: Frame) -> bool:
        """Say whether the frame shows most of what has been drawn: a zoomed-in one may not."""
        composite, pose = self._tracker.composite, self._tracker.pose
        if composite is None or pose is None:
            return True
        view, _ = self._view(frame)
        return composite.shows_fresh(pose, view.shape[1], view.shape[0]) >= SHOWN

    def _view(self, frame: Frame) -> tuple[Pixels, float]:
        """Return the canvas's part of a frame at the scale it is looked at, and that scale."""
        pixels, area = frame.pixels, self._canvas
        if area is not None:
            pixels = pixels[area.top : area.top + area.height, area.left : area.left + area.width]
        height, width = pixels.shape[:2]
        long = max(height, width)
        # Whole steps, and sides that CELL divides too: averaging 2 x 2 pixels is ten times cheaper than 2.01 x 2.01.
        step = 1 if long <= HALF_FROM else max(2, -(-long // LONG_SIDE))
        wide, high = (max(1, side // (CELL * step)) * CELL for side in (width, height))
        if step == 1:
            return np.ascontiguousarray(pixels[:high, :wide]), 1.0
        return shrink(pixels[: high * step, : wide * step], wide, high), 1 / step


def unlike(one: Gray, other: Gray) -> int:
    """Count the cells in which two looks of the canvas differ."""
    if one.shape != other.shape:
        return one.size
    return int(np.count_nonzero(np.abs(one.astype(np.int16) - other) > UNLIKE))
