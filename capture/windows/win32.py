"""The windows of a Windows desktop and the pixels of one of them.

Written after the documentation of user32, dwmapi and of the package windows-capture 2.0; not tried on a live system.
The system reports no changes between two looks here, so what comes and goes between them is not seen.
"""

import ctypes
import importlib
import sys
import threading
from collections.abc import Iterable, Sequence
from ctypes import wintypes
from pathlib import PureWindowsPath
from typing import Any

import numpy as np

from capture.frame import NoFrame, Pixels, Region
from capture.windows.model import EVERYWHERE, Desktop, Window
from sakigake.errors import SakigakeError

assert sys.platform == "win32"  # noqa: S101 - this is how a type checker is told

FRAME_BOUNDS, CLOAKED = 9, 14
STYLE, EXTENDED_STYLE = -16, -20
CAPTION, LAYERED, TRANSPARENT = 0x00C00000, 0x00080000, 0x00000020
ALPHA, OPAQUE = 2, 255
QUERY_LIMITED = 0x1000
READ_OBJECTS, OBJECT_NAME = 1, 2
SAVER_RUNNING = 0x0072
FRAME_TIMEOUT_S = 3.0

user32 = ctypes.WinDLL("user32", use_last_error=True)
dwmapi = ctypes.WinDLL("dwmapi")
kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
for function in (user32.GetForegroundWindow, user32.OpenInputDesktop, kernel32.OpenProcess):
    function.restype = wintypes.HANDLE
user32.OpenInputDesktop.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
user32.CloseDesktop.argtypes = [wintypes.HANDLE]
user32.GetUserObjectInformationW.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
]
for function in (user32.IsWindow, user32.IsWindowVisible, user32.IsIconic, user32.GetWindowTextLengthW):
    function.argtypes = [wintypes.HWND]
user32.GetWindowTextW.argtypes = [wintypes.HWND, wintypes.LPWSTR, ctypes.c_int]
user32.GetWindowRect.argtypes = user32.GetClientRect.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.RECT)]
user32.ClientToScreen.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.POINT)]
user32.GetWindowLongW.argtypes = [wintypes.HWND, ctypes.c_int]
user32.GetWindowThreadProcessId.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.DWORD)]
user32.GetLayeredWindowAttributes.argtypes = [
    wintypes.HWND,
    ctypes.c_void_p,
    ctypes.POINTER(wintypes.BYTE),
    ctypes.POINTER(wintypes.DWORD),
]
dwmapi.DwmGetWindowAttribute.argtypes = [wintypes.HWND, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD]
kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
kernel32.GetProcessTimes.argtypes = [wintypes.HANDLE, *[ctypes.POINTER(wintypes.FILETIME)] * 4]
kernel32.QueryFullProcessImageNameW.argtypes = [
    wintypes.HANDLE,
    wintypes.DWORD,
    wintypes.LPWSTR,
    ctypes.POINTER(wintypes.DWORD),
]
VISITOR = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
user32.EnumWindows.argtypes = [VISITOR, wintypes.LPARAM]


