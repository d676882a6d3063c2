"""Replay a recorded drawing session through the stage detector and count what it misses and what it invents.

    python -m bench.stages SESSION_DIR --json FILE [--stats CSV] [--sweep] [--set RULE=VALUE]...

A session is a folder with `frames.csv` (frame, t_mono, t_wall, active_window, pointer_x, pointer_y), the pictures it
names, and `actions.csv` (t_start, t_end, action, kind, changes_canvas). A phase is a row that changes the canvas
(kind `transform` left out). It is missed when no stage is taken between its end and 30 s later. A stage is false when
no phase overlaps the time since the stage before it. The canvas is the rectangle that `README.txt` names, else the
automatic suggestion. Everything is counted twice: with the window titles, and as if no title could be read.
"""

import argparse
import csv
import dataclasses
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from capture import registration
from capture.canvas import CanvasFinder
from capture.frame import Frame, Region
from capture.rules import Rules
from capture.stages import Context, Decision, StageDetector
from capture.stats import StatsTable

PATIENCE_S = 30.0
RECTANGLE = re.compile(r"Canvas viewport rectangle: x (\d+)\.\.(\d+), y (\d+)\.\.(\d+)")
SWEEP: dict[str, tuple[float, ...]] = {
    "draw": (0.0002, 0.0004, 0.0008),
    "stage": (0.001, 0.002, 0.004, 0.008),
    "stage_at_once": (0.03, 0.06, 0.12),
    "stage_late": (0.0005, 0.001, 0.002),
    "late_s": (12, 18, 24, 30, 36),
    "contrast": (12, 18, 26),
    "contrast_moved": (18, 28, 40),
    "same_lines": (0.9, 0.95, 0.98),
    "pose_lines": (0.6, 0.7, 0.8),
    "pose_lines_matched": (0.0, 0.3, 0.45, 0.6),
    "pose_lines_old": (0.45, 0.55, 0.7),
    "min_inliers": (8, 15, 25, 40),
    "hold_samples": (2, 3, 4, 6),
    "hold_samples_untitled": (4, 8, 12),
    "settle_samples": (2, 3, 5),
}


FEATURE_COUNTS = (250, 500, 1000, 2000)


@dataclass(frozen=True, slots=True)
class Shot:
    """One row of `frames.csv`."""

    path: Path
    seconds: float
    wall: float
    title: str
    pointer: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of drawing, in seconds of the session."""

    start: float
    end: float
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """A recorded session. `canvas` is None when neither README nor the suggestion names one."""

    shots: tuple[Shot, ...]
    phases: tuple[Phase, ...]
    canvas: Region | None
    canvas_named: bool
    own: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A frame and what the detector said of it."""

    shot: Shot
    decision: Decision
    cpu_ms: float


def load(folder: Path) -> Session:
    """Read a session; raises FileNotFoundError when a table is not there, KeyError when a column is not."""
    with (folder / "frames.csv").open(encoding="utf-8", newline="") as file:
        shots = tuple(
            Shot(
                folder / row["frame"],
                float(row["t_mono"]),
                float(row["t_wall"]),
                row["active_window"],
                (int(row["pointer_x"]), int(row["pointer_y"])) if row["pointer_x"] else None,
            )
            for row in csv.DictReader(file)
        )
    with (folder / "actions.csv").open(encoding="utf-8", newline="") as file:
        phases = tuple(
            Phase(float(row["t_start"]), float(row["t_end"]), row["action"])
            for row in csv.DictReader(file)
            if row["changes_canvas"] == "1" and row["kind"] != "transform"
        )
    own = own_windows([shot.title for shot in shots])
    readme = folder / "README.txt"
    named = RECTANGLE.search(readme.read_text(encoding="utf-8")) if readme.exists() else None
    if named:
        left, right, top, bottom = map(int, named.groups())
        canvas: Region | None = Region(left, top, right - left, bottom - top)
    else:
        canvas = suggest(shots, own)
    return Session(shots, phases, canvas, named is not None, own)


def own_windows(titles: list[str]) -> tuple[bool, ...]:
    """Say for each title whether it is that of the window that was in front most of the time.

    Programs decorate the title of their main window with signs of change, sizes and zoom, so brackets, asterisks
    and separators are left out of the comparison. A dialog of the same program has another title and is not it.
    """
    plain = [re.sub(r"\([^)]*\)|\*|\s[—–-]\s|\d+(\.\d+)?\s?%", " ", f" {title} ").split() for title in titles]
    main = Counter(map(tuple, plain)).most_common(1)[0][0]
    return tuple(tuple(words) == main for words in plain)


def suggest(shots: tuple[Shot, ...], own: tuple[bool, ...]) -> Region | None:
    """Return the automatic suggestion from all frames of the drawing program."""
    finder = CanvasFinder()
    for shot, mine in zip(shots, own, strict=True):
        if mine:
            finder.add(read(shot, 0).pixels)
    return finder.suggest()


