"""The screen and OBS: whether a picture can be had, and how long one takes."""

import os
import sys
import time
from collections.abc import Iterator

from desk.doctoring.line import Line, State
from sakigake import errors
from sakigake.settings import Settings

TRIES = 5
SLOW_MS = 200.0


def screen() -> Iterator[Line]:
    """Return the lines about the display and the time that one picture of it takes."""
    from capture.sources.screen import ScreenSource, on_wayland  # noqa: PLC0415 - loads the image libraries

    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        yield Line("screen", State.WARN, "screen-wayland" if on_wayland() else "screen-none")
        return
    source = ScreenSource()
    try:
        source.open()
    except errors.SakigakeError as error:
        yield Line("screen", State.WARN, "screen-refused", {"why": error.message()})
        return
    times, size = [], ""
    try:
        for _ in range(TRIES):
            began = time.perf_counter()
            frame = source.grab()
            times.append((time.perf_counter() - began) * 1000)
            pixels = getattr(frame, "pixels", None)
            if pixels is not None:
                size = f"{pixels.shape[1]}x{pixels.shape[0]}"
    finally:
        source.close()
    if not size:
        yield Line("screen", State.WARN, "screen-no-picture")
        return
    milliseconds = round(sorted(times)[TRIES // 2], 1)
    facts = {"size": size, "ms": milliseconds}
    slow = milliseconds > SLOW_MS
    yield Line("screen", State.WARN if slow else State.GOOD, "screen-slow" if slow else "screen", facts)
    if on_wayland():
        yield Line("screen", State.WARN, "screen-wayland")


def windows() -> Iterator[Line]:
    """Return the lines about telling windows apart, which the privacy rules need; no titles."""
    from capture.windows import watcher  # noqa: PLC0415
    from capture.windows.model import EVERYWHERE  # noqa: PLC0415

    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return
    try:
        looking = watcher()
        try:
            seen = looking.look(EVERYWHERE)
        finally:
            looking.close()
    except (errors.SakigakeError, OSError) as error:
        why = error.message() if isinstance(error, errors.SakigakeError) else error.strerror or str(error)
        yield Line("windows", State.WARN, "windows-refused", {"why": why})
        return
    count = sum(not window.popup for window in seen.windows)
    yield Line("windows", State.GOOD, "windows", {"count": count})


def obs(settings: Settings) -> Iterator[Line]:
    """Return the line about OBS on this computer."""
    from capture.obs.client import Client  # noqa: PLC0415
    from capture.obs.protocol import Address  # noqa: PLC0415
    from capture.sources.obs import password  # noqa: PLC0415

    address = Address()
    try:
        client = Client(address, password(settings))
    except errors.SakigakeError as error:
        state = State.WARN if isinstance(error, errors.ConfigError) else State.INFO
        yield Line(
            "obs", state, "obs-none", {"address": str(address), "why": error.message(), "how": error.hint()}
        )
        return
    try:
        version = str(client.request("GetVersion").get("obsVersion", "?"))
        yield Line("obs", State.GOOD, "obs", {"address": str(address), "version": version})
    except errors.SakigakeError as error:
        yield Line(
            "obs",
            State.WARN,
            "obs-none",
            {"address": str(address), "why": error.message(), "how": error.hint()},
        )
    finally:
        client.close()
