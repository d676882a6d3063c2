"""The real command with a real OBS: begins and ends with the stream, and says what is wrong in one sentence."""

from pathlib import Path

import pytest

from sakigake.model import EntryType
from tests.capture.running import Kept, Recording, command, configure
from tests.obs.test_obs_record import stroke
from tests.peers.obs import PASSWORD, Obs, Screen, sink, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.x11]


def home_of(tmp_path: Path, password: str = PASSWORD) -> Path:
    home = tmp_path / "home"
    configure(home, f'[obs]\npassword = "{password}"')
    return home


def test_a_recording_begins_and_ends_with_the_stream(tmp_path: Path, obs: Obs, drawing: Screen) -> None:
    obs.add_screen("Canvas", drawing.display)
    home, address = home_of(tmp_path), f"obs://{obs.address}"
    options = ("--source", address, "--interval", "0.5s", "--with-stream", address)
    with Recording(home, *options) as recording:
        recording.wait_said("Waiting for the stream")
        assert recording.count("session_start") == 0
        with sink():
            obs.stream()
            recording.wait_for("stage")
            stroke(drawing, 300)
            recording.wait_for("stage", 2)
            obs.ask("StopStream")
            assert recording.ended(60) == 0
        assert any("so is the recording" in line for line in recording.sentences)
        assert any("7 to 60 days" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        states = kept.of(EntryType.STREAM_STATE)
        # Which of the first two comes first depends on when OBS answers.
        assert sorted(str(entry.info["state"]) for entry in states) == [
            "closed",
            "opened",
            "started",
            "stopped",
        ]
        assert all(int(entry.info["render_total"]) > 0 for entry in states)
        assert [entry.info["reason"] for entry in kept.of(EntryType.SESSION_END)] == ["stream"]


def test_a_wait_for_the_stream_can_be_ended_from_another_window(tmp_path: Path, obs: Obs) -> None:
    home, address = home_of(tmp_path), f"obs://{obs.address}"
    with Recording(home, "--source", address, "--with-stream", address) as recording:
        recording.wait_said("Waiting for the stream")
        assert command(home, "stop").returncode == 0
        assert recording.ended(30) == 0
        assert any("Nothing was recorded" in line for line in recording.sentences)


def test_a_wrong_password_is_said_before_anything_is_recorded(tmp_path: Path, obs: Obs) -> None:
    home, address = home_of(tmp_path, "another"), f"obs://{obs.address}"
    for options in (("--source", address), ("--region", "0,0,64,64", "--with-stream", address)):
        with Recording(home, *options) as recording:
            assert recording.ended(60) == 3
            text = "\n".join(recording.sentences)
            assert "does not accept this password" in text
            assert "Traceback" not in text
    assert not list(home.rglob("*.png"))


def test_a_scene_that_goes_off_air_is_a_pause(tmp_path: Path, obs: Obs, drawing: Screen) -> None:
    obs.add_screen("Canvas", drawing.display)
    home = home_of(tmp_path)
    scene = str(obs.ask("GetCurrentProgramScene")["currentProgramSceneName"])
    obs.ask("CreateScene", sceneName="Away")
    with Recording(home, "--source", f"obs://{obs.address}/{scene}", "--interval", "0.5s") as recording:
        recording.wait_for("stage")
        obs.ask("SetCurrentProgramScene", sceneName="Away")
        recording.wait_for("pause")
        obs.ask("SetCurrentProgramScene", sceneName=scene)
        recording.wait_for("resume")
        obs.kill()
        recording.wait_for("gap", timeout=60)
        wait_for("the gap is not said", lambda: any("No OBS" in line for line in recording.sentences), 30)
        assert recording.end() == 0
    with Kept(home) as kept:
        kept.check()
        assert [entry.info["reason"] for entry in kept.of(EntryType.PAUSE)] == ["scene-off-air"]
        assert {entry.info["reason"] for entry in kept.of(EntryType.GAP)} == {"source-gone"}
