"""A desk to draw at: one X server with a window manager and a drawing program, and a hand that moves the pointer."""

import math
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import mss
import numpy as np

from bench.draw_programs import Program

Point = tuple[float, float]


@dataclass(slots=True)
class Log:
    """What was done and what was seen, in seconds since the start."""

    began: float = field(default_factory=time.monotonic)
    actions: list[tuple[float, float, str, str, int, str, str]] = field(default_factory=list)
    frames: list[tuple[str, float, float, str, str, str]] = field(default_factory=list)

    def now(self) -> float:
        """Return the seconds since the start."""
        return round(time.monotonic() - self.began, 3)


class Desk:
    """One X server with a window manager and the program, and a hand that draws in it."""

    def __init__(self, program: Program, display: str, seed: int) -> None:
        self.program = program
        self.random = random.Random(seed)
        self.display = display
        self.log = Log()
        self.page = (0.0, 0.0, 1.0, 1.0)
        self.stack = ExitStack()
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Start the server, the window manager and the program, maximised, the page fitted into the view."""
        home = Path(self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        (home / "run").mkdir(mode=0o700)
        # OpenCV's import points QT_* at its own plugins, with which no other Qt program starts.
        foreign = ("XDG_", "DBUS_", "QT_")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "DISPLAY": self.display}
        self.env |= {"LIBGL_ALWAYS_SOFTWARE": "1"}
        for name, text in self.program.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        width, height = self.program.screen
        self.spawn("Xvfb", self.display, "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp")
        time.sleep(1.5)
        self.spawn("openbox")
        time.sleep(1)
        page = home / "canvas.png"
        cv2.imwrite(str(page), np.full((self.program.page[1], self.program.page[0], 3), 255, np.uint8))
        self.spawn(*self.program.command, str(page))
        self.wait_for(self.program.title)
        time.sleep(self.program.settle_s)
        self.run("wmctrl", "-r", self.program.title, "-b", "add,maximized_vert,maximized_horz")
        time.sleep(2)
        self.do("prepare", "fit")
        time.sleep(3)
        self.page = self.find_page()

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with the desk."""
        process = subprocess.Popen(
            command, env=self.env or None, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.stack.callback(_end, process)
        return process

    def run(self, *command: object) -> str:
        """Run a short command in the desk's display; its failure shows in the pictures, not here."""
        done = subprocess.run(
            [str(word) for word in command], env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def wait_for(self, title: str) -> None:
        """Wait until a window of that title is there; raises RuntimeError after two minutes."""
        for _ in range(240):
            if title in self.run("wmctrl", "-l"):
                return
            time.sleep(0.5)
        raise RuntimeError(f"no window “{title}” within two minutes")

    def find_page(self) -> tuple[float, float, float, float]:
        """Return left, top, width and height of the white page inside the viewport."""
        left, top, right, bottom = self.program.viewport
        with mss.MSS(display=self.display) as screen:
            shot = np.asarray(screen.grab(screen.monitors[1]))[top:bottom, left:right, :3]
        white = np.asarray((shot > 250).all(axis=2), np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(white)
        x, y, width, height = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), :4]
        return float(left + x), float(top + y), float(width), float(height)

    def do(self, *verbs: str) -> bool:
        """Carry out verbs of the program (`undo`, `fit` …); False when it knows none of them."""
        known = [verb for verb in verbs if verb in self.program.verbs]
        for verb in known:
            self.steps(self.program.verbs[verb])
        return bool(known)

    def steps(self, steps: Sequence[str]) -> None:
        """Carry out steps as `Program` describes them."""
        for step in steps:
            name, *rest = step.split()
            if name == "sleep":
                time.sleep(float(rest[0]))
            elif name == "click":
                self.run("xdotool", "mousemove", *rest[:2], "sleep", 0.15, "click", *(rest[2:] or ["1"]))
                time.sleep(0.3)
            elif name == "drag":
                x0, y0, x1, y1 = map(float, rest)
                self.drag([(x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x1, y1)], 0.05)
            else:
                self.run("xdotool", name, *rest)
                time.sleep(0.35)

    def drag(self, points: Sequence[Point], pause: float = 0.006) -> None:
        """Draw through screen points with the first button down."""
        (x, y), *rest = points
        words: list[object] = ["mousemove", round(x), round(y), "sleep", 0.03, "mousedown", 1]
        for x, y in rest:
            words += ["mousemove", round(x), round(y), "sleep", max(pause, self.program.pause_s)]
        self.run("xdotool", *words, "mouseup", 1)
        time.sleep(0.12)

    def stroke(self, points: Sequence[Point]) -> None:
        """Draw through points of the fitted page, each 0–1."""
        x, y, width, height = self.page
        self.drag([(x + u * width, y + v * height) for u, v in points])

    @contextmanager
    def action(self, name: str, kind: str, changes: int, view: str, note: str = "") -> Iterator[None]:
        """Write down one action from its first to its last moment."""
        start = self.log.now()
        print(f"{start:7.1f} {name}", flush=True)
        yield
        self.log.actions.append((start, self.log.now(), name, kind, changes, view, note))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ellipse(
    desk: Desk, centre: Point, radii: Point, span: Point = (0, 362), jitter: float = 0.0
) -> list[Point]:
    """Return points along an ellipse; `span` in degrees."""
    count = 28
    angles = [math.radians(span[0] + (span[1] - span[0]) * i / count) for i in range(count + 1)]
    return [
        (
            centre[0] + (radii[0] + desk.random.uniform(-jitter, jitter)) * math.cos(a),
            centre[1] + (radii[1] + desk.random.uniform(-jitter, jitter)) * math.sin(a),
        )
        for a in angles
    ]


def line(desk: Desk, a: Point, b: Point, jitter: float = 0.0, count: int = 10) -> list[Point]:
    """Return points along a line, a little shaky."""
    return [
        (
            a[0] + (b[0] - a[0]) * i / count + desk.random.uniform(-jitter, jitter),
            a[1] + (b[1] - a[1]) * i / count + desk.random.uniform(-jitter, jitter),
        )
        for i in range(count + 1)
    ]
