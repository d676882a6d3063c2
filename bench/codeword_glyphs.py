"""Make the letters of the head's picture anew from a font, as dots: nobody's own fonts are needed to draw it.

    python -m bench.codeword_glyphs NotoSansCJK-Bold.ttc FILE

Writes one line for each letter that the words and the ledger's name need: the letter, how wide it is, and its
rows from top to bottom as hexadecimal numbers of the same length, the leftmost dot the highest bit.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sakigake import resources

ROWS = 32
POINTS = 27
BASE = 25  # row of the base line
SPACE = 1  # dots between two letters
DARK = 112  # of 255: how much of a dot must be covered


def letters() -> list[str]:
    """Return every letter that can occur, in order."""
    words = "".join(resources.read_text(f"codewords/{language}.txt") for language in ("en", "ja"))
    return sorted(set("0123456789ABCDEF") | set(words.replace("\n", "")))


def glyph(letter: str, font: ImageFont.FreeTypeFont) -> str:
    """Return the line of one letter."""
    width = round(font.getlength(letter)) + SPACE
    picture = Image.new("L", (width, ROWS), 0)
    ImageDraw.Draw(picture).text((0, BASE), letter, fill=255, font=font, anchor="ls")
    dots = picture.tobytes()
    digits = -(-width // 4)
    rows = []
    for row in range(ROWS):
        line = dots[row * width : (row + 1) * width]
        bits = sum((dot >= DARK) << (width - 1 - place) for place, dot in enumerate(line))
        rows.append(f"{bits:0{digits}x}")
    return f"{letter} {width} {''.join(rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.codeword_glyphs")
    parser.add_argument("font", type=Path)
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    font = ImageFont.truetype(str(given.font), POINTS)  # the first face of the collection is the Japanese one
    lines = [glyph(letter, font) for letter in letters()]
    given.file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} letters of {' '.join(map(str, font.getname()))}")


if __name__ == "__main__":
    main()
