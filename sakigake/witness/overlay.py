"""The picture of a head for a stream: QR code, four words, the ledger's short name; black on opaque white.

Drawn without any image library, so that it costs a recording next to nothing: 368 x 164 dots, of which the QR code
with its quiet zone takes 164 x 164 (version 4-M, 41 modules of 4 dots, 1.3 % of a frame of 1920 x 1080). The same
head gives the same bytes. It holds nothing but what the code itself says.
"""

import json
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sakigake import durable, resources
from sakigake import words as sentences
from sakigake.errors import UsageError
from sakigake.witness.code import Head, words

VERSION, ERROR = 4, "M"
MODULE = 4  # dots
QUIET = 4  # modules
SIDE = (17 + 4 * VERSION + 2 * QUIET) * MODULE
ROWS = 32  # of a line of letters
WIDTH, HEIGHT = SIDE + 204, SIDE  # seven hiragana, the longest word, take 189 dots
WHITE, BLACK = 255, 0
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Glyph(NamedTuple):
    """A letter as dots: `rows` from top to bottom, the leftmost dot the highest of `width` bits."""

    width: int
    rows: tuple[int, ...]


def picture(head: Head, language: str) -> bytes:
    """Return the overlay as a PNG of 8-bit grey without ancillary chunks."""
    rows = [bytearray([WHITE]) * WIDTH for _ in range(HEIGHT)]
    for y, modules in enumerate(_modules(head.code)):
        for x, dark in enumerate(modules):
            if dark:
                left, top = (QUIET + x) * MODULE, (QUIET + y) * MODULE
                for row in rows[top : top + MODULE]:
                    row[left : left + MODULE] = bytes(MODULE)
    lines = [*words(head, language), head.ledger.upper()]
    top = (HEIGHT - ROWS * len(lines)) // 2
    for number, line in enumerate(lines):
        _write(rows, line, SIDE, top + number * ROWS)
    return _png(rows)


def record(head: Head, ledger: str) -> bytes:
    """Return what the picture says as JSON, for pages that draw it themselves; `ledger` is the whole id."""
    said = {
        "schema_version": 1,
        "code": head.code,
        "ledger": ledger,
        "size": head.size,
        "root": head.root.hex(),
        "words": {language: list(words(head, language)) for language in sentences.LANGUAGES},
    }
    return (json.dumps(said, ensure_ascii=False) + "\n").encode()


def beside(path: Path) -> Path:
    """Return where the JSON lies that belongs to the picture `path`."""
    return path.with_suffix(".json")


def check_place(path: Path) -> None:
    """Refuse a place for the picture that would cost somebody a file; raises UsageError.

    An earlier picture of ours may be replaced, and so may an empty file; nothing else.
    """
    if path.suffix.lower() != ".png":
        raise UsageError("overlay-not-png", path=path)
    for place, ours in ((path, _header()), (beside(path), b'{"schema_version": 1, "code": "SKG1:')):
        if place.is_dir():
            raise UsageError("overlay-taken", path=place)
        try:
            with place.open("rb") as file:
                begin = file.read(len(ours))
        except OSError:
            continue  # not there, or not to be read: writing it will tell
        if begin not in {b"", ours}:
            raise UsageError("overlay-taken", path=place)


def write(path: Path, head: Head, ledger: str, language: str) -> None:
    """Write the picture and the JSON beside it, each whole or not at all; raises OSError."""
    _replace(path, picture(head, language))
    _replace(beside(path), record(head, ledger))


def _modules(code: str) -> tuple[bytearray, ...]:
    import segno  # noqa: PLC0415 - a recording without an overlay has no use for it

    made = segno.make_qr(code, version=VERSION, error=ERROR, mode="alphanumeric", boost_error=False)
    return made.matrix


def _write(rows: list[bytearray], text: str, left: int, top: int) -> None:
    for letter in text:
        glyph = _glyphs()[letter]
        for row, dots in zip(rows[top : top + ROWS], glyph.rows, strict=True):
            for place in range(glyph.width):
                if dots >> (glyph.width - 1 - place) & 1:
                    row[left + place] = BLACK
        left += glyph.width


@cache
def _glyphs() -> dict[str, Glyph]:
    found = {}
    for line in resources.read_text("codewords/glyphs.txt").splitlines():
        letter, width, digits = line.split(" ")
        step = len(digits) // ROWS
        rows = tuple(int(digits[place : place + step], 16) for place in range(0, len(digits), step))
        found[letter] = Glyph(int(width), rows)
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _header() -> bytes:
    grey_8_bit = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", grey_8_bit)


def _png(rows: list[bytearray]) -> bytes:
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return _header() + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _replace(path: Path, data: bytes) -> None:
    """Put a file in its place in one step: OBS reads it whenever it likes."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(data)
        if path.exists() and int(temporary.stat().st_mtime) <= (before := int(path.stat().st_mtime)):
            os.utime(temporary, (before + 1, before + 1))  # OBS tells files apart by whole seconds
        durable.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
