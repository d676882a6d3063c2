"""Many pictures from outside, decoded by a few child processes that live on from picture to picture.

Each picture has its own limits: 5 s of CPU, 300 MB resident, 30 s by the clock. A child that dies, is late or says
anything odd is ended and only its picture is refused; so is one that has refused a picture, and each after `recycle`
pictures.

What that gives and what not: nothing of one picture is left for the next by accident, and an answer that comes late
cannot be taken for the answer to another question (a nonce). A picture that takes the child over through a fault in
Pillow, without being noticed, could answer for those that follow it until the child is replaced. It could hide a likeness
or make one up. Where the system's own limits hold it could not open files or reach a network either (docs/fetching.md has
the table). So whoever keeps a finding decodes the picture once more, `alone`; `recycle=1` gives each picture its own
child, for about 75 ms of CPU.
"""

import importlib.util
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import SakigakeError, UsageError
from watch import decoder, decoding_child, job
from watch.sanitise import KEPT_VARIABLES, MAX_FILE_BYTES, WALL_SECONDS, kind_of

FRAMES = 9  # the first, and eight others of an animation
RECYCLE = 256
PIPE_BYTES = 1 << 20
JOB_BYTES = 320 * 2**20  # Windows: what the child has committed, a little more than is resident
WATCH_S, LAST_WORD_S = 0.2, 2.0
# glibc: keep the memory of one picture for the next; given back and taken anew it costs as much as half the decoding.
ALLOCATION = (
    {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20)}
    if sys.platform == "linux"
    else {}
)
_LONGEST_SLUG = 64
_START = "import sys; sys.path[:0] = {path!r}; from watch.decoding_child import main; sys.exit(main())"


class DecoderPool:
    """Decodes in at most `workers` children, started when they are first needed. Thread-safe; use it in `with`."""

    def __init__(
        self, workers: int = 1, *, recycle: int = RECYCLE, wall_seconds: float = WALL_SECONDS
    ) -> None:
        self._recycle = recycle
        self._wall_seconds = wall_seconds
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._workers = workers
        self._busy: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="sakigake-decoding", daemon=True)
        self._watch.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every child, also those at work."""
        self._closed.set()
        with self._lock:
            busy = list(self._busy)
        for each in busy:
            each.kill()
        for _ in range(self._workers):
            with suppress(queue.Empty):
                child = self._idle.get(timeout=self._wall_seconds)
                if child is not None:
                    child.end()
        for _ in range(self._workers):
            self._idle.put(None)  # so that who comes late is told, and does not wait
        self._watch.join()

    def decode(
        self, data: bytes, name: str, *, frames: int = FRAMES, alone: bool = False, least: int = 0
    ) -> tuple[NDArray[np.uint8], ...]:
        """Return the first frame and up to `frames` - 1 others of an animation, each as (height, width, 3) BGR.

        Unless `least` is 0 they come smaller, both sides divided by a whole number, the shorter one that long at least where
        it is that long in the picture: for a first look, at half the price.

        With `alone` in a child that has seen no other picture and will see none, as befits one that is about to become a
        finding. `name` is used in messages only. Raises UsageError with what is wrong with the picture, SakigakeError when no
        child can be started.
        """
        if not kind_of(data):
            raise UsageError("picture-other-kind", name=name)
        if len(data) > MAX_FILE_BYTES:
            raise UsageError("picture-too-large", name=name)
        spare = self._idle.get()
        if self._closed.is_set():
            self._idle.put(spare)
            raise SakigakeError("picture-decoder-gone", why="closed")
        child = None if alone else spare
        try:
            child = child or _Child()
            answer = self._ask(child, data, name, (frames, least))
        except BaseException:
            if child is not None:
                child.end()
            self._idle.put(spare if alone else None)
            raise
        if alone or child.served >= self._recycle:
            child.end()
            child = None
        self._idle.put(spare if alone else child)
        return answer

    def _ask(
        self, child: "_Child", data: bytes, name: str, wanted: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], ...]:
        child.until = time.monotonic() + self._wall_seconds
        with self._lock:
            self._busy.add(child)
        try:
            return child.ask(data, *wanted)
        except _RefusedError as error:
            raise UsageError(error.slug, name=name) from None
        except _GoneError:
            raise UsageError(child.epitaph(), name=name) from None
        finally:
            child.until = None
            with self._lock:
                self._busy.discard(child)

    def _watch_clock(self) -> None:
        """End children that are late: a pipe has no timeout, least of all on Windows."""
        while not self._closed.wait(WATCH_S):
            now = time.monotonic()
            with self._lock:
                late = [child for child in self._busy if child.until is not None and child.until < now]
            for child in late:
                child.late = True
                child.kill()


class _RefusedError(Exception):
    """The child refused the picture."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class _GoneError(Exception):
    """The child died or said something odd."""


