import os
import signal
import time
from pathlib import Path

import pytest

from sakigake.model import EntryType
from tests.capture.display import Painter, XServer, have_xvfb
from tests.capture.running import Kept, Recording, command, configure, wait_until

pytestmark = [
    pytest.mark.x11,
    pytest.mark.skipif(not have_xvfb() or os.name == "nt", reason="Xvfb is not installed"),
]
SCREEN = ("--region", "0,0,640,480", "--interval", "0.2s")


def paint(server: XServer) -> None:
    with Painter(server) as painter:
        painter.fill(0, 0, 640, 480, 0xF8F8F8)
        painter.stroke(1, size=20)


def test_an_x_server_that_dies_and_comes_back_larger(tmp_path: Path) -> None:
    with XServer(640, 480) as server:
        paint(server)
        with Recording(
            tmp_path, "--source", "screen", "--interval", "0.2s", display=server.name
        ) as recording:
            recording.wait_for("stage")
            number = server.number
            server.kill()
            recording.wait_for("gap")
            recording.wait_said("Nothing can be seen right now")
            wait_until(lambda: command(tmp_path, "status").returncode == 1, 10)
            assert "cannot be seen" in command(tmp_path, "status").stdout
            with XServer(800, 600, number) as again, Painter(again) as painter:
                recording.wait_said("Seeing again")
                painter.fill(50, 50, 500, 400, 0x3366CC)
                recording.wait_for("stage", 2)
                assert recording.end() == 0
    with Kept(tmp_path) as kept:
        kept.check()
        gaps = kept.of(EntryType.GAP)
        assert {gap.info["reason"] for gap in gaps} == {"source-gone"}
        assert sum(int(gap.info["ms"]) for gap in gaps) >= 500
        assert kept.of(EntryType.STAGE)[-1].info["width"] == 800


def test_a_frozen_recorder_leaves_a_gap_as_long_as_it_was_frozen(tmp_path: Path) -> None:
    with XServer() as server, Recording(tmp_path, *SCREEN, display=server.name) as recording:
        paint(server)
        recording.wait_for("stage")
        time.sleep(0.5)
        recording.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        recording.process.send_signal(signal.SIGCONT)
        recording.wait_for("gap")
        assert recording.end() == 0
    with Kept(tmp_path) as kept:
        gaps = kept.of(EntryType.GAP)
        assert {gap.info["reason"] for gap in gaps} == {"stall"}
        assert 2500 <= sum(int(gap.info["ms"]) for gap in gaps) <= 6000
        assert not kept.of(EntryType.CLOCK_JUMP)


@pytest.mark.slow
def test_an_x_server_that_is_frozen_from_the_start_is_one_sentence(tmp_path: Path) -> None:
    configure(tmp_path)
    with XServer() as server:
        server.signal(signal.SIGSTOP)
        tried = command(tmp_path, "start", *SCREEN, display=server.name)
        server.signal(signal.SIGCONT)
    assert tried.returncode == 1
    assert tried.stderr.startswith("sakigake: What is to be recorded does not answer")
    with Kept(tmp_path) as kept:
        assert kept.sessions == []


@pytest.mark.slow
def test_a_frozen_x_server_is_a_gap_while_it_lasts_and_the_end_does_not_hang(tmp_path: Path) -> None:
    with XServer() as server, Recording(tmp_path, *SCREEN, display=server.name) as recording:
        paint(server)
        recording.wait_for("stage")
        server.signal(signal.SIGSTOP)
        recording.wait_for("gap")
        wait_until(lambda: command(tmp_path, "status").returncode == 1, 15)
        assert recording.end() == 0
        server.signal(signal.SIGCONT)
    with Kept(tmp_path) as kept:
        kept.check()
        assert kept.of(EntryType.GAP)[0].info["reason"] == "stall"
        assert kept.sessions[0].ended
