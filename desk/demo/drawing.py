"""A cat, drawn the way a person draws one: rough, sketch, line art, clean-up, flats, shading, finishing.

Nothing here touches a screen. `draw(seed)` returns phases of strokes in canvas pixels; another seed gives another
pose, other proportions and other colours.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from desk.demo.shapes import (
    Outline,
    Point,
    along,
    bezier,
    ellipse,
    hatched,
    ribbon,
    roomiest,
    shaky,
    turned,
    uncovered,
)

WIDTH, HEIGHT = 560, 420


class Ink(IntEnum):
    """The colours of the palette, by their place in it."""

    PAPER = 0
    ROUGH = 1
    SKETCH = 2
    LINE = 3
    FUR = 4
    FUR_SHADE = 5
    BELLY = 6
    CLOTH = 7
    CLOTH_SHADE = 8
    EYE = 9
    SKY = 10
    MOON = 11
    GROUND = 12
    GROUND_SHADE = 13
    BLUSH = 14
    LIGHT = 15


Colour = tuple[int, int, int]

_FURS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((243, 167, 92), (214, 122, 58), (255, 229, 196)),
    ((150, 152, 170), (108, 110, 134), (226, 227, 236)),
    ((122, 92, 82), (88, 62, 58), (222, 196, 172)),
    ((240, 228, 208), (206, 184, 160), (255, 249, 238)),
)
_SCENES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((174, 214, 228), (250, 244, 206), (154, 196, 142), (116, 162, 112)),
    ((92, 98, 150), (246, 232, 170), (70, 92, 116), (50, 68, 92)),
    ((248, 208, 186), (255, 246, 224), (206, 160, 124), (172, 126, 98)),
)
_CLOTHS: tuple[tuple[Colour, Colour], ...] = (
    ((206, 66, 78), (156, 42, 62)),
    ((62, 132, 186), (40, 94, 146)),
    ((92, 158, 96), (60, 118, 74)),
)
_EYES: tuple[Colour, ...] = ((112, 190, 120), (236, 190, 66), (88, 168, 214))


@dataclass(frozen=True, slots=True)
class Stroke:
    """One movement with the pen down; `brush` is a size from 0 (finest) to 8."""

    ink: Ink
    brush: int
    points: Outline


@dataclass(frozen=True, slots=True)
class Fill:
    """One click with the paint bucket."""

    ink: Ink
    at: Point


@dataclass(frozen=True, slots=True)
class Protect:
    """From here on, painting leaves these colours alone: what layers and clipping do in larger programs."""

    inks: frozenset[Ink]


Action = Stroke | Fill | Protect


@dataclass(frozen=True, slots=True)
class Phase:
    """What is drawn between two rests of the hand. `name` is a stage name of the word tables."""

    name: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture to be drawn: its palette by `Ink` and its phases in order."""

    palette: tuple[Colour, ...]
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True)
class _Cat:
    """The outlines of one cat, closed ones unless said otherwise."""

    head_centre: Point
    radius: float
    tilt: float
    body_centre: Point
    head: Outline
    body: Outline
    tail: Outline
    scarf: Outline
    paws: tuple[Outline, ...]
    eyes: tuple[Outline, ...]
    pupils: tuple[Outline, ...]  # open
    nose: Outline
    mouth: tuple[Outline, ...]  # open
    moon: Outline
    horizon: Outline  # open, from edge to edge

    def layers(self) -> list[tuple[Outline, list[Outline]]]:
        """Return each outline with those that lie in front of it."""
        front: list[Outline] = [*self.eyes, self.nose]
        layers: list[tuple[Outline, list[Outline]]] = [(shape, []) for shape in front]
        layers += [(paw, []) for paw in self.paws]
        layers.append((self.head, []))
        layers.append((self.scarf, [self.head]))
        layers.append((self.body, [self.head, self.scarf, *self.paws]))
        solid = [self.head, self.scarf, self.body, *self.paws]
        layers.append((self.tail, solid))
        layers.append((self.horizon, [*solid, self.tail]))
        return layers


def draw(seed: int) -> Drawing:
    """Return the drawing of `seed`."""
    random = Random(seed)  # noqa: S311 - a pose, not a secret
    cat = _pose(random)
    return Drawing(
        palette=_palette(random),
        phases=(
            Phase("rough", tuple(_rough(cat, random))),
            Phase("sketch", tuple(_sketch(cat, random))),
            Phase("lineart", tuple(_lines(cat))),
            Phase("cleanup", tuple(_cleanup())),
            Phase("flats", tuple(_flats(cat))),
            Phase("shading", tuple(_shading(cat))),
            Phase("finishing", tuple(_finishing(cat, random))),
        ),
    )


