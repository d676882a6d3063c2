"""What is on the screen: top-level windows, the foreground, the lock. One watcher per window system."""

import sys

from capture.windows.model import Watcher


def watcher() -> Watcher:
    """Return the watcher of this system; raises SakigakeError when something it needs is not installed."""
    if sys.platform == "win32":
        from capture.windows.win32 import Win32Watcher  # noqa: PLC0415 - exists on Windows only

        return Win32Watcher()
    elif sys.platform == "darwin":  # noqa: RET505 - a type checker takes one branch only
        from capture.windows.darwin import DarwinWatcher  # noqa: PLC0415 - exists on macOS only

        return DarwinWatcher()
    else:
        from capture.windows.x11 import X11Watcher  # noqa: PLC0415 - not on the others

        return X11Watcher()
