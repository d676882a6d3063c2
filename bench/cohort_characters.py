"""Characters of the cohort, by recipe: from the knees up on a card, standing on white, or leaning in close.

Drawn people of games and comics resemble one another more than anything else does: a large head with hair and a hat in the
upper third, a narrow waist, wide sleeves and skirt. Without them in the cohort one such picture stands out against another.
"""

import numpy as np

from bench.cohort_art import Colour, Pixels, Points, Rng, Sheet, blob, colour, curve, ground, limb, near, oval
from bench.cohort_people import SKINS, head_of


def character(rng: Rng, style: str) -> Pixels:
    """Return one character, whole or cut off at the hips or knees."""
    sheet, head = _begin(rng, style)
    lean = rng.normal(0, 0.35)
    top = np.array([0.5 + rng.normal(0, 0.06), head * rng.uniform(1.5, 2.1)])
    neck = top + np.array([lean * head * 0.3, head * 1.1])
    hip = neck + np.array([lean * head, head * rng.uniform(2.2, 3.2)])
    skin, cloth, other = SKINS[rng.integers(3)], colour(rng), colour(rng)
    if rng.random() < 0.3:
        _wings(sheet, neck, head)
    for side in (-1, 1):
        foot = hip + np.array([side * head * rng.uniform(0.1, 1.0), head * rng.uniform(3.0, 4.5)])
        leg = curve(rng, hip + np.array([side * head * 0.35, 0]), foot, 0.03)
        sheet.shape(limb(leg, head * 0.38, 0.6), skin)
    before = rng.random() < 0.5  # long hair behind the clothes, or before them
    if before:
        head_of(sheet, float(top[0]), float(top[1]), head)
    arms = [_arm(rng, neck, hip, head, side) for side in (-1, 1)]
    behind = int(rng.integers(0, 3))
    for arm in arms[:behind]:
        _sleeve(sheet, arm, head, cloth, skin)
    sheet.shape(limb(np.linspace(neck, hip, 8), head * rng.uniform(0.75, 1.1), rng.uniform(0.55, 0.9)), cloth)
    if rng.random() < 0.75:
        _skirt(sheet, hip, head, lean, other if rng.random() < 0.6 else cloth)
    _trimmings(sheet, neck, hip, head, other)
    for arm in arms[behind:]:
        _sleeve(sheet, arm, head, cloth, skin)
    if not before:
        head_of(sheet, float(top[0]), float(top[1]), head)
    if rng.random() < 0.35:
        _hat(sheet, top, head)
    if rng.random() < 0.3:
        _held(sheet, arms[int(rng.integers(2))][-1], head)
    return sheet.pixels


def _begin(rng: Rng, style: str) -> tuple[Sheet, float]:
    """Return the ground and half the width of the head: how much of the character is to be seen."""
    reach = rng.choice(["whole", "knees", "hips", "bust"], p=[0.25, 0.35, 0.25, 0.15])
    whole = reach == "whole"
    back = (255, 255, 255) if rng.random() < (0.7 if whole else 0.25) else ground(rng)
    sheet = Sheet(rng, style, back)
    if rng.random() < 0.35:
        _petals(sheet)
    sizes = {
        "whole": rng.uniform(0.055, 0.1),
        "knees": rng.uniform(0.1, 0.15),
        "hips": rng.uniform(0.13, 0.2),
        "bust": rng.uniform(0.18, 0.28),
    }
    return sheet, float(sizes[str(reach)])


def _trimmings(sheet: Sheet, neck: Points, hip: Points, head: float, tint: Colour) -> None:
    """Draw seams, belts, ribbons."""
    rng = sheet.rng
    for _ in range(int(rng.integers(1, 7))):
        spot = neck + (hip - neck) * rng.uniform(0, 1.2)
        away = rng.normal(0, head * 0.9, 2)
        if rng.random() < 0.5:
            sheet.stroke(curve(rng, spot, spot + away, 0.02))
        else:
            x, y = map(float, spot)
            sheet.shape(blob(rng, x, y, head * rng.uniform(0.1, 0.35), 0.4), near(rng, tint, 60))


