import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sakigake.model import EntryType
from sakigake.timeline.entry import parse_picture
from tests.capture.display import Painter, XServer, have_xvfb
from tests.capture.running import COMMAND, Kept, Recording, command, configure, environment, wait_until

pytestmark = [pytest.mark.x11, pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed")]

SCREEN = ("--region", "0,0,640,480", "--interval", "0.2s")


@pytest.fixture(scope="module")
def server() -> Iterator[XServer]:
    with XServer(640, 480) as running:
        yield running


@pytest.fixture
def painter(server: XServer) -> Iterator[Painter]:
    with Painter(server) as drawing:
        drawing.fill(0, 0, 640, 480, 0xFFFFFF)
        yield drawing


def test_a_drawing_is_recorded_and_ctrl_c_ends_it(tmp_path: Path, server: XServer, painter: Painter) -> None:
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_for("session_start")
        time.sleep(0.6)
        for seed in range(3):
            before = recording.count("stage")
            painter.stroke(seed, size=14)
            recording.wait_for("stage", before + 1)
        assert recording.end() == 0
        assert recording.kinds()["session_end"] == 1
        leaves = [line["leaf"] for line in recording.lines]
    with Kept(tmp_path) as kept:
        kept.check()
        assert [entry.leaf.hex() for entry in kept.stored()] == leaves
        assert kept.sessions[0].ended
        checkpoints = kept.store.checkpoints(kept.sessions[0].id)
        assert (checkpoints[0].size, checkpoints[-1].size) == (1, len(leaves))
        stage = kept.of(EntryType.STAGE)[0]
        assert (stage.info["width"], stage.info["height"], stage.info["origin"]) == (640, 480, "screen")
        assert stage.commit
        assert stage.fp
        assert kept.of(EntryType.SESSION_END)[0].info == {"reason": "interrupt"}


def test_sigterm_ends_it_as_cleanly(tmp_path: Path, server: XServer) -> None:
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_said("Recording. Session")
        assert recording.end(signal.SIGTERM) == 0
    with Kept(tmp_path) as kept:
        assert kept.of(EntryType.SESSION_END)[0].info == {"reason": "terminate"}


def test_status_and_stop_work_from_another_terminal(tmp_path: Path, server: XServer) -> None:
    configure(tmp_path)
    nothing = command(tmp_path, "status")
    assert (nothing.returncode, nothing.stdout) == (4, "Not recording.\n")
    assert command(tmp_path, "stop").returncode == 4
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_said("Recording. Session")
        wait_until(lambda: command(tmp_path, "status").returncode == 0, 10)
        told = json.loads(command(tmp_path, "status", "--json").stdout)
        assert told["schema_version"] == 1
        assert told["state"] == "recording"
        assert told["session"] == recording.lines[0]["session"]
        assert command(tmp_path, "stop").returncode == 0
        assert recording.ended() == 0
    assert command(tmp_path, "status").returncode == 4
    with Kept(tmp_path) as kept:
        assert kept.of(EntryType.SESSION_END)[0].info == {"reason": "stop"}


def test_a_second_recorder_is_turned_away_in_one_sentence(tmp_path: Path, server: XServer) -> None:
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_said("Recording. Session")
        second = command(tmp_path, "start", *SCREEN, display=server.name)
        assert second.returncode == 1
        assert second.stderr.startswith("sakigake: Another recording is running already.\n")
        assert "Traceback" not in second.stderr
        assert recording.process.poll() is None
        assert recording.end() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (
            ("--region", "2000,0,100,100"),
            2,
            "is not on any screen. \n  Your screens (left,top,width,height): 1: 0,0,640,480",
        ),
        (("--region", "10,10"), 2, "is not a rectangle"),
        (("--source", "screen:7"), 2, "There is no screen number 7"),
        (("--source", "camera"), 2, "is not a source"),
        ((), 2, "It is not said what to record"),
        (("--source", "screen", "--region", "0,0,99,99"), 2, "cannot be given together"),
        (("--source", "screen", "--once"), 2, "--once imports a folder"),
        (
            ("--region", "0,0,200,200", "--canvas", "300,0,100,100"),
            2,
            "lies outside the recorded picture of 200x200",
        ),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_no_session(
    tmp_path: Path, server: XServer, arguments: tuple[str, ...], code: int, part: str
) -> None:
    configure(tmp_path)
    tried = command(tmp_path, "start", *arguments, display=server.name)
    assert tried.returncode == code
    assert part.replace(" \n", "\n") in tried.stderr
    assert "Traceback" not in tried.stderr
    with Kept(tmp_path) as kept:
        assert kept.sessions == []


def test_without_a_display_it_says_what_to_do(tmp_path: Path) -> None:
    configure(tmp_path)
    tried = command(tmp_path, "start", *SCREEN)
    assert tried.returncode == 1
    assert "The screen cannot be read" in tried.stderr
    assert "--source folder:PATH" in tried.stderr


def sizes(kept: Kept) -> set[tuple[int, int]]:
    pictures = [parse_picture(entry.opening) for entry in kept.stored() if entry.opening]
    return {(picture.width, picture.height) for picture in pictures}


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (("--source", "screen"), (640, 480)),
        (("--source", "screen:0", "--canvas", "100,50,300,200"), (300, 200)),
        (("--region", "40,40,500,400", "--canvas", "60,10,300,200"), (300, 200)),
        (("--region", "-100,-100,500,400"), (400, 300)),
        (("--region", "540,380,500,400"), (100, 100)),
    ],
)
def test_only_the_rectangle_that_was_asked_for_is_kept(
    tmp_path: Path, server: XServer, painter: Painter, arguments: tuple[str, ...], size: tuple[int, int]
) -> None:
    with Recording(tmp_path, *arguments, "--interval", "0.1s", display=server.name) as recording:
        recording.wait_said("Recording. Session")
        time.sleep(0.5)
        painter.fill(0, 0, 640, 480, 0x804020)
        painter.fill(0, 0, 270, 240, 0x2040E0)
        painter.fill(590, 430, 50, 50, 0x2040E0)
        recording.wait_for("stage")
        assert recording.end() == 0
    with Kept(tmp_path) as kept:
        kept.check()
        assert sizes(kept) == {size}