def _palette(random: Random) -> tuple[Colour, ...]:
    fur, fur_shade, belly = random.choice(_FURS)
    sky, moon, ground, ground_shade = random.choice(_SCENES)
    cloth, cloth_shade = random.choice(_CLOTHS)
    return (
        (253, 251, 247),
        (188, 208, 240),
        (116, 152, 214),
        (58, 44, 50),
        fur,
        fur_shade,
        belly,
        cloth,
        cloth_shade,
        random.choice(_EYES),
        sky,
        moon,
        ground,
        ground_shade,
        (240, 140, 142),
        (254, 254, 254),
    )


def _pose(random: Random) -> _Cat:
    radius = random.uniform(77, 86)
    head_centre = (WIDTH * random.uniform(0.40, 0.60), HEIGHT * random.uniform(0.335, 0.37))
    tilt = random.uniform(-13, 13)
    side = random.choice((-1.0, 1.0))
    hx, hy = head_centre
    bx, by = body_centre = (hx - side * random.uniform(0, 16), hy + radius * 1.62)
    width = radius * random.uniform(0.86, 1.08)

    def place(x: float, y: float) -> Point:
        """Put a point given in head radii from the head's centre onto the canvas."""
        return turned([(hx + x * radius, hy + y * radius)], head_centre, tilt)[0]

    def spot(x: float, y: float, rx: float, ry: float) -> Outline:
        return turned(ellipse(place(x, y), rx * radius, ry * radius), place(x, y), tilt)

    ear = random.uniform(1.45, 1.62)
    skull = ellipse(head_centre, radius * 1.1, radius * 0.92)
    head_points = []
    for x, y in skull:
        angle = math.degrees(math.atan2(y - hy, x - hx))
        for tip in (-132.0, -48.0):
            reach = 1 - abs(angle - tip) / 21
            if reach > 0:
                grow = 1 + (ear - 1) * reach
                x, y = hx + (x - hx) * grow, hy + (y - hy) * grow  # noqa: PLW2901 - the skull's point becomes the ear's
        head_points.append((x, y))
    paw_y = by + radius * 1.12
    tail_root = (bx + side * width * 0.55, by + radius * 0.95)
    tail = bezier(
        tail_root,
        (bx + side * (width + 95), by + radius * 1.25),
        (bx + side * (width + 10), by - radius * random.uniform(0.1, 0.5)),
        (bx + side * (width + random.uniform(50, 80)), by - radius * random.uniform(0.6, 1.0)),
    )
    level = min(HEIGHT * 0.86, paw_y - 8)
    return _Cat(
        head_centre=head_centre,
        radius=radius,
        tilt=tilt,
        body_centre=body_centre,
        head=along(turned(head_points, head_centre, tilt)),
        body=along(_pear(body_centre, width, radius * 1.3)),
        tail=ribbon(tail, radius * 0.36),
        scarf=ellipse((hx - side * 3, hy + radius * 0.98), radius * 0.8, radius * 0.3),
        paws=tuple(
            ellipse((bx + offset * width, paw_y), radius * 0.34, radius * 0.25) for offset in (-0.42, 0.42)
        ),
        eyes=tuple(spot(x, 0.0, 0.23, 0.28) for x in (-0.46, 0.46)),
        pupils=tuple(along([place(x, -0.09), place(x, 0.1)]) for x in (-0.44, 0.48)),
        nose=along([place(-0.1, 0.34), place(0.1, 0.34), place(0.0, 0.45), place(-0.1, 0.34)]),
        mouth=tuple(turned(ellipse(place(x, 0.46), radius * 0.14, radius * 0.14, 0, 160), place(x, 0.46), tilt)
                    for x in (-0.14, 0.14)),
        moon=ellipse((WIDTH * (0.5 - side * 0.33), HEIGHT * 0.25), 54, 54),
        horizon=along([(-4.0, level), *((WIDTH * i / 12, level + 6 * math.sin(i + hx)) for i in range(13)),
                       (WIDTH + 4.0, level)]),
    )  # fmt: skip