def _arm(rng: Rng, neck: Points, hip: Points, head: float, side: int) -> Points:
    shoulder = neck + np.array([side * head * 0.85, head * 0.3])
    elbow = shoulder + np.array([side * head * rng.uniform(-0.1, 1.3), head * rng.uniform(0.4, 1.6)])
    hand = elbow + np.array([head * rng.normal(0, 1.1), head * rng.uniform(-1.7, 1.5)])
    if rng.random() < 0.3:
        hand = hip + np.array([side * head * rng.uniform(0.3, 0.8), head * rng.normal(0, 0.3)])
    return np.concatenate([curve(rng, shoulder, elbow, 0.02), curve(rng, elbow, hand, 0.02)])


def _sleeve(sheet: Sheet, arm: Points, head: float, cloth: Colour, skin: Colour) -> None:
    sheet.shape(limb(arm, head * 0.22, 0.8), skin)
    until = int(len(arm) * sheet.rng.uniform(0.3, 0.95))
    wide = sheet.rng.uniform(0.8, 2.2)
    sheet.shape(limb(arm[: max(3, until)], head * 0.38, wide), near(sheet.rng, cloth, 30))


def _skirt(sheet: Sheet, hip: Points, head: float, lean: float, tint: Colour) -> None:
    rng = sheet.rng
    long, wide = rng.uniform(0.8, 3.5), rng.uniform(0.9, 2.6)
    end = hip + np.array([lean * head * 0.5, head * long])
    outline = np.concatenate(
        [
            curve(rng, hip - np.array([head * 0.7, 0]), end - np.array([head * wide, 0]), 0.02),
            curve(rng, end - np.array([head * wide, 0]), end + np.array([head * wide, 0]), 0.04),
            curve(rng, end + np.array([head * wide, 0]), hip + np.array([head * 0.7, 0]), 0.02),
        ]
    )
    sheet.shape(outline, tint)
    for fold in rng.uniform(-0.9, 0.9, int(rng.integers(0, 6))):
        sheet.stroke(
            curve(rng, hip + np.array([head * 0.6 * fold, 0]), end + np.array([head * wide * fold, 0]), 0.01)
        )


def _hat(sheet: Sheet, top: Points, head: float) -> None:
    rng, tint = sheet.rng, colour(sheet.rng)
    crown = top - np.array([0, head * rng.uniform(0.8, 1.2)])
    sheet.shape(blob(rng, float(crown[0]), float(crown[1]), head * rng.uniform(0.6, 1.0), 0.2), tint)
    sheet.shape(
        oval(
            float(crown[0]),
            float(crown[1] + head * 0.4),
            head * rng.uniform(0.9, 1.6),
            head * 0.2,
            rng.normal(0, 0.15),
        ),
        near(rng, tint),
    )


def _wings(sheet: Sheet, neck: Points, head: float) -> None:
    rng, tint = sheet.rng, colour(sheet.rng)
    tip, fall = rng.uniform(1.5, 4.0), rng.uniform(-2.0, 2.5)
    for side in (-1, 1):
        end = neck + np.array([side * head * tip, head * fall])
        sheet.shape(
            limb(curve(rng, neck + np.array([0, head]), end, 0.1), head * rng.uniform(0.3, 0.8), 1.5), tint
        )


def _held(sheet: Sheet, hand: Points, head: float) -> None:
    rng = sheet.rng
    way = rng.normal(0, 1, 2)
    way *= head * rng.uniform(1.5, 4.5) / np.linalg.norm(way)
    sheet.shape(
        limb(np.linspace(hand - way, hand + way, 6), head * rng.uniform(0.06, 0.2), rng.uniform(0.5, 2)),
        colour(rng),
    )


def _petals(sheet: Sheet) -> None:
    rng, tint = sheet.rng, colour(sheet.rng, 150, 255)
    for _ in range(int(rng.integers(5, 25))):
        x, y = map(float, rng.uniform(0, 1, 2))
        sheet.shape(blob(rng, x, y, rng.uniform(0.01, 0.05), 0.4), near(rng, tint, 15))
