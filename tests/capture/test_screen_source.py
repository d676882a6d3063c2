import time

import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Region
from capture.pacer import SECOND
from capture.sources import screen
from capture.sources.screen import ScreenSource
from sakigake.clock import Clock
from sakigake.errors import SakigakeError, UsageError
from tests.capture.display import Painter, XServer, have_xvfb

MONITORS = [Region(-800, 0, 2720, 1080), Region(0, 0, 1920, 1080), Region(-800, 0, 800, 600)]


@pytest.mark.parametrize(
    ("source", "placed"),
    [
        (ScreenSource(), MONITORS[1]),
        (ScreenSource(monitor=2), MONITORS[2]),
        (ScreenSource(monitor=0), MONITORS[0]),
        (ScreenSource(Region(-100, 0, 200, 100)), Region(-100, 0, 200, 100)),
        (ScreenSource(Region(1900, 0, 200, 100)), None),
        (ScreenSource(Region(1800, 1000, 200, 200)), Region(1800, 1000, 120, 80)),
        (ScreenSource(monitor=2, canvas=Region(10, 20, 300, 200)), Region(-790, 20, 300, 200)),
        (
            ScreenSource(Region(100, 100, 500, 500), canvas=Region(450, 0, 300, 300)),
            Region(550, 100, 50, 300),
        ),
        (ScreenSource(monitor=3), None),
    ],
)
def test_a_rectangle_is_placed_on_several_screens(source: ScreenSource, placed: Region | None) -> None:
    if placed is None:
        with pytest.raises(UsageError):
            source._place(MONITORS)
    else:
        assert source._place(MONITORS) == placed


def test_without_a_screen_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(SakigakeError) as refused:
        ScreenSource().open()
    assert refused.value.code == "record-no-screen"


@pytest.mark.x11
@pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed")
def test_what_is_on_the_screen_is_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8)
    with XServer(400, 300) as server, Painter(server) as painter:
        monkeypatch.setenv("DISPLAY", server.name)
        painter.picture(pixels)
        source = ScreenSource(Region(0, 0, 300, 200))
        source.open()
        first, second = source.grab(), source.grab()
        source.close()
        assert isinstance(first, Frame)
        assert isinstance(second, Frame)
        assert np.array_equal(first.pixels, pixels)
        assert (first.seq, second.seq, first.scale) == (0, 1, 1.0)
        assert abs(first.wall_ns - time.time_ns()) < 60 * SECOND


@pytest.mark.x11
@pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed")
def test_a_dead_server_is_asked_again_less_and_less_often_and_nothing_leaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0]
    with XServer(400, 300) as server:
        monkeypatch.setenv("DISPLAY", server.name)
        source = ScreenSource(clock=Clock(time.time_ns, lambda: now[0]))
        source.open()
        server.kill()
        opened: list[int] = []
        real_open = source.open

        def noted_open() -> None:
            opened.append(now[0] // SECOND)
            real_open()

        monkeypatch.setattr(source, "open", noted_open)
        for _ in range(120):
            assert isinstance(source.grab(), NoFrame)
            now[0] += SECOND
        # One second after the first failure, then 2, 5, 10, 30 and 30 again.
        assert opened == [1, 3, 8, 18, 48, 78, 108]
        with XServer(400, 300, server.number):
            now[0] += 60 * SECOND
            assert isinstance(source.grab(), Frame)
            source.close()


@pytest.mark.x11
@pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed")
def test_it_reopens_now_and_then_and_gives_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("/proc")
    monkeypatch.setattr(screen, "REOPEN_S", 0.0)
    with XServer(400, 300) as server:
        monkeypatch.setenv("DISPLAY", server.name)
        source = ScreenSource()
        source.open()
        source.grab()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(50):
            assert isinstance(source.grab(), Frame)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
        source.close()
