"""Two pictures to compare: one derived from a draft stage, one that has nothing to do with it.

`derived` is an honest stand-in for image-to-image generation, made by code alone: it keeps what such a model keeps
at medium strength (the layout) and replaces what it replaces (palette, texture, small shapes). It is no model.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

WIDTH = 960
QUALITY = 82


def derived(stage: Pixels, seed: int) -> Pixels:
    """Return a repainted picture with the layout of `stage` (BGR): bent, recoloured, painted over, noisy."""
    random = np.random.default_rng(seed)
    height = round(WIDTH * stage.shape[0] / stage.shape[1])
    picture = np.asarray(cv2.resize(stage, (WIDTH, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    picture = _painted(_recoloured(_bent(picture, random), random), random)
    grain = random.normal(0, 4.0, picture.shape[:2])[:, :, None]
    return as_pixels(np.clip(picture + grain, 0, 255))


def _bent(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Move each part by a few pixels: no line stays exactly where it was."""
    height, width = picture.shape[:2]
    field = [
        cv2.resize(
            random.normal(0, 7.0, (6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        for _ in range(2)
    ]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    moved = cv2.remap(picture, xs + field[0], ys + field[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.uint8)


def _recoloured(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Turn the hues, change contrast, and lay a coloured light over it."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[:, :, 0] = (hsv[:, :, 0] + random.choice((-1, 1)) * random.uniform(16, 40)) % 180
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * random.uniform(0.7, 1.2) + 12, 0, 255)
    hsv[:, :, 2] = 255 * (hsv[:, :, 2] / 255) ** random.uniform(0.8, 1.3)
    turned = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.float32)
    height, width = picture.shape[:2]
    angle = random.uniform(0, 2 * math.pi)
    across, down = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    light = (across * math.cos(angle) + down * math.sin(angle))[:, :, None]
    tint = random.uniform(-26, 26, 3)[None, None]
    return as_pixels(np.clip(turned + light * tint, 0, 255))


def _painted(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Paint the picture anew with dabs along its contours, large ones first (Haeberli, Paint by Numbers, 1990)."""
    height, width = picture.shape[:2]
    canvas = np.asarray(cv2.GaussianBlur(picture, (0, 0), 9), dtype=np.uint8).copy()
    for length, thick, spacing, least_edge in ((26, 11, 11, -1), (13, 5, 6, 12), (7, 2, 4, 12)):
        smooth = cv2.GaussianBlur(picture, (0, 0), thick / 2)
        grey = cv2.cvtColor(smooth, cv2.COLOR_BGR2GRAY).astype(np.float32)
        gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        count = height * width // spacing**2
        xs, ys = random.integers(0, width, count), random.integers(0, height, count)
        jitter = random.normal(0, 9.0, (count, 3))
        turns = random.normal(0, 0.3, count)
        # Fine dabs go where there is something fine; flat areas keep the broad ones.
        wanted = np.hypot(gx, gy) > least_edge
        for x, y, shift, turn in zip(xs.tolist(), ys.tolist(), jitter, turns.tolist(), strict=True):
            if not wanted[y, x]:
                continue
            angle = math.atan2(gy[y, x], gx[y, x]) + math.pi / 2 + turn
            dx, dy = round(length / 2 * math.cos(angle)), round(length / 2 * math.sin(angle))
            colour = np.clip(smooth[y, x] + shift, 0, 255).tolist()
            cv2.line(canvas, (x - dx, y - dy), (x + dx, y + dy), colour, thick, cv2.LINE_AA)
    return canvas


def unrelated(seed: int) -> Pixels:
    """Return a picture of a sailing boat, drawn by code (BGR)."""
    random = np.random.default_rng(seed)
    height = WIDTH * 3 // 4
    horizon = round(height * random.uniform(0.5, 0.62))
    canvas = np.empty((height, WIDTH, 3), np.uint8)
    canvas[:horizon] = np.linspace((226, 178, 120), (206, 222, 250), horizon)[:, None]
    canvas[horizon:] = np.linspace((150, 112, 44), (92, 60, 22), height - horizon)[:, None]
    sun = (round(WIDTH * random.uniform(0.12, 0.3)), round(horizon * 0.4))
    cv2.circle(canvas, sun, 46, (150, 226, 255), -1, cv2.LINE_AA)
    hills = [(0, horizon)]
    hills += [(x, horizon - round(abs(random.normal(0, 52)))) for x in range(40, WIDTH, 90)] + [
        (WIDTH, horizon)
    ]
    cv2.fillPoly(canvas, [np.array(hills, np.int32)], (132, 150, 96), cv2.LINE_AA)
    for _ in range(46):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(horizon + 14, height))
        cv2.line(canvas, (x, y), (x + int(random.integers(24, 110)), y), (196, 164, 96), 2, cv2.LINE_AA)
    x, y, size = round(WIDTH * random.uniform(0.55, 0.75)), horizon + 70, random.uniform(0.9, 1.25)

    def shape(points: list[tuple[int, int]], colour: tuple[int, int, int]) -> None:
        placed = np.array([(x + px * size, y + py * size) for px, py in points], np.int32)
        cv2.fillPoly(canvas, [placed], colour, cv2.LINE_AA)
        cv2.polylines(canvas, [placed], True, (40, 30, 34), 3, cv2.LINE_AA)

    shape([(-120, 0), (130, 0), (96, 56), (-86, 56)], (52, 62, 150))
    shape([(-4, -10), (-4, -250), (8, -250), (8, -10)], (70, 96, 130))
    shape([(18, -240), (18, -24), (124, -24)], (240, 244, 250))
    shape([(-16, -210), (-16, -24), (-96, -24)], (96, 130, 236))
    return canvas


def as_pixels(picture: NDArray[np.generic]) -> Pixels:
    """Return a decoded picture as height x width x BGR bytes."""
    return np.asarray(picture, dtype=np.uint8)


def write_jpeg(path: Path, picture: Pixels) -> None:
    """Write a picture the way a platform hands it out: JPEG, no metadata."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise OSError(path)
    path.write_bytes(data.tobytes())
