"""A cat, drawn the way a person draws one: rough, sketch, line art, clean-up, flats, shading, finishing.

Nothing here touches a screen. `draw(seed)` returns phases of strokes in canvas pixels; another seed gives another
pose, other proportions and other colours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from desk.demo.pose import HEIGHT, WIDTH, Cat, pose
from desk.demo.shapes import (
    Outline,
    Point,
    along,
    ellipse,
    hatched,
    roomiest,
    shaky,
    turned,
    uncovered,
)


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


def draw(seed: int) -> Drawing:
    """Return the drawing of `seed`."""
    random = Random(seed)  # noqa: S311 - a pose, not a secret
    cat = pose(random)
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


def _rough(cat: Cat, random: Random) -> Iterator[Action]:
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


def _sketch(cat: Cat, random: Random) -> Iterator[Action]:
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


def _lines(cat: Cat) -> Iterator[Action]:
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


def _flats(cat: Cat) -> Iterator[Action]:
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


def _shading(cat: Cat) -> Iterator[Action]:
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


def _finishing(cat: Cat, random: Random) -> Iterator[Action]:
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
