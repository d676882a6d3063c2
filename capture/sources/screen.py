"""A rectangle of the screen, or a whole screen, by mss."""

import os
import sys
from contextlib import suppress

import cv2
import mss
import numpy as np

from capture.frame import Frame, NoFrame, Pixels, Region
from capture.memory import give_back_rest
from capture.pacer import SECOND
from sakigake.clock import Clock
from sakigake.errors import SakigakeError, UsageError

BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
# mss asks for the monitors once in an object's life; a screen that was plugged in or resized is seen after this long.
REOPEN_S = 300.0
STRIP = 32  # rows
APART = (
    3 * STRIP
)  # from this row on a strip of 3 bytes a pixel ends before the one of 4 bytes it is made of begins


class ScreenSource:
    """Grabs `area` (of the whole desktop) or screen number `monitor`; `canvas` is a rectangle inside of that.

    mss talks to X11 by shared memory, to GDI on Windows, to CoreGraphics on macOS. The pointer is left out.
    """

    live = True

    def __init__(
        self,
        area: Region | None = None,
        monitor: int = 1,
        canvas: Region | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._area = area
        self._monitor = monitor
        self._canvas = canvas
        self._clock = clock or Clock()
        self._screen: mss.MSS | None = None
        self._region: Region | None = None
        self._opened = 0
        self._failures = 0
        self._retry_at = 0
        self._seq = 0

    def open(self) -> None:
        """Connect to the screen; raises SakigakeError when there is none or the rectangle is not on it."""
        try:
            screen = mss.MSS()
        except (
            Exception
        ) as error:  # mss raises whatever its back-ends do: ScreenShotError, OSError, AssertionError
            raise SakigakeError("record-no-screen", why=str(error) or type(error).__name__) from error
        try:
            monitors = [_region(monitor) for monitor in screen.monitors]
            # An X server without RandR names the desktop only.
            self._region = self._place(monitors if len(monitors) > 1 else monitors * 2)
        except BaseException:
            screen.close()
            raise
        self._screen, self._opened = screen, self._clock.mono_ns()

    def _place(self, monitors: list[Region]) -> Region:
        """Return the rectangle to grab; `monitors` is the whole desktop followed by each screen."""
        desktop, screens = monitors[0], monitors[1:]
        listed = " / ".join(f"{number}: {screen}" for number, screen in enumerate(screens, start=1))
        if self._area is not None:
            base = self._area.clip(desktop)
        elif 0 <= self._monitor < len(monitors):
            base = monitors[self._monitor]
        else:
            raise UsageError("region-no-such-screen", number=self._monitor, screens=listed)
        if base is None:
            raise UsageError("region-off-screen", region=self._area, screens=listed)
        if self._canvas is None:
            return base
        corner = self._area or base
        inside = self._canvas.moved(corner.left, corner.top).clip(base)
        if inside is None:
            raise UsageError(
                "region-canvas-outside", canvas=self._canvas, frame=f"{base.width}x{base.height}"
            )
        return inside

    def grab(self) -> Frame | NoFrame:
        """Return what the rectangle shows now; a lost screen is tried again, less and less often."""
        now = self._clock.mono_ns()
        if self._screen is not None and now - self._opened > REOPEN_S * SECOND:
            self.close()
        if self._screen is None:
            if now < self._retry_at:
                return NoFrame("source-gone")
            try:
                self.open()
            except SakigakeError as error:
                return self._lost(error.message())
        return self._grab()

    def _grab(self) -> Frame | NoFrame:
        screen, region = self._screen, self._region
        if screen is None or region is None:
            return NoFrame("source-gone")
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        try:
            shot = screen.grab(
                {"left": region.left, "top": region.top, "width": region.width, "height": region.height}
            )
        except Exception as error:  # noqa: BLE001 - a dead X server: bare AssertionError, a resized one: XProtoError
            return self._lost(str(error))
        pixels = bgr_within(shot.raw, shot.width, shot.height)
        self._failures = 0
        frame = Frame(
            pixels=pixels,
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq,
            origin="screen",
            region=region,
            scale=shot.width / region.width,
        )
        self._seq += 1
        return frame

    def _lost(self, why: str) -> NoFrame:
        self.close()
        wait = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._retry_at = self._clock.mono_ns() + int(wait * SECOND)
        return NoFrame("source-gone", why)

    def close(self) -> None:
        """Disconnect: every connection left open would keep its file descriptors and shared memory."""
        screen, self._screen = self._screen, None
        if screen is not None:
            with suppress(Exception):  # the server on the other side may be dead, and we are leaving anyway
                screen.close()

    def describe(self) -> dict[str, int | str]:
        """Return kind and rectangle."""
        return {"origin": "screen", "region": str(self._region or self._area or "")}

    @property
    def clipped(self) -> bool:
        """Say whether a part of the wanted rectangle lies off the screen."""
        region, wanted = self._region, self._canvas or self._area
        return (
            region is not None
            and wanted is not None
            and (region.width, region.height)
            != (
                wanted.width,
                wanted.height,
            )
        )


def bgr_within(raw: bytearray, width: int, height: int) -> Pixels:
    """Return the BGR picture of BGRA bytes in their own place, the first three quarters; raises ValueError.

    A second picture beside the first one would be memory for a moment at each look. The quarter left over goes back.
    """
    four = np.frombuffer(raw, np.uint8).reshape(height, width, 4)
    three = np.frombuffer(raw, np.uint8, height * width * 3).reshape(height, width, 3)
    for top in range(0, height, STRIP):
        source, target = four[top : top + STRIP], three[top : top + STRIP]
        if top < APART:
            target[:] = cv2.cvtColor(source, cv2.COLOR_BGRA2BGR)
        else:
            cv2.cvtColor(source, cv2.COLOR_BGRA2BGR, dst=target)
    give_back_rest(raw, three.nbytes)
    return three


def on_wayland() -> bool:
    """Say whether this desktop shows programs only an empty screen."""
    return sys.platform == "linux" and os.environ.get("XDG_SESSION_TYPE") == "wayland"


def _region(monitor: "mss.models.Monitor") -> Region:
    return Region(monitor["left"], monitor["top"], monitor["width"], monitor["height"])
