"""The real command beside a private window: pauses instead of pictures, and nothing of it in any file."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from sakigake.model import EntryType
from sakigake.timeline.entry import Entry
from tests.capture.running import Kept, Recording
from tests.peers.windows import PLANTED, Window
from tests.privacy.conftest import CANVAS_AT, PLACE, Screen, planted_pixels

pytestmark = pytest.mark.x11
TITLE = "letter to a friend"


@pytest.fixture
def windows(screen: Screen) -> Iterator[tuple[Window, Window]]:
    drawn = ("--title", "drawing", "--program", "paint", "--traits", "bare")
    letter = ("300,150,200,200", "--title", TITLE, "--program", "mail")
    with (
        Window(screen.display, CANVAS_AT, *drawn) as canvas,
        Window(screen.display, *letter, planted=True) as private,
    ):
        time.sleep(0.4)
        private.give("lower")
        canvas.give("focus")
        yield canvas, private


def nothing_private_in(home: Path) -> None:
    for path in home.rglob("*.png"):
        pixels = cv2.imread(str(path))
        assert pixels is not None
        assert planted_pixels(np.asarray(pixels, np.uint8)) == 0
    planted = [color.to_bytes(3, order) * 4 for color in PLANTED for order in ("big", "little")]
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in (TITLE.encode(), b"mail", *planted) if secret in data], path


def reasons(entries: list[Entry], kind: EntryType) -> set[object]:
    return {entry.info["reason"] for entry in entries if entry.type is kind}


def test_a_rectangle_pauses_while_another_window_shows_in_it(
    tmp_path: Path, screen: Screen, windows: tuple[Window, Window]
) -> None:
    canvas, private = windows
    with Recording(
        tmp_path, "--region", str(PLACE), "--interval", "0.2s", display=screen.display
    ) as recording:
        recording.wait_for("stage")
        private.give("raise")
        recording.wait_for("pause")
        private.give("lower")
        canvas.give("focus")
        recording.wait_for("resume")
        canvas.give("dot", "150,150")
        recording.wait_for("stage", 2)
        assert recording.end() == 0
        assert any("paint" in line for line in recording.sentences)
        assert any("“mail”" in line for line in recording.sentences)  # said to the person at the screen only
        assert not any(TITLE in line for line in recording.sentences)
    with Kept(tmp_path) as kept:
        kept.check()
        told = [entry for entry in kept.entries() if entry.type in {EntryType.PAUSE, EntryType.RESUME}]
        assert [entry.type for entry in told][:2] == [EntryType.PAUSE, EntryType.RESUME]
        assert reasons(told, EntryType.PAUSE) <= {"privacy-covered", "privacy-other-in-front"}
        assert int(told[-1].info["ms"]) > 0
        assert not kept.of(EntryType.GAP)
    nothing_private_in(tmp_path)


def test_a_window_is_recorded_under_what_lies_over_it(
    tmp_path: Path, screen: Screen, windows: tuple[Window, Window]
) -> None:
    canvas, private = windows
    with Recording(
        tmp_path, "--source", "window:paint", "--interval", "0.2s", display=screen.display
    ) as recording:
        recording.wait_for("stage")
        private.give("raise")
        canvas.give("dot", "150,150")
        recording.wait_for("stage", 2)
        canvas.close()
        recording.wait_said("the recorded window is closed")
        recording.wait_for("gap")
        assert recording.end() == 0
    with Kept(tmp_path) as kept:
        kept.check()
        assert {stage.info["origin"] for stage in kept.of(EntryType.STAGE)} == {"window"}
        # What was covered just now may not be painted again for a moment: a gap of its own, on a loaded machine.
        found = reasons(kept.entries(), EntryType.GAP)
        assert {"window-closed"} <= found <= {"window-closed", "window-stale"}
    nothing_private_in(tmp_path)


def test_a_window_that_is_not_there_is_said_at_once(tmp_path: Path, screen: Screen) -> None:
    with Recording(tmp_path, "--source", "window:nobody", display=screen.display) as recording:
        assert recording.ended(30) == 4
        assert "nobody" in "".join(recording.sentences)


def test_another_program_in_the_same_place_does_not_go_on_with_a_session(
    tmp_path: Path, screen: Screen, windows: tuple[Window, Window]
) -> None:
    """After a crash the session of the drawing is closed: what stands there now is something else."""
    canvas, _ = windows
    options = ("--region", str(PLACE), "--interval", "0.2s")
    with Recording(tmp_path, *options, display=screen.display) as recording:
        recording.wait_for("stage")
        recording.process.kill()
    canvas.close()
    other = ("--title", "other", "--program", "viewer", "--traits", "bare")
    with (
        Window(screen.display, CANVAS_AT, *other) as there,
        Recording(tmp_path, *options, display=screen.display) as recording,
    ):
        there.give("focus")
        recording.wait_said("viewer")
        assert recording.end() == 0
        assert recording.count("recovered") == 1  # the old one, to close it
    with Kept(tmp_path) as kept:
        assert len(kept.sessions) == 2
        assert kept.sessions[0].ended is not None