class _Child:
    """One process and the pipes to it. Used by one thread at a time; `kill` may come from another."""

    def __init__(self) -> None:
        self.served = 0
        self.late = False
        self.until: float | None = None
        try:
            self._process = subprocess.Popen(
                command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**{key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}, **ALLOCATION},
                bufsize=0,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise SakigakeError("picture-decoder-gone", why=error) from error
        self._ready = self._hung_up = False
        self._job = 0
        try:
            if sys.platform == "win32":
                self._job = job.confine(int(getattr(self._process, "_handle")), JOB_BYTES)  # noqa: B009 - untyped, and there is no other way
            elif sys.platform == "linux":
                self._widen()
        except OSError as error:
            self.end()
            raise SakigakeError("picture-decoder-gone", why=error) from error

    def ask(self, data: bytes, frames: int, least: int) -> tuple[NDArray[np.uint8], ...]:
        """Return the frames of a picture; raises _RefusedError or _GoneError, after which the child is of no more use."""
        nonce = secrets.token_bytes(16)
        self.served += 1
        try:
            if not self._ready:
                if self._exactly(len(decoding_child.READY)) != decoding_child.READY:
                    raise _GoneError
                self._ready = True
            self._send(decoding_child.HEAD.pack(nonce, len(data), frames, least))
            self._send(data)
            if self._exactly(len(nonce)) != nonce:
                raise _GoneError
            return self._frames(frames)
        except OSError as error:
            self._hung_up = True
            raise _GoneError from error

    def _frames(self, most: int) -> tuple[NDArray[np.uint8], ...]:
        found: list[NDArray[np.uint8]] = []
        pixels = 0
        while (kind := self._exactly(1)) == decoder.FRAME:
            width, height = decoder.SIZE.unpack(self._exactly(decoder.SIZE.size))
            pixels += width * height
            if not width * height or pixels > decoding_child.MAX_PIXELS or len(found) == most:
                raise _GoneError
            frame = np.empty((height, width, 3), np.uint8)
            self._fill(frame.data.cast("B"))
            found.append(frame)
        if kind == decoder.REFUSED and not found:
            slug = self._exactly(min(self._exactly(1)[0], _LONGEST_SLUG)).decode("ascii", "replace")
            raise _RefusedError(slug if slug in decoder.REASONS else "picture-damaged")
        if kind != decoder.END or not found:
            raise _GoneError
        return tuple(found)

    def _send(self, data: bytes) -> None:
        if self._process.stdin is None:
            raise _GoneError
        rest = memoryview(data)
        while rest:
            rest = rest[self._process.stdin.write(rest) :]

    def _exactly(self, count: int) -> bytes:
        raw = bytearray(count)
        self._fill(memoryview(raw))
        return bytes(raw)

    def _fill(self, room: memoryview) -> None:
        if self._process.stdout is None:
            raise _GoneError
        while room:
            count = self._process.stdout.readinto(room)  # type: ignore[attr-defined]  # a FileIO, as bufsize is 0
            if not count:
                self._hung_up = True
                raise _GoneError
            room = room[count:]

    def epitaph(self) -> str:
        """Return the slug that says why the child went: asked once it is ended."""
        self.end()
        code = self._process.returncode
        if self.late or (sys.platform != "win32" and code == -signal.SIGXCPU):
            return "picture-too-slow"
        if code == decoding_child.MEMORY_EXIT:
            return "picture-too-large"
        return "picture-damaged"

    def kill(self) -> None:
        """End the process at once."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> None:
        """End the process and let go of everything."""
        if self._hung_up:  # it is dying by itself and leaves word of why
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LAST_WORD_S)
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process.wait()
        if self._job:
            job.release(self._job)
            self._job = 0

    def _widen(self) -> None:
        """Let the pipes hold more: a picture goes through in a few steps instead of fifty."""
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415 - Linux only

            for stream in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # the system's own limit for this user
                    if stream is not None:
                        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def command() -> list[str]:
    """Return how the child is started: only the folders of sakigake and of Pillow are on its path."""
    # -I -S: neither the current folder nor PYTHON* variables nor anything in site-packages runs or is found first.
    places = [str(Path(decoder.__file__).resolve().parents[1])]
    found = importlib.util.find_spec("PIL")
    if found is not None and found.origin is not None:
        places.append(str(Path(found.origin).resolve().parents[1]))
    return [sys.executable, "-I", "-S", "-B", "-c", _START.format(path=places)]
