"""The capture thread's work: look, decide, hand over. It never touches the store or the disk."""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from capture.alarms import Alarms
from capture.backlog import Backlog, NoteItem, StageItem
from capture.coverage import Coverage, Gap
from capture.elapsed import Elapsed
from capture.forget import Request
from capture.frame import Frame, FrameSource, NoFrame, Pixels
from capture.pacer import SECOND, Pacer
from capture.pausing import Note, Pauses
from capture.privacy import key_of
from capture.rules import Rules
from capture.sources.packets import Hole
from capture.stages import FIRST_SIGHT, Context, Decision, StageDetector
from capture.stats import StatsTable
from capture.still import Rest
from sakigake import words
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType
from sakigake.timeline.entry import Info

BLACK_NS = 10 * SECOND
APART_NS, LONGEST_APART_NS = 2 * SECOND, 60 * SECOND
Say = Callable[..., None]
NO_PIXELS = np.zeros((0, 0, 3), np.uint8)
PASSED_OVER = frozenset({"not-a-picture", "too-small", "too-large"})
VIDEO_HOLES = frozenset({"video-hole", "video-back", "video-damaged", "video-cut-off"})
STILL_WELL = PASSED_OVER | VIDEO_HOLES | {"nothing-new", "at-rest", "exhausted"}
# Not kept on purpose, as with every reason of the privacy gate: a pause, not a gap.
ON_PURPOSE = frozenset({"window-other-title", "scene-off-air", "studio-mode", "scene-changed"})
# Over at the next look or the one after it; only if they last are they written down.
PASSING = frozenset(
    {
        "privacy-settling",
        "privacy-changed",
        "privacy-stale",
        "window-changing",
        "window-stale",
        "scene-changed",
    }
)
PASSING_NS = 3 * SECOND // 2  # shorter than any hole that coverage would tell


