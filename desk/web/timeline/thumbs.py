"""Small copies of kept pictures: made when first asked for, kept in a bounded cache, always encoded anew.

A page never gets the bytes of a kept file. A copy's name holds the digest of the picture, so a copy can never be out of
date, and a browser may keep it for ever.
"""

import io
import os
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sakigake import copies
from sakigake.errors import NotFoundError

if TYPE_CHECKING:
    from PIL import Image

SIDES = (160, 320, 960, 1920)  # longer sides in pixels that may be asked for
MOST_BYTES = 256 * 2**20
LOOK_EVERY = 200  # new copies between two looks at the size of the cache
MOST_PIXELS = 100_000_000
QUALITY = 85
USED_AGAIN_S = 24 * 3600.0
NOISE = 12  # of 256 levels: what JPEG alone may change


class Copies:
    """Makes and finds copies under one home. Thread-safe: two copies are made at a time, however many are asked for."""

    def __init__(self, home: Path, *, most_bytes: int = MOST_BYTES, at_once: int = 2) -> None:
        self._home = home
        self._most_bytes = most_bytes
        self._turn = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._made = 0

    def get(self, file: str, side: int) -> bytes:
        """Return a JPEG of the picture whose file has the digest `file`, its longer side at most `side` pixels.

        Raises NotFoundError when the picture is not there, or cannot be read.
        """
        kept = self._home / "pictures" / file[:2] / f"{file}.png"
        place = copies.path(self._home, file, side)
        if not kept.is_file():
            raise NotFoundError("copy-gone")
        with suppress(OSError):
            data = place.read_bytes()
            _used(place)
            return data
        with self._turn:
            data = shrunk(kept, side)
            self._keep(place, data)
        if not kept.is_file():  # it was forgotten meanwhile
            with suppress(OSError):
                place.unlink()
            raise NotFoundError("copy-gone")
        return data

    def _keep(self, place: Path, data: bytes) -> None:
        """Put a copy into the cache; without room it is not kept, and made again next time."""
        part = place.with_name(f".{secrets.token_hex(8)}.part")
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                part.write_bytes(data)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)
        with self._lock:
            self._made += 1
            look = self._made % LOOK_EVERY == 1
        if look:
            copies.shrink(copies.folder(self._home), self._most_bytes)


def _used(place: Path) -> None:
    """Note that a copy was used, at most once a day."""
    told = place.stat()
    now = time.time()
    if now - told.st_mtime > USED_AGAIN_S:
        os.utime(place, (now, now))


def shrunk(kept: Path, side: int) -> bytes:
    """Return a picture file as a JPEG whose longer side is at most `side` pixels; raises NotFoundError."""
    from PIL import Image  # noqa: PLC0415 - the desk starts without it

    try:
        with Image.open(kept, formats=("PNG",)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise NotFoundError("copy-gone")
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NotFoundError("copy-gone") from error
    return as_jpeg(picture, side)


def as_jpeg(picture: "Image.Image", side: int) -> bytes:
    """Return a Pillow picture in RGB as a JPEG, its longer side at most `side` pixels."""
    from PIL import Image  # noqa: PLC0415 - the desk starts without it

    picture.thumbnail((side, side), Image.Resampling.BOX if side <= SIDES[1] else Image.Resampling.LANCZOS)
    raw = io.BytesIO()
    picture.save(raw, "JPEG", quality=QUALITY, optimize=False)
    return raw.getvalue()


def difference(one: bytes, other: bytes) -> bytes:
    """Return where two copies differ, as a JPEG: black where they are alike, brighter the more they are not."""
    from PIL import Image, ImageChops, ImageOps  # noqa: PLC0415 - the desk starts without it

    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        size = first.size
        fitted = second.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        grey = ImageChops.difference(first.convert("RGB"), fitted).convert("L")
    # JPEG's own noise is not a difference.
    marked = grey.point([0 if level < NOISE else min(255, level * 3) for level in range(256)])
    return as_jpeg(ImageOps.colorize(marked, "black", "white", mid="orange").convert("RGB"), max(size))


def fits(side: object, allowed: Iterable[int] = SIDES) -> int:
    """Return a side that was asked for; raises NotFoundError for one that nobody offers."""
    for each in allowed:
        if str(side) == str(each):
            return each
    raise NotFoundError("copy-gone")
