"""Laying pictures out on a sheet, and writing it as a PNG that holds nothing but pixels."""

import io
from collections.abc import Sequence

import cv2
import numpy as np

from sakigake.fingerprint.views import Pixels

PAPER, EMPTY, LINE = 255, 225, 140
GAP = 12


def fit(pixels: Pixels, longest: int) -> Pixels:
    """Return a BGR picture with its longer side at `longest` dots: area means when it shrinks, bilinear when it grows."""
    return resized(pixels, size_within((pixels.shape[1], pixels.shape[0]), longest))


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a picture at (width, height)."""
    shrinks = pixels.shape[1] >= size[0] and pixels.shape[0] >= size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def enlarged(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return a small picture at (width, height) without smoothing: each of its pixels is a rectangle."""
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def size_within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return (width, height) with the longer side at `longest`, no side below one dot."""
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def blank(height: int, width: int, tone: int = PAPER) -> Pixels:
    """Return an empty sheet of one grey."""
    return np.full((height, width, 3), tone, np.uint8)


def centred(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return a picture in the middle of an empty sheet that is at least as large."""
    page = blank(height, width)
    top, left = (height - pixels.shape[0]) // 2, (width - pixels.shape[1]) // 2
    page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return page


def bordered(pixels: Pixels, colour: tuple[int, int, int] | None = None, width: int = 1) -> Pixels:
    """Return a picture with a line around it, thin and grey unless said otherwise, so that white paper in it has an end."""
    tone = colour or (LINE, LINE, LINE)
    edges = (width,) * 4
    return np.asarray(cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_CONSTANT, value=tone), np.uint8)


def beside(parts: Sequence[Pixels], gap: int = GAP) -> Pixels:
    """Return pictures next to each other, their tops in line."""
    height = max(part.shape[0] for part in parts)
    page = blank(height, sum(part.shape[1] for part in parts) + gap * (len(parts) - 1))
    left = 0
    for part in parts:
        page[: part.shape[0], left : left + part.shape[1]] = part
        left += part.shape[1] + gap
    return page


def below(parts: Sequence[Pixels], gap: int = GAP) -> Pixels:
    """Return pictures one below the other, their left sides in line."""
    width = max(part.shape[1] for part in parts)
    page = blank(sum(part.shape[0] for part in parts) + gap * (len(parts) - 1), width)
    top = 0
    for part in parts:
        page[top : top + part.shape[0], : part.shape[1]] = part
        top += part.shape[0] + gap
    return page


def margined(pixels: Pixels, margin: int = GAP) -> Pixels:
    """Return a sheet with white around it."""
    white = (PAPER, PAPER, PAPER)
    return np.asarray(
        cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=white), np.uint8
    )


def png(pixels: Pixels) -> bytes:
    """Return a BGR picture as a PNG without a date, a name or any other text."""
    from PIL import Image  # noqa: PLC0415 - only whoever writes one needs it

    raw = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).save(raw, "PNG", compress_level=3)
    return raw.getvalue()
