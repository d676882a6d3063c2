"""Sources that are told of posts: a thread reads into a bounded queue, and `poll` empties it.

The queue never drops anything. While it is full the thread does not read, the other side waits or hangs up, and the
reader goes on from where it was. What a reader could not get back is a hole, which it states itself.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sakigake.clock import Clock
from sakigake.errors import NetworkError, SakigakeError
from watch.post import Batch, Hole, Post
from watch.sources.wire import ClosedError, Wire

CAPACITY = 2000
WAIT_S = 0.5  # a poll with nothing to give
CLOSING_S = 2.0
QUIET_TICKS = 120  # of a quarter second without a sign of life, then a ping, and as long again for the answer
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
# A connection that is away for less is a matter of course; after that the caller is told.
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Told:
    post: Post | None
    position: str | None
    hole: Hole | None = None


def _bare(told: _Told) -> bool:
    return told.post is None and told.hole is None


class Reader(Protocol):
    """One kind of stream. A reader belongs to one thread, except for `hang_up`."""

    def read(self, position: str | None, run: "Run") -> None:
        """Connect, tell `run` of everything after `position` until the connection ends, then raise.

        Raises ClosedError or NetworkError. `position` is what was told last, in this run or an earlier one.
        """

    def hang_up(self) -> None:
        """End the connection, from any thread."""


class Run:
    """One thread of reading, from a position on. When the caller goes back to an earlier cursor, another run begins."""

    def __init__(self, reader: Reader, position: str | None, clock: Clock, capacity: int = CAPACITY) -> None:
        self._reader = reader
        self._clock = clock
        self._capacity = capacity
        self._queue: deque[_Told] = deque()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.position = position
        self._told_position = position
        self.alive_until: datetime | None = None
        self._down_since: datetime | None = clock.now()
        self._failure: SakigakeError | None = None
        self._thread = threading.Thread(target=self._go, name="sakigake-source", daemon=True)
        self._thread.start()

    # For the reader's thread.

    def alive(self) -> None:
        """Note that the connection is there: a message, a heartbeat, an answer to a ping."""
        self.alive_until, self._down_since, self._failure = self._clock.now(), None, None

    def tell(self, post: Post | None, position: str | None) -> None:
        """Hand over a post, or with None just the position; waits while the queue is full. Raises ClosedError at the end."""
        self._put(_Told(post, position))

    def hole(self, began: datetime, ended: datetime, reason: str) -> None:
        """State that nothing is known of this stretch of time."""
        if began < ended:
            self._put(_Told(None, None, Hole(began, ended, reason)))

    def _put(self, told: _Told) -> None:
        with self._changed:
            if _bare(told) and not self._queue:
                self._told_position = self.position = told.position
                return
            while len(self._queue) >= self._capacity and not self._stopped.is_set():
                self._changed.wait(0.25)
            if self._stopped.is_set():
                raise ClosedError
            if self._queue and _bare(told) and _bare(self._queue[-1]):
                self._queue.pop()  # the later position stands for both
            self._queue.append(told)
            if told.position is not None:
                self.position = told.position
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Wait, or less when the run is over."""
        self._stopped.wait(seconds)

    @property
    def stopped(self) -> bool:
        """Say whether the run is over."""
        return self._stopped.is_set()

    def now(self) -> datetime:
        """Return the time."""
        return self._clock.now()

    def _go(self) -> None:
        try:
            self._follow()
        finally:
            with suppress(OSError):
                self._reader.hang_up()  # a connection may have come about after `stop` looked for one

    def _follow(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopped.is_set():
            before = self.alive_until
            try:
                self._reader.read(self.position, self)
            except ClosedError:
                pass
            except SakigakeError as error:
                self._failure = error
            except Exception as error:  # noqa: BLE001 - a thread that dies in silence would look like a quiet service
                self._failure = NetworkError("source-odd-answer", host="", why=type(error).__name__)
            if self._down_since is None:
                self._down_since = self._clock.now()
            pause = FIRST_PAUSE_S if self.alive_until != before else min(pause * 2, LONGEST_PAUSE_S)
            self._stopped.wait(pause)

    # For the caller's thread.

    def take(self, limit: int, wait_s: float) -> tuple[list[Post], list[Hole], str | None]:
        """Return what was told, waiting at most `wait_s` for the first, and the position after it."""
        with self._changed:
            if not self._queue:
                self._changed.wait(wait_s)
            posts: list[Post] = []
            holes: list[Hole] = []
            while self._queue and len(posts) < limit:
                told = self._queue.popleft()
                if told.post is not None:
                    posts.append(told.post)
                if told.hole is not None:
                    holes.append(told.hole)
                if told.position is not None:
                    self._told_position = told.position
            self._changed.notify_all()
            return posts, holes, self._told_position

    def trouble(self) -> SakigakeError | None:
        """Return why there has been no connection for a while, None when there is one or was one just now."""
        down = self._down_since
        if down is None or self._clock.now() - down < PATIENCE:
            return None
        return self._failure or NetworkError("source-no-stream", host="", status="-", retry_after="")

    def ready(self) -> bool:
        """Say whether the other side was reached; raises what failed when it was not."""
        if self.alive_until is not None:
            return True
        if self._failure is not None:
            raise self._failure
        return False

    def join(self, seconds: float) -> None:
        """Wait at most so long for the thread to end."""
        if self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def stop(self) -> None:
        """End the thread; does not wait for it."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
        with suppress(OSError):
            self._reader.hang_up()


def heard(wire: Wire, run: Run) -> Iterator[bytes]:
    """Yield the messages of a WebSocket. Silence is met with a ping, and with hanging up when no answer comes.

    Raises ClosedError at the end of the connection or of the run.
    """
    quiet = 0
    while not run.stopped:
        message = wire.receive()
        if message is None:
            quiet += 1
            if quiet == QUIET_TICKS:
                wire.ping()
            elif quiet > 2 * QUIET_TICKS:
                raise ClosedError
            continue
        quiet = 0
        run.alive()
        if message:
            yield message
    raise ClosedError


class Push:
    """The polling side of a stream, which every source that is told of posts is: what it adds is its reader.

    Its cursor is the position and a count, so that no two batches share one.
    """

    def __init__(self, make_reader: Callable[[], Reader], clock: Clock, capacity: int = CAPACITY) -> None:
        self._make_reader = make_reader
        self._clock = clock
        self._capacity = capacity
        self._run: Run | None = None
        self._last: str | None = None
        self._unconfirmed: list[Hole] = []
        self._count = 0

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Return what came since the last poll; with another cursor than that one gave, begin anew from it.

        Raises NetworkError when there has been no connection for a minute and nothing is left to give.
        """
        if self._run is None or cursor != self._last:
            if self._run is not None:
                self._run.stop()
            start, _, count = (cursor or "").rpartition("~")
            self._count = max(self._count, int(count)) if count.isdigit() else self._count
            self._run = Run(self._make_reader(), start or None, self._clock, self._capacity)
        else:
            self._unconfirmed.clear()
        posts, holes, position = self._run.take(limit, WAIT_S)
        holes = self._unconfirmed = [*self._unconfirmed, *holes]
        if not posts and not holes and (failure := self._run.trouble()) is not None:
            self._last = cursor
            raise failure
        if posts or holes:
            self._count += 1
        self._last = f"{position or ''}~{self._count}"
        return Batch(tuple(posts), self._last, tuple(holes))

    def ready(self) -> bool:
        """Say whether the other side was reached since the first poll; raises SakigakeError when that failed."""
        return self._run is not None and self._run.ready()

    def close(self) -> None:
        """End the thread, and wait a little for it to let go of its connection."""
        if self._run is not None:
            self._run.stop()
            self._run.join(CLOSING_S)
