"""Pictures drawn by a recipe: nobody's work, the same on every machine, in the genres artists and posts come in.

They stand in for "other people's pictures" when a score is normalised: a portrait is compared with how much portraits
resemble one another anyway. Every drawer takes a generator of random numbers and returns BGR uint8.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Pixels = NDArray[np.uint8]
Rng = np.random.Generator
Colour = tuple[int, int, int]
Points = NDArray[np.float64]

SIDE = 320


class Sheet:
    """A canvas in unit coordinates (0..1) with one drawing style: flat, line, rough, shaded or ink."""

    def __init__(self, rng: Rng, style: str, ground: Colour | Pixels = (255, 255, 255)) -> None:
        self.rng = rng
        self.style = style
        self.pixels: Pixels = np.empty((SIDE, SIDE, 3), np.uint8)
        self.pixels[:] = ground
        self.ink: Colour = grey(rng, 0, 90) if style != "rough" else colour(rng, 60, 190)
        self.width = int(rng.integers(1, 4))

    def shape(self, points: Points, fill: Colour) -> None:
        """Draw a closed outline, filled unless the style is lines only."""
        if self.style in {"flat", "shaded", "ink"}:
            cv2.fillPoly(self.pixels, [grid(points)], fill, cv2.LINE_AA)
            if self.style == "shaded":
                self._shade(points, fill)
        if self.style == "line":  # what lies behind does not show through a clean line drawing
            cv2.fillPoly(self.pixels, [grid(points)], (255, 255, 255), cv2.LINE_AA)
        if self.style != "flat":
            self.stroke(np.concatenate([points, points[:1]]))

    def _shade(self, points: Points, fill: Colour) -> None:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [grid(points)], 255)
        shift = self.rng.integers(-SIDE // 8, SIDE // 8, 2)
        moved = np.roll(mask, shift, (0, 1))
        soft = cv2.GaussianBlur(cv2.bitwise_and(mask, cv2.bitwise_not(moved)), (0, 0), SIDE / 60)
        amount = (soft.astype(np.float32) * (mask > 0) / 255 * self.rng.uniform(0.2, 0.6))[..., None]
        dark = np.array(fill, np.float32) * 0.3
        self.pixels = (self.pixels * (1 - amount) + dark * amount).astype(np.uint8)

    def stroke(self, points: Points, tint: Colour | None = None) -> None:
        """Draw an open line; a rough one is searched for with several jittered strokes."""
        if self.style != "rough":
            cv2.polylines(self.pixels, [grid(points)], False, tint or self.ink, self.width, cv2.LINE_AA)
            return
        for _ in range(int(self.rng.integers(2, 5))):
            wobble = smooth(self.rng.normal(0, 0.012, points.shape))
            ink = near(self.rng, self.ink, 35)
            cv2.polylines(self.pixels, [grid(points + wobble)], False, ink, 1, cv2.LINE_AA)


def colour(rng: Rng, low: int = 0, high: int = 256) -> Colour:
    """Return any colour."""
    blue, green, red = (int(part) for part in rng.integers(low, high, 3))
    return blue, green, red


def grey(rng: Rng, low: int, high: int) -> Colour:
    """Return a near-grey."""
    value = int(rng.integers(low, high))
    return value, value, value


def near(rng: Rng, base: Colour, spread: int = 40) -> Colour:
    """Return a colour close to `base`."""
    blue, green, red = (int(np.clip(part + rng.integers(-spread, spread + 1), 0, 255)) for part in base)
    return blue, green, red


def grid(points: Points) -> NDArray[np.int32]:
    """Return unit coordinates as whole pixels."""
    return np.rint(np.asarray(points) * SIDE).astype(np.int32)


def smooth(values: Points) -> Points:
    """Return values averaged with their neighbours along the first axis."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


