"""People and animals of the cohort, by recipe."""

import itertools

import numpy as np

from bench.cohort_art import Pixels, Rng, Sheet, blob, colour, curve, ground, limb, near, oval

SKINS = ((200, 215, 250), (190, 205, 240), (140, 170, 220), (90, 130, 190), (60, 85, 130))


def _eyes(sheet: Sheet, x: float, y: float, size: float, tilt: float) -> None:
    rng = sheet.rng
    gap, wide, high = (
        size * rng.uniform(0.38, 0.5),
        size * rng.uniform(0.15, 0.26),
        size * rng.uniform(0.08, 0.34),
    )
    iris = colour(rng)
    turn = rng.uniform(-0.25, 0.25) * size
    for side in (-1, 1):
        ex, ey = x + turn + side * gap, y + side * gap * np.sin(tilt)
        sheet.shape(oval(ex, ey, wide, high, tilt), (255, 255, 255))
        sheet.shape(oval(ex, ey, wide * 0.62, high * 0.85, tilt), iris)
        sheet.stroke(curve(rng, (ex - wide, ey - high * 1.6), (ex + wide, ey - high * 1.6), 0.01))
    sheet.stroke(
        curve(
            rng, (x + turn - 0.14 * size, y + 0.55 * size), (x + turn + 0.14 * size, y + 0.55 * size), 0.012
        )
    )
    sheet.stroke(curve(rng, (x + turn, y + 0.2 * size), (x + turn + 0.04 * size, y + 0.3 * size), 0.005))


def head_of(sheet: Sheet, x: float, y: float, size: float) -> None:
    """Draw a head with hair; `size` is half its width."""
    rng = sheet.rng
    skin, hair, tilt = SKINS[rng.integers(len(SKINS))], colour(rng), rng.normal(0, 0.12)
    long = rng.uniform(0.2, 3.2)
    back = blob(rng, x, y + size * long * 0.3, size * rng.uniform(1.2, 1.55), 0.18)
    back[:, 1] = np.where(back[:, 1] > y, y + (back[:, 1] - y) * (0.8 + long), y + (back[:, 1] - y) * 1.35)
    sheet.shape(back, hair)
    sheet.shape(
        limb(curve(rng, (x, y + size * 0.7), (x, y + size * 1.7), 0.01), size * 0.32, 1.2),
        near(rng, skin, 15),
    )
    face = oval(x, y, size * 0.9, size * rng.uniform(1.0, 1.2), tilt, rng.uniform(1.8, 2.5))
    face[:, 0] = x + (face[:, 0] - x) * np.where(face[:, 1] > y, 1 - 0.45 * (face[:, 1] - y) / size, 1)
    sheet.shape(face, skin)
    _eyes(sheet, x, y + size * rng.uniform(0.1, 0.35), size, tilt)
    count = int(rng.integers(3, 9))
    ends = np.linspace(-1.0, 1.0, count + 1)
    crown = (x + rng.uniform(-0.5, 0.5) * size, y - size * rng.uniform(1.1, 1.35))
    drop = rng.uniform(-0.5, 0.15)
    for left, right in itertools.pairwise(ends):
        reach = y + size * (drop + 0.9 * abs(left + right) / 2 + rng.normal(0, 0.12))
        tip = np.array([[x + size * (left + right) / 2, reach]])
        a = curve(rng, crown, (x + size * left * 1.05, y - size * 0.35), 0.02)
        b = curve(rng, (x + size * right * 1.05, y - size * 0.35), crown, 0.02)
        sheet.shape(np.concatenate([a, tip, b]), near(rng, hair, 12))
    if rng.random() < 0.35:  # ribbons, ears, hats
        for side in (-1, 1):
            sheet.shape(
                blob(
                    rng,
                    x + side * size * 0.9,
                    y - size * rng.uniform(0.7, 1.4),
                    size * rng.uniform(0.25, 0.5),
                ),
                colour(rng),
            )


def portrait(rng: Rng, style: str) -> Pixels:
    """Return a face or a bust, often in the middle, as profile pictures are."""
    sheet = Sheet(rng, style, ground(rng))
    size = rng.uniform(0.13, 0.36)
    x, y = 0.5 + rng.normal(0, 0.07), 0.25 + size * 0.55 + rng.normal(0, 0.05)
    cloth = colour(rng)
    shoulders = y + size * rng.uniform(1.35, 1.7)
    width = size * rng.uniform(1.3, 2.3)
    outline = np.concatenate(
        [
            curve(rng, (x - size * 0.35, shoulders), (x - width, shoulders + size * 0.7), 0.02),
            np.array([[x - width * 1.15, 1.1], [x + width * 1.15, 1.1]]),
            curve(rng, (x + width, shoulders + size * 0.7), (x + size * 0.35, shoulders), 0.02),
        ]
    )
    if rng.random() < 0.5:
        sheet.shape(outline, cloth)
        head_of(sheet, x, y, size)
    else:
        head_of(sheet, x, y, size)
        sheet.shape(outline, cloth)
    for _ in range(int(rng.integers(0, 5))):
        sx, ex = x + rng.uniform(-1, 1) * width * 0.6, x + rng.uniform(-1, 1) * width * 0.6
        sheet.stroke(curve(rng, (sx, shoulders + size * 0.3), (ex, 1.0), 0.04))
    if rng.random() < 0.4:
        arm = curve(
            rng, (x + width, 1.0), (x + rng.uniform(-1, 1) * size, y + size * rng.uniform(0.6, 1.4)), 0.1
        )
        sheet.shape(limb(arm, size * 0.28), SKINS[rng.integers(len(SKINS))])
    return sheet.pixels


