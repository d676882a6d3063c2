"""Single objects of the cohort, by recipe."""

import itertools
from collections.abc import Callable

import numpy as np

from bench.cohort_art import (
    Colour,
    Pixels,
    Rng,
    Sheet,
    blob,
    colour,
    curve,
    grey,
    ground,
    limb,
    near,
    oval,
    smooth,
)

Spot = tuple[float, float]


def _stack(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw rounded boxes on top of one another: lamps, buildings, robots."""
    rng = sheet.rng
    x = at[0]
    edges = np.sort(rng.uniform(0.1, 0.9, int(rng.integers(3, 7))))
    for top, bottom in itertools.pairwise(edges):
        sheet.shape(
            oval(x, (top + bottom) / 2, rng.uniform(0.08, 0.4), (bottom - top) / 1.8, 0, rng.uniform(1, 8)),
            near(rng, tint, 90),
        )


def _radial(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw petals or rays around a centre."""
    rng = sheet.rng
    x, y = at
    count, inner, outer = int(rng.integers(3, 14)), rng.uniform(0.03, 0.2), rng.uniform(0.25, 0.45)
    phase, fat = rng.uniform(0, 6), rng.uniform(0.02, 0.14)
    for angle in phase + np.arange(count) * 2 * np.pi / count:
        way = np.array([np.cos(angle), np.sin(angle)])
        sheet.shape(
            oval(
                x + way[0] * (inner + outer) / 2,
                y + way[1] * (inner + outer) / 2,
                (outer - inner) / 1.7,
                fat,
                angle,
                rng.uniform(1.2, 3),
            ),
            near(rng, tint, 50),
        )
    sheet.shape(oval(x, y, inner * 1.3, inner * 1.3), colour(rng))


def _blobs(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw a heap of roundish shapes."""
    rng = sheet.rng
    x, y = at
    for _ in range(int(rng.integers(2, 9))):
        sheet.shape(
            blob(rng, x + rng.normal(0, 0.14), y + rng.normal(0, 0.14), rng.uniform(0.06, 0.25)),
            near(rng, tint, 80),
        )


def _vehicle(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw a body on wheels with a cabin."""
    rng = sheet.rng
    x, y = at
    length, base = rng.uniform(0.28, 0.44), y + 0.1
    sheet.shape(oval(x, base, length, rng.uniform(0.08, 0.17), 0, rng.uniform(2.5, 9)), tint)
    sheet.shape(
        oval(
            x + rng.normal(0, 0.08),
            base - 0.15,
            length * rng.uniform(0.35, 0.9),
            rng.uniform(0.07, 0.15),
            0,
            rng.uniform(2, 7),
        ),
        near(rng, tint, 60),
    )
    for place in np.linspace(-0.7, 0.7, int(rng.integers(2, 5))):
        sheet.shape(oval(x + place * length, base + 0.13, 0.075, 0.075), (40, 40, 40))
        sheet.shape(oval(x + place * length * 0.7, base - 0.15, 0.04, 0.05, 0, 5), (240, 220, 200))


def _vessel(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw a turned shape: bottles, vases, cups."""
    rng = sheet.rng
    x = at[0]
    knots = np.linspace(0.12, 0.88, int(rng.integers(5, 10)))
    half = smooth(smooth(rng.uniform(0.04, 0.34, len(knots))[:, None]))[:, 0]
    sheet.shape(np.concatenate([np.stack([x - half, knots], 1), np.stack([x + half, knots], 1)[::-1]]), tint)
    for cut in rng.uniform(0.2, 0.8, int(rng.integers(0, 4))):
        wide = float(np.interp(cut, knots, half))
        sheet.shape(oval(x, cut, wide, rng.uniform(0.01, 0.05)), near(rng, tint, 80))
    if rng.random() < 0.4:
        sheet.stroke(curve(rng, (x + 0.2, 0.35), (x + 0.2, 0.65), 0.2))


def _plant(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw stems with leaves and flowers."""
    rng = sheet.rng
    x = at[0]
    for _ in range(int(rng.integers(3, 12))):
        tip = (x + rng.normal(0, 0.22), rng.uniform(0.06, 0.6))
        stem = curve(rng, (x, 0.95), tip, 0.08)
        sheet.stroke(stem, near(rng, (40, 120, 40), 40))
        for knot in rng.integers(4, 24, int(rng.integers(1, 6))):
            leaf = oval(
                float(stem[knot, 0]),
                float(stem[knot, 1]),
                rng.uniform(0.02, 0.09),
                rng.uniform(0.012, 0.04),
                rng.uniform(0, np.pi),
                1.6,
            )
            sheet.shape(leaf, near(rng, (60, 150, 70), 50))
        if rng.random() < 0.5:
            sheet.shape(blob(rng, tip[0], tip[1], rng.uniform(0.03, 0.1), 0.5), near(rng, tint, 90))


def _sign(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw a regular polygon with a mark in it."""
    rng = sheet.rng
    x, y = at
    corners = int(rng.choice([3, 4, 4, 6, 8, 30]))
    angle = np.arange(corners) * 2 * np.pi / corners + rng.choice([0, np.pi / 4, -np.pi / 2])
    size = rng.uniform(0.28, 0.46)
    for scale, fill in ((1.0, tint), (rng.uniform(0.7, 0.92), colour(rng))):
        sheet.shape(np.stack([x + size * scale * np.cos(angle), y + size * scale * np.sin(angle)], 1), fill)
    for _ in range(int(rng.integers(1, 4))):
        sheet.shape(
            blob(rng, x + rng.normal(0, 0.06), y + rng.normal(0, 0.06), rng.uniform(0.05, 0.17), 0.6),
            grey(rng, 0, 256),
        )


def _tool(sheet: Sheet, at: Spot, tint: Colour) -> None:
    """Draw a stick with something at its ends."""
    rng = sheet.rng
    x, y = at
    turn = rng.uniform(0, np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    a, b = (
        np.array([x, y]) - way * rng.uniform(0.25, 0.42),
        np.array([x, y]) + way * rng.uniform(0.25, 0.42),
    )
    sheet.shape(limb(np.linspace(a, b, 6), rng.uniform(0.015, 0.07), rng.uniform(0.4, 2)), tint)
    for end in (a, b):
        if rng.random() < 0.7:
            sheet.shape(
                blob(rng, float(end[0]), float(end[1]), rng.uniform(0.05, 0.17), 0.5), near(rng, tint, 90)
            )


# One of these is drawn by `thing`.
KINDS: tuple[Callable[[Sheet, Spot, Colour], None], ...] = (
    _stack,
    _radial,
    _blobs,
    _vehicle,
    _vessel,
    _plant,
    _sign,
    _tool,
)


def thing(rng: Rng, style: str) -> Pixels:
    """Return an object on its own, as clip art, stickers and emblems show it; often symmetric."""
    sheet = Sheet(rng, style, (255, 255, 255) if rng.random() < 0.8 else ground(rng))
    kind = KINDS[rng.integers(len(KINDS))]
    tint = colour(rng)
    kind(sheet, (0.5 + rng.normal(0, 0.04), 0.5 + rng.normal(0, 0.04)), tint)
    return sheet.pixels
