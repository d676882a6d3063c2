"""Two aligned pictures in the ways a person compares them: side by side, laid over each other, in turns, wiped across.

All take the two pictures as `alignment.apply` gives them, of equal size, and nothing else: there is no strength, no shift
and no choice of colours to be set by whoever wants to convince.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from sakigake.fingerprint.views import Pixels
from watch.explaining.letters import Letters
from watch.explaining.sheet import below, bordered, centred, resized, size_within

Colour = tuple[int, int, int]

BLINK_MS = 700
_WIPES, _WIPE_MS = 24, 80
_BAND = 30
_ORANGE, _BLUE = (30, 130, 240), (205, 110, 20)  # BGR; told apart by people who see red and green alike


def overlay(post: Pixels, stage: Pixels) -> Pixels:
    """Return both at half strength: the mean of the two, half a step rounded up."""
    total = post.astype(np.uint16) + stage + 1
    return np.asarray(total // 2, np.uint8)


def lines_over(post: Pixels, stage: Pixels) -> Pixels:
    """Return the lines of both on white: the stage's in blue, the post's in orange, dark where they meet."""
    page = np.ones((*post.shape[:2], 3), np.float32)
    for pixels, colour in ((post, _ORANGE), (stage, _BLUE)):
        page *= 1 - _ink(pixels)[..., None] * (1 - np.array(colour, np.float32) / 255)
    return np.asarray(np.rint(255 * page), np.uint8)


def blink(post: Pixels, stage: Pixels) -> Iterator[tuple[Pixels, int]]:
    """Yield the two frames of a blink, each with how long it stands in ms."""
    yield stage, BLINK_MS
    yield post, BLINK_MS


def wipe(post: Pixels, stage: Pixels) -> Iterator[tuple[Pixels, int]]:
    """Yield frames in which a line runs across and back: left of it the post, right of it the stage."""
    width = post.shape[1]
    there = [round(width * step / _WIPES) for step in range(_WIPES + 1)]
    for number, at in enumerate([*there, *there[-2:0:-1]]):
        frame = stage.copy()
        frame[:, :at] = post[:, :at]
        if 0 < at < width:
            frame[:, max(0, at - 1) : at + 1] = (255, 255, 255)
        yield frame, BLINK_MS if number in {0, _WIPES} else _WIPE_MS


def named(
    pixels: Pixels, name: str, letters: Letters, colour: Colour = (40, 40, 40), least: int = 160
) -> Pixels:
    """Return a picture under a band that says which it is; frames of one width with names of one line stay alike high."""
    width = max(pixels.shape[1], least)
    band = letters.strip(name, 17, width, colour)
    return below(
        [centred(band, max(_BAND, band.shape[0]), width), centred(pixels, pixels.shape[0], width)], 0
    )


def sheet(
    post: Pixels, stage: Pixels, names: tuple[str, str, str, str], letters: Letters, longest: int = 420
) -> Pixels:
    """Return post, stage, overlay and lines as two rows of two; `names` stand above them in this order."""
    size = size_within((post.shape[1], post.shape[0]), longest)
    panels = [resized(each, size) for each in (post, stage, overlay(post, stage), lines_over(post, stage))]
    framed = [
        bordered(panel, colour, 3) for panel, colour in zip(panels, (_ORANGE, _BLUE, None, None), strict=True)
    ]
    shown = [named(panel, name, letters) for panel, name in zip(framed, names, strict=True)]
    width = max(panel.shape[1] for panel in shown)
    height = max(panel.shape[0] for panel in shown)
    cells = [centred(panel, height, width) for panel in shown]
    rows = [
        np.concatenate([cells[at], np.full((height, 12, 3), 255, np.uint8), cells[at + 1]], axis=1)
        for at in (0, 2)
    ]
    return np.asarray(below(rows), np.uint8)


def _ink(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return how much of a line there is at each pixel, 0 to 1: the strength of edges against the picture's own."""
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB).astype(np.float32), (0, 0), 1.6)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *step, ksize=3) for step in ((1, 0), (0, 1)))
    strength = np.sqrt((across**2 + down**2).sum(axis=2))
    most = max(float(np.quantile(strength, 0.97)), 1e-6)
    return np.asarray(np.clip((strength / most - 0.15) / 0.85, 0, 1), np.float32)
