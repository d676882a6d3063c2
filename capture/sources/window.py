"""One window, by its own pixels: what lies over it is not in the picture.

Where the system cannot read a covered window, there is no frame while it is covered; what stands in front of it is
never taken instead.
"""

import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np

from capture.frame import Frame, NoFrame, Pixels, Region
from capture.windows.model import Desktop, Window, bears, choose, number_of
from sakigake.clock import Clock
from sakigake.errors import NotFoundError, SakigakeError, UsageError

SECOND = 1_000_000_000
RETRY_S = 2.0


class WindowPixels(Protocol):
    """How one window system gives the pixels of one window. May raise OSError when the system is gone."""

    def windows(self) -> Desktop:
        """Return what is on the screen, with every title."""

    def aim(self, window: Window) -> None:
        """Take this window from now on; raises SakigakeError when it cannot be read."""

    def title(self) -> str | None:
        """Return the window's title now."""

    def place(self) -> Region | None:
        """Return where on the screen the inside of the window is; None when it is not there."""

    def take(self) -> tuple[Pixels, Region] | NoFrame:
        """Return the window's pixels and its place, or why it cannot be read now."""

    def close(self) -> None:
        """Let go of the window and the system."""


class WindowSource:
    """Grabs the window that `wanted` names: a program's name, a title (both with `*` and `?`) or a window's id.

    A window named by its title is left alone while it bears another one. One that is closed is looked for again,
    unless it was named by its id. `canvas` is a rectangle inside the window.
    """

    live = True

    def __init__(
        self,
        wanted: str,
        canvas: Region | None = None,
        clock: Clock | None = None,
        connect: Callable[[], WindowPixels] | None = None,
    ) -> None:
        self._wanted = wanted
        self._canvas = canvas
        self._clock = clock or Clock()
        self._connect = connect or connected
        self._pixels: WindowPixels | None = None
        self._window: Window | None = None
        self._by_title = False
        self._retry_at = 0
        self._seq = 0
        self._region: Region | None = None

    @property
    def window(self) -> int | None:
        """Return the id of the window; None while there is none."""
        return self._window.id if self._window is not None else None

    @property
    def program(self) -> str:
        """Return the name of its program, for the person at the screen."""
        return next(iter(self._window.names), "?") if self._window is not None else ""

    def open(self) -> None:
        """Find the window; raises NotFoundError, UsageError when several programs are meant, SakigakeError."""
        try:
            self._pixels = self._pixels or self._connect()
            self._aim(self._find(self._pixels.windows()))
            self._region = self._cut(self._pixels.place())
        except OSError as error:
            self.close()
            raise SakigakeError("window-system-gone", why=str(error)) from error
        except SakigakeError:
            self.close()
            raise

    def _find(self, desktop: Desktop) -> Window:
        found = choose(desktop.windows, self._wanted)
        if not found:
            raise NotFoundError("window-none", wanted=self._wanted)
        if not all(window.kin & found[0].kin for window in found):
            programs = sorted({next(iter(window.names), "?") for window in found})
            raise UsageError("window-several", wanted=self._wanted, programs=", ".join(programs))
        return found[0]

    def _aim(self, window: Window) -> None:
        if self._pixels is not None:
            self._pixels.aim(window)
        self._window = window
        wish = self._wanted.strip().casefold()
        self._by_title = not choose([_untitled(window)], self._wanted) and bears(window.title, wish)

    def grab(self) -> Frame | NoFrame:
        """Return what the window shows now; a lost window or window system is looked for again now and then."""
        if self._pixels is None or self._window is None:
            if self._clock.mono_ns() < self._retry_at:
                return NoFrame("window-closed")
            self._retry_at = self._clock.mono_ns() + int(RETRY_S * SECOND)
            try:
                self.open()
            except (NotFoundError, UsageError):
                return NoFrame("window-closed")
            except SakigakeError as error:
                return NoFrame("source-gone", str(error))
        try:
            return self._grab()
        except OSError as error:
            self.close()
            return NoFrame("source-gone", str(error))

    def _grab(self) -> Frame | NoFrame:
        pixels = self._pixels
        if pixels is None:
            return NoFrame("window-closed")
        if self._other_title(pixels):
            return NoFrame("window-other-title")
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        taken = pixels.take()
        if isinstance(taken, NoFrame):
            if taken.reason == "window-closed" and number_of(self._wanted) is None:
                self._window = None  # looked for again; an id may by now be another program's
            return taken
        if self._other_title(pixels):
            return NoFrame("window-other-title")
        image, place = taken
        region = self._region = self._cut(place)
        if region is None:
            return NoFrame("window-small")
        scale = image.shape[1] / place.width
        top, left = round((region.top - place.top) * scale), round((region.left - place.left) * scale)
        cut = image[top : top + round(region.height * scale), left : left + round(region.width * scale)]
        self._seq += 1
        return Frame(
            pixels=np.ascontiguousarray(cut),
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq - 1,
            origin="window",
            region=region,
            scale=scale,
        )

    def _other_title(self, pixels: WindowPixels) -> bool:
        """Say whether a window that was named by its title bears another one now."""
        return self._by_title and not bears(pixels.title(), self._wanted.strip().casefold())

    def _cut(self, place: Region | None) -> Region | None:
        """Return the rectangle of the screen that a frame shows; None when too little of it is in the window."""
        if place is None:
            return None
        return (self._canvas.moved(place.left, place.top) if self._canvas is not None else place).clip(place)

    def close(self) -> None:
        """Let go of the window."""
        pixels, self._pixels = self._pixels, None
        self._window = None
        if pixels is not None:
            pixels.close()

    def describe(self) -> dict[str, int | str]:
        """Return kind and rectangle: a title or a program's name is nobody's business."""
        return {"origin": "window", "region": str(self._region or "")}


def _untitled(window: Window) -> Window:
    return Window(window.id, window.outer, window.kin, window.names, window.area, window.solid, window.popup)


def connected() -> WindowPixels:
    """Return the access to windows that this system has; raises SakigakeError or OSError."""
    if sys.platform == "win32":
        from capture.windows.win32 import Win32Pixels  # noqa: PLC0415 - exists on Windows only

        return Win32Pixels()
    elif sys.platform == "darwin":  # noqa: RET505 - a type checker takes one branch only
        from capture.windows.darwin import DarwinPixels  # noqa: PLC0415 - exists on macOS only

        return DarwinPixels()
    else:
        from capture.windows.x11pixels import X11Pixels  # noqa: PLC0415 - not on the others

        return X11Pixels()
