"""The table of what the detector measured."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.stats import COLUMNS, METRICS, StatsTable
from sakigake.errors import UsageError
from tests.capture.easel import Easel
from tests.capture.running import Recording, command


def test_every_metric_has_a_column() -> None:
    """A view that is drawn on, zoomed, turned, mirrored and lost has been through all of the detector."""
    easel = Easel()
    seen: set[str] = set()
    poses = [easel.fit(), easel.fit(zoom=1.3), easel.fit(angle=20), easel.fit(mirror=True)]
    easel.scribble(30)
    for number in range(24):
        easel.pose = poses[number // 2 % 4]
        if number % 3 == 0:
            easel.scribble(2)
        seen |= set(easel.show().metrics)
    easel.page[:] = np.random.default_rng(1).integers(0, 255, easel.page.shape, np.uint8)
    for _ in range(4):
        seen |= set(easel.show().metrics)
    assert seen <= set(METRICS)
    assert {"pose_lines", "inliers", "residue", "lost", "zoom"} <= seen


def test_a_recording_writes_a_row_for_every_frame(tmp_path: Path) -> None:
    folder, table = tmp_path / "frames", tmp_path / "stats.csv"
    folder.mkdir()
    for number in range(5):
        pixels = np.full((240, 320, 3), 250, np.uint8)
        cv2.circle(pixels, (160, 120), 10 + 15 * number, (20, 20, 160), 5)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    home = tmp_path / "home"
    with Recording(home, "--source", f"folder:{folder}", "--once", "--stats", str(table)) as recording:
        assert recording.ended(60) == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["frame"]) for row in rows][:5] == list(range(5))
    assert rows[0]["label"] == "first"
    assert float(rows[0]["seconds"]) == 0


def test_a_table_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    table = tmp_path / "stats.csv"
    table.write_text("mine")
    with pytest.raises(UsageError):
        StatsTable(table)
    told = command(tmp_path / "home", "start", "--source", f"folder:{tmp_path}", "--stats", str(table))
    assert told.returncode == 2
    assert "already there" in told.stderr
    assert table.read_text() == "mine"
    with pytest.raises(UsageError, match="written"):
        StatsTable(tmp_path / "missing" / "stats.csv")


def test_a_start_that_fails_leaves_no_table_behind(tmp_path: Path) -> None:
    """The next try would take the empty table for somebody's own."""
    table, folder, home = tmp_path / "stats.csv", tmp_path / "frames", tmp_path / "home"
    wanted = ("start", "--source", f"folder:{folder}", "--once", "--stats", str(table))
    folder.mkdir()
    with Recording(home, "--source", f"folder:{folder}") as busy:
        busy.wait_for("session_start")
        told = command(home, *wanted)
        assert told.returncode == 1
        assert "Another recording" in told.stderr
        assert not table.exists()
    cv2.imwrite(str(folder / "0.png"), np.full((240, 320, 3), 250, np.uint8))
    assert command(home, *wanted).returncode == 0
    assert len(table.read_text().splitlines()) > 1
