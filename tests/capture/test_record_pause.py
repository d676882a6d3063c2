"""`record pause` and `record resume`: nothing is grabbed in between, and the record says so."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capture.frame import Frame
from sakigake.model import EntryType
from tests.capture.here import SIZE, Scripted, frame, recorder_here
from tests.capture.running import Kept, Recording, command, configure, wait_until

HEARTBEATS = "[record]\nheartbeat_s = 0.5\n"


class Counted(Scripted):
    """Counts its grabs; draws only when told to, so that a stage can only come from a real change."""

    def __init__(self) -> None:
        super().__init__(self._picture)
        self.grabs = 0
        self.page = np.full((SIZE.height, SIZE.width, 3), 250, np.uint8)
        self.draw(30)

    def draw(self, y: int) -> None:
        cv2.ellipse(self.page, (160, y), (120, 20), 10, 0, 300, (20, 30, 90), 9)

    def _picture(self, number: int) -> Frame:
        self.grabs += 1
        return frame(self.page.copy(), number)


def status(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(command(home, "status", "--json").stdout)
    return told


def test_nothing_is_grabbed_while_paused_and_no_gap_and_no_stage_come_of_it(tmp_path: Path) -> None:
    configure(tmp_path, HEARTBEATS)
    source = Counted()
    with recorder_here(tmp_path, source) as here:
        here.wait_told(EntryType.STAGE)
        told = command(tmp_path, "pause")
        assert (told.returncode, told.stderr) == (0, "")
        grabs = source.grabs
        here.wait_told(EntryType.PAUSE)
        time.sleep(4)
        assert source.grabs == grabs
        told = command(tmp_path, "resume")
        assert (told.returncode, told.stderr) == (0, "")
        here.wait_looks(10)
        assert here.told.count(EntryType.STAGE) == 1
        source.draw(150)
        here.wait_told(EntryType.STAGE, 2)
    assert [key for key in here.spoken() if key in {"record.paused", "record.resumed"}] == [
        "record.paused",
        "record.resumed",
    ]
    with Kept(tmp_path) as kept:
        kept.check()
        assert not kept.of(EntryType.GAP)
        (pause,) = kept.of(EntryType.PAUSE)
        (resume,) = kept.of(EntryType.RESUME)
        assert pause.info == {"reason": "asked"}
        assert 4_000 <= int(resume.info["ms"]) <= 30_000
        assert abs(resume.mono - pause.mono - int(resume.info["ms"])) < 100
        within = [beat for beat in kept.of(EntryType.HEARTBEAT) if pause.seq < beat.seq < resume.seq]
        assert len(within) >= 3
        assert {beat.info.get("paused") for beat in within} == {"asked"}
        assert sum(int(beat.info["looks"]) for beat in within[1:]) == 0
        after = [beat for beat in kept.of(EntryType.HEARTBEAT) if beat.seq > resume.seq]
        assert not any("paused" in beat.info for beat in after)


def test_what_was_drawn_in_the_pause_is_a_stage_after_it(tmp_path: Path) -> None:
    source = Counted()
    with recorder_here(tmp_path, source) as here:
        here.wait_told(EntryType.STAGE)
        assert command(tmp_path, "pause").returncode == 0
        source.draw(150)
        assert command(tmp_path, "resume").returncode == 0
        here.wait_told(EntryType.STAGE, 2)


def test_status_says_since_when_and_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with recorder_here(tmp_path, Counted()) as here:
        here.wait_told(EntryType.STAGE)
        assert command(tmp_path, "pause").returncode == 0
        wait_until(lambda: status(tmp_path)["state"] == "paused", 10)
        told = status(tmp_path)
        assert (told["paused"], told["until_ms"]) == ("asked", 0)
        assert 0 <= time.time_ns() // 1_000_000 - told["paused_ms"] < 20_000
        said = command(tmp_path, "status")
        assert said.returncode == 8
        since = time.strftime("%H:%M:%S", time.localtime(told["paused_ms"] / 1000))
        assert f"Paused since {since}" in said.stdout
        assert command(tmp_path, "resume").returncode == 0
        wait_until(lambda: command(tmp_path, "status").returncode == 0, 10)


def test_a_pause_for_a_while_ends_by_itself(tmp_path: Path) -> None:
    with recorder_here(tmp_path, Counted()) as here:
        here.wait_told(EntryType.STAGE)
        assert command(tmp_path, "pause", "--for", "5s").returncode == 0
        wait_until(lambda: status(tmp_path).get("until_ms", 0) > 0, 10)
        here.wait_told(EntryType.RESUME, timeout=20)
        here.wait_looks(3)
    with Kept(tmp_path) as kept:
        (resume,) = kept.of(EntryType.RESUME)
        assert 3_000 <= int(resume.info["ms"]) <= 9_000


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    configure(tmp_path)
    for order in ("pause", "resume"):
        told = command(tmp_path, order)
        assert (told.returncode, told.stdout) == (4, "")
        assert told.stderr.startswith("sakigake: No recording is running.")
    with recorder_here(tmp_path, Counted()):
        told = command(tmp_path, "resume")
        assert told.returncode == 1
        assert told.stderr.startswith("sakigake: The recording is not paused.")
        assert command(tmp_path, "pause").returncode == 0
        told = command(tmp_path, "pause", "--for", "1m")
        assert told.returncode == 1
        assert told.stderr.startswith("sakigake: The recording is paused already.")
        assert command(tmp_path, "pause", "--for", "soon").returncode == 2
        assert status(tmp_path)["until_ms"] == 0  # an order that was refused changes nothing
    with Kept(tmp_path) as kept:
        assert len(kept.of(EntryType.PAUSE)) == 1


def test_a_recorder_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that hangs: the order is not taken, and nobody is told that it was."""
    from click.testing import CliRunner

    from desk.commands.orders import pause
    from sakigake.errors import SakigakeError

    held = [True]

    def step(number: int) -> None:
        while number > 3 and held[0]:
            time.sleep(0.05)

    monkeypatch.setattr("desk.commands.orders.PAUSE_TIMEOUT_S", 2.0)
    monkeypatch.setenv("SAKIGAKE_HOME", str(tmp_path))
    with recorder_here(tmp_path, Scripted(step)) as here:
        wait_until(lambda: here.looks == 3, 20)
        result = CliRunner().invoke(pause, [])
        assert isinstance(result.exception, SakigakeError)
        assert result.exception.code == "record-order-slow"
        assert not here.told.count(EntryType.PAUSE)
        held[0] = False


