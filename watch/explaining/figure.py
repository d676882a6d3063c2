"""A drawing of lines, boxes and words that becomes an SVG and a PNG alike: what one shows, the other shows."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

import cv2
import numpy as np

from sakigake.fingerprint.views import Pixels
from watch.explaining.letters import Letters
from watch.explaining.sheet import blank

Colour = tuple[int, int, int]  # red, green, blue
_FRACTION = 3  # bits of a dot that OpenCV draws with


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line in dots; `dashed` for what is only claimed."""

    start: tuple[float, float]
    end: tuple[float, float]
    colour: Colour
    width: int = 2
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle: left, top, right, bottom in dots."""

    at: tuple[float, float, float, float]
    colour: Colour


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle that is not filled."""

    middle: tuple[float, float]
    radius: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Text:
    """One line of words; `at` is its upper left corner, or its upper middle if `centred`."""

    text: str
    at: tuple[float, float]
    size: int
    colour: Colour = (40, 40, 40)
    centred: bool = False


Part = Line | Box | Ring | Text


@dataclass(frozen=True, slots=True)
class Figure:
    """Parts on a white page of (width, height) dots; `title` and `told` say in words what it shows."""

    size: tuple[int, int]
    parts: tuple[Part, ...]
    title: str
    told: str
    lang: str

    def svg(self) -> bytes:
        """Return the figure as an SVG without scripts, styles or anything from elsewhere."""
        width, height = self.size
        body = "".join(_svg(part) for part in self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" xml:lang="{self.lang}" font-family="sans-serif">'
            f"<title>{escape(self.title)}</title><desc>{escape(self.told)}</desc>"
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>{body}</svg>\n'
        ).encode()

    def pixels(self, letters: Letters) -> Pixels:
        """Return the figure as a BGR picture; raises UsageError for a letter that the font does not have."""
        page = blank(self.size[1], self.size[0])
        for part in self.parts:
            _paint(page, part, letters)
        return page


def _svg(part: Part) -> str:
    tone = "#{:02x}{:02x}{:02x}".format(*part.colour)
    if isinstance(part, Line):
        dashes = ' stroke-dasharray="5 4"' if part.dashed else ""
        (x1, y1), (x2, y2) = part.start, part.end
        return (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{tone}" '
            f'stroke-width="{part.width}"{dashes}/>'
        )
    if isinstance(part, Box):
        left, top, right, bottom = part.at
        return f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="{tone}"/>'
    if isinstance(part, Ring):
        x, y = part.middle
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{part.radius:.1f}" fill="none" stroke="{tone}" stroke-width="2"/>'
    x, y = part.at
    anchor = ' text-anchor="middle"' if part.centred else ""
    return (
        f'<text x="{x:.1f}" y="{y + part.size * 1.08:.1f}" font-size="{part.size}" fill="{tone}"{anchor}>'
        f"{escape(part.text)}</text>"
    )


def _paint(page: Pixels, part: Part, letters: Letters) -> None:
    tone = part.colour[::-1]
    if isinstance(part, Text):
        left = part.at[0] - (letters.width(part.text, part.size) / 2 if part.centred else 0)
        letters.draw(
            page, part.text, (max(0, round(left)), round(part.at[1])), part.size, (tone[0], tone[1], tone[2])
        )
    elif isinstance(part, Box):
        left_, top, right, bottom = (round(each) for each in part.at)
        page[top : max(bottom, top + 1), left_ : max(right, left_ + 1)] = tone
    elif isinstance(part, Ring):
        cv2.circle(page, _fixed(part.middle), round(part.radius * 8), tone, 2, cv2.LINE_AA, _FRACTION)
    else:
        for start, end in _dashes(part) if part.dashed else [(part.start, part.end)]:
            cv2.line(page, _fixed(start), _fixed(end), tone, part.width, cv2.LINE_AA, _FRACTION)


def _fixed(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0] * 8), round(point[1] * 8)


def _dashes(line: Line) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    start, end = np.array(line.start), np.array(line.end)
    length = float(np.linalg.norm(end - start))
    along = (end - start) / max(length, 1e-9)
    found = []
    for at in np.arange(0, length, 9.0):
        one, other = start + along * at, start + along * min(at + 5, length)
        found.append(((float(one[0]), float(one[1])), (float(other[0]), float(other[1]))))
    return found
