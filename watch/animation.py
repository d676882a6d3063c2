"""The frames of a picture that came from outside: an animated GIF, PNG or WebP has many, any other picture one.

They come from the child process that decodes pictures (`sanitise`), one at a time: none is kept, and the child is ended
as soon as there were enough, whatever the file goes on to promise.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import UsageError
from watch import decoder, sanitise

if TYPE_CHECKING:
    import subprocess

MAX_FRAMES = 2_000  # over a minute at 30 a second
MAX_PIXELS = 2_000_000_000  # of all frames together: as many, of 1280x720
LONGEST_SLUG = 64


class Shown(NamedTuple):
    """A frame: BGR pixels, and the moment at which it appears, in ms from the first by the file's own times."""

    at_ms: int
    pixels: NDArray[np.uint8]


def frames(path: Path) -> Iterator[Shown | None]:
    """Yield the frames of the picture in `path`, then None if there was more that could or would not be read.

    Raises UsageError or NotFoundError with what is wrong with the file when there is not even one.
    """
    data = sanitise.read_file(path)
    if not sanitise.kind_of(data):
        raise UsageError("picture-other-kind", name=path.name)
    with sanitise.start_child(decoder.FRAMES) as process:
        try:
            yield from _until_refused(_frames(process, data, path.name))
        finally:
            process.kill()


def _until_refused(found: Iterator[Shown]) -> Iterator[Shown | None]:
    first = True
    while True:
        try:
            shown = next(found, None)
        except UsageError:
            if first:
                raise
            yield None
            return
        if shown is None:
            return
        yield shown
        first = False


def _frames(process: "subprocess.Popen[bytes]", data: bytes, name: str) -> Iterator[Shown]:
    if process.stdin is None or process.stdout is None:  # never, with the pipes that `start_child` asks for
        return
    number = pixels = 0
    with _in_time(process, name):
        with suppress(OSError):  # it has ended already: what it said is read below
            try:
                process.stdin.write(data)
            finally:
                process.stdin.close()
        head = _head(process.stdout, name)
    while head is not None:
        at_ms, width, height = head
        number, pixels = number + 1, pixels + width * height
        if number > MAX_FRAMES or pixels > MAX_PIXELS:
            raise UsageError("picture-too-large", name=name)
        with _in_time(process, name):
            raw = _exactly(process.stdout, 3 * width * height, name)
        yield Shown(at_ms, np.frombuffer(raw, np.uint8).reshape(height, width, 3))
        with _in_time(process, name):
            head = _head(process.stdout, name)


def _head(stream: IO[bytes], name: str) -> tuple[int, int, int] | None:
    """Return moment, width and height of the next frame, None behind the last one; raises UsageError."""
    kind = stream.read(1)
    if kind == decoder.END:
        return None
    if kind == decoder.REFUSED:
        slug = stream.read(LONGEST_SLUG).decode("ascii", "replace")
        raise UsageError(slug if slug in decoder.REASONS else "picture-damaged", name=name)
    size = decoder.MOMENT.size + len(decoder.PIXELS)
    begin = _exactly(stream, size + decoder.SIZE.size, name) if kind == decoder.FRAME else b""
    if begin[size - 1 : size] != decoder.PIXELS:
        raise UsageError("picture-damaged", name=name)
    (at_ms,) = decoder.MOMENT.unpack_from(begin)
    width, height = decoder.SIZE.unpack_from(begin, size)
    if not 0 < width * height <= decoder.MAX_PIXELS:
        raise UsageError("picture-damaged", name=name)
    return at_ms, width, height


def _exactly(stream: IO[bytes], count: int, name: str) -> bytes:
    raw = stream.read(count)
    if len(raw) != count:
        raise UsageError("picture-damaged", name=name)
    return raw


@contextmanager
def _in_time(process: "subprocess.Popen[bytes]", name: str) -> Iterator[None]:
    """End the child when it keeps us waiting for one frame as long as for a whole picture."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(sanitise.WALL_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except UsageError as error:
        raise UsageError("picture-too-slow", name=name) if late.is_set() else error from None
    finally:
        timer.cancel()
        timer.join()