def oval(  # noqa: PLR0917 - an ellipse has five numbers
    x: float, y: float, rx: float, ry: float, tilt: float = 0.0, power: float = 2.0
) -> Points:
    """Return a superellipse: 2 is an ellipse, 4 nearly a rounded box, 1 a diamond."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    px = rx * np.sign(c) * np.abs(c) ** (2 / power)
    py = ry * np.sign(s) * np.abs(s) ** (2 / power)
    return np.stack([x + px * np.cos(tilt) - py * np.sin(tilt), y + px * np.sin(tilt) + py * np.cos(tilt)], 1)


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Return a rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def blob(rng: Rng, x: float, y: float, size: float, wobble: float = 0.35) -> Points:
    """Return a random closed shape, roundish for a small `wobble`, spiky for a large one."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones(60)
    for order in range(2, int(rng.integers(3, 9))):
        radius += rng.normal(0, wobble / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, 2) * size
    stretch = rng.uniform(0.5, 1.0)
    return np.stack([x + radius * np.cos(angle), y + stretch * radius * np.sin(angle)], 1)


def curve(rng: Rng, start: ArrayLike, end: ArrayLike, bend: float = 0.15) -> Points:
    """Return a cubic Bezier curve between two points."""
    a, d = np.asarray(start, float), np.asarray(end, float)
    b, c = a + (d - a) / 3 + rng.normal(0, bend, 2), a + (d - a) * 2 / 3 + rng.normal(0, bend, 2)
    t = np.linspace(0, 1, 24)[:, None]
    return np.asarray((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)


def limb(points: Points, width: float, taper: float = 0.7) -> Points:
    """Return the outline of a bent tube along `points`."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    side = np.stack([-along[:, 1], along[:, 0]], 1) * (width * np.linspace(1, taper, len(points)))[:, None]
    return np.concatenate([points + side, (points - side)[::-1]])


def clouds(rng: Rng, octaves: int = 4, tint: float = 1.0, start: int = 2) -> Pixels:
    """Return smooth coloured noise, as out-of-focus photographs have."""
    total = np.zeros((SIDE, SIDE, 3), np.float32)
    for octave in range(octaves):
        cells = start * 2**octave + 1
        small = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        mixed = tint * small + (1 - tint) * small.mean(axis=-1, keepdims=True)
        total += np.asarray(cv2.resize(mixed, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) * 0.55**octave
    spread = np.clip(total * rng.uniform(25, 70) + rng.uniform(50, 200, 3), 0, 255)
    return np.asarray(spread, np.uint8)


def gradient(rng: Rng, top: Colour | None = None, bottom: Colour | None = None) -> Pixels:
    """Return a vertical or slanted run between two colours."""
    a, b = np.array(top or colour(rng), float), np.array(bottom or colour(rng), float)
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    slant = rng.uniform(-0.5, 0.5) if top is None else 0.0
    t = np.clip(y + slant * (x - 0.5), 0, 1)[..., None]
    return np.asarray(a * (1 - t) + b * t, np.uint8)


def ground(rng: Rng) -> Colour | Pixels:
    """Return a background: mostly white paper, else a plain colour, a run of colours, a blur or a pattern."""
    kind = rng.choice(["white", "white", "white", "plain", "run", "blur", "pattern"])
    if kind == "white":
        return 255, 255, 255
    if kind == "plain":
        return colour(rng)
    if kind == "run":
        return gradient(rng)
    if kind == "blur":
        return clouds(rng, 3)
    sheet = Sheet(rng, "flat", colour(rng, 120))
    tint, step, size = near(rng, colour(rng)), rng.uniform(0.08, 0.25), rng.uniform(0.1, 0.45)
    for y in np.arange(0, 1.2, step):
        for x in np.arange(0, 1.2, step):
            sheet.shape(oval(x, y, step * size, step * size, power=float(rng.choice([1.0, 2.0, 6.0]))), tint)
    return sheet.pixels


Drawer = Callable[[Rng, str], Pixels]