def read(shot: Shot, seq: int) -> Frame:
    """Return the frame of a row; raises FileNotFoundError when its picture is not there."""
    pixels = cv2.imread(str(shot.path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(shot.path)
    height, width = pixels.shape[:2]
    return Frame(
        np.asarray(pixels, np.uint8),
        round(shot.wall * 1e9),
        round(shot.seconds * 1e9),
        seq,
        "screen",
        Region(0, 0, width, height),
    )


def replay(session: Session, rules: Rules, *, titled: bool, scale: float = 1.0) -> Iterator[Row]:
    """Show every frame to a fresh detector, and let it flush at the end; `scale` enlarges the frames first."""
    canvas = session.canvas
    if canvas is not None and scale != 1:
        sides = (canvas.left, canvas.top, canvas.width, canvas.height)
        canvas = Region(*(round(side * scale) for side in sides))
    detector = StageDetector(canvas, rules)
    kept = 0
    for seq, (shot, own) in enumerate(zip(session.shots, session.own, strict=True)):
        frame = read(shot, seq)
        pointer = shot.pointer
        if scale != 1:
            bigger = cv2.resize(frame.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            frame = dataclasses.replace(frame, pixels=np.asarray(bigger, np.uint8))
            pointer = (round(pointer[0] * scale), round(pointer[1] * scale)) if pointer else None
        began = time.thread_time()
        decision = detector.step(frame, Context(own if titled else None, pointer))
        yield Row(shot, decision, (time.thread_time() - began) * 1e3)
        if decision.stage:
            kept += 1
            detector.kept(kept, frame)
    if (last := detector.flush()) is not None:
        yield Row(session.shots[-1], last, 0.0)


def judge(session: Session, rows: list[Row]) -> dict[str, Any]:
    """Count missed phases and false stages, and measure delays and cost."""
    stages = [row.shot.seconds for row in rows if row.decision.stage]
    delays, missed = [], []
    for phase in session.phases:
        after = [moment - phase.end for moment in stages if 0 <= moment - phase.end <= PATIENCE_S]
        if after:
            delays.append(after[0])
        else:
            missed.append(f"{phase.name} {phase.start:.1f}-{phase.end:.1f}")
    false = []
    for before, moment in zip([float("-inf"), *stages], stages, strict=False):
        if not any(phase.start <= moment and phase.end > before for phase in session.phases):
            false.append(round(moment, 1))
    costs = [row.cpu_ms for row in rows]
    return {
        "phases": len(session.phases),
        "phases_missed": len(missed),
        "stages": len(stages),
        "false_stages": len(false),
        "median_delay_s": round(statistics.median(delays), 2) if delays else None,
        "max_delay_s": round(max(delays), 2) if delays else None,
        "cpu_ms_per_frame": round(statistics.mean(costs), 2),
        "cpu_ms_p99": round(float(np.percentile(costs, 99)), 2),
        "reverts": sum(row.decision.reverts_to is not None for row in rows),
        "missed": missed,
        "false": false,
    }


def measure(session: Session, rules: Rules, *, scale: float = 1.0) -> dict[str, Any]:
    """Return the figures with titles, and those without under `untitled`."""
    figures = judge(session, list(replay(session, rules, titled=True, scale=scale)))
    figures["untitled"] = judge(session, list(replay(session, rules, titled=False, scale=scale)))
    area = session.canvas
    figures["canvas"] = str(area) if area else None
    figures["canvas_from"] = "readme" if session.canvas_named else "suggestion"
    figures["opencv"] = cv2.__version__
    return figures


def write_stats(path: Path, rows: list[Row]) -> None:
    """Write every metric of every frame as a table."""
    path.unlink(missing_ok=True)
    with StatsTable(path) as table:
        for row in rows:
            table.add(row.shot.path.name, row.shot.seconds, row.decision, row.cpu_ms)


def sweep(session: Session) -> list[dict[str, Any]]:
    """Measure with one threshold at a time moved away from its default."""
    found = []
    for name, values in SWEEP.items():
        default = getattr(Rules(), name)
        for value in values:
            rules = dataclasses.replace(Rules(), **{name: type(default)(value)})
            found.append(_swept(name, value, default, measure(session, rules)))
    default = registration.FEATURES
    try:
        for count in FEATURE_COUNTS:
            registration.FEATURES = count
            found.append(_swept("features", count, default, measure(session, Rules())))
    finally:
        registration.FEATURES = default
    return found


def _swept(name: str, value: float, default: float, figures: dict[str, Any]) -> dict[str, Any]:
    plain = figures["untitled"]
    print(
        f"{name:>22} {value:<8g}{'*' if value == default else ' '} "
        f"missed {figures['phases_missed']} false {figures['false_stages']} stages {figures['stages']} "
        f"median {figures['median_delay_s']} max {figures['max_delay_s']} s, "
        f"{figures['cpu_ms_per_frame']} ms p99 {figures['cpu_ms_p99']}; "
        f"untitled missed {plain['phases_missed']} false {plain['false_stages']}",
        flush=True,
    )
    return {"rule": name, "value": value, "default": value == default} | figures


def moved(settings: list[str]) -> Rules:
    """Return the rules with `name=value` changed in them; `features` is set where it is used."""
    rules = Rules()
    for name, _, value in (setting.partition("=") for setting in settings):
        if name == "features":
            registration.FEATURES = int(value)
        else:
            rules = dataclasses.replace(rules, **{name: type(getattr(rules, name))(value)})
    return rules


def main() -> int:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.stages", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("session", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stats", type=Path, help="write every metric of every frame as CSV")
    parser.add_argument("--sweep", action="store_true", help="move each threshold away from its default")
    parser.add_argument("--scale", type=float, default=1.0, help="enlarge the frames first, for the cost")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="RULE=VALUE",
        help="a threshold of capture/rules.py, or features, the number of points in a picture",
    )
    given = parser.parse_args()
    cv2.setNumThreads(1)
    rules = moved(given.set)
    if not (given.session / "frames.csv").exists():
        print(f"{given.session} is not a recorded session: frames.csv is not there", file=sys.stderr)
        return 2
    session = load(given.session)
    figures = measure(session, rules, scale=given.scale)
    if given.stats:
        write_stats(given.stats, list(replay(session, rules, titled=True)))
    if given.sweep:
        figures["sweep"] = sweep(session)
    text = json.dumps(figures, ensure_ascii=False, indent=1)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in figures.items() if key != "sweep"}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
