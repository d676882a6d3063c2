"""A rectangle of a real screen, with a private window in front, beside, over a corner, and coming and going."""

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from capture.frame import Frame, NoFrame, Region
from capture.privacy import Gate, Rules
from capture.sources.gated import Gated
from capture.sources.screen import ScreenSource
from capture.windows.wire import Wire
from capture.windows.x11 import X11Watcher
from tests.peers.windows import Window, kill_server, rectangle, server, wait_until
from tests.privacy.conftest import CANVAS_AT, PLACE, Screen, planted_pixels, reason

pytestmark = pytest.mark.x11
SETTLE_S = 0.1

Make = Callable[..., Gated]


@pytest.fixture
def gated(screen: Screen) -> Iterator[Make]:
    made: list[Gated] = []

    def make(place: Region = PLACE, settle_s: float = SETTLE_S, **rules: tuple[str, ...]) -> Gated:
        gate = Gate(Rules(settle_s=settle_s, **rules), X11Watcher(screen.display))
        source = Gated(ScreenSource(place), gate)
        source.open()
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


def clean(source: Gated, focused: Window | None = None) -> None:
    """Wait until there are frames, and see that nothing planted is in one.

    `focused` is brought to the front until it stays there: a window manager may still be busy with others.
    """

    reasons: Counter[str] = Counter()

    def given() -> bool:
        if focused is not None:
            focused.give("raise")
            focused.give("focus")
        seen = source.grab()
        reasons[reason(seen)] += 1
        return isinstance(seen, Frame) and planted_pixels(seen.pixels) == 0

    wait_until(given, told=reasons)


def blocked(source: Gated, expected: str) -> None:
    """See that nothing is given, and that it comes to be for the expected reason."""
    reasons = []

    def so() -> bool:
        seen = source.grab()
        reasons.append(reason(seen))
        assert not isinstance(seen, Frame) or planted_pixels(seen.pixels) == 0
        return reasons[-1] == expected

    wait_until(so)
    for _ in range(5):
        assert reason(source.grab()) == expected, reasons


def test_a_canvas_alone_is_recorded(gated: Make, canvas: Window) -> None:
    assert canvas.id
    source = gated()
    assert reason(source.grab()) == "privacy-settling"
    clean(source)
    seen = source.grab()
    assert isinstance(seen, Frame)
    assert seen.region == PLACE
    assert seen.own_window is True


def test_a_window_over_a_corner_stops_it_until_it_is_gone(
    gated: Make, canvas: Window, private: Window
) -> None:
    private.give("lower")
    source = gated()
    clean(source, canvas)
    private.give("raise")
    blocked(source, "privacy-covered")
    private.give("move", "600,450,150,100")
    clean(source, canvas)


def test_a_window_over_everything_stops_it(gated: Make, canvas: Window, private: Window) -> None:
    private.give("lower")
    source = gated()
    clean(source, canvas)
    private.give("move", "0,0,800,560")
    private.give("raise")
    blocked(source, "privacy-covered")


def test_a_window_behind_is_no_matter_until_the_canvas_moves(
    gated: Make, canvas: Window, private: Window
) -> None:
    private.give("lower")
    source = gated()
    clean(source, canvas)
    canvas.give("move", "100,100,250,150")
    blocked(source, "privacy-covered")


def test_a_window_beside_is_no_matter_unless_it_is_in_front(
    gated: Make, screen: Screen, canvas: Window, private: Window
) -> None:
    private.give("move", "560,100,150,100")
    source = gated()
    clean(source, canvas)
    private.give("focus")
    blocked(source, "privacy-other-in-front")
    clean(source, canvas)
    assert screen.display


def test_a_notification_stops_it_and_a_menu_of_the_program_does_not(
    gated: Make, screen: Screen, canvas: Window
) -> None:
    source = gated()
    clean(source)
    canvas.give("menu")
    clean(source)
    note = ("--program", "notes", "--traits", "popup")
    with Window(screen.display, "420,320,60,60", *note, planted=True):
        blocked(source, "privacy-covered")
    clean(source)


def test_the_gate_stays_shut_while_the_canvas_is_not_there(gated: Make, canvas: Window) -> None:
    source = gated()
    clean(source)
    canvas.give("unmap")
    wait_until(lambda: reason(source.grab()) in {"privacy-absent", "privacy-no-front"})
    canvas.give("map")
    clean(source)


