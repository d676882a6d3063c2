"""Finding head codes in a picture: zxing-cpp, on grey pixels enlarged to where it can tell the modules apart.

At 360 lines a module of the overlay is 1.3 pixels wide: as it stands nearly nothing is read there, enlarged four
times nearly all (`python -m bench.qr`). OpenCV's own detector reads as many then and takes 25 times as long.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from sakigake.witness import overlay
from sakigake.witness.code import PREFIX, Head, parse

ENOUGH_LINES = 1440
MAX_PIXELS = 16_000_000  # of an enlarged picture
LARGER = 2  # how much more a picture is enlarged when nothing was found in it


class Box(NamedTuple):
    """A rectangle in pixels; it may reach over the border of its picture."""

    left: int
    top: int
    width: int
    height: int


def heads(pixels: NDArray[np.uint8], *, thorough: bool = False) -> tuple[set[Head], int]:
    """Return the heads in a BGR picture, and how many codes begin like one but are none.

    `thorough` looks once more, larger, when there was nothing: a screenshot may be of a large screen.
    """
    grey = _grey(pixels)
    factor = max(1, round(ENOUGH_LINES / min(grey.shape)))
    found, odd = _sort(_read(grey, factor, thorough=thorough)[0])
    if thorough and not found and not odd:
        found, odd = _sort(_read(grey, factor * LARGER, thorough=True)[0])
    return found, odd


def places(pixels: NDArray[np.uint8]) -> list[Box]:
    """Return where overlays stand upright in a BGR picture, each with a rim of one module of its code."""
    found, factor = _read(_grey(pixels), 1, thorough=False)
    ours = [each.position for each in found if parse(each.text) is not None]
    return [_box(corners, factor) for corners in ours]


def _box(corners: Any, factor: int) -> Box:
    """Return the box of an overlay from the corners of its code, which has SIDE / MODULE modules less the quiet zone."""
    begin, end, below = corners.top_left, corners.top_right, corners.bottom_left
    across = overlay.SIDE // overlay.MODULE - 2 * overlay.QUIET
    module = ((end.x - begin.x) + (below.y - begin.y)) / 2 / across / factor
    rim = (overlay.QUIET + 1) * module
    return Box(
        left=int(begin.x / factor - rim),
        top=int(begin.y / factor - rim),
        width=round((overlay.WIDTH / overlay.MODULE + 2) * module),
        height=round((overlay.HEIGHT / overlay.MODULE + 2) * module),
    )


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def _read(grey: NDArray[np.uint8], factor: int, *, thorough: bool) -> tuple[list[Any], int]:
    """Return the QR codes in a picture enlarged `factor` times at most, and how many times it was."""
    factor = max(1, min(factor, int((MAX_PIXELS / grey.size) ** 0.5)))
    if factor > 1:
        larger = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        grey = np.asarray(larger, np.uint8)
    found: list[Any] = zxingcpp.read_barcodes(
        np.ascontiguousarray(grey),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        try_rotate=thorough,
        try_invert=thorough,
        try_downscale=thorough,
    )
    return [each for each in found if each.valid], factor


def _sort(codes: list[Any]) -> tuple[set[Head], int]:
    ours = {each.text for each in codes if each.text.startswith(PREFIX)}
    found = {head for text in ours if (head := parse(text)) is not None}
    return found, len(ours) - len(found)
