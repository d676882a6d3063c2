"""The bench that counts missed phases and false stages counts right."""

import csv
import dataclasses
import json
import os
import sys
from pathlib import Path

import cv2
import pytest

from bench import stages as bench
from capture.rules import Rules
from capture.stages import Decision
from tests.capture.easel import Easel


@pytest.mark.parametrize(
    ("main", "others"),
    [
        (["a.kra (4.5 MiB)  — Krita", "a.kra (4.8 MiB)  * — Krita"], ["PNG image — Krita", "Chat"]),
        (["mtPaint 3.40 - /x/a.png", "mtPaint 3.40 (Modified) /x/a.png"], ["Colour Editor", "mtPaint 3.40"]),
        (
            ["[a] (imported)-1.0 (RGB) 70x80 – GIMP", "*[a] (imported)-1.0 (RGB) 70x80 – GIMP"],
            ["Export Image"],
        ),
        (
            [
                "絵.clip* (1200 x 900) 66.7% - CLIP STUDIO PAINT",
                "絵.clip (1200 x 900) 50% - CLIP STUDIO PAINT",
            ],
            [""],
        ),
    ],
)
def test_windows_of_the_drawing_are_told_by_their_title(main: list[str], others: list[str]) -> None:
    titles = [*main * 3, *others]
    assert bench.own_windows(titles) == (True,) * 6 + (False,) * len(others)


def _row(seconds: float, stage: bool) -> bench.Row:
    shot = bench.Shot(Path("f.png"), seconds, seconds, "", None)
    return bench.Row(shot, Decision("draw", stage, 0.01, None, "", {}), 5.0)


def test_missed_and_false_follow_their_definitions() -> None:
    phases = (bench.Phase(10, 12, "a"), bench.Phase(50, 55, "b"), bench.Phase(90, 95, "c"))
    session = bench.Session((), phases, None, False, ())
    times = {13: True, 20: True, 54: True, 60: False, 126: True}
    figures = bench.judge(session, [_row(moment, stage) for moment, stage in times.items()])
    assert figures["phases"] == 3
    assert [name.split()[0] for name in figures["missed"]] == ["b", "c"]
    assert figures["false"] == [20]
    assert (figures["median_delay_s"], figures["stages"]) == (1.0, 4)


def _session(folder: Path) -> Path:
    easel = Easel()
    rows, actions = [], []
    for k in range(24):
        start = 2.0 * k
        if k in {3, 12}:
            easel.scribble(5)
            actions.append([start - 1.5, start - 0.5, "strokes", "stroke", 1])
        cv2.imwrite(str(folder / f"f{k:03d}.png"), easel.view())
        title = "Chat" if k in {7, 8} else "a.png — Program"
        rows.append([f"f{k:03d}.png", start, 1.7e9 + start, title, 5, 5])
    actions.append([30.0, 31.0, "flipped the picture", "transform", 1])
    with (folder / "frames.csv").open("w", newline="") as file:
        header = ["frame", "t_mono", "t_wall", "active_window", "pointer_x", "pointer_y"]
        csv.writer(file).writerows([header, *rows])
    with (folder / "actions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["t_start", "t_end", "action", "kind", "changes_canvas"], *actions])
    (folder / "README.txt").write_text("Canvas viewport rectangle: x 0..900, y 0..640 (all of it).\n")
    return folder


def test_a_session_is_replayed_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _session(tmp_path)
    out, table = tmp_path / "out.json", tmp_path / "stats.csv"
    monkeypatch.setattr(sys, "argv", ["stages", str(folder), "--json", str(out), "--stats", str(table)])
    assert bench.main() == 0
    figures = json.loads(out.read_text())
    for counted in (figures, figures["untitled"]):
        assert (counted["phases"], counted["phases_missed"], counted["false_stages"]) == (2, 0, 0)
    assert figures["canvas"] == "0,0,900,640"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert [row["label"] for row in rows[7:9]] == ["foreign", "foreign"]
    assert "phases_missed" in capsys.readouterr().out


def test_a_folder_that_is_no_session_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages", str(tmp_path)])
    assert bench.main() == 2
    assert "frames.csv" in capsys.readouterr().err


def test_a_threshold_can_be_set() -> None:
    rules = bench.moved(["late_s=12", "min_inliers=8"])
    assert rules == dataclasses.replace(Rules(), late_s=12.0, min_inliers=8)
    assert type(rules.min_inliers) is int
    with pytest.raises(AttributeError):
        bench.moved(["nonsense=1"])


def test_the_sweep_names_only_rules_there_are() -> None:
    names = {field.name for field in dataclasses.fields(Rules)}
    assert set(bench.SWEEP) <= names
    assert all(getattr(Rules(), name) in values for name, values in bench.SWEEP.items())


@pytest.mark.corpus
@pytest.mark.slow
def test_the_recorded_session_is_followed_without_a_fault() -> None:
    corpus = os.environ.get("SAKIGAKE_CORPUS")
    if not corpus:
        pytest.skip("SAKIGAKE_CORPUS names no corpus")
    figures = bench.measure(bench.load(Path(corpus) / "sessions" / "krita-1"), Rules())
    assert (figures["phases_missed"], figures["false_stages"]) == (0, 0)
    assert figures["untitled"]["false_stages"] <= 1
    assert figures["median_delay_s"] <= 6
