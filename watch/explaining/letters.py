"""Words drawn into pictures: one font for both languages, the lines broken where a reader of the language would.

Pictures must say what they are where no page stands around them, and which fonts a computer has is not known. So the font
is handed in as bytes. A letter that it does not have is an error and never an empty box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sakigake import resources
from sakigake.errors import UsageError
from sakigake.fingerprint.views import Pixels
from watch.explaining.sheet import PAPER, blank

if TYPE_CHECKING:
    from PIL import ImageFont

INK = (40, 40, 40)
_NO_START = "、。,.)」』】〕!?ー・:;%"  # letters that may not begin a line of Japanese
_ASCII = 128


@dataclass(frozen=True, slots=True)
class Letters:
    """A font, as the bytes of its file (TrueType or OpenType, the first face of a collection)."""

    source: bytes

    def font(self, size: int) -> "ImageFont.FreeTypeFont":
        """Return the font at a size in dots."""
        return _font(self.source, size)

    def width(self, text: str, size: int) -> float:
        """Return how many dots a line takes."""
        return self.font(size).getlength(text)

    def wrapped(self, text: str, size: int, width: int) -> list[str]:
        """Return a text as lines no wider than `width`; a word that is wider stands alone."""
        lines: list[str] = []
        for paragraph in text.split("\n"):
            line = ""
            for piece in _pieces(paragraph):
                if line and self.width((line + piece).rstrip(), size) > width:
                    lines.append(line.rstrip())
                    line = piece.lstrip()
                else:
                    line += piece
            lines.append(line.rstrip())
        return lines

    def draw(
        self,
        pixels: Pixels,
        text: str,
        at: tuple[int, int],
        size: int,
        colour: tuple[int, int, int] = INK,
    ) -> None:
        """Write one line into a BGR picture, its upper left corner at (left, top); what lies outside is cut off.

        Raises UsageError for a letter that the font does not have.
        """
        from PIL import Image, ImageDraw  # noqa: PLC0415

        self.require(text)
        width, height = int(self.width(text, size)) + 2, round(size * 1.4)
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).text((0, round(size * 1.08)), text, fill=255, font=self.font(size), anchor="ls")
        left, top = at
        area = pixels[top : top + height, left : left + width]
        alpha = np.asarray(mask, np.float32)[: area.shape[0], : area.shape[1], None] / 255
        area[:] = np.rint(area * (1 - alpha) + np.array(colour, np.float32) * alpha).astype(np.uint8)

    def strip(
        self, text: str, size: int, width: int, colour: tuple[int, int, int] = INK, pad: int = 4
    ) -> Pixels:
        """Return a text as a strip of paper of this width, as many lines high as it takes."""
        lines = self.wrapped(text, size, width - 2 * pad)
        high = round(size * 1.45)
        page = blank(len(lines) * high + pad, width, PAPER)
        for number, line in enumerate(lines):
            self.draw(page, line, (pad, pad // 2 + number * high), size, colour)
        return page

    def require(self, text: str) -> None:
        """Raise UsageError for a letter that the font does not have."""
        for letter in text:
            if letter != " " and not _has(self.source, letter):
                raise UsageError("picture-letter-missing", letter=letter, point=f"U+{ord(letter):04X}")


def titled(pixels: Pixels, text: str, letters: Letters, size: int = 15) -> Pixels:
    """Return a picture under a strip that says what it is."""
    strip = letters.strip(text, size, max(pixels.shape[1], 40))
    page = blank(strip.shape[0] + pixels.shape[0], max(strip.shape[1], pixels.shape[1]))
    page[: strip.shape[0], : strip.shape[1]] = strip
    page[strip.shape[0] :, : pixels.shape[1]] = pixels
    return page


def _pieces(text: str) -> Sequence[str]:
    """Return the parts between which a line may end: words of Latin letters, single letters of Japanese."""
    parts: list[str] = []
    for letter in text:
        if parts and (letter in _NO_START or _joins(parts[-1], letter)):
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def _joins(before: str, letter: str) -> bool:
    if letter == " ":
        return True
    latin = ord(letter) < _ASCII and ord(before[-1]) < _ASCII
    return (latin and not before.endswith(" ")) or before[-1] in "「『(【〔"


@lru_cache(64)
def _font(source: bytes, size: int) -> "ImageFont.FreeTypeFont":
    import io  # noqa: PLC0415

    from PIL import ImageFont  # noqa: PLC0415

    # BASIC: the same dots on every computer, whether it has a library for complex scripts or not.
    return ImageFont.truetype(io.BytesIO(source), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(4096)
def _has(source: bytes, letter: str) -> bool:
    font = _font(source, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffe"))


FONT = "fonts/noto-sans-jp-level1.otf"


@cache
def shipped() -> Letters:
    """Return the font that ships (config/fonts/README.txt)."""
    return Letters(resources.read_bytes(FONT))