def figure(rng: Rng, style: str) -> Pixels:
    """Return one or two people from head to foot."""
    sheet = Sheet(rng, style, ground(rng))
    people = 2 if rng.random() < 0.25 else 1
    for number in range(people):
        middle = 0.5 + rng.normal(0, 0.06) + (number - 0.5) * 0.45 * (people - 1)
        head = rng.uniform(0.05, 0.11)
        neck = np.array([middle + rng.normal(0, 0.03), 0.08 + head * 2 + rng.uniform(0, 0.08)])
        hip = neck + np.array([rng.normal(0, 0.06), rng.uniform(0.24, 0.34)])
        skin, cloth = SKINS[rng.integers(len(SKINS))], colour(rng)
        for side in (-1, 1):
            foot = hip + np.array([side * rng.uniform(0.02, 0.2), rng.uniform(0.25, 0.42)])
            sheet.shape(
                limb(curve(rng, hip + np.array([side * 0.035, 0]), foot, 0.05), rng.uniform(0.025, 0.05)),
                near(rng, cloth, 90),
            )
        for side in (-1, 1):
            hand = neck + np.array([side * rng.uniform(0.05, 0.3), rng.uniform(-0.2, 0.32)])
            sheet.shape(
                limb(curve(rng, neck + np.array([side * 0.06, 0.04]), hand, 0.07), rng.uniform(0.018, 0.035)),
                skin,
            )
        body = limb(np.linspace(neck, hip, 8), rng.uniform(0.06, 0.1), rng.uniform(0.6, 1.8))
        sheet.shape(body, cloth)
        if rng.random() < 0.4:
            sheet.shape(
                limb(
                    np.linspace(hip - np.array([0, 0.05]), hip + np.array([0, 0.2]), 6),
                    0.06,
                    rng.uniform(1.5, 3.5),
                ),
                near(rng, cloth),
            )
        head_of(sheet, float(neck[0]), float(neck[1] - head), head)
    return sheet.pixels


def animal(rng: Rng, style: str) -> Pixels:
    """Return a creature built of ovals and tubes, in profile or facing."""
    sheet = Sheet(rng, style, ground(rng) if rng.random() < 0.4 else (255, 255, 255))
    fur = colour(rng, 30, 240)
    x, y, size = 0.5 + rng.normal(0, 0.08), 0.52 + rng.normal(0, 0.06), rng.uniform(0.16, 0.28)
    flip = rng.choice([-1, 1])
    legs = rng.choice([0, 2, 4])
    for leg in range(legs):
        at = x + (leg - (legs - 1) / 2) * size * rng.uniform(0.35, 0.6)
        sheet.shape(
            limb(
                curve(
                    rng,
                    (at, y + size * 0.4),
                    (at + rng.normal(0, 0.03), y + size * rng.uniform(1.1, 1.7)),
                    0.02,
                ),
                size * 0.13,
            ),
            fur,
        )
    if rng.random() < 0.7:
        tail = curve(
            rng,
            (x - flip * size, y),
            (x - flip * size * rng.uniform(1.4, 2.2), y + rng.uniform(-1, 0.6) * size),
            0.1,
        )
        sheet.shape(limb(tail, size * rng.uniform(0.08, 0.3), rng.uniform(0.1, 2)), near(rng, fur))
    sheet.shape(
        oval(x, y, size * rng.uniform(1.0, 1.5), size * rng.uniform(0.5, 1.0), flip * rng.normal(0, 0.25)),
        fur,
    )
    hx, hy, head = (
        x + flip * size * rng.uniform(0.2, 1.3),
        y - size * rng.uniform(0.3, 1.2),
        size * rng.uniform(0.4, 0.75),
    )
    for side in (-1, 1):
        if rng.random() < 0.8:
            sheet.shape(
                oval(
                    hx + side * head * 0.7,
                    hy - head * rng.uniform(0.6, 1.2),
                    head * 0.25,
                    head * rng.uniform(0.3, 1.0),
                    side * 0.3,
                    rng.uniform(1, 2.2),
                ),
                near(rng, fur),
            )
    sheet.shape(oval(hx, hy, head, head * rng.uniform(0.75, 1.0)), near(rng, fur, 15))
    for side in (-1, 1):
        sheet.shape(oval(hx + side * head * 0.35, hy - head * 0.1, head * 0.1, head * 0.14), (20, 20, 20))
    sheet.shape(
        oval(hx + flip * head * rng.uniform(0, 0.8), hy + head * 0.35, head * 0.3, head * 0.2),
        near(rng, fur, 60),
    )
    if rng.random() < 0.3:
        sheet.shape(blob(rng, x - flip * size * 0.2, y - size * 0.4, size * 0.9, 0.4), near(rng, fur, 80))
    return sheet.pixels