def test_another_program_in_the_same_place_is_not_the_one_that_was_there(
    gated: Make, screen: Screen, canvas: Window
) -> None:
    source = gated()
    clean(source)
    canvas.close()
    # The same name, the same place, and where the server gives numbers away again even the same ids.
    with Window(screen.display, CANVAS_AT, "--title", "drawing", "--program", "paint", planted=True):
        blocked(source, "privacy-covered")


def test_no_title_no_frame(gated: Make, canvas: Window) -> None:
    source = gated(titles=("draw*",))
    clean(source)
    canvas.give("untitle")
    blocked(source, "privacy-no-title")
    canvas.give("title", "diary")
    blocked(source, "privacy-other-title")
    canvas.give("title", "drawing 2")
    clean(source)


def test_a_title_that_cannot_be_decoded_is_none(gated: Make, screen: Screen) -> None:
    with Window(screen.display, CANVAS_AT, "--program", "paint"):
        source = gated(titles=("*",))
        blocked(source, "privacy-no-title")


def test_the_screen_saver_stops_it(gated: Make, canvas: Window) -> None:
    source = gated()
    clean(source)
    canvas.give("saver", 1)
    blocked(source, "privacy-locked")
    canvas.give("saver", 0)
    clean(source)


def test_programs_that_are_named_may_be_seen(gated: Make, canvas: Window, private: Window) -> None:
    assert canvas.id
    assert private.id
    source = gated(programs=("pai*",))
    blocked(source, "privacy-covered")
    both = gated(programs=("paint", "mail"))
    wait_until(lambda: isinstance(both.grab(), Frame))


@pytest.mark.parametrize("traits", [(), ("bare",)], ids=["painted-by-server", "painted-by-program"])
@pytest.mark.parametrize("settle_s", [0.0, 0.02])
def test_nothing_of_a_window_that_comes_and_goes_gets_through(
    gated: Make, screen: Screen, traits: tuple[str, ...], settle_s: float
) -> None:
    """Whether its pixels are in the grab or are left on the screen after it went: no frame holds any."""
    options = ("--title", "drawing", "--program", "paint", "--traits", *traits)
    with (
        Window(screen.display, CANVAS_AT, *options) as canvas,
        Window(
            screen.display, "300,150,200,200", "--title", "x", "--program", "mail", planted=True
        ) as private,
    ):
        time.sleep(0.3)
        private.give("lower")
        source = gated(settle_s=settle_s)
        clean(source, canvas)
        raw = ScreenSource(PLACE)
        raw.open()
        outcomes: Counter[str] = Counter()
        shown = rounds = leaked = 0
        while rounds < 2 or (shown == 0 and rounds < 20):
            rounds += 1
            flicker = threading.Thread(target=private.give, args=("flicker", 150))
            flicker.start()
            while flicker.is_alive():
                seen = source.grab()
                outcomes[reason(seen)] += 1
                leaked += isinstance(seen, Frame) and planted_pixels(seen.pixels) > 0
                unguarded = raw.grab()
                shown += isinstance(unguarded, Frame) and planted_pixels(unguarded.pixels) > 0
            flicker.join()
        raw.close()
        assert leaked == 0, outcomes
        # It did show while we looked, or the test would say nothing.
        assert shown > 0, outcomes
        assert sum(outcomes.values()) - outcomes["frame"] > 0
        # Closed, not lowered: a window manager that was told to show and hide it so often may leave its frame behind.
        private.close()
        clean(source, canvas)


def test_what_a_busy_program_has_not_painted_over_is_not_taken(gated: Make, screen: Screen) -> None:
    """Without a compositor the pixels of a window stay on the screen after it went."""
    options = ("--title", "drawing", "--program", "paint", "--traits", "bare")
    with Window(screen.display, CANVAS_AT, *options) as canvas:
        time.sleep(0.3)
        source = gated()
        clean(source)
        raw = ScreenSource(PLACE)
        raw.open()
        with Window(screen.display, "300,200,100,100", "--program", "mail", planted=True):
            blocked(source, "privacy-covered")
            canvas.give("freeze")
        time.sleep(0.5)
        left = raw.grab()
        assert isinstance(left, Frame)
        assert planted_pixels(left.pixels) > 0
        canvas.give("focus")
        for _ in range(20):
            assert isinstance(source.grab(), NoFrame)
            time.sleep(0.02)
        canvas.give("thaw")
        clean(source)
        raw.close()


