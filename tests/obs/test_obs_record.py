"""A real recording of a real OBS: stages of what was on air, nothing of what was hidden, gaps with their reasons."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capture.frame import Pixels
from capture.loop import Ending, Plan, Recorder
from capture.sources.obs import ObsSource
from sakigake import settings
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import Entry, parse_entry
from tests.peers.obs import PASSWORD, Obs, Screen, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.x11]

PLANTED = (0xF1, 0x2B, 0xD9)
PLANTED_BGR = 0xF12BD9


class Recording:
    """A recorder in this process, so that it looks from inside the network of its OBS."""

    def __init__(self, home: Path, obs: Obs) -> None:
        (home / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
        self.home = home
        self.said: list[str] = []
        self.kinds: list[EntryType] = []
        self.ending: Ending | None = None
        plan = Plan(source=ObsSource(obs.address, PASSWORD), name="obs", interval_s=0.5)
        self.recorder = Recorder(
            settings.load(), plan, self._say, lambda entry, _: self.kinds.append(entry.type)
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _say(self, key: str, **_: Any) -> None:
        self.said.append(key)

    def _run(self) -> None:
        self.ending = self.recorder.run()

    def wait(self, kind: EntryType, count: int) -> None:
        wait_for(f"{count} x {kind}", lambda: self.kinds.count(kind) >= count, 60.0)

    def end(self) -> list[Entry]:
        self.recorder.stop("interrupt")
        self._thread.join(60)
        assert self.ending is not None
        assert not self.ending.failed
        with closing(SqliteStore(settings.load().database)) as store:
            return [parse_entry(entry.raw) for entry in store.entries(self.ending.session)]


def stroke(drawing: Screen, row: int) -> None:
    picture = np.array(drawing.pixels)
    points = np.array([[100, row], [400, row + 60], [700, row - 30], [1100, row + 40]], np.int32)
    cv2.polylines(picture, [points], False, (20, 20, 40, 0), 9, cv2.LINE_AA)
    drawing.pixels[:] = picture


def kept(home: Path) -> list[Pixels]:
    """Return the pictures on disk. One that is just being written has another name."""
    read = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in (home / "pictures").rglob("*.png")]
    return [np.asarray(picture, np.uint8) for picture in read if picture is not None]


def kept_as(home: Path, shown: Pixels) -> bool:
    """Say whether a picture on disk is what was shown; OBS scales in floating point and may round."""
    return any(int(np.abs(picture.astype(int) - shown).max()) <= 1 for picture in kept(home))


def test_what_is_on_air_becomes_stages_and_what_is_hidden_does_not(
    obs: Obs, drawing: Screen, own_home: Path
) -> None:
    obs.add_screen("Canvas", drawing.display)
    obs.add_colour("Private", PLANTED_BGR, 600, 400, shown=False)
    time.sleep(1)
    recording = Recording(own_home, obs)
    try:
        recording.wait(EntryType.SESSION_START, 1)
        time.sleep(2)
        for number in range(3):
            stroke(drawing, 150 + 200 * number)
            wait_for(
                f"stroke {number} is not kept", lambda: kept_as(own_home, drawing.pixels[:, :, :3]), 60.0
            )
        obs.kill()
        recording.wait(EntryType.GAP, 1)
        obs.start()
        wait_for("OBS is not found again", lambda: "record.back" in recording.said, 40.0)
    finally:
        entries = recording.end()
    stages = [entry for entry in entries if entry.type is EntryType.STAGE]
    assert len(stages) >= 3
    assert {entry.info["origin"] for entry in stages} == {"obs"}
    assert {(entry.info["width"], entry.info["height"]) for entry in stages} == {(1280, 720)}
    assert {entry.info["reason"] for entry in entries if entry.type is EntryType.GAP} == {"source-gone"}
    assert len(kept(own_home)) >= 3
    for picture in kept(own_home):
        assert (np.abs(picture.astype(int) - PLANTED).max(axis=2) >= 24).all()
