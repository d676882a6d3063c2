"""The worker: stages become vectors after they are sealed, in batches, whenever the recorder is at ease.

A process of its own with the lowest priority. It meets the recorder in the store alone: it reads entries and pictures that
are there for good, and writes to a file of its own. A batch is kept in one step, so a kill at any moment loses at most the
batch that was being computed, and nothing that was kept is computed again.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.errors import NotFoundError
from sakigake.store.protocol import Store
from watch.deep.encoder import Encoder
from watch.deep.vectors import StageRef, Vectors, stages

LOOK_S, EASE_S = 2.0, 1.0
SWEEP_S = 60.0
# Larger pictures are shrunk by OpenCV first: the model's own preparation looks at 224 to 384 pixels a side.
MOST_SIDE = 1024

Say = Callable[..., None]
Busy = Callable[
    [], str
]  # a slug that says why the recorder is to be left alone now; empty when it is at ease


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker works with. `named` is called with each session of which stages were read, when they are kept.

    `there` says whether the model is still here, the very one that was loaded; `stopped` whether somebody asked for an end.
    """

    store: Store
    pictures: Path
    vectors: Vectors
    encoder: Encoder
    say: Say
    busy: Busy = lambda: ""
    named: Callable[[str], None] = lambda _session: None
    there: Callable[[], bool] = lambda: True
    stopped: Callable[[], bool] = lambda: False
    look_s: float = LOOK_S
    ease_s: float = EASE_S


@dataclass(slots=True)
class Tally:
    """What a run did: stages read, pictures that are not there or cannot be opened, how often it waited."""

    done: int = 0
    skipped: int = 0
    pauses: int = 0
    unreadable: set[StageRef] = field(default_factory=set)


class Worker:
    """Runs one plan, once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._finished: dict[str, tuple[int, int]] = {}
        self._swept = float("-inf")
        self._tuned = False
        self.tally = Tally()

    def stop(self) -> None:
        """End after the batch that is being computed; may be called from a signal handler."""
        self._stop.set()

    def run(self, *, once: bool = False) -> Tally:
        """Work until stopped; with `once` until every sealed stage has been read.

        Raises SakigakeError, NotFoundError (`deep-model-gone`) once the model was removed or replaced.
        """
        while not self._is_over():
            worked = self._round()
            if once and not worked:
                break
            if not worked:
                self._stop.wait(self._plan.look_s)
        return self.tally

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._plan.stopped()

    def _round(self) -> bool:
        self._require_model()  # before sweeping, which would take what another model computed for old
        self._sweep()
        worked = False
        for batch in self._batches():
            if not self._at_ease():
                return worked
            worked |= self._work(batch)
        return worked

    def _batches(self) -> Iterator[list[StageRef]]:
        """Yield what is still to be read, a batch of one session at a time, the newest session first."""
        plan = self._plan
        for session in reversed(plan.store.sessions()):
            checkpoints = plan.store.checkpoints(session.id)
            last = plan.store.last_entry(session.id)
            mark = (checkpoints[-1].size if checkpoints else 0, last.seq if last else -1)
            if self._finished.get(session.id) == mark:
                continue
            known = plan.vectors.known(plan.encoder.key, session.id)
            todo = [
                each
                for each in stages(plan.store, session.id, sealed=True)
                if known.get(each.seq) != each.file and each not in self.tally.unreadable
            ]
            while todo:
                yield todo[: plan.encoder.batch]
                todo = todo[plan.encoder.batch :]
            self._finished[session.id] = mark

    def _work(self, batch: Sequence[StageRef]) -> bool:
        plan = self._plan
        opened = [(each, picture) for each in batch if (picture := self._open(each)) is not None]
        if not opened:
            return False
        found = [each for each, _ in opened]
        pictures = [picture for _, picture in opened]
        if not self._tuned and plan.encoder.device != "cpu":
            plan.encoder.choose_precision(pictures)  # on the first pictures of the person's own
        self._tuned = True
        rows = plan.encoder.pictures(pictures)
        self._require_model()
        # Forgotten while it was computed: then it must not be kept.
        there = set(stages(plan.store, found[0].session))
        keep = [number for number, each in enumerate(found) if each in there]
        plan.vectors.put(plan.encoder.key, [found[number] for number in keep], rows[keep])
        self.tally.done += len(keep)
        plan.say("deep.read", count=len(keep), session=found[0].session, total=self.tally.done)
        plan.named(found[0].session)
        return True

    def _open(self, stage: StageRef) -> NDArray[np.uint8] | None:
        picture = read_picture(self._plan.pictures, stage.file)
        if picture is None:
            self.tally.unreadable.add(stage)
            self.tally.skipped += 1
        return picture

    def _require_model(self) -> None:
        """Compute nothing for a model that was removed or replaced meanwhile: that would come back after its removal."""
        if not self._plan.there():
            raise NotFoundError("deep-model-gone", name=self._plan.encoder.id)

    def _at_ease(self) -> bool:
        """Wait until the recorder is at ease; False when stopped meanwhile. A reason is said once for each pause."""
        said = ""
        while not self._is_over():
            reason = self._plan.busy()
            if not reason:
                if said:
                    self._plan.say("deep.resumed")
                return True
            if reason != said:
                self.tally.pauses += not said
                self._plan.say(f"deep.paused.{reason}")
                said = reason
            self._stop.wait(self._plan.ease_s)
        return False

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept >= SWEEP_S:
            self._swept = now
            self._plan.vectors.sweep(self._plan.store, [self._plan.encoder.key])


def read_picture(folder: Path, file: str) -> NDArray[np.uint8] | None:
    """Return a kept picture (BGR), at most `MOST_SIDE` pixels long; None when it is not there or cannot be opened.

    Kept pictures are the recorder's own PNG files, named by their digest.
    """
    path = folder / file[:2] / f"{file}.png"
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError:
        return None
    pixels = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if pixels is None:
        return None
    scale = MOST_SIDE / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, np.uint8)


def lower_priority() -> None:
    """Let everything else on this computer come first. Where the system refuses, work goes on as it is."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415

        idle = 0x40  # IDLE_PRIORITY_CLASS
        kernel = ctypes.WinDLL("kernel32")
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), idle)
    else:
        with suppress(OSError):
            os.nice(19)
        if sys.platform == "linux":
            with suppress(OSError):  # runs only when nothing else wants the processor
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def threads() -> int:
    """Return how many processors the worker may use: half of them, one at least."""
    return max(1, (os.cpu_count() or 2) // 2)
