"""The letters of the PDF: one embedded font for both languages, its widths, and what is printed for a letter it lacks.

The font is the one of the pictures, the part of Noto Sans CJK JP that Japanese sentences need (config/fonts). A letter that
it lacks is neither dropped nor an empty box: its number is printed, marked, and the report says so.
"""

import io
import unicodedata
from functools import cache

from sakigake import resources

FONT = "fonts/noto-sans-jp-level1.otf"
_NO_START = frozenset("、。,.)」』】〕!?ー・:;%）］，．ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NO_END = frozenset("「『【〔([（［")
_ASCII = 128
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@cache
def widths() -> dict[int, float]:
    """Return the width of each letter that the font has, in thousandths of its size."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - only who writes a PDF needs it

    with TTFont(io.BytesIO(resources.read_bytes(FONT))) as font:
        scale, advances = 1000 / font["head"].unitsPerEm, font["hmtx"].metrics
        return {code: advances[glyph][0] * scale for code, glyph in font.getBestCmap().items()}


def shown(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text as it is printed, and the numbers of the letters that it was printed by.

    Letters that the font lacks become [U+20BB7], and so do those that show nothing or turn the line around. A lone
    surrogate, which no file may hold, is one of these too.
    """
    known = widths()
    out, odd = [], []
    for letter in unicodedata.normalize("NFC", text):
        if letter == "\t":
            out.append(" ")
        elif ord(letter) in known and unicodedata.category(letter) not in _HIDDEN:
            out.append(letter)
        else:
            odd.append(f"U+{ord(letter):04X}")
            out.append(f"[{odd[-1]}]")
    return "".join(out), tuple(odd)


def width(text: str, size: float) -> float:
    """Return how wide a printed text is, in the unit of `size`."""
    known = widths()
    return sum(known[ord(letter)] for letter in text) * size / 1000


def wrapped(text: str, size: float, room: float) -> list[str]:
    """Return a printed text as lines no wider than `room`; Japanese breaks between letters, English between words."""
    lines, line, used = [], "", 0.0
    for piece in _pieces(text):
        for part in _cut(piece, size, room):
            wide = width(part, size)
            if line and used + width(part.rstrip(), size) > room:
                lines.append(line.rstrip())
                line, used = part.lstrip(), width(part.lstrip(), size)
            else:
                line, used = line + part, used + wide
    return [*lines, line.rstrip()]


def _cut(piece: str, size: float, room: float) -> list[str]:
    """Return a piece as parts that fit: a digest or an address may be wider than a line."""
    if width(piece, size) <= room:
        return [piece]
    parts, part = [], ""
    for letter in piece:
        if part and width(part + letter, size) > room:
            parts.append(part)
            part = ""
        part += letter
    return [*parts, part]


def _pieces(text: str) -> list[str]:
    """Return what may not be broken: a word with the blank behind it, a letter with the signs that stick to it."""
    pieces: list[str] = []
    for letter in text:
        last = pieces[-1] if pieces else ""
        in_word = last and not last.endswith(" ") and ord(letter) < _ASCII and ord(last[-1]) < _ASCII
        sticks = letter in _NO_START or letter == " " or (last and last[-1] in _NO_END)
        if pieces and (in_word or sticks):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces
