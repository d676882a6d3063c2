"""The capture thread's work: look, decide, hand over. It never touches the store or the disk."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from capture.backlog import Backlog, NoteItem, StageItem
from capture.coverage import Coverage, Gap
from capture.elapsed import Elapsed
from capture.frame import Frame, FrameSource, NoFrame
from capture.memory import expect_frames_of
from capture.pacer import SECOND, Pacer
from capture.stages import Context, Decision, StageDetector
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType
from sakigake.timeline.entry import Info

BLACK_NS = 10 * SECOND
APART_NS, LONGEST_APART_NS = 2 * SECOND, 60 * SECOND
Say = Callable[..., None]
FIRST_SIGHT = frozenset({"first", "new_canvas"})
NO_PIXELS = np.zeros((0, 0, 3), np.uint8)
PASSED_OVER = frozenset({"not-a-picture", "too-small"})


class Looker:
    """Owns the source and the stage detector; all methods but `kept` and `note` are called on the capture thread."""

    def __init__(
        self,
        source: FrameSource,
        backlog: Backlog,
        coverage: Coverage,
        elapsed: Elapsed,
        *,
        interval_s: float,
        heartbeat_s: float,
        say: Say,
    ) -> None:
        self.source = source
        self.pacer = Pacer(interval_s, restful=source.live)
        self.exhausted = False
        self.stopping = False
        self.busy_since: int | None = None
        self.ticked = elapsed.now()
        self.looks = 0
        self.passed_over = 0
        self.errors = 0
        self.costs: deque[float] = deque(maxlen=1000)
        # Stages a folder gave before a crash, by their pixels: they are not kept a second time.
        self.known: dict[str, int] = {}
        self._backlog = backlog
        self._coverage = coverage
        self._elapsed = elapsed
        self._heartbeat = int(heartbeat_s * SECOND)
        self._say = say
        self._detector = StageDetector()
        self._acknowledged: deque[tuple[int, Frame]] = deque()
        self._unsettled: Frame | None = None
        self._kept = -1
        self._drawn: Frame | None = None
        self._sign = elapsed.now()
        self._looks_since = 0
        self._changed = False
        self._black_since: int | None = None
        self._frame_bytes = 0
        self._file_ms = 0
        self._read_ns = elapsed.clock.mono_ns()
        self._shown_ns = self._read_ns

    def kept(self, seq: int, frame: Frame) -> None:
        """Learn from the writer that a stage is durable. Its pixels are let go: this waits for the next look."""
        self._acknowledged.append((seq, replace(frame, pixels=NO_PIXELS)))

    def note(self, kind: EntryType, info: Info) -> None:
        """Queue an entry about this moment."""
        clock = self._elapsed.clock
        self._backlog.put(NoteItem(kind, info, clock.wall_ns(), clock.mono_ns()))

    def gap(self, gap: Gap | None, **more: int | str) -> None:
        """Queue a gap, if there is one to tell."""
        if gap is not None:
            self.note(EntryType.GAP, {"reason": gap.reason, "ms": gap.ms, **more})
            self._sign = self._elapsed.now()

    def tick(self) -> None:
        """Do what the ticker calls for: nothing, one look, or all that waits in a folder."""
        begun = self.ticked = self._elapsed.now()
        if self.stopping or self.exhausted or not self.pacer.due(begun):
            return
        cost = time.thread_time()
        self.busy_since = begun
        try:
            while self._look() and not self.source.live and not self.stopping:
                pass
        finally:
            self.busy_since = None
        cost = time.thread_time() - cost
        self.costs.append(cost)
        self.pacer.looked(begun, changed=self._changed, cost_s=cost if self.source.live else 0.0)

    def _look(self) -> bool:
        """Look once; returns whether there was something to see, and so may be more."""
        self._changed = False
        seen = self.source.grab()
        if isinstance(seen, NoFrame):
            return self._nothing(seen)
        self.looks += 1
        self._looks_since += 1
        if seen.pixels.nbytes != self._frame_bytes:
            self._frame_bytes = seen.pixels.nbytes
            expect_frames_of(self._frame_bytes)
        self._frame(seen)
        return True

    def _nothing(self, seen: NoFrame) -> bool:
        if seen.reason == "source-gone":
            self._bad(seen.reason, why=seen.detail)
            return False
        self._good()
        if seen.reason in PASSED_OVER:
            self.passed_over += 1
            self._say(f"record.{seen.reason}", name=seen.detail)
            return True
        if seen.reason in {"at-rest", "exhausted"}:
            self._settle()
        self._heartbeat_if_due()
        self.exhausted = seen.reason == "exhausted"
        return seen.reason == "at-rest"

    def _frame(self, frame: Frame) -> None:
        # The place for a gate: what must not be seen is turned away here, before anything is decided about it.
        decision = self._judge(frame)
        if self._black_for_long(decision):
            self._bad("blank")
            return
        self._good()
        self._changed = decision.label != "idle"
        if decision.stage:
            self._keep(frame, decision)
        self._heartbeat_if_due()
        if not self.source.live:
            self._unsettled = frame if self._changed and not decision.stage else None

    def _judge(self, frame: Frame) -> Decision:
        while self._acknowledged:
            self._detector.kept(*self._acknowledged.popleft())
        decision = self._detector.step(self._in_its_time(frame), Context())
        if decision.label == "draw":
            self._drawn = frame
        # The first sight of a canvas is no change, yet it is where the drawing starts from: it is kept as well.
        if decision.label in FIRST_SIGHT:
            decision = replace(decision, stage=True, why=decision.label)
        return decision

    def _in_its_time(self, frame: Frame) -> Frame:
        """Return a picture of a folder as if it were seen when it was saved.

        It is read a moment after the one before it, but it was not drawn in that moment: the detector waits for quiet
        in seconds. Files that were copied have lost their times; then they count as those of a recorder, 2 s apart.
        """
        if self.source.live:
            return frame
        file_ms = int(frame.info.get("file_ms", 0))
        apart = (file_ms - self._file_ms) * 1_000_000 if self._file_ms else 0
        passed = max(min(apart, LONGEST_APART_NS), frame.mono_ns - self._read_ns, APART_NS)
        self._shown_ns += passed
        self._file_ms, self._read_ns = file_ms, frame.mono_ns
        return replace(frame, mono_ns=self._shown_ns)

    def _black_for_long(self, decision: Decision) -> bool:
        """Say whether the picture is black and has been for a while: a minimised window, a permission not given."""
        if decision.label != "blank":
            self._black_since = None
            return False
        now = self._elapsed.now()
        self._black_since = self._black_since or now
        return now - self._black_since >= BLACK_NS

    def _settle(self) -> None:
        """Keep the last picture of a folder, if it shows anything new: a picture that is at rest was saved on purpose.

        It is also shown to the detector once more, for which a picture that stays is a quiet one.
        """
        frame, self._unsettled = self._unsettled, None
        if frame is not None:
            decision = self._judge(frame)
            self._keep(frame, decision if decision.stage else replace(decision, stage=True, why="at-rest"))

    def _keep(self, frame: Frame, decision: Decision) -> None:
        self._kept, self._drawn = frame.seq, None
        self._sign = self._elapsed.now()
        self._looks_since = 0
        self._hand_over(StageItem(frame, decision))
        if not self.source.live:
            self._wait_until_kept()

    def _hand_over(self, item: StageItem) -> None:
        known = None if not self.known else self.known.get(pixel_digest_v1(item.frame.pixels))
        if known is None:
            self._backlog.put(item)
        else:
            self.kept(known, item.frame)

    def _wait_until_kept(self) -> None:
        """Let the writer catch up.

        Pictures in a folder wait for us, so none is dropped and the result is the same however slow the disk is.
        """

        def patient() -> bool:
            self._good()
            return not self.stopping

        self._backlog.wait_empty(patient)

    def _bad(self, reason: str, **detail: str) -> None:
        if self._coverage.reason != reason:
            self._say(f"record.{reason}", **detail)
        self.gap(self._coverage.bad(reason))

    def _good(self) -> None:
        if self._coverage.reason in {"source-gone", "blank"}:
            self._say("record.back")
        self.gap(self._coverage.good(self.pacer.interval_s))

    def _heartbeat_if_due(self) -> None:
        now = self._elapsed.now()
        if now - self._sign >= self._heartbeat:
            self.note(EntryType.HEARTBEAT, {"looks": self._looks_since})
            self._sign = now
            self._looks_since = 0

    def failed(self, error: BaseException) -> None:
        """Take in an error that ended a tick: what the detector knows may be half changed, so it starts anew."""
        self.errors += 1
        if self._coverage.reason != "error":
            self._say("record.tick-failed", what=type(error).__name__)
        self._detector = StageDetector()
        self._acknowledged.clear()
        self.gap(self._coverage.bad("error"), what=type(error).__name__)

    def finish(self) -> None:
        """Keep the last stage, if there is one, and let go of the source."""
        try:
            while self._acknowledged:
                self._detector.kept(*self._acknowledged.popleft())
            self._settle()
            decision = self._detector.flush()
            if decision is not None and self._drawn is not None and self._drawn.seq != self._kept:
                self._hand_over(StageItem(self._drawn, decision))
        finally:
            self.source.close()
