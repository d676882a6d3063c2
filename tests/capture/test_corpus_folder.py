"""A real session of a real drawing program, taken in by the real command: no drawing phase may be missing."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.frame import Region
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType
from sakigake.timeline.entry import parse_picture
from tests.capture.running import Kept, Recording

# The detector waits for a quiet moment, half a minute at most; a stroke stays visible, an undone one does not.
LATEST_S = 20.0
UNDONE_S = 2.0
CANVAS = "72,109,926,645"  # of README.txt beside the session


@dataclass(frozen=True, slots=True)
class Phase:
    """A scripted action that changes the canvas; times in seconds since the session began."""

    name: str
    begin: float
    end: float


@pytest.fixture
def session() -> Path:
    corpus = os.environ.get("SAKIGAKE_CORPUS")
    if not corpus:
        pytest.skip("SAKIGAKE_CORPUS does not name the development corpus")
    folder = Path(corpus) / "sessions" / "krita-1"
    if not (folder / "actions.csv").is_file():
        pytest.skip(f"{folder} holds no recorded session")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize("canvas", [None, CANVAS])
def test_every_drawing_phase_is_in_a_stage(tmp_path: Path, session: Path, canvas: str | None) -> None:
    folder = session
    rectangle: tuple[str, ...] = ()
    if canvas:
        # Without the exports, which have no place for the rectangle and would come first.
        folder, rectangle = tmp_path / "frames", ("--canvas", canvas)
        folder.mkdir()
        for path in session.glob("f*.png"):
            (folder / path.name).symlink_to(path)
    with Recording(tmp_path / "home", "--source", f"folder:{folder}", "--once", *rectangle) as recording:
        assert recording.ended(300) == 0
    with Kept(tmp_path / "home") as kept:
        kept.check()
        assert not kept.of(EntryType.DROP)
        kept_pixels = {parse_picture(entry.opening).pixels for entry in kept.stored() if entry.opening}
    moments = []
    for row in rows(session / "frames.csv"):
        pixels = np.asarray(cv2.imread(str(session / row["frame"]), cv2.IMREAD_COLOR), np.uint8)
        if canvas:
            area = Region.parse(canvas)
            pixels = pixels[area.top : area.top + area.height, area.left : area.left + area.width]
        if pixel_digest_v1(pixels) in kept_pixels:
            moments.append(float(row["t_mono"]))
    phases = [
        Phase(row["action"], float(row["t_start"]), float(row["t_end"]))
        for row in rows(session / "actions.csv")
        if row["changes_canvas"] == "1"
    ]
    assert len(phases) >= 10
    missing = []
    for phase in phases:
        latest = phase.end + (UNDONE_S if phase.name == "undo" else LATEST_S)
        if not any(phase.begin < moment <= latest for moment in moments):
            missing.append(phase)
    assert missing == [], f"stages at {moments}"
