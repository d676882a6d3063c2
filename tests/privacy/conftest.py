"""A screen of our own with and without a window manager, a canvas, and a private window."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Pixels, Region
from tests.peers.windows import PLANTED, Window, program, server

CANVAS_AT = "100,100,400,300"
PLACE = Region(150, 150, 300, 200)


@dataclass
class Screen:
    """A running X server: its display and whether a window manager runs there."""

    display: str
    managed: bool


@pytest.fixture(scope="module", params=["bare", "openbox"])
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    managed = request.param == "openbox"
    for name in ("Xvfb", *(("openbox",) if managed else ())):
        if shutil.which(name) is None:
            pytest.skip(f"install {name}")
    with (
        server() as display,
        program(display, "openbox") if managed else contextlib.nullcontext(),
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("DISPLAY", display)
        if managed:
            time.sleep(1.0)
        yield Screen(display, managed)


@pytest.fixture
def canvas(screen: Screen) -> Iterator[Window]:
    with Window(screen.display, CANVAS_AT, "--title", "drawing", "--program", "paint") as window:
        time.sleep(0.3)
        yield window


@pytest.fixture
def private(screen: Screen, canvas: Window) -> Iterator[Window]:
    """A window with the planted pattern over a corner of the rectangle."""
    assert canvas.id
    with Window(
        screen.display, "380,280,200,200", "--title", "letter to a friend", "--program", "mail", planted=True
    ) as window:
        time.sleep(0.4)
        yield window


def planted_pixels(pixels: Pixels) -> int:
    """Count the pixels of either planted colour."""
    wide = pixels.astype(np.uint32)
    colors = wide[:, :, 2] << 16 | wide[:, :, 1] << 8 | wide[:, :, 0]
    return int(np.isin(colors, PLANTED).sum())


def reason(seen: Frame | NoFrame) -> str:
    """Return why there is no frame; "frame" when there is one."""
    return seen.reason if isinstance(seen, NoFrame) else "frame"
