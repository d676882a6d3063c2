"""What waits to be written: a bounded queue from the capture thread to the writer.

Pictures are what costs memory, so only they count: at most `MAX_FRAMES` and `MAX_BYTES`. When there are more, the one
in the middle goes: the oldest is being written, the newest shows the most of the drawing. It leaves a `drop` in its
place, so that the ledger says what is missing and when. Frames that are no stage never get here: nothing of them is
written.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from capture.forget import Request
from capture.frame import Frame
from capture.stages import Decision
from capture.still import Still
from sakigake.model import EntryType
from sakigake.timeline.entry import Info

MAX_FRAMES = 8
MAX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, eq=False)
class StageItem:
    """A frame to keep, and why; `still` is what is known of the canvas before it changed."""

    frame: Frame
    decision: Decision
    still: Still | None = None


@dataclass(frozen=True, slots=True)
class NoteItem:
    """An entry without a picture. The clocks are those of the moment it tells of."""

    kind: EntryType
    info: Info
    wall_ns: int
    mono_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class ForgetItem:
    """An order to forget, behind all that was seen before it; `discarded` pictures went from the backlog already."""

    request: Request
    discarded: int


Item = StageItem | NoteItem | ForgetItem


class Backlog:
    """First in, first out, for one writer. An item stays in until the writer says that it is durable."""

    def __init__(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: Item) -> None:
        """Add an item; never waits."""
        with self._changed:
            self._items.append(item)
            while (victim := self._victim()) is not None:
                self._drop(victim)
            self._changed.notify_all()

    def forget(self, request: Request, since_ns: int) -> None:
        """Throw away the pictures grabbed since `since_ns` (monotonic) and hand the order to the writer.

        The first item may be in the writer's hands: it is kept first and forgotten then.
        """
        with self._changed:
            stay = [
                item
                for place, item in enumerate(self._items)
                if not (place and isinstance(item, StageItem) and item.frame.mono_ns >= since_ns)
            ]
            discarded = len(self._items) - len(stay)
            self._items = deque([*stay, ForgetItem(request, discarded)])
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def first(self, timeout: float) -> Item | None:
        """Return the oldest item without taking it out; None when none came in `timeout` seconds or ever will."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            return self._items[0] if self._items else None

    def done(self) -> None:
        """Take out the oldest item: it is written."""
        with self._changed:
            self._items.popleft()
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """Say whether everything is written and nothing more will come."""
        with self._changed:
            return self._closed and not self._items

    def waiting(self) -> int:
        """Return the number of pictures that wait."""
        with self._changed:
            return sum(isinstance(item, StageItem) for item in self._items)

    def wait_empty(self, keep_waiting: Callable[[], bool]) -> bool:
        """Wait until nothing waits; gives up, returning False, once `keep_waiting()` (asked twice a second) is false."""
        with self._changed:
            while self._items:
                if not keep_waiting():
                    return False
                self._changed.wait(0.5)
            return True

    def _victim(self) -> int | None:
        frames = [
            (place, item.frame.pixels.nbytes)
            for place, item in enumerate(self._items)
            if isinstance(item, StageItem)
        ]
        if len(frames) <= self._max_frames and sum(size for _, size in frames) <= self._max_bytes:
            return None
        # Never the first item, which the writer may hold in its hands, and never the newest picture.
        free = [place for place, _ in frames[:-1] if place > 0]
        return free[len(free) // 2] if free else None

    def _drop(self, place: int) -> None:
        victim = self._items[place]
        if not isinstance(victim, StageItem):
            raise TypeError(place)
        self.dropped += 1
        note = NoteItem(
            EntryType.DROP, {"reason": "queue", "frames": 1}, victim.frame.wall_ns, victim.frame.mono_ns
        )
        before = self._items[place - 1]
        if place > 1 and isinstance(before, NoteItem) and before.kind is EntryType.DROP:
            frames = int(before.info["frames"]) + 1
            self._items[place - 1] = replace(before, info={"reason": "queue", "frames": frames})
            del self._items[place]
        else:
            self._items[place] = note
