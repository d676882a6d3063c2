"""A recorder on a thread of this process, with a source that is scripted, so that a test can reach inside."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from capture.elapsed import Elapsed
from capture.frame import Frame, FrameSource, NoFrame, Pixels, Region
from capture.loop import Ending, Plan, Recorder
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.settings import load
from tests.capture.running import configure, wait_until

Step = Callable[[int], Frame | NoFrame | None]
SIZE = Region(0, 0, 320, 240)


def frame(pixels: Pixels, number: int) -> Frame:
    return Frame(pixels, time.time_ns(), time.monotonic_ns(), number, "screen", SIZE)


class Scripted:
    """A source that draws a new line at every third look; `step` may answer look number n itself, or raise."""

    live = True

    def __init__(self, step: Step | None = None) -> None:
        self._step = step
        self._looks = 0
        self._pixels = np.full((SIZE.height, SIZE.width, 3), 250, np.uint8)

    def open(self) -> None:
        pass

    def grab(self) -> Frame | NoFrame:
        self._looks += 1
        answer = self._step(self._looks) if self._step else None
        if answer is not None:
            return answer
        if self._looks % 3 == 1:
            y = 10 + self._looks * 7 % 220
            cv2.ellipse(self._pixels, (160, y), (120, 9), 10, 0, 300, (20, 30, self._looks * 9 % 200), 5)
        return frame(self._pixels.copy(), self._looks)

    def close(self) -> None:
        pass

    def describe(self) -> dict[str, int | str]:
        return {"origin": "screen"}


class Here:
    """A running recorder and what it said and told so far."""

    def __init__(self, home: Path, source: FrameSource, elapsed: Elapsed | None, interval_s: float) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []
        self.told: list[EntryType] = []
        self.endings: list[Ending] = []
        self.recorder = Recorder(
            load(home), Plan(source, "scripted", interval_s), self._say, self._tell, elapsed
        )
        self.thread = threading.Thread(target=lambda: self.endings.append(self.recorder.run()), daemon=True)
        self.thread.start()

    def _say(self, key: str, **values: object) -> None:
        self.said.append((key, values))

    def _tell(self, entry: StoredEntry, _session: Session) -> None:
        self.told.append(entry.type)

    @property
    def looks(self) -> int:
        return self.recorder.looker.looks

    def wait_looks(self, more: int, timeout: float = 20) -> None:
        goal = self.looks + more
        wait_until(lambda: self.looks >= goal, timeout)

    def wait_told(self, kind: EntryType, count: int = 1, timeout: float = 30) -> None:
        wait_until(lambda: self.told.count(kind) >= count, timeout)

    def spoken(self) -> list[str]:
        return [key for key, _ in self.said]


@contextmanager
def recorder_here(
    home: Path, source: FrameSource, elapsed: Elapsed | None = None, interval_s: float = 0.1
) -> Iterator[Here]:
    if not (home / "sakigake.toml").exists():
        configure(home)
    here = Here(home, source, elapsed, interval_s)
    try:
        wait_until(lambda: "record.started" in here.spoken(), 20)
        yield here
    finally:
        here.recorder.stop("stop")
        here.thread.join(60)
        assert not here.thread.is_alive()
