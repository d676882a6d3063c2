"""Landscapes, streets, rooms and photographs of the cohort, by recipe."""

import cv2
import numpy as np

from bench.cohort_art import (
    SIDE,
    Pixels,
    Rng,
    Sheet,
    blob,
    box,
    clouds,
    colour,
    gradient,
    grey,
    limb,
    near,
    oval,
)


def landscape(rng: Rng, style: str) -> Pixels:
    """Return hills or a shore under a sky, with trees, houses or a sun."""
    painted = style in {"flat", "shaded", "ink"}
    sky = gradient(rng, colour(rng, 90), colour(rng, 120)) if painted else (255, 255, 255)
    sheet = Sheet(rng, style, sky)
    if rng.random() < 0.5:
        r = rng.uniform(0.03, 0.13)
        sheet.shape(
            oval(rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.35), r, r), near(rng, (190, 240, 255), 40)
        )
    for _ in range(int(rng.integers(0, 5))):
        sheet.shape(
            blob(rng, rng.uniform(0, 1), rng.uniform(0.05, 0.35), rng.uniform(0.05, 0.16), 0.3),
            grey(rng, 200, 256),
        )
    base = colour(rng)
    horizon = np.sort(rng.uniform(0.3, 0.95, int(rng.integers(1, 5))))
    for level in horizon:
        x = np.linspace(-0.02, 1.02, 80)
        ridge = level + sum(
            rng.normal(0, rng.uniform(0.01, 0.12) / k) * np.sin(k * np.pi * x + rng.uniform(0, 6))
            for k in range(1, 9)
        )
        base = near(rng, base, 60)
        sheet.shape(np.concatenate([np.stack([x, ridge], 1), np.array([[1.02, 1.05], [-0.02, 1.05]])]), base)
        for at in rng.integers(0, 80, int(rng.integers(0, 5))):
            size = rng.uniform(0.03, 0.14)
            foot = (float(x[at]), float(ridge[at]))
            if rng.random() < 0.7:
                sheet.shape(
                    limb(np.array([foot, (foot[0], foot[1] - size * 1.4)]), size * 0.12),
                    near(rng, (40, 60, 90), 30),
                )
                sheet.shape(
                    blob(rng, foot[0], foot[1] - size * 1.7, size * rng.uniform(0.5, 1.1), 0.4),
                    near(rng, (50, 130, 60), 60),
                )
            else:
                sheet.shape(
                    box(foot[0] - size, foot[1] - size, foot[0] + size, foot[1] + size * 0.3), colour(rng)
                )
                sheet.shape(
                    np.array(
                        [
                            [foot[0] - size * 1.2, foot[1] - size],
                            [foot[0], foot[1] - size * 1.8],
                            [foot[0] + size * 1.2, foot[1] - size],
                        ]
                    ),
                    colour(rng),
                )
    return sheet.pixels


def street(rng: Rng, style: str) -> Pixels:
    """Return fronts of houses, an interior in one-point perspective, or a stack of boxes."""
    sheet = Sheet(rng, style, gradient(rng) if style != "line" else (255, 255, 255))
    if rng.random() < 0.5:
        left = -0.05
        while left < 1.0:
            right, top = left + rng.uniform(0.1, 0.4), rng.uniform(0.08, 0.55)
            wall = colour(rng)
            sheet.shape(box(left, top, right, 0.92), wall)
            if rng.random() < 0.5:
                sheet.shape(
                    np.array(
                        [[left, top], [(left + right) / 2, top - rng.uniform(0.05, 0.15)], [right, top]]
                    ),
                    colour(rng),
                )
            columns, rows = int(rng.integers(1, 5)), int(rng.integers(1, 6))
            for row in range(rows):
                for column in range(columns):
                    cx = left + (column + 0.5) * (right - left) / columns
                    cy = top + (row + 0.6) * (0.9 - top) / (rows + 0.3)
                    sheet.shape(
                        oval(cx, cy, (right - left) / columns * 0.3, (0.9 - top) / rows * 0.3, 0, 9),
                        near(rng, wall, 90),
                    )
            left = right
        sheet.shape(box(-0.05, rng.uniform(0.85, 0.93), 1.05, 1.05), grey(rng, 60, 160))
        return sheet.pixels
    vanish = np.array([rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.7)])
    depth = rng.uniform(0.2, 0.6)
    corners = box(0, 0, 1, 1)
    far = vanish + (corners - vanish) * depth
    for side in range(4):
        other = (side + 1) % 4
        sheet.shape(np.array([corners[side], corners[other], far[other], far[side]]), colour(rng))
    sheet.shape(far, colour(rng))
    for _ in range(int(rng.integers(2, 9))):
        at, near_scale = rng.uniform(0, 1, 2), rng.uniform(0.5, 1)
        size = rng.uniform(0.04, 0.2)
        front = box(at[0] - size, at[1] - size * rng.uniform(0.4, 2), at[0] + size, at[1] + size)
        front = vanish + (front - vanish) * near_scale
        sheet.shape(front, colour(rng))
    return sheet.pixels


def photo(rng: Rng, style: str) -> Pixels:
    """Return what a camera gives: blur in depth, grain, soft light, one or several subjects."""
    sheet = Sheet(
        rng, "flat", clouds(rng, int(rng.integers(2, 7)), rng.uniform(0.1, 0.9), int(rng.integers(1, 4)))
    )
    for layer in range(int(rng.integers(1, 4))):
        for _ in range(int(rng.integers(1, 6))):
            spot = blob(
                rng,
                rng.uniform(0.1, 0.9),
                rng.uniform(0.15, 0.95),
                rng.uniform(0.05, 0.3),
                rng.uniform(0.1, 0.6),
            )
            texture = clouds(rng, 5, 0.3, int(rng.integers(2, 9)))
            mask = np.zeros((SIDE, SIDE), np.uint8)
            cv2.fillPoly(mask, [np.rint(spot * SIDE).astype(np.int32)], 255, cv2.LINE_AA)
            soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 6))[..., None] / 255
            sheet.pixels = (sheet.pixels * (1 - soft) + texture * soft).astype(np.uint8)
        if layer == 0:
            sheet.pixels = np.asarray(cv2.GaussianBlur(sheet.pixels, (0, 0), rng.uniform(0.5, 9)), np.uint8)
    if style in {"line", "rough"}:  # black and white
        grey_ = cv2.cvtColor(sheet.pixels, cv2.COLOR_BGR2GRAY)
        sheet.pixels = np.asarray(cv2.cvtColor(grey_, cv2.COLOR_GRAY2BGR), np.uint8)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = 1 - rng.uniform(0, 0.5) * ((x - rng.normal(0, 0.3)) ** 2 + (y - rng.normal(0, 0.3)) ** 2) / 2
    grain = rng.normal(0, rng.uniform(1, 8), sheet.pixels.shape)
    seen: Pixels = np.clip(sheet.pixels * light[..., None] + grain, 0, 255).astype(np.uint8)
    return seen