def test_windows_that_vanish_while_they_are_looked_at_do_no_harm(
    gated: Make, screen: Screen, canvas: Window
) -> None:
    assert canvas.id
    source = gated()
    for _ in range(4):
        with Window(screen.display, "420,320,60,60", "--program", "brief", "--traits", "popup", planted=True):
            for _ in range(8):
                seen = source.grab()
                assert not isinstance(seen, Frame) or planted_pixels(seen.pixels) == 0
    clean(source)


def test_the_terminal_it_was_started_from_is_not_the_canvas(
    gated: Make, canvas: Window, screen: Screen
) -> None:
    """A window of one of our own ancestors lies over the middle; here one is made by this very process."""
    assert canvas.id
    own = Wire(screen.display)
    rectangle(own, PLACE.left, PLACE.top, PLACE.width, PLACE.height)
    time.sleep(0.2)
    source = gated()
    blocked(source, "privacy-covered")
    own.close()
    clean(source)


def test_a_server_that_dies_ends_in_a_reason_and_never_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as display, Window(display, CANVAS_AT, "--title", "drawing", "--program", "paint"):
        monkeypatch.setenv("DISPLAY", display)
        source = Gated(ScreenSource(PLACE), Gate(Rules(settle_s=SETTLE_S), X11Watcher(display)))
        source.open()
        clean(source)
        kill_server(display)
        for _ in range(5):
            assert reason(source.grab()) in {"source-gone", "privacy-unreadable"}
        source.close()


def test_the_windows_are_asked_again_after_a_loss(canvas: Window, screen: Screen) -> None:
    assert canvas.id
    watcher = X11Watcher(screen.display)
    source = Gated(ScreenSource(PLACE), Gate(Rules(settle_s=0.0), watcher))
    source.open()
    clean(source)
    watcher.close()
    watcher._display = ":9999"
    assert reason(source.grab()) == "privacy-unreadable"
    watcher._display = screen.display
    clean(source)
    source.close()


def test_no_descriptor_is_left_open(gated: Make, canvas: Window) -> None:
    assert canvas.id
    gated()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number counts
    for _ in range(10):
        source = gated()
        source.grab()
        source.close()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


def test_a_look_is_cheap(gated: Make, canvas: Window, screen: Screen) -> None:
    source = gated()
    clean(source)
    with contextlib.ExitStack() as crowd:
        for number in range(6):
            place = f"{560 + 20 * number},{20 + 60 * number},100,50"
            crowd.enter_context(Window(screen.display, place, "--title", "x", "--program", "other"))
        clean(source, canvas)
        cost = time.process_time()
        for _ in range(50):
            source.grab()
        assert (time.process_time() - cost) / 50 < 0.02


@pytest.fixture
def composited(screen: Screen) -> Iterator[Window]:
    with Window(screen.display, "0,590,10,10", "--traits", "compositor", "popup") as window:
        time.sleep(0.3)
        yield window


def test_under_a_compositor_nothing_has_to_be_painted_anew(
    composited: Window, gated: Make, canvas: Window, private: Window
) -> None:
    assert composited.id
    private.give("lower")
    source = gated()
    clean(source, canvas)
    canvas.give("freeze")
    private.give("raise")
    blocked(source, "privacy-covered")
    private.give("lower")
    clean(source, canvas)


@pytest.mark.parametrize("trait", ["alpha", "glass"])
def test_under_a_compositor_a_window_behind_may_shine_through(
    composited: Window, gated: Make, canvas: Window, private: Window, trait: str
) -> None:
    """A window with an alpha channel hides what is behind only if it fills every pixel."""
    assert composited.id
    private.give("unmap")
    canvas.give("unmap")
    options = ("--title", "drawing", "--program", "glassy", "--traits", trait)
    with Window(os.environ["DISPLAY"], CANVAS_AT, *options) as window:
        time.sleep(0.3)
        source = gated()
        wait_until(lambda: isinstance(source.grab(), Frame))
        private.give("map")
        private.give("lower")
        window.give("raise")
        window.give("focus")
        expected = "frame" if trait == "alpha" else "privacy-covered"
        wait_until(lambda: reason(source.grab()) == expected)
        # A window manager that is still busy with them may stir them, or bring one to the front, once more.
        for _ in range(5):
            assert reason(source.grab()) != ("privacy-covered" if trait == "alpha" else "frame")