def test_stop_works_while_paused(tmp_path: Path) -> None:
    frames = pictures(tmp_path)
    with Recording(tmp_path / "home", *frames) as recording:
        recording.wait_for("stage")
        assert command(tmp_path / "home", "pause").returncode == 0
        assert command(tmp_path / "home", "stop").returncode == 0
        assert recording.ended() == 0
    with Kept(tmp_path / "home") as kept:
        kept.check()
        last = [entry.type for entry in kept.entries() if entry.type is not EntryType.HEARTBEAT][-2:]
        assert last == [EntryType.PAUSE, EntryType.SESSION_END]
        assert not kept.of(EntryType.GAP)


def test_kill_9_while_paused_leaves_a_pause_as_far_as_it_was_told_and_a_gap_from_there(
    tmp_path: Path,
) -> None:
    frames = pictures(tmp_path)
    configure(tmp_path / "home", HEARTBEATS)
    with Recording(tmp_path / "home", *frames) as recording:
        recording.wait_for("stage")
        assert command(tmp_path / "home", "pause").returncode == 0
        recording.wait_for("heartbeat", recording.count("heartbeat") + 2)
        recording.process.send_signal(signal.SIGKILL)
        recording.ended()
    time.sleep(1)
    with Recording(tmp_path / "home", *frames, "--once") as recording:
        assert recording.ended() == 0
    with Kept(tmp_path / "home") as kept:
        kept.check()
        entries = kept.entries()
        recovered = next(entry for entry in entries if entry.type is EntryType.RECOVERED)
        before, gap = entries[recovered.seq - 1], entries[recovered.seq + 1]
        assert before.info.get("paused") == "asked"
        assert gap.info["reason"] == "crash"
        assert abs(int(gap.info["ms"]) - (recovered.wall - before.wall)) < 500
        assert not kept.of(EntryType.RESUME)  # nobody resumed it; the new start began unpaused


def pictures(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "frames").mkdir()
    pixels = np.random.default_rng(2).integers(0, 256, (240, 320, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "frames" / "1.png"), pixels)
    return ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.2s")
