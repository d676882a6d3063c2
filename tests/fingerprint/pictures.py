"""Pictures drawn with numpy alone: the same bytes whatever version of OpenCV is installed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def rings(width: int, height: int) -> Pixels:
    """Coloured rings off the middle, over a slanted run of colours."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    radius = np.hypot(x - 0.3, y - 0.25)
    wave = (np.sin(radius * 60) > 0).astype(np.float64)
    shades = [120 + 90 * wave * x, 60 + 150 * y, 200 - 120 * wave]
    return np.stack(shades, axis=-1).round().astype(np.uint8)


def face(width: int, height: int) -> Pixels:
    """A head with eyes and shoulders on white, of ovals."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    canvas = np.full((height, width, 3), 255, np.uint8)
    for middle, reach, tint in (
        ((0.5, 1.05), (0.42, 0.35), (160, 90, 60)),
        ((0.5, 0.42), (0.30, 0.38), (60, 60, 120)),
        ((0.5, 0.47), (0.22, 0.28), (200, 215, 245)),
        ((0.41, 0.45), (0.05, 0.06), (120, 60, 30)),
        ((0.59, 0.45), (0.05, 0.06), (120, 60, 30)),
        ((0.5, 0.62), (0.06, 0.015), (90, 90, 200)),
    ):
        inside = ((u - middle[0]) / reach[0]) ** 2 + ((v - middle[1]) / reach[1]) ** 2 < 1
        canvas[inside] = tint
    return canvas


def blocks(width: int, height: int, seed: int = 5) -> Pixels:
    """Random rectangles, in random colours."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width, 3), 230, np.uint8)
    for _ in range(14):
        left, top = int(rng.integers(0, width * 4 // 5)), int(rng.integers(0, height * 4 // 5))
        right, bottom = (
            left + int(rng.integers(width // 20, width // 3)),
            top + int(rng.integers(height // 20, height // 3)),
        )
        canvas[top:bottom, left:right] = rng.integers(0, 256, 3)
    return canvas


GOLDEN: dict[str, Callable[[], Pixels]] = {
    "rings-640x480": lambda: rings(640, 480),
    "rings-61x47": lambda: rings(61, 47),
    "face-512x512": lambda: face(512, 512),
    "face-1920x1080": lambda: face(1920, 1080),
    "blocks-1301x877": lambda: blocks(1301, 877),
    "blocks-128x128": lambda: blocks(128, 128, seed=9),
}
