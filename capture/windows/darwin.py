"""The windows of a macOS desktop and the pixels of one of them, by PyObjC.

Written after Apple's documentation of Quartz Window Services and ScreenCaptureKit; not tried on a live system. The
system reports no changes between two looks here, so what comes and goes between them is not seen.
"""

import importlib
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from capture.frame import NoFrame, Pixels, Region
from capture.windows.model import EVERYWHERE, Desktop, Window, process_id
from sakigake.errors import SakigakeError

assert sys.platform == "darwin"  # noqa: S101 - this is how a type checker is told

NORMAL_LAYER = 0
BGRA = 0x42475241  # kCVPixelFormatType_32BGRA
ANSWER_TIMEOUT_S = 5.0


def load(name: str) -> Any:
    """Return a PyObjC module; raises SakigakeError with what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SakigakeError("window-extra-missing", package=f"pyobjc-framework-{name}") from error


class DarwinWatcher:
    """Watches the desktop by asking the window server, which keeps each window's pixels apart.

    Titles come only with the permission to record the screen; without it every title is unknown and all is blocked.
    """

    def __init__(self) -> None:
        self._quartz = load("Quartz")

    def look(self, region: Region, window: int | None = None) -> Desktop:  # noqa: ARG002 - titles cost nothing here
        """Return what is on the screen now; raises OSError."""
        quartz = self._quartz
        listed = quartz.CGWindowListCopyWindowInfo(
            quartz.kCGWindowListOptionOnScreenOnly, quartz.kCGNullWindowID
        )
        session = quartz.CGSessionCopyCurrentDictionary()
        if listed is None or session is None:
            raise OSError("Quartz")
        windows = tuple(_window(entry) for entry in listed)
        place = quartz.CGEventGetLocation(quartz.CGEventCreate(None))
        return Desktop(
            windows=windows,
            # The frontmost application as AppKit tells it does not change without a run loop; the order does.
            front=next((one for one in windows if not one.popup), None),
            locked=bool(session.get("CGSSessionScreenIsLocked", False)),
            pointer=(int(place.x), int(place.y)),
        )

    def demand(self, areas: Sequence[Region], windows: Iterable[Window]) -> None:
        """Do nothing: no window's pixels hold another's."""

    def repainted(self) -> bool:
        """Say that all is painted."""
        return True

    def caveats(self) -> tuple[str, ...]:
        """Return nothing: notifications are windows here."""
        return ()

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _window(entry: Mapping[str, Any]) -> Window:
    bounds = entry["kCGWindowBounds"]
    area = Region(int(bounds["X"]), int(bounds["Y"]), int(bounds["Width"]), int(bounds["Height"]))
    title = entry.get("kCGWindowName")
    name = str(entry.get("kCGWindowOwnerName", "")).casefold()
    number = int(entry["kCGWindowNumber"])
    return Window(
        id=number,
        outer=number,
        kin=frozenset({("process", process_id(int(entry["kCGWindowOwnerPID"])))}),
        names=(name,) if name else (),
        area=area,
        solid=(area,) if float(entry.get("kCGWindowAlpha", 0.0)) >= 1.0 else (),
        popup=int(entry.get("kCGWindowLayer", NORMAL_LAYER)) != NORMAL_LAYER,
        title=None if title is None else str(title),
    )


class DarwinPixels:
    """Reads one window by ScreenCaptureKit (macOS 14 or newer), covered or not."""

    def __init__(self) -> None:
        self._quartz = load("Quartz")
        self._kit = load("ScreenCaptureKit")
        if not hasattr(self._kit, "SCScreenshotManager"):
            raise SakigakeError("window-system-old", needed="macOS 14")
        self._watcher = DarwinWatcher()
        self._number = 0

    def windows(self) -> Desktop:
        """Return what is on the screen, with every title."""
        return self._watcher.look(EVERYWHERE)

    def aim(self, window: Window) -> None:
        """Take this window from now on."""
        self._number = window.id

    def _entry(self) -> Mapping[str, Any] | None:
        quartz = self._quartz
        found: Sequence[Mapping[str, Any]] = (
            quartz.CGWindowListCopyWindowInfo(quartz.kCGWindowListOptionIncludingWindow, self._number) or ()
        )
        return found[0] if found else None

    def title(self) -> str | None:
        """Return the window's title now."""
        entry = self._entry()
        return None if entry is None or entry.get("kCGWindowName") is None else str(entry["kCGWindowName"])

    def place(self) -> Region | None:
        """Return where on the screen the window is, its title bar included; None when it is not there."""
        entry = self._entry()
        return _window(entry).area if entry is not None else None

    def take(self) -> tuple[Pixels, Region] | NoFrame:
        """Return the window's pixels and its place, or why it cannot be read now."""
        entry, place = self._entry(), self.place()
        if entry is None or place is None:
            return NoFrame("window-closed")
        if not entry.get("kCGWindowIsOnscreen", False):
            return NoFrame("window-minimised")
        pixels = self._picture(place)
        if pixels is None:
            return NoFrame("window-stale")
        return (pixels, place) if self.place() == place else NoFrame("window-changing")

    def _picture(self, place: Region) -> Pixels | None:
        kit = self._kit
        content = _answer(
            lambda done: kit.SCShareableContent.getShareableContentWithCompletionHandler_(done)  # noqa: PLW0108
        )
        windows = content.windows() if content is not None else ()
        target = next((one for one in windows if int(one.windowID()) == self._number), None)
        if target is None:
            return None
        chosen = kit.SCContentFilter.alloc().initWithDesktopIndependentWindow_(target)
        scale = float(chosen.pointPixelScale())
        wish = kit.SCStreamConfiguration.alloc().init()
        wish.setWidth_(round(place.width * scale))
        wish.setHeight_(round(place.height * scale))
        wish.setShowsCursor_(False)
        wish.setIgnoreShadowsSingleWindow_(True)
        wish.setPixelFormat_(BGRA)
        image = _answer(
            lambda done: kit.SCScreenshotManager.captureImageWithFilter_configuration_completionHandler_(
                chosen, wish, done
            )
        )
        return _pixels(self._quartz, image) if image is not None else None

    def close(self) -> None:
        """Do nothing: nothing is held between two pictures."""


def _answer(ask: Any) -> Any:
    """Call a function that answers by a completion handler (value, error); None when there is no answer."""
    came, values = threading.Event(), list[Any]()

    def done(value: Any, error: Any) -> None:
        if error is None:
            values.append(value)
        came.set()

    ask(done)
    came.wait(ANSWER_TIMEOUT_S)
    return values[0] if values else None


def _pixels(quartz: Any, image: Any) -> Pixels | None:
    """Copy a CGImage with four bytes per pixel, blue first."""
    width, height = int(quartz.CGImageGetWidth(image)), int(quartz.CGImageGetHeight(image))
    row = int(quartz.CGImageGetBytesPerRow(image))
    data = quartz.CGDataProviderCopyData(quartz.CGImageGetDataProvider(image))
    raw = np.frombuffer(bytes(data), np.uint8)
    if row < 4 * width or raw.size < row * height:
        return None
    return np.ascontiguousarray(
        raw[: row * height].reshape(height, row)[:, : 4 * width].reshape(height, width, 4)[:, :, :3]
    )
