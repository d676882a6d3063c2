"""A drawing that goes on for as long as it is wanted, in mtPaint: picture after picture, no two alike.

Each picture is sketched, inked, coloured and detailed at its own places in its own colours, with what happens around
drawing in between: zooms, dialogs, other windows, a wrong stroke taken back, short and long rests. Then the page is
made white and the next one begins, so that it never fills up, and the program's undo memory is full after the first.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import draw_story
from bench.draw_desk import Desk, Point, ellipse, line

WHITE_ROW = 7  # of mtPaint's palette on the left, which shows 41 rows of 16 pixels
FILL_ROWS = (1, 2, 4, 5, 6, 10, *range(14, 18), *range(20, 24), *range(26, 30), *range(32, 36))
COLOUR_ROWS = (0, 1, 2, 4, 5, 6, 10, *range(14, 39))
LONG_REST_S = (65.0, 130.0)  # longer than a heartbeat
AWAY_S = 660.0  # longer than it takes the recorder to look least often
AWAY_AFTER = 5  # pictures


class QuietDesk(Desk):
    """A desk that keeps its actions to itself, and only the number of them."""

    done = 0

    @contextmanager
    def action(self, name: str, kind: str, changes: int, view: str, note: str = "") -> Iterator[None]:  # noqa: ARG002
        """Count one action."""
        yield
        self.done += 1


class Artist(threading.Thread):
    """Draws at a started mtPaint desk until told to stop. `strokes` and `pictures` count what was begun."""

    def __init__(self, desk: QuietDesk) -> None:
        super().__init__(name="artist", daemon=True)
        self.strokes = 0
        self.pictures = 0
        self.restarts = 0
        self.failure = ""
        self._desk = desk
        self._ending = threading.Event()

    def end(self) -> None:
        """Stop after the episode that is being played."""
        self._ending.set()
        self.join(60)

    def run(self) -> None:
        """Draw one picture after another."""
        try:
            while not self._ending.is_set():
                self.pictures += 1
                self._picture()
                if self.pictures % AWAY_AFTER == 0:
                    self._rest(AWAY_S, AWAY_S)
        except (
            OSError,
            RuntimeError,
        ) as error:  # told in the figures: a drawing that stands still proves little
            self.failure = f"{type(error).__name__}: {error}"

    def _picture(self) -> None:
        r, desk = self._desk.random, self._desk
        self._new_page()
        around = [draw_story.zoomed, draw_story.dialog, draw_story.menu, draw_story.other_window]
        around += [draw_story.minimised, draw_story.moved, draw_story.zoomed_out, draw_story.save]
        around += [draw_story.zoomed, _wrong_stroke]
        r.shuffle(around)
        centres = [(r.uniform(0.2, 0.8), r.uniform(0.2, 0.8)) for _ in range(r.randint(2, 4))]
        parts: list[Callable[[], None]] = [lambda: self._sketch(centres), lambda: self._ink(centres)]
        parts += [self._colour, lambda: self._details(centres), self._colour, self._shade]
        for number, part in enumerate(parts):
            part()
            self._rest(2, 12)
            for episode in around[number::6]:
                if self._ending.is_set():
                    return
                episode(desk)
                self._tidy()
            if number == 2:
                self._rest(*LONG_REST_S)

    def _rest(self, least: float, most: float) -> None:
        self._ending.wait(self._desk.random.uniform(least, most))

    def _tidy(self) -> None:
        """Leave whatever is still open, and start the program again should it have ended."""
        desk = self._desk
        if desk.program.title not in desk.run("wmctrl", "-l"):
            self.restarts += 1
            desk.spawn(*desk.program.command, str(Path(desk.env["HOME"]) / "canvas.png"))
            desk.wait_for(desk.program.title)
            desk.run("wmctrl", "-r", desk.program.title, "-b", "add,maximized_vert,maximized_horz")
        desk.run("wmctrl", "-a", desk.program.title)
        desk.run("xdotool", "key", "Escape")
        desk.do("fit")

    def _new_page(self) -> None:
        self._tidy()
        self._pick(WHITE_ROW)
        self._desk.steps(("key ctrl+a", "sleep 0.4", "key shift+ctrl+t", "sleep 0.6", "key Escape"))
        self._rest(3, 8)

    def _pick(self, row: int) -> None:
        self._desk.steps((f"click 39 {152 + 16 * row}",))

    def _brush(self, verb: str) -> None:
        # Filling the page with black would be seen as a screen that is off.
        self._pick(self._desk.random.choice(FILL_ROWS if verb == "bucket" else COLOUR_ROWS))
        self._desk.do(verb)

    def _stroke(self, points: list[Point]) -> None:
        if not self._ending.is_set():
            self._desk.stroke([(min(max(u, 0.02), 0.98), min(max(v, 0.03), 0.96)) for u, v in points])
            self.strokes += 1
            self._rest(0.2, 2.5)

    def _curve(self, start: Point, length: float, jitter: float = 0.0) -> list[Point]:
        """Return points along an arc from `start`, turning as a hand does."""
        r = self._desk.random
        angle, turn = r.uniform(0, 2 * math.pi), r.uniform(-0.25, 0.25)
        points = [start]
        for _ in range(14):
            u, v = points[-1]
            step = length / 14
            points.append(
                (
                    u + step * math.cos(angle) + r.uniform(-jitter, jitter),
                    v + step * math.sin(angle) + r.uniform(-jitter, jitter),
                )
            )
            angle += turn
        return points

    def _sketch(self, centres: list[Point]) -> None:
        r, desk = self._desk.random, self._desk
        self._brush("pencil")
        for centre in centres:
            radii = r.uniform(0.06, 0.18), r.uniform(0.06, 0.18)
            for _ in range(3):
                self._stroke(ellipse(desk, centre, radii, (0, 380), 0.006))
            for _ in range(r.randint(3, 7)):
                self._stroke(self._curve(centre, r.uniform(0.1, 0.35), 0.003))

    def _ink(self, centres: list[Point]) -> None:
        r, desk = self._desk.random, self._desk
        self._brush("ink")
        for u, v in centres:
            self._stroke(ellipse(desk, (u, v), (r.uniform(0.07, 0.17), r.uniform(0.07, 0.17))))
            for _ in range(r.randint(4, 9)):
                self._stroke(self._curve((u + r.uniform(-0.1, 0.1), v + r.uniform(-0.1, 0.1)), 0.25))

    def _colour(self) -> None:
        """Fill two places; what they are the inside of depends on the lines."""
        r, desk = self._desk.random, self._desk
        x, y, width, height = desk.page
        for _ in range(2):
            if self._ending.is_set():
                return
            self._brush("bucket")
            place = round(x + r.uniform(0.05, 0.95) * width), round(y + r.uniform(0.05, 0.93) * height)
            desk.run("xdotool", "mousemove", *place, "sleep", 0.3, "click", 1)
            self.strokes += 1
            self._rest(2, 9)

    def _details(self, centres: list[Point]) -> None:
        r, desk = self._desk.random, self._desk
        for u, v in centres:
            self._brush(r.choice(("ink", "pencil")))
            for _ in range(r.randint(4, 10)):
                start = u + r.uniform(-0.15, 0.15), v + r.uniform(-0.15, 0.15)
                end = start[0] + r.uniform(-0.05, 0.05), start[1] + r.uniform(-0.05, 0.05)
                self._stroke(line(desk, start, end, 0.002))
            self._rest(3, 15)

    def _shade(self) -> None:
        r = self._desk.random
        self._brush("wide")
        for _ in range(r.randint(5, 9)):
            self._stroke(self._curve((r.uniform(0.1, 0.9), r.uniform(0.1, 0.9)), r.uniform(0.1, 0.4)))


def _wrong_stroke(desk: Desk) -> None:
    """Draw a stroke, take it back, and set a better one."""
    desk.do("ink")
    desk.stroke(line(desk, (0.3, 0.3), (0.7, desk.random.uniform(0.3, 0.7)), 0.004))
    desk.do("undo")
    desk.stroke(line(desk, (0.3, 0.35), (0.7, desk.random.uniform(0.3, 0.7)), 0.001))
