"""The genres of the cohort and how often each is drawn; screens show pictures of the others."""

import cv2
import numpy as np

from bench.cohort_art import (
    SIDE,
    Colour,
    Drawer,
    Pixels,
    Rng,
    Sheet,
    blob,
    box,
    colour,
    curve,
    grey,
    ground,
    limb,
    near,
)
from bench.cohort_people import animal, figure, portrait
from bench.cohort_places import landscape, photo, street
from bench.cohort_things import thing

Area = tuple[float, float, float, float]


def abstract(rng: Rng, style: str) -> Pixels:
    """Return free lines, hatching, patches of colour: studies, exercises, backgrounds."""
    sheet = Sheet(rng, style, ground(rng))
    for _ in range(int(rng.integers(2, 10))):
        kind = rng.choice(["curve", "patch", "hatch", "band"])
        if kind == "curve":
            for _ in range(int(rng.integers(1, 6))):
                sheet.stroke(curve(rng, rng.uniform(0, 1, 2), rng.uniform(0, 1, 2), 0.3))
        elif kind == "patch":
            sheet.shape(
                blob(rng, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.4), 0.5), colour(rng)
            )
        elif kind == "hatch":
            start, way, step = rng.uniform(0, 0.8, 2), rng.normal(0, 0.15, 2), rng.normal(0, 0.02, 2)
            for number in range(int(rng.integers(4, 20))):
                sheet.stroke(np.stack([start + step * number, start + step * number + way]))
        else:
            a, b = rng.uniform(-0.2, 1.2, 2), rng.uniform(-0.2, 1.2, 2)
            sheet.shape(limb(np.linspace(a, b, 5), rng.uniform(0.02, 0.15), 1), colour(rng))
    return sheet.pixels


def screen(rng: Rng, style: str) -> Pixels:
    """Return a program's window, a page of text, a comic page or a contact sheet."""
    dark = rng.random() < 0.5
    sheet = Sheet(rng, "flat", grey(rng, 20, 70) if dark else grey(rng, 225, 256))
    text = grey(rng, 170, 230) if dark else grey(rng, 10, 90)
    if style in {"line", "rough"}:
        _contact_sheet(sheet)
    else:
        _window(sheet, text)
    return sheet.pixels


def _contact_sheet(sheet: Sheet) -> None:
    rng = sheet.rng
    rows = int(rng.integers(1, 6))
    for top in np.arange(rows) / rows:
        columns = int(rng.integers(1, 6))
        for left in np.arange(columns) / columns:
            inset = rng.uniform(0.01, 0.03)
            _inset(sheet, (left + inset, top + inset, left + 1 / columns - inset, top + 1 / rows - inset))


def _window(sheet: Sheet, text: Colour) -> None:
    rng = sheet.rng
    back = near(rng, (128, 128, 128) if sum(text) > 384 else (230, 230, 230), 25)
    bars = [float(size) for size in rng.uniform(0.03, 0.25, 4) * (rng.random(4) < 0.75)]
    top, bottom, left, right = bars
    for x0, y0, x1, y1 in ((0, 0, 1, top), (0, 1 - bottom, 1, 1), (0, 0, left, 1), (1 - right, 0, 1, 1)):
        if x1 > x0 and y1 > y0:
            sheet.shape(box(x0, y0, x1, y1), near(rng, back, 25))
            _words(sheet, (x0, y0, x1, y1), rng.uniform(0.02, 0.05), text)
    inside = (left + 0.02, top + 0.02, 0.98 - right, 0.98 - bottom)
    if rng.random() < 0.6:
        _inset(sheet, inside)
    else:
        _words(sheet, inside, rng.uniform(0.02, 0.07), text)
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(0, 0.8), rng.uniform(0, 0.8)
        panel = (x, y, x + rng.uniform(0.05, 0.3), y + rng.uniform(0.02, 0.2))
        sheet.shape(box(*panel), near(rng, back, 60))
        _words(sheet, panel, 0.04, text)


def _words(sheet: Sheet, area: Area, step: float, tint: Colour) -> None:
    x0, y0, x1, y1 = area
    for y in np.arange(y0 + step, y1, step):
        x = x0
        while x < x1 - 0.02 and sheet.rng.random() < 0.93:
            end = x + sheet.rng.uniform(0.01, 0.06)
            sheet.shape(box(x, float(y), min(end, x1), float(y) + step * 0.45), tint)
            x = end + 0.01


def _inset(sheet: Sheet, area: Area) -> None:
    """Show a picture of another genre in a part of the sheet."""
    rng = sheet.rng
    left, top, right, bottom = (int(value * SIDE) for value in area)
    _, drawer = DRAWERS[rng.integers(len(DRAWERS) - 1)]
    inner = drawer(rng, str(rng.choice(["flat", "line", "shaded", "rough"])))
    size = (right - left, bottom - top)
    sheet.pixels[top:bottom, left:right] = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)


# How often each genre is drawn; screens come last, since they show pictures of the others.
DRAWERS: tuple[tuple[int, Drawer], ...] = (
    (6, portrait),
    (3, figure),
    (4, animal),
    (7, thing),
    (3, landscape),
    (2, street),
    (4, photo),
    (2, abstract),
    (3, screen),
)
