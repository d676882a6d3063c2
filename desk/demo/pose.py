"""The outlines of a cat: where everything is and what lies in front of what. Another pose for each throw of dice."""

import math
from dataclasses import dataclass
from random import Random

from desk.demo.shapes import Outline, Point, along, bezier, ellipse, ribbon, turned

WIDTH, HEIGHT = 560, 420  # of the canvas, in pixels


@dataclass(frozen=True, slots=True)
class Cat:
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


def pose(random: Random) -> Cat:
    """Return a cat that sits on the ground, her tail on the side away from the moon."""
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
    return Cat(
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