def _pear(centre: Point, rx: float, ry: float) -> Outline:
    x0, y0 = centre
    return tuple((x0 + (x - x0) * (0.76 + 0.24 * (y - y0) / ry), y) for x, y in ellipse(centre, rx, ry))


def _rough(cat: _Cat, random: Random) -> Iterator[Action]:
    (hx, hy), r = cat.head_centre, cat.radius
    for _ in range(2):
        yield Stroke(
            Ink.ROUGH,
            1,
            shaky(ellipse(cat.head_centre, r * 1.08, r * 0.94, random.uniform(0, 360), 400), 2.5, random),
        )
    yield Stroke(
        Ink.ROUGH,
        1,
        shaky(turned(along([(hx, hy - r), (hx, hy + r)]), cat.head_centre, cat.tilt), 1.5, random),
    )
    yield Stroke(
        Ink.ROUGH,
        1,
        shaky(turned(along([(hx - r, hy), (hx + r, hy)]), cat.head_centre, cat.tilt), 1.5, random),
    )
    for _ in range(2):
        yield Stroke(
            Ink.ROUGH,
            1,
            shaky(ellipse(cat.body_centre, r * 0.95, r * 1.3, random.uniform(0, 360), 390), 3.0, random),
        )
    yield Stroke(Ink.ROUGH, 1, shaky(cat.tail[: len(cat.tail) // 2], 3.0, random))
    yield Stroke(Ink.ROUGH, 1, shaky(cat.horizon[4:-4], 2.0, random))


def _sketch(cat: _Cat, random: Random) -> Iterator[Action]:
    for shape in (cat.head, cat.body, cat.tail, cat.scarf, *cat.paws, *cat.eyes, *cat.mouth):
        yield Stroke(Ink.SKETCH, 1, shaky(shape, 1.6, random))
    yield Stroke(Ink.SKETCH, 0, shaky(cat.moon, 1.6, random))
    for x in (-0.3, 0.0, 0.3):  # fold lines of the chest
        bx, by = cat.body_centre
        yield Stroke(
            Ink.SKETCH,
            0,
            shaky(along([(bx + x * cat.radius, by), (bx + x * cat.radius * 0.6, by + 26)]), 1.5, random),
        )


def _lines(cat: _Cat) -> Iterator[Action]:
    for outline, fronts in cat.layers():
        for piece in uncovered(outline, fronts):
            yield Stroke(Ink.LINE, 1, piece)
    yield from (Stroke(Ink.LINE, 3, pupil) for pupil in cat.pupils)
    yield from (Stroke(Ink.LINE, 0, line) for line in cat.mouth)


def _cleanup() -> Iterator[Action]:
    yield Protect(frozenset({Ink.LINE}))
    rows = [y for i in range(-1, HEIGHT // 26 + 2) for y in (i * 26.0,)]
    for row in rows:
        yield Stroke(Ink.PAPER, 8, ((2.0, row), (WIDTH - 3.0, row)))
    yield Protect(frozenset())


def _flats(cat: _Cat) -> Iterator[Action]:
    drawn = [outline for outline, _ in cat.layers()] + [*cat.pupils, *cat.mouth]
    solid = [cat.head, cat.scarf, cat.body, *cat.paws, cat.tail]

    def bucket(ink: Ink, area: Outline, fronts: Sequence[Outline]) -> Fill:
        return Fill(ink, roomiest(area, fronts, drawn))

    yield bucket(Ink.FUR, cat.head, [*cat.eyes, cat.nose])
    yield bucket(Ink.FUR, cat.body, [cat.head, cat.scarf, *cat.paws])
    yield bucket(Ink.FUR, cat.tail, [cat.head, cat.scarf, cat.body, *cat.paws])
    yield from (bucket(Ink.BELLY, paw, []) for paw in cat.paws)
    yield bucket(Ink.CLOTH, cat.scarf, [cat.head])
    yield from (bucket(Ink.EYE, eye, []) for eye in cat.eyes)
    frame = ((0.0, 0.0), (WIDTH - 1.0, 0.0), (WIDTH - 1.0, HEIGHT - 1.0), (0.0, HEIGHT - 1.0), (0.0, 0.0))
    level = cat.horizon[0][1]
    ground = (
        (0.0, level),
        (WIDTH - 1.0, level),
        (WIDTH - 1.0, HEIGHT - 1.0),
        (0.0, HEIGHT - 1.0),
        (0.0, level),
    )
    sky = ((0.0, 0.0), (WIDTH - 1.0, 0.0), (WIDTH - 1.0, level), (0.0, level), (0.0, 0.0))
    yield bucket(Ink.SKY, sky, solid)
    yield Fill(Ink.GROUND, roomiest(ground, solid, [*drawn, along(frame)]))
    yield _only(Ink.SKY)
    yield from _blob(Ink.MOON, cat.moon)
    yield Protect(frozenset())


def _blob(ink: Ink, area: Outline) -> Iterator[Action]:
    """Paint a soft-edged area: its rim first, then across."""
    yield Stroke(ink, 4, area)
    yield from (Stroke(ink, 4, stroke) for stroke in hatched(area, None, 9))


def _only(*free: Ink) -> Protect:
    """Let paint through on `free` alone."""
    return Protect(frozenset(Ink) - frozenset(free))


def _moved(outline: Outline, dx: float, dy: float) -> Outline:
    return tuple((x + dx, y + dy) for x, y in outline)


def _shading(cat: _Cat) -> Iterator[Action]:
    r = cat.radius
    yield _only(Ink.FUR)
    for shape, depth in ((cat.head, 0.2), (cat.body, 0.3), (cat.tail, 0.14)):
        light = _moved(shape, -r * depth, -r * depth)
        yield from (Stroke(Ink.FUR_SHADE, 3, stroke) for stroke in hatched(shape, light, 7))
    yield _only(Ink.CLOTH)
    yield from (
        Stroke(Ink.CLOTH_SHADE, 3, s) for s in hatched(cat.scarf, _moved(cat.scarf, -r * 0.12, -r * 0.18), 7)
    )
    yield _only(Ink.GROUND)
    bx, by = cat.body_centre
    shadow = ellipse((bx + r * 0.3, by + r * 1.28), r * 1.7, r * 0.22)
    yield from _blob(Ink.GROUND_SHADE, shadow)
    yield Protect(frozenset())


def _finishing(cat: _Cat, random: Random) -> Iterator[Action]:
    (hx, hy), (bx, by), r = cat.head_centre, cat.body_centre, cat.radius
    yield _only(Ink.FUR, Ink.FUR_SHADE)
    belly = ellipse((bx, by + r * 0.5), r * 0.46, r * 0.66)
    yield from _blob(Ink.BELLY, belly)
    muzzle = turned(ellipse((hx, hy + r * 0.52), r * 0.42, r * 0.26), cat.head_centre, cat.tilt)
    yield from _blob(Ink.BELLY, muzzle)
    yield _only(Ink.FUR, Ink.FUR_SHADE, Ink.BELLY)
    for x in (-0.24, 0.0, 0.24):
        stripe = turned(
            along([(hx + x * r, hy - r * 0.95), (hx + x * r * 0.9, hy - r * 0.56)]), cat.head_centre, cat.tilt
        )
        yield Stroke(Ink.FUR_SHADE, 4, stripe)
    for x in (-0.74, 0.74):
        cheek = turned(
            [(hx + x * r, hy + r * 0.34), (hx + x * r * 1.1, hy + r * 0.34)], cat.head_centre, cat.tilt
        )
        yield Stroke(Ink.BLUSH, 5, cheek)
    yield Protect(frozenset())
    for side in (-1.0, 1.0):
        for lift in (-0.02, 0.1, 0.22):
            whisker = turned(
                along(
                    [
                        (hx + side * r * 0.52, hy + r * (0.42 + lift / 2)),
                        (hx + side * r * 1.3, hy + r * (0.3 + lift)),
                    ]
                ),
                cat.head_centre,
                cat.tilt,
            )
            yield Stroke(Ink.LINE, 0, whisker)
    for eye in cat.eyes:
        x = sum(p[0] for p in eye) / len(eye)
        y = sum(p[1] for p in eye) / len(eye)
        yield Stroke(Ink.LIGHT, 2, ((x - r * 0.06, y - r * 0.1), (x - r * 0.03, y - r * 0.1)))
    yield _only(Ink.SKY)
    for _ in range(9):
        star = (random.uniform(10, WIDTH - 10), random.uniform(10, HEIGHT * 0.6))
        yield Stroke(Ink.LIGHT, random.choice((1, 2, 2)), (star, (star[0] + 2, star[1])))
    yield Protect(frozenset())