def test_it_ends_by_itself_when_the_time_is_over(tmp_path: Path, server: XServer) -> None:
    with Recording(tmp_path, *SCREEN, "--for", "1s", display=server.name) as recording:
        assert recording.ended() == 0
    with Kept(tmp_path) as kept:
        start, end = kept.of(EntryType.SESSION_START)[0], kept.of(EntryType.SESSION_END)[0]
        assert end.info == {"reason": "time"}
        assert 1000 <= end.mono - start.mono < 10_000


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ("Recording. Session ", "Pictures are kept in ", "To stop: Ctrl+C here", "The time is over.")),
        (
            "ja",
            (
                "記録しています。記録番号 ",
                "画像の保存先: ",
                "止めるには: ここで Ctrl+C",
                "指定の時間になりました。",
            ),
        ),
    ],
)
def test_what_a_person_reads(tmp_path: Path, server: XServer, language: str, parts: tuple[str, ...]) -> None:
    configure(tmp_path)
    shown = subprocess.run(
        [*COMMAND, "start", *SCREEN, "--for", "0.5s"],
        env=environment(tmp_path, server.name, SAKIGAKE_LANG=language, PYTHONUTF8="1"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    text = shown.stdout.decode()
    assert [part for part in parts if part not in text] == []
    with Kept(tmp_path) as kept:
        assert kept.sessions[0].id in text
    assert shown.stderr == b""


@pytest.mark.usefixtures("painter")
def test_a_quiet_canvas_gives_heartbeats_and_nothing_else(tmp_path: Path, server: XServer) -> None:
    configure(tmp_path, "[record]\nheartbeat_s = 0.5\n")
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_for("heartbeat", 3)
        assert recording.end() == 0
    with Kept(tmp_path) as kept:
        assert {entry.type for entry in kept.entries()} == {
            EntryType.SESSION_START,
            EntryType.STAGE,
            EntryType.HEARTBEAT,
            EntryType.SESSION_END,
        }
        assert [stage.info["label"] for stage in kept.of(EntryType.STAGE)] == ["first"]
        assert all(int(beat.info["looks"]) >= 1 for beat in kept.of(EntryType.HEARTBEAT))


def test_checkpoints_come_with_new_entries_and_soon_after_a_stage(
    tmp_path: Path, server: XServer, painter: Painter
) -> None:
    text = "[record]\nheartbeat_s = 0.4\n[anchor]\nenabled = false\ncheckpoint_s = 1.5\nstage_checkpoint_s = 0.5\n"
    tmp_path.joinpath("sakigake.toml").write_text(text)
    with Recording(tmp_path, *SCREEN, display=server.name) as recording:
        recording.wait_for("heartbeat", 6)
        painter.stroke(1, size=20)
        recording.wait_for("stage")
        recording.wait_for("heartbeat", 8)
        assert recording.end() == 0
    with Kept(tmp_path) as kept:
        kept.check()
        checkpoints = kept.store.checkpoints(kept.sessions[0].id)
        assert checkpoints[0].size == 1  # before the first frame
        assert checkpoints[-1].size == len(kept.entries())
        assert len(checkpoints) >= 4


def test_a_reader_that_goes_away_does_not_end_the_recording(
    tmp_path: Path, server: XServer, painter: Painter
) -> None:
    configure(tmp_path)
    process = subprocess.Popen(
        [*COMMAND, "start", "--json", *SCREEN],
        env=environment(tmp_path, server.name),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        assert process.stderr
        assert b"session_start" in process.stdout.readline()
        process.stdout.close()
        process.stderr.close()
        time.sleep(0.5)
        painter.stroke(5, size=20)
        wait_until(lambda: has_stage(tmp_path), 20)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    with Kept(tmp_path) as kept:
        assert kept.of(EntryType.SESSION_END)


def has_stage(home: Path) -> bool:
    with Kept(home) as kept:
        return bool(kept.of(EntryType.STAGE))
