"""What can be recorded on this screen, and small pictures of it, for the one who chooses.

Everything that touches the window system happens on one thread, which owns the sources as a recording's does. Sources
are kept open while somebody looks, because a window is read only once it was painted anew for it, and let go of soon
afterwards. Nothing seen here is kept.
"""

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sakigake import words
from sakigake.errors import NotFoundError, SakigakeError
from sakigake.text import plain

if TYPE_CHECKING:
    from capture.frame import FrameSource, Pixels

SMALLEST = 64  # pixels: smaller windows are no canvas
IDLE_S = 20.0
TRY_S = 2.5  # how long is waited until a window was painted
STEP_S = 0.1
MOST_TITLE = 80
QUALITY = 80
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Target:
    """Something to record: `source` as `record start` takes it, its size in pixels, and whether it is to draw with."""

    source: str
    name: str
    title: str
    width: int
    height: int
    paints: bool

    @property
    def id(self) -> str:
        """Return what an address may call it by."""
        return self.source.replace(":", "-")


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of a target as JPEG, and the size in pixels of what it shows, which may be larger."""

    jpeg: bytes
    width: int
    height: int


class Looking:
    """Looks at windows and screens; may be used from several threads."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sakigake-looking")
        self._sources: dict[str, FrameSource] = {}
        self._used: dict[str, float] = {}
        self._idle_s = idle_s
        self._timer: threading.Timer | None = None

    def targets(self) -> list[Target]:
        """Return what can be recorded, paint programs first; raises SakigakeError when no screen can be looked at."""
        return self._do(_targets)

    def target(self, source: str) -> Target:
        """Return one of them; raises NotFoundError when it is not there (any more)."""
        for each in self.targets():
            if source in {each.source, each.id}:
                return each
        raise NotFoundError("desk-target-gone")

    def see(self, source: str, most: int) -> Seen:
        """Return a picture of a target, its longer side at most `most` pixels; raises SakigakeError, NotFoundError."""
        return self._do(lambda: self._see(source, most))

    def close(self) -> None:
        """Let go of everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.submit(self._let_go, 0.0).result()
        self._thread.shutdown()

    def _do(self, work: Callable[[], Result]) -> Result:
        # In the language of whoever asks: a thread of its own knows nothing of that.
        done = self._thread.submit(copy_context().run, work).result()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, lambda: self._thread.submit(self._let_go, self._idle_s))
        self._timer.daemon = True
        self._timer.start()
        return done

    def _see(self, source: str, most: int) -> Seen:
        from capture.frame import Frame  # noqa: PLC0415 - loads numpy, which the desk starts without

        self._used[source] = time.monotonic()
        opened = self._opened(source)
        until = time.monotonic() + TRY_S
        while True:
            shown = opened.grab()
            if isinstance(shown, Frame):
                height, width = shown.pixels.shape[:2]
                return Seen(_jpeg(shown.pixels, most), width, height)
            if time.monotonic() > until:
                raise NotFoundError("desk-target-unseen", why=_why(shown.reason))
            time.sleep(STEP_S)

    def _opened(self, source: str) -> "FrameSource":
        if source not in self._sources:
            made = _source(source)
            made.open()
            self._sources[source] = made
        return self._sources[source]

    def _let_go(self, idle_s: float) -> None:
        now = time.monotonic()
        for source in [each for each, used in self._used.items() if now - used >= idle_s]:
            del self._used[source]
            if (opened := self._sources.pop(source, None)) is not None:
                opened.close()


def _targets() -> list[Target]:
    from desk.commands.targets import screens, windows  # noqa: PLC0415 - loads the window system

    listed, monitors = windows(titles=True), screens()
    if isinstance(listed, SakigakeError):
        if isinstance(monitors, SakigakeError):
            raise listed
        listed = []
    found = [_target(row["source"], row["program"], row) for row in listed]
    if not isinstance(monitors, SakigakeError):
        found += [
            _target(row["source"], words.text("desk.wizard.screen", number=row["number"]), row)
            for row in monitors
        ]
    return found


def _target(source: str, name: str, row: dict[str, object]) -> Target:
    width, height = (int(part) for part in str(row["area"]).split(",")[2:])
    title = plain(str(row.get("title") or ""), MOST_TITLE)
    return Target(source, plain(name, MOST_TITLE), title, width, height, bool(row.get("paints")))


def _source(source: str) -> "FrameSource":
    kind, _, value = source.partition(":")
    if kind == "screen":
        from capture.sources.screen import ScreenSource  # noqa: PLC0415 - only what was asked for is loaded

        return ScreenSource(monitor=int(value))
    from capture.sources.window import WindowSource  # noqa: PLC0415 - as above

    return WindowSource(value)


def _why(reason: str) -> str:
    from capture.privacy import key_of  # noqa: PLC0415 - as above

    key = key_of(reason)
    return words.text(key) if key in words.table(words.language()) else reason


def _jpeg(pixels: "Pixels", most: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - as above

    picture = Image.fromarray(pixels[:, :, ::-1])
    picture.thumbnail((most, most), Image.Resampling.BOX)
    raw = io.BytesIO()
    picture.save(raw, "JPEG", quality=QUALITY)
    return raw.getvalue()