class Win32Watcher:
    """Watches the desktop by asking; the desktop window manager keeps each window's pixels apart."""

    def look(self, region: Region, window: int | None = None) -> Desktop:  # noqa: ARG002 - titles cost nothing here
        """Return what is on the screen now; raises OSError."""
        handles: list[int] = []

        def visit(handle: int, _: int) -> bool:
            handles.append(handle)
            return True

        if not user32.EnumWindows(VISITOR(visit), 0):
            raise ctypes.WinError(ctypes.get_last_error())
        windows = tuple(found for handle in handles if (found := _window(handle)) is not None)
        front = user32.GetForegroundWindow()
        point = wintypes.POINT()
        there = bool(user32.GetCursorPos(ctypes.byref(point)))
        return Desktop(
            windows=windows,
            front=next((found for found in windows if found.id == front), None),
            locked=_locked(),
            pointer=(point.x, point.y) if there else None,
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


def _window(handle: int) -> Window | None:
    """Return a window that shows; None for the others."""
    cloaked = wintypes.DWORD()
    dwmapi.DwmGetWindowAttribute(handle, CLOAKED, ctypes.byref(cloaked), ctypes.sizeof(cloaked))
    area = _area(handle)
    if not user32.IsWindowVisible(handle) or user32.IsIconic(handle) or cloaked.value or area is None:
        return None
    process = wintypes.DWORD()
    user32.GetWindowThreadProcessId(handle, ctypes.byref(process))
    kin, name = _process(process.value)
    return Window(
        id=handle,
        outer=handle,
        kin=frozenset({("process", kin)}) if process.value else frozenset(),
        names=tuple(sorted({name, name.removesuffix(".exe")})) if name else (),
        area=area,
        solid=(area,) if _solid(handle) else (),
        popup=user32.GetWindowLongW(handle, STYLE) & CAPTION != CAPTION,
        title=_title(handle),
    )


def _area(handle: int) -> Region | None:
    rect = wintypes.RECT()
    if dwmapi.DwmGetWindowAttribute(
        handle, FRAME_BOUNDS, ctypes.byref(rect), ctypes.sizeof(rect)
    ) and not user32.GetWindowRect(handle, ctypes.byref(rect)):
        return None
    width, height = rect.right - rect.left, rect.bottom - rect.top
    return Region(rect.left, rect.top, width, height) if width > 0 and height > 0 else None


def _title(handle: int) -> str | None:
    ctypes.set_last_error(0)
    length = user32.GetWindowTextLengthW(handle)
    if length == 0:
        return None if ctypes.get_last_error() else ""
    text = ctypes.create_unicode_buffer(length + 1)
    return text.value if user32.GetWindowTextW(handle, text, length + 1) else None


def _solid(handle: int) -> bool:
    style = user32.GetWindowLongW(handle, EXTENDED_STYLE)
    if not style & LAYERED:
        return True
    alpha, flags = wintypes.BYTE(), wintypes.DWORD()
    known = user32.GetLayeredWindowAttributes(handle, None, ctypes.byref(alpha), ctypes.byref(flags))
    # One that draws its own transparency does not tell.
    return bool(known) and not style & TRANSPARENT and flags.value == ALPHA and alpha.value & OPAQUE == OPAQUE


def _process(process: int) -> tuple[int, str]:
    """Return a number that no later process has, and the name of the program."""
    handle = kernel32.OpenProcess(QUERY_LIMITED, False, process)
    if not handle:
        return process, ""
    try:
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel32.GetProcessTimes(handle, *(ctypes.byref(time) for time in times))
        text, size = ctypes.create_unicode_buffer(1024), wintypes.DWORD(1024)
        known = kernel32.QueryFullProcessImageNameW(handle, 0, text, ctypes.byref(size))
    finally:
        kernel32.CloseHandle(handle)
    begun = (times[0].dwHighDateTime << 32) + times[0].dwLowDateTime
    return process + (begun << 32), PureWindowsPath(text.value).name.casefold() if known else ""


def _locked() -> bool:
    """Say whether another desktop has the input (the lock screen, a prompt for rights) or a screen saver runs."""
    running = wintypes.BOOL()
    if user32.SystemParametersInfoW(SAVER_RUNNING, 0, ctypes.byref(running), 0) and running.value:
        return True
    desktop = user32.OpenInputDesktop(0, False, READ_OBJECTS)
    if not desktop:
        return True
    try:
        name = ctypes.create_unicode_buffer(256)
        known = user32.GetUserObjectInformationW(desktop, OBJECT_NAME, name, ctypes.sizeof(name), None)
    finally:
        user32.CloseDesktop(desktop)
    return not known or name.value.casefold() != "default"


class Win32Pixels:
    """Reads one window by Windows Graphics Capture (package windows-capture), covered or not.

    A capture is started for each picture: one that runs all the time delivers every change of the window, and the
    stream beside it shall not pay for that.
    """

    def __init__(self) -> None:
        try:
            self._capture: Any = importlib.import_module("windows_capture")
        except ImportError as error:
            raise SakigakeError("window-extra-missing", package="windows-capture") from error
        self._watcher = Win32Watcher()
        self._handle = 0
        self._border: bool | None = False

    def windows(self) -> Desktop:
        """Return what is on the screen, with every title."""
        return self._watcher.look(EVERYWHERE)

    def aim(self, window: Window) -> None:
        """Take this window from now on."""
        self._handle = window.id

    def title(self) -> str | None:
        """Return the window's title now."""
        return _title(self._handle)

    def place(self) -> Region | None:
        """Return where on the screen the inside of the window is; None when it is not there."""
        rect, corner = wintypes.RECT(), wintypes.POINT()
        if not user32.GetClientRect(self._handle, ctypes.byref(rect)):
            return None
        if not user32.ClientToScreen(self._handle, ctypes.byref(corner)):
            return None
        return Region(corner.x, corner.y, rect.right, rect.bottom)

    def take(self) -> tuple[Pixels, Region] | NoFrame:
        """Return the window's pixels and its place, or why it cannot be read now."""
        if not user32.IsWindow(self._handle):
            return NoFrame("window-closed")
        if user32.IsIconic(self._handle) or not user32.IsWindowVisible(self._handle):
            return NoFrame("window-minimised")
        frame, place = _area(self._handle), self.place()
        pixels = self._picture()
        if pixels is None:
            return NoFrame("window-stale")
        if frame is None or place is None or (frame, place) != (_area(self._handle), self.place()):
            return NoFrame("window-changing")
        top, left = place.top - frame.top, place.left - frame.left
        inside = pixels[max(0, top) : top + place.height, max(0, left) : left + place.width]
        if inside.shape[:2] != (place.height, place.width):
            return NoFrame("window-changing")
        return np.ascontiguousarray(inside), place

    def _picture(self) -> Pixels | None:
        """Return one picture of the window with its frame, taken after this call began."""
        came, taken = threading.Event(), list[Pixels]()

        def arrived(frame: Any, control: Any) -> None:
            if not taken:
                taken.append(np.array(frame.frame_buffer[:, :, :3], np.uint8))
            control.stop()
            came.set()

        control = self._start(arrived, came.set)
        came.wait(FRAME_TIMEOUT_S)
        control.stop()
        return taken[0] if taken else None

    def _start(self, arrived: Any, closed: Any) -> Any:
        try:
            capture = self._capture.WindowsCapture(
                cursor_capture=False, draw_border=self._border, window_hwnd=self._handle
            )
            capture.frame_handler, capture.closed_handler = arrived, closed
            return capture.start_free_threaded()
        except (
            Exception
        ) as error:  # the package raises plain Exception; Windows 10 cannot leave out the border
            if self._border is None:
                raise OSError(str(error)) from error
            self._border = None
            return self._start(arrived, closed)

    def close(self) -> None:
        """Do nothing: nothing is held between two pictures."""
