"""The drawing as a film: the kept stages laid over one another, so that the page stays in its place.

A stage picture shows the view as it was: zoomed in, mirrored, scrolled. The tracker that decided what to keep says
where on the canvas each one lies, at its own reduced resolution; the pixels of the film are those of the pictures.
A film is for looking at. It is put together, so it proves nothing; the pictures it is made from do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from capture.composite import ALIKE, Composite, surround_of
from capture.frame import Pixels
from capture.registration import CELL, Mask, Matrix, Seen, grid_of, shrink
from capture.rules import Rules
from capture.sheet import Laid, Section, Sheet
from capture.stages import HALF_FROM, LONG_SIDE
from capture.tracking import CanvasTracker, Circumstances

# Each picture is shown to the tracker as if it stood for a while, since it believes nothing at first sight: one that
# was kept in a quiet moment for longer than a pop-up is held back, any other for a shorter time.
SETTLED = frozenset({"settled", "first", "new_canvas", "at-rest"})
SETTLED_LOOKS, UNSETTLED_LOOKS = 6, 3
APART_NS = 2_000_000_000
RULES = replace(Rules(), hold_samples_untitled=4, new_canvas_s=float("inf"))
NOT_THE_CANVAS = frozenset({"unknown", "blank"})
PART = 0.1  # share of a row or column that is not surroundings, for it to belong to the page


@dataclass(frozen=True, slots=True)
class Still:
    """A kept stage picture. `label` and `why` are the detector's, as the ledger has them."""

    path: Path
    label: str
    why: str


class _Follower(CanvasTracker):
    """A tracker that remembers how its canvas picture has moved."""

    def __init__(self) -> None:
        super().__init__(RULES)
        self.origin: Matrix = np.eye(3)
        self._now_ns = 0

    def shows(self, view: Pixels, looks: int) -> bool:
        """Look at a view for a while; returns whether it shows the canvas."""
        label = ""
        for _ in range(looks):
            self._now_ns += APART_NS
            label = self.see(view, Circumstances(None, None, self._now_ns, lossy=False)).label
        return label not in NOT_THE_CANVAS and self.pose is not None

    def _anchor(self, seen: Seen) -> None:
        super()._anchor(seen)
        self.origin = np.eye(3)

    def _widen(self, seen: Seen, composite: Composite) -> None:
        before = self.pose
        super()._widen(seen, composite)
        if before is not None and self.pose is not None:
            self.origin = self.pose @ np.linalg.inv(before) @ self.origin


def lay(stills: Iterable[Still]) -> Iterator[Laid]:
    """Say of one picture after the other where it lies; pictures that are not there any more are passed over."""
    follower, section = _Follower(), 0
    for still in stills:
        pixels = _read(still.path)
        if pixels is None:
            continue
        view, step = _reduced(pixels)
        settled = still.why in SETTLED and still.label != "overlay"
        looks = SETTLED_LOOKS if settled else UNSETTLED_LOOKS
        begun, known = follower.composite, follower.composite is not None
        shown = still.label != "new_canvas" and follower.shows(view, looks)
        if known and not shown and still.label in {"first", "new_canvas"}:
            follower = _Follower()
            shown = follower.shows(view, looks)
        if known and follower.composite is not begun:
            section += 1
        if follower.composite is not None:  # a black picture begins nothing
            pose = follower.pose if shown else None
            yield Laid(section, pixels, step, pose, follower.origin, follower.composite.picture, settled)


def _read(path: Path) -> Pixels | None:
    """Return a picture; None when it is not there any more, or damaged."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    # Not imread, which cannot open names in Japanese on Windows.
    read = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if read is None else np.asarray(read, np.uint8)


def _reduced(pixels: Pixels) -> tuple[Pixels, int]:
    """Return a picture as the tracker looks at it, and how many of its pixels became one each way."""
    height, width = pixels.shape[:2]
    long = max(height, width)
    step = 1 if long <= HALF_FROM else max(2, -(-long // LONG_SIDE))
    wide, high = (max(1, side // (CELL * step)) * CELL for side in (width, height))
    return shrink(np.ascontiguousarray(pixels[: high * step, : wide * step]), wide, high), step


def survey(stills: Sequence[Still]) -> tuple[list[Section], int]:
    """Lay all pictures once, to learn how large the canvases become; returns them and how many pictures there are."""
    last: dict[int, Laid] = {}
    first: dict[int, Laid] = {}
    count = 0
    for laid in lay(stills):
        last[laid.section] = replace(laid, pixels=laid.pixels[:0])
        first.setdefault(laid.section, laid)
        count += 1
    return [_section(first[number], last[number]) for number in sorted(last)], count


def _section(first: Laid, last: Laid) -> Section:
    view, step = _reduced(first.pixels)
    height, width = last.canvas.shape[:2]
    cells = grid_of(view)
    around = surround_of(cells)
    paper = ground = _usual(cells[~around])
    page = 0, 0, width, height
    if around.any():
        # What surrounds the page is left out.
        ground = _usual(cells[around])
        left, top = round(last.origin[0, 2]), round(last.origin[1, 2])
        never_seen = last.canvas.max(axis=2) == 0
        never_seen[top : top + view.shape[0], left : left + view.shape[1]] = False
        differs = (np.abs(last.canvas.astype(np.int16) - ground).max(axis=2) > ALIKE) & ~never_seen
        page = _box(differs) or page
    sides = tuple(side * step for side in page)
    return Section(
        last.origin, (width, height), step, (sides[0], sides[1], sides[2], sides[3]), ground, paper
    )


def _usual(pixels: Pixels) -> tuple[int, int, int]:
    blue, green, red = np.median(pixels, axis=0)
    return int(blue), int(green), int(red)


def _box(marked: Mask) -> tuple[int, int, int, int] | None:
    """Return the sides of the box around the rows and columns of which a good part is marked."""
    columns, rows = np.flatnonzero(marked.mean(axis=0) > PART), np.flatnonzero(marked.mean(axis=1) > PART)
    if not len(columns) or not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def frame_size(sections: Sequence[Section], height: int | None, most: int) -> tuple[int, int]:
    """Return the film's width and height: those of the largest page, no higher than `most`, even."""
    width, high = max((section.shown for section in sections), key=lambda shown: shown[0] * shown[1])
    wanted = max(2, (height or min(high, most)) // 2 * 2)
    return max(2, round(width * wanted / high / 2) * 2), wanted


def pictures(stills: Sequence[Still], sections: Sequence[Section], size: tuple[int, int]) -> Iterator[Pixels]:
    """Yield the film's pictures, one for each stage; a canvas of another shape is fitted in."""
    sheet, section = Sheet(sections[0]), 0
    for laid in lay(stills):
        if laid.section != section:
            section = laid.section
            sheet = Sheet(sections[section])
        sheet.add(laid)
        yield _fitted(sheet.page(), size, sections[section].ground)


def _fitted(page: Pixels, size: tuple[int, int], ground: tuple[int, int, int]) -> Pixels:
    height, width = page.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    wide, high = min(size[0], round(width * scale)), min(size[1], round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = page if (wide, high) == (width, height) else cv2.resize(page, (wide, high), interpolation=how)
    frame = np.full((size[1], size[0], 3), ground, np.uint8)
    left, top = (size[0] - wide) // 2, (size[1] - high) // 2
    frame[top : top + high, left : left + wide] = scaled
    return frame
