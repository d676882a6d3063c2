"""Drive a real drawing program under its own X server and record the session that `bench.stages` replays.

    python -m bench.draw_session krita /tmp/session --seed 3

Writes the whole screen every 2.0 s (`fNNN.png`), `frames.csv` (time, active window title, pointer), `actions.csv`
(what was done when, and whether it changes the canvas) and `README.txt` (the viewport rectangle). Needs Xvfb,
openbox, xdotool, wmctrl, xterm and the program itself. The order of the episodes depends on the seed.
"""

import argparse
import csv
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import mss
import numpy as np

from bench.draw_desk import Desk, Log
from bench.draw_programs import PROGRAMS, Program
from bench.draw_story import tell

EVERY_S = 2.0


def photograph(desk: Desk, folder: Path, stop: threading.Event) -> None:
    """Write a frame every two seconds until told to stop."""
    with mss.MSS(display=desk.display) as screen:
        due = time.monotonic()
        while not stop.is_set():
            moment, wall = desk.log.now(), time.time()
            shot = np.ascontiguousarray(np.asarray(screen.grab(screen.monitors[1]))[:, :, :3])
            title = desk.run("xdotool", "getactivewindow", "getwindowname")
            place = dict(
                line.split("=") for line in desk.run("xdotool", "getmouselocation", "--shell").split() if line
            )
            name = f"f{len(desk.log.frames):03d}.png"
            cv2.imwrite(str(folder / name), shot, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            row = (name, moment, round(wall, 3), title, place.get("X", ""), place.get("Y", ""))
            desk.log.frames.append(row)
            due += EVERY_S
            stop.wait(max(0.0, due - time.monotonic()))


def record(program: Program, folder: Path, display: str, seed: int) -> Log:
    """Record one session of the story into `folder`, which is emptied of older frames."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("f*.png"), *folder.glob("*.csv")):
        old.unlink()
    desk = Desk(program, display, seed)
    stop = threading.Event()
    with desk.stack:
        desk.start()
        desk.log = Log()
        camera = threading.Thread(target=photograph, args=(desk, folder, stop))
        camera.start()
        try:
            tell(desk)
        finally:
            stop.set()
            camera.join()
    left, top, right, bottom = program.viewport
    x, y, width, height = desk.page
    (folder / "README.txt").write_text(
        f"{program.name}, page {program.page[0]}x{program.page[1]}, seed {seed}, whole screen every {EVERY_S} s.\n"
        f"Canvas viewport rectangle: x {left}..{right}, y {top}..{bottom} (maximised). "
        f"Page at fit: x {x:.0f}..{x + width:.0f}, y {y:.0f}..{y + height:.0f}.\n"
        "changes_canvas is per action, padded with waiting: not exact to the frame.\n",
        encoding="utf-8",
    )
    _table(folder / "actions.csv", "t_start t_end action kind changes_canvas view note", desk.log.actions)
    _table(folder / "frames.csv", "frame t_mono t_wall active_window pointer_x pointer_y", desk.log.frames)
    return desk.log


def _table(path: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(rows)


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(prog="python -m bench.draw_session", description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=sorted(PROGRAMS))
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "drawn-session")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--display", default=":93")
    given = parser.parse_args()
    log = record(PROGRAMS[given.program], given.folder, given.display, given.seed)
    print(f"{len(log.frames)} frames, {len(log.actions)} actions in {given.folder}")


if __name__ == "__main__":
    main()