class Looker:
    """Owns the source and the stage detector; all methods but `kept` and `note` are called on the capture thread.

    `cover` hides from the detector what is no part of the drawing.
    """

    def __init__(
        self,
        source: FrameSource,
        backlog: Backlog,
        coverage: Coverage,
        elapsed: Elapsed,
        *,
        interval_s: float,
        heartbeat_s: float,
        rules: Rules,
        say: Say,
        stats: StatsTable | None = None,
        cover: Callable[[Pixels], Pixels] | None = None,
    ) -> None:
        self.source = source
        self.pacer = Pacer(interval_s, restful=source.live)
        self.pauses = Pauses(coverage, elapsed, lambda: self.pacer.interval_s)
        self.alarms = Alarms()
        self.rest = Rest()
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
        self._rules = rules
        self._stats = stats
        self._cover = cover
        self._first_ns: int | None = None
        self._detector = StageDetector(rules=rules)
        self._acknowledged: deque[tuple[int, Frame]] = deque()
        self._forgotten: deque[Collection[int]] = deque()
        self._request: Request | None = None
        self._unsettled: Frame | None = None
        self._kept = -1
        self._drawn: Frame | None = None
        self._sign = elapsed.now()
        self._looks_since = 0
        self._changed = False
        self._black_since: int | None = None
        self._unseen_since: int | None = None
        self._away = False
        self._passing = False
        self._file_ms = 0
        self._read_ns = elapsed.clock.mono_ns()
        self._shown_ns = self._read_ns

    def kept(self, seq: int, frame: Frame) -> None:
        """Learn from the writer that a stage is durable. Its pixels are let go: this waits for the next look."""
        self._acknowledged.append((seq, replace(frame, pixels=NO_PIXELS)))

    def forgot(self, seqs: Collection[int]) -> None:
        """Learn from the writer that stages are forgotten."""
        self._forgotten.append(seqs)

    def forget(self, request: Request) -> None:
        """Pass on an order to forget: behind everything seen so far, before everything seen after the next tick."""
        self._request = request

    def note(self, kind: EntryType, info: Info) -> None:
        """Queue an entry about this moment."""
        clock = self._elapsed.clock
        self._backlog.put(NoteItem(kind, info, clock.wall_ns(), clock.mono_ns()))

    def gap(self, gap: Gap | None, **more: int | str) -> None:
        """Queue a gap, if there is one to tell."""
        if gap is not None:
            self.rest.broken()
            self.note(EntryType.GAP, {"reason": gap.reason, "ms": gap.ms, **more})
            self._sign = self._elapsed.now()

    def _tell(self, notes: list[Note]) -> None:
        for kind, info in notes:
            self.rest.broken()
            self.note(kind, info)
            self._sign = self._elapsed.now()

    def tick(self) -> None:
        """Do what the ticker calls for: nothing, one look, or all that waits in a folder."""
        begun = self.ticked = self._elapsed.now()
        if self.stopping or self.exhausted:
            return
        self._follow_orders()
        if self.pauses.asked:
            self._heartbeat_if_due()
            return
        if not self.pacer.due(begun):
            return
        cost = time.thread_time()
        self.busy_since = begun
        try:
            while self._look() and self._may_go_on():
                pass
        finally:
            self.busy_since = None
        cost = time.thread_time() - cost
        self.costs.append(cost)
        if not self._passing:  # else the next tick looks again
            self.pacer.looked(begun, changed=self._changed, cost_s=cost if self.source.live else 0.0)

    def _may_go_on(self) -> bool:
        return not self.source.live and not self.stopping and not self.pauses.ordered

    def _follow_orders(self) -> None:
        asked = self.pauses.asked
        self._tell(self.pauses.due())
        if self.pauses.asked is not asked:
            self._black_since = None
            self.alarms.reset()
            self._say("record.resumed" if asked else "record.paused")
        request, self._request = self._request, None
        if request is not None:
            self._drawn = self._unsettled = None
            self.rest.forget()
            self._backlog.forget(request, self._elapsed.clock.mono_ns() - request.last_ms * 1_000_000)

    def _look(self) -> bool:
        """Look once; returns whether there was something to see, and so may be more."""
        self._changed = False
        self.rest.begin()
        seen = self.source.grab()
        self._passing = isinstance(seen, NoFrame) and seen.reason in PASSING
        if isinstance(seen, NoFrame):
            return self._nothing(seen)
        self.looks += 1
        self._looks_since += 1
        self._frame(seen)
        return True

    def _nothing(self, seen: NoFrame) -> bool:
        if seen.reason not in STILL_WELL:
            self._unseen(seen)
            return False
        self._see()
        if isinstance(seen, Hole):
            return self._hole(seen)
        if seen.reason in PASSED_OVER:
            self.passed_over += 1
            self._say(f"record.{seen.reason}", name=seen.detail)
            return True
        if seen.reason in {"at-rest", "exhausted"}:
            self._settle()
        self._heartbeat_if_due()
        self.exhausted = seen.reason == "exhausted"
        return seen.reason == "at-rest"

    def _unseen(self, seen: NoFrame) -> None:
        """Note why nothing may be kept or nothing can be seen. What is over at the next look is not worth a word."""
        self.rest.broken()
        now = self._elapsed.now()
        self._unseen_since = now if self._unseen_since is None else self._unseen_since
        self.alarms.reset()
        before = self.pauses.current
        if seen.reason in PASSING and before is not None:
            self._heartbeat_if_due()
            return
        if seen.reason in PASSING and now - self._unseen_since < PASSING_NS:
            self._coverage.early(seen.reason, self.pacer.interval_s)
            return
        why = seen.detail or words.text(key_of(seen.reason))
        if seen.reason in ON_PURPOSE or seen.reason.startswith("privacy-"):
            self._tell(self.pauses.begin(seen.reason))
            if before is None or before.reason != seen.reason:
                self._say("privacy.paused", why=why)
            self._heartbeat_if_due()
        else:
            self._tell(self.pauses.end())
            self._bad(seen.reason, "record.source-gone", why=why)

    def _see(self) -> None:
        """Note a look that went well."""
        self._unseen_since = None
        if self.pauses.current is not None:
            self._tell(self.pauses.end())
            self._say("privacy.resumed")
        self._good()

    def _hole(self, hole: Hole) -> bool:
        """Note a stretch of a video without pictures."""
        key, values = hole.sentence
        self._say(key, **values)
        self.note(EntryType.GAP, {"reason": hole.reason, "ms": hole.ms, "pts_ms": hole.pts_ms})
        return True

    def _frame(self, frame: Frame) -> None:
        decision = self._judge(frame)
        if self.source.live and (
            alarm := self.alarms.look(self._elapsed.now(), decision.label, frame.pointer)
        ):
            self._say(f"record.alarm-{alarm}")
        if self._black_for_long(decision):
            self._tell(self.pauses.end())
            self._bad("blank", "record.blank")
            return
        self._see()
        if self.source.live:
            self.rest.looked(decision.still)
        self._changed = decision.label != "idle"
        if decision.stage:
            self._keep(frame, decision)
        self._heartbeat_if_due()
        if not self.source.live:
            self._unsettled = frame if self._changed and not decision.stage else None

    def _judge(self, frame: Frame) -> Decision:
        self._learn()
        shown = self._in_its_time(frame)
        cost = time.thread_time()
        if self._cover is not None:
            shown = replace(shown, pixels=self._cover(shown.pixels))
        decision = self._detector.step(shown, Context(frame.own_window, frame.pointer))
        if self._stats is not None:
            self._first_ns = shown.mono_ns if self._first_ns is None else self._first_ns
            seconds = (shown.mono_ns - self._first_ns) / SECOND
            self._stats.add(str(frame.seq), seconds, decision, (time.thread_time() - cost) * 1e3)
        if decision.label == "draw":
            self._drawn = frame
        # The first sight of a canvas is no change, yet it is where the drawing starts from: it is kept as well.
        if decision.label in FIRST_SIGHT:
            decision = replace(decision, stage=True, why=decision.label)
        return decision

    def _learn(self) -> None:
        while self._acknowledged:
            self._detector.kept(*self._acknowledged.popleft())
        while self._forgotten:
            seqs = self._forgotten.popleft()
            self._detector.forget(seqs)
            self.known = {digest: seq for digest, seq in self.known.items() if seq not in seqs}

    def _in_its_time(self, frame: Frame) -> Frame:
        """Return a picture of a folder or a video as if it were seen when it was saved or shown.

        It is read a moment after the one before it, but it was not drawn in that moment: the detector waits for quiet
        in seconds. Files that were copied have lost their times; then they count as those of a recorder, 2 s apart.
        """
        if self.source.live:
            return frame
        if "pts_ms" in frame.info:
            return replace(frame, mono_ns=int(frame.info["pts_ms"]) * 1_000_000)
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
        self._hand_over(StageItem(frame, decision, self.rest.take()))
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

    def _bad(self, reason: str, key: str, **detail: str) -> None:
        if self._coverage.reason != reason:
            self._say(key, **detail)
        self._away = True
        self.gap(self._coverage.bad(reason))

    def _good(self) -> None:
        if self._away:
            self._say("record.back")
        self._away = False
        self.gap(self._coverage.good(self.pacer.interval_s))

    def _heartbeat_if_due(self) -> None:
        now = self._elapsed.now()
        if now - self._sign >= self._heartbeat:
            self.note(EntryType.HEARTBEAT, self.pauses.heartbeat({"looks": self._looks_since}))
            self._sign = now
            self._looks_since = 0

    def failed(self, error: BaseException) -> None:
        """Take in an error that ended a tick: what the detector knows may be half changed, so it starts anew."""
        self.errors += 1
        self.rest.forget()
        if self._coverage.reason != "error":
            self._say("record.tick-failed", what=type(error).__name__)
        self._detector = StageDetector(rules=self._rules)
        self._acknowledged.clear()
        self._forgotten.clear()
        if not self.pauses.asked:
            self._tell(self.pauses.end())
        self.gap(self._coverage.bad("error"), what=type(error).__name__)

    def finish(self) -> None:
        """Keep the last stage, if there is one, and let go of the source."""
        try:
            self._follow_orders()
            self._learn()
            self._settle()
            decision = self._detector.flush()
            if decision is not None and self._drawn is not None and self._drawn.seq != self._kept:
                self._hand_over(StageItem(self._drawn, decision, self.rest.take()))
        finally:
            self.source.close()
