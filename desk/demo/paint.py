"""A real paint program, moved by its window, its keys and its pointer as a person would: mtpaint through xdotool.

No position of the program is assumed: canvas and colours are found by looking at the screen, so that another theme
or font does not break it.
"""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import mss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from desk.demo import screen
from desk.demo.drawing import Action, Colour, Drawing, Fill, Ink, Phase, Protect, Stroke
from desk.demo.pose import HEIGHT, WIDTH
from sakigake.errors import NotFoundError, SakigakeError

SCREEN = (1280, 660)
WINDOW = (820, 660)
CHOOSER = (1050, 330)  # the brush chooser opens under the pointer: here it never covers the canvas
BRUSH_PITCH = 36  # the chooser is a grid of 9 x 9 brushes; its fourth row holds the round ones
BRUSH_ROW = 3
START_S = 60.0
PEN_S = "0.004"  # seconds between two points of a stroke: quicker, and the program would join fewer points
PROGRAMS = ("Xvfb", "xdotool", "mtpaint")

Shot = NDArray[np.uint8]


class Painter:
    """One mtpaint with a blank canvas. `region` is the canvas on the screen: left, top, width, height."""

    def __init__(self, picture: Drawing, env: Mapping[str, str], scratch: Path) -> None:
        self._palette = picture.palette
        self._env = env
        self._ink: Ink | None = None
        self._brush: int | None = None
        self._tool = ""
        self._protected: frozenset[Ink] = frozenset()
        if absent := screen.missing_programs(PROGRAMS):
            raise NotFoundError("demo-program-missing", programs=", ".join(absent))
        paper = scratch / "paper.png"
        blank_canvas(picture.palette).save(paper)
        with (scratch / "mtpaint.log").open("wb") as log:
            self._program = subprocess.Popen(
                ["mtpaint", str(paper)], env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._window = self._find_window()
            self._arrange()
            self.region = self._find_canvas()
            self._swatches = find_swatches(self._look(), picture.palette, self.region[0])
        except SakigakeError:
            self.close()
            raise

    def close(self) -> None:
        """End the paint program."""
        screen.end(self._program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def draw(self, phase: Phase) -> None:
        """Draw one phase on the canvas; returns when the last stroke is there."""
        words: list[str] = []
        for action in phase.actions:
            words += self._act(action)
        # The hand leaves the canvas, or the outline of the brush would be in the picture.
        self._xdotool(*words, "mousemove", *map(str, CHOOSER))

    def _act(self, action: Action) -> list[str]:
        """Return the movements of one action."""
        match action:
            case Stroke(ink, brush, points):
                first, *rest = [self._on_screen(x, y) for x, y in points]
                moves = [word for x, y in rest for word in ("mousemove", x, y, "sleep", PEN_S)]
                return [
                    *self._take("F4", ink),
                    *self._choose_brush(brush),
                    *("mousemove", *first, "mousedown", "1", "sleep", "0.01", *moves, "mouseup", "1"),
                ]
            case Fill(ink, (x, y)):
                click = ("mousemove", *self._on_screen(x, y), "sleep", "0.05", "click", "1", "sleep", "0.25")
                return [*self._take("f", ink), *click]
            case Protect(inks):
                # mtpaint's protection mark stands just right of the colour.
                marks = [self._swatches[ink] for ink in sorted(inks ^ self._protected)]
                self._protected = inks
                return [
                    word
                    for left, right, y in marks
                    for word in (
                        "mousemove",
                        str(right + (right - left) // 2),
                        str(y),
                        "click",
                        "1",
                        "sleep",
                        "0.03",
                    )
                ]

    def _take(self, tool: str, ink: Ink) -> list[str]:
        """Take up a tool (by its key) and a colour (by its swatch)."""
        words: list[str] = []
        if tool != self._tool:
            words += ["key", tool, "sleep", "0.15"]
            self._tool = tool
        if ink is not self._ink:
            left, right, y = self._swatches[ink]
            words += ["mousemove", str((left + right) // 2), str(y), "click", "1", "sleep", "0.08"]
            self._ink = ink
        return words

    def _choose_brush(self, brush: int) -> list[str]:
        if brush == self._brush:
            return []
        self._brush = brush
        x, y = CHOOSER
        left, top = x - BRUSH_PITCH * 9 // 2, y - BRUSH_PITCH * 9 // 2
        x, y = left + round((brush + 0.5) * BRUSH_PITCH), top + round((BRUSH_ROW + 0.5) * BRUSH_PITCH)
        opened = ("mousemove", *map(str, CHOOSER), "key", "F3", "sleep", "0.35")
        chosen = ("mousemove", str(x), str(y), "sleep", "0.1", "click", "1", "sleep", "0.2")
        return [*opened, *chosen, "windowfocus", self._window]

    def _on_screen(self, x: float, y: float) -> tuple[str, str]:
        left, top, width, height = self.region
        return str(left + min(max(round(x), 0), width - 1)), str(top + min(max(round(y), 0), height - 1))

    def _find_window(self) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._program.poll() is None:
            found = self._xdotool("search", "--onlyvisible", "--name", "^mtPaint ", check=False).split()
            if found:
                return found[-1]
            time.sleep(0.2)
        raise SakigakeError("demo-screen-failed", program="mtpaint", log="mtpaint.log")

    def _arrange(self) -> None:
        """Put the window where the brush chooser cannot cover its canvas, and hide the floating toolbar."""
        time.sleep(0.5)  # GTK lays the window out once more after it is first visible
        width, height = map(str, WINDOW)
        self._xdotool("windowmove", self._window, "0", "0", "windowsize", self._window, width, height)
        self._xdotool("windowfocus", self._window, "sleep", "0.3")
        if self._xdotool("search", "--onlyvisible", "--name", "^Settings Toolbar$", check=False):
            self._xdotool("key", "F7", "sleep", "0.3")
        self._xdotool("mousemove", *map(str, CHOOSER), "sleep", "0.3")

    def _find_canvas(self) -> tuple[int, int, int, int]:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            region = find_canvas(self._look(), self._palette[Ink.PAPER])
            if region and region[2:] == (WIDTH, HEIGHT):
                return region
            time.sleep(0.3)
        raise SakigakeError("demo-screen-failed", program="mtpaint", log="mtpaint.log")

    def _look(self) -> Shot:
        with mss.MSS(display=self._env["DISPLAY"]) as eyes:
            return np.asarray(eyes.grab(eyes.monitors[0]), dtype=np.uint8)[:, :, 2::-1]

    def _xdotool(self, *words: str, check: bool = True) -> str:
        try:
            ran = subprocess.run(
                ["xdotool", *words],
                env=dict(self._env),
                capture_output=True,
                text=True,
                check=check,
                timeout=120,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise SakigakeError("demo-screen-failed", program="xdotool", log=str(error)) from error
        return ran.stdout


def blank_canvas(palette: tuple[Colour, ...]) -> Image.Image:
    """Return an empty picture in paper white that carries `palette`: mtpaint shows it as its colours."""
    paper = Image.new("P", (WIDTH, HEIGHT), int(Ink.PAPER))
    paper.putpalette([level for colour in palette for level in colour])
    return paper


def find_canvas(shot: Shot, paper: Colour) -> tuple[int, int, int, int] | None:
    """Return left, top, width, height of the blank canvas on a screen shot (height x width x RGB)."""
    white = (shot == np.asarray(paper, dtype=np.uint8)).all(axis=2)
    columns = np.flatnonzero(white.sum(axis=0) >= HEIGHT * 0.9)
    rows = np.flatnonzero(white.sum(axis=1) >= WIDTH * 0.9)
    if not len(columns) or not len(rows):
        return None
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def find_swatches(shot: Shot, palette: tuple[Colour, ...], left_of: int) -> dict[Ink, tuple[int, int, int]]:
    """Return left edge, right edge and middle height of each colour in the palette, left of column `left_of`.

    The palette is an even column. Two of its colours that occur nowhere else on the screen are looked for, the
    places of the others follow. Raises SakigakeError when they cannot be seen.
    """
    seen = {}
    for ink in (Ink.LINE, Ink.BLUSH):
        ys, xs = np.nonzero((shot[:, :left_of] == np.asarray(palette[ink], dtype=np.uint8)).all(axis=2))
        if not len(xs):
            raise SakigakeError("demo-screen-failed", program="mtpaint", log=f"palette: {ink.name}")
        seen[ink] = (int(xs.min()), int(xs.max()) + 1, float(ys.mean()))
    left, right, y = seen[Ink.LINE]
    pitch = (seen[Ink.BLUSH][2] - y) / (Ink.BLUSH - Ink.LINE)
    return {ink: (left, right, round(y + (ink - Ink.LINE) * pitch)) for ink in Ink}
