"""One real window by its own pixels, covered and not, on servers with and without the extension for it."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from capture.frame import Frame, NoFrame, Region
from capture.privacy import Gate, Rules
from capture.sources.gated import Gated
from capture.sources.window import WindowSource
from capture.windows.x11 import X11Watcher
from capture.windows.x11pixels import X11Pixels
from sakigake.errors import NotFoundError, SakigakeError, UsageError
from tests.peers.windows import Window, kill_server, server, wait_until
from tests.privacy.conftest import CANVAS_AT, Screen, canvas, planted_pixels, private, reason, screen

__all__ = ["canvas", "private", "screen"]  # fixtures shared with the tests of the gate
pytestmark = pytest.mark.x11
SETTLE_S = 0.15

Make = Callable[..., WindowSource]


@pytest.fixture
def window_of() -> Iterator[Make]:
    made: list[WindowSource] = []

    def make(display: str, wanted: str = "paint", place: Region | None = None) -> WindowSource:
        source = WindowSource(wanted, place, connect=lambda: X11Pixels(display, settle_s=SETTLE_S))
        source.open()
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


def frame_of(source: WindowSource) -> Frame:
    """Return the next frame; nothing planted may be in it."""
    seen: list[Frame] = []

    def given() -> bool:
        found = source.grab()
        seen.extend([found] if isinstance(found, Frame) else [])
        return bool(seen)

    wait_until(given)
    assert planted_pixels(seen[0].pixels) == 0
    return seen[0]


def until(source: WindowSource, expected: str) -> None:
    wait_until(lambda: reason(source.grab()) == expected)


def test_a_covered_window_is_read_as_if_nothing_lay_over_it(
    screen: Screen, canvas: Window, private: Window, window_of: Make
) -> None:
    private.give("raise")
    source = window_of(screen.display)
    frame = frame_of(source)
    assert (frame.region.width, frame.region.height) == (400, 300)
    assert frame.pixels.shape == (300, 400, 3)
    dark = int((frame.pixels == 0x20).all(axis=2).sum())
    assert dark == 57600  # every second band of 16 lines, and none hidden
    canvas.give("dot", "0,0")
    assert int((frame_of(source).pixels == 0x20).all(axis=2).sum()) > dark


def test_a_window_is_followed_through_sizes_and_places(
    screen: Screen, canvas: Window, private: Window, window_of: Make
) -> None:
    source = window_of(screen.display)
    frame_of(source)
    private.give("raise")
    canvas.give("move", "120,110,430,320")
    wait_until(lambda: frame_of(source).pixels.shape == (320, 430, 3))
    canvas.give("move", "-150,110,430,320")
    wait_until(lambda: frame_of(source).region.left < 0)
    assert frame_of(source).pixels.shape == (320, 430, 3)


def test_a_canvas_inside_the_window_is_cut_out(screen: Screen, canvas: Window, window_of: Make) -> None:
    assert canvas.id
    frame = frame_of(window_of(screen.display, place=Region(40, 32, 100, 64)))
    assert frame.pixels.shape == (64, 100, 3)
    assert (frame.pixels[:16] == 0xFA).all()


def test_a_pixmap_that_holds_another_window_is_not_taken(
    screen: Screen, private: Window, window_of: Make
) -> None:
    """The server fills a redirected window with what the screen shows there; the program may be too busy to paint."""
    options = ("--title", "other", "--program", "other", "--traits", "bare")
    with Window(screen.display, "300,200,300,200", *options) as busy:
        time.sleep(0.3)
        private.give("move", "350,250,200,100")
        private.give("raise")
        time.sleep(0.2)
        busy.give("freeze")
        source = window_of(screen.display, "other")
        for _ in range(15):
            assert reason(source.grab()) in {"window-stale", "window-changing"}
            time.sleep(0.02)
        busy.give("thaw")
        frame_of(source)
        busy.give("freeze")
        busy.give("move", "300,200,320,220")
        time.sleep(0.2)
        for _ in range(15):
            assert reason(source.grab()) in {"window-stale", "window-changing"}
            time.sleep(0.02)
        busy.give("thaw")
        wait_until(lambda: frame_of(source).pixels.shape == (220, 320, 3))


def test_nothing_of_a_window_that_comes_and_goes_gets_through(
    screen: Screen, canvas: Window, private: Window, window_of: Make
) -> None:
    assert canvas.id
    source = window_of(screen.display)
    frame_of(source)
    flicker = threading.Thread(target=private.give, args=("flicker", 200))
    flicker.start()
    outcomes: Counter[str] = Counter()
    leaked = 0
    while flicker.is_alive():
        seen = source.grab()
        outcomes[reason(seen)] += 1
        leaked += isinstance(seen, Frame) and planted_pixels(seen.pixels) > 0
    flicker.join()
    assert leaked == 0, outcomes
    assert outcomes["frame"] > 10, outcomes


def test_a_minimised_window_is_told_and_comes_back(screen: Screen, canvas: Window, window_of: Make) -> None:
    source = window_of(screen.display)
    frame_of(source)
    canvas.give("iconify" if screen.managed else "unmap")
    until(source, "window-minimised")
    canvas.give("map")
    frame_of(source)


def test_a_closed_window_is_told_and_found_again(screen: Screen, canvas: Window, window_of: Make) -> None:
    source, by_id = window_of(screen.display), window_of(screen.display, hex(canvas.id))
    frame_of(source)
    canvas.close()
    until(source, "window-closed")
    with Window(screen.display, "50,50,200,100", "--title", "drawing", "--program", "paint"):
        wait_until(lambda: isinstance(source.grab(), Frame))
        # Without a window manager the server gives the new window the very id of the old one.
        assert reason(by_id.grab()) == "window-closed"


def test_a_window_named_by_its_title_is_left_alone_under_another(
    screen: Screen, canvas: Window, window_of: Make
) -> None:
    source = window_of(screen.display, "draw*")
    frame_of(source)
    canvas.give("title", "diary")
    until(source, "window-other-title")
    canvas.give("title", "drawing 2")
    frame_of(source)


def test_the_gate_of_one_window(screen: Screen, canvas: Window, private: Window, window_of: Make) -> None:
    window = window_of(screen.display)
    watcher = X11Watcher(screen.display)
    source = Gated(
        window, Gate(Rules(titles=("draw*",), settle_s=0.1), watcher, target=lambda: window.window)
    )
    source.open()
    private.give("raise")
    wait_until(lambda: isinstance(seen := source.grab(), Frame) and seen.own_window is not None)
    canvas.give("title", "diary")
    assert reason(source.grab()) == "privacy-other-title"
    canvas.give("untitle")
    assert reason(source.grab()) == "privacy-no-title"
    canvas.give("title", "drawing")
    wait_until(lambda: isinstance(source.grab(), Frame))
    canvas.give("saver", 1)
    assert reason(source.grab()) == "privacy-locked"
    canvas.give("saver", 0)
    wait_until(lambda: isinstance(source.grab(), Frame))
    source.close()


def test_without_composite_a_covered_window_gives_nothing(window_of: Make) -> None:
    with (
        server("-extension", "Composite") as display,
        Window(display, CANVAS_AT, "--title", "drawing", "--program", "paint", "--traits", "bare") as canvas,
        Window(display, "300,150,200,200", "--title", "x", "--program", "mail", planted=True) as private,
    ):
        time.sleep(0.3)
        source = window_of(display)
        for _ in range(10):
            assert reason(source.grab()) == "window-covered"
        private.give("lower")
        frame_of(source)
        flicker = threading.Thread(target=private.give, args=("flicker", 150))
        flicker.start()
        leaked = 0
        while flicker.is_alive():
            seen = source.grab()
            leaked += isinstance(seen, Frame) and planted_pixels(seen.pixels) > 0
        flicker.join()
        assert leaked == 0
        frame_of(source)
        canvas.give("move", "-10,100,400,300")
        until(source, "window-off-screen")


def test_a_dead_server_is_told_and_never_raises(window_of: Make) -> None:
    with server() as display, Window(display, CANVAS_AT, "--title", "drawing", "--program", "paint"):
        time.sleep(0.2)
        source = window_of(display)
        frame_of(source)
        kill_server(display)
        for _ in range(5):
            assert reason(source.grab()) in {"source-gone", "window-closed"}


def test_a_window_that_is_not_there_is_one_sentence(screen: Screen, canvas: Window, private: Window) -> None:
    assert canvas.id
    assert private.id

    def opened(wanted: str) -> SakigakeError:
        source = WindowSource(wanted, connect=lambda: X11Pixels(screen.display))
        with pytest.raises(SakigakeError) as caught:
            source.open()
        return caught.value

    assert isinstance(opened("sculpt"), NotFoundError)
    several = opened("e*")  # no program; both titles: "drawing" does not fit, "letter to a friend" would
    assert isinstance(several, SakigakeError)
    python = opened("python*")
    assert isinstance(python, UsageError)
    assert "mail" in python.message("en") or "paint" in python.message("en")
    assert "letter" not in python.message("en")


def test_no_display_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9999")
    with pytest.raises(SakigakeError) as caught:
        WindowSource("paint").open()
    assert caught.value.code == "window-system-gone"


def test_no_descriptor_is_left_open(screen: Screen, canvas: Window, window_of: Make) -> None:
    assert canvas.id
    frame_of(window_of(screen.display))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number counts
    for _ in range(10):
        source = WindowSource("paint", connect=lambda: X11Pixels(screen.display))
        source.open()
        assert isinstance(source.grab(), Frame | NoFrame)
        source.close()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
