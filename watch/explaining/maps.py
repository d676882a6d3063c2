"""What the matcher sees of a post and of a stage, drawn from their fingerprints, and where the two agree.

Three rows: edges (where they lie and which way they run), colours, and the learned layout map. In each the post, the stage,
and what every cell adds to the score that they were compared by. No pixel of a picture goes into the first two columns: a
stage whose picture was not kept has them as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sakigake.fingerprint.colour import _LAB, _LMS
from sakigake.fingerprint.edges import BINS, CELLS
from sakigake.fingerprint.layout_map import CHANNELS, SIDE
from sakigake.fingerprint.placed import placed_v1, votes_v1
from sakigake.fingerprint.vector import Descriptors
from sakigake.fingerprint.views import Floats, Pixels
from watch.compare.crops import agreement_in_part
from watch.compare.explain import Agreement, agreement
from watch.compare.windows import covered
from watch.explaining.letters import Letters
from watch.explaining.seen import Seen
from watch.explaining.sheet import EMPTY, below, beside, blank, bordered, enlarged, margined, resized

_MAP = 240  # dots of the longer side
_KNEE, _GAMMA = 0.0031308, 2.4
_STROKE = 0.44  # of a cell: half the length of a stroke
_FAINT = 0.3  # of the strongest stroke: what is below is left out


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """One picture as the matcher sees it, on the stage's cells.

    `edges` 16 x 16 x 6, `colours` side x side x 3 OKLab, `layout` 12 x 16 x 16 or None; `cover` 16 x 16, the share of a
    cell that the picture covers.
    """

    edges: Floats
    colours: Floats
    layout: Floats | None
    cover: Floats


def fields_of(described: Descriptors) -> Fields:
    """Return the fields of a whole picture."""
    layout = (
        described.layout.astype(np.float32).reshape(CHANNELS, SIDE, SIDE) if described.layout.size else None
    )
    edges = described.edges.astype(np.float32).reshape(CELLS, CELLS, BINS)
    return Fields(edges, described.thumb, layout, np.ones((SIDE, SIDE), np.float32))


def fields_in_part(seen: Seen) -> Fields:
    """Return the fields of a post that lies in a part of a stage; raises ValueError when it has no picture."""
    if seen.descriptors.square is None:
        raise ValueError("a post without its picture")
    placed = placed_v1(votes_v1(seen.descriptors.square), [(seen.window, seen.mirrored)])
    cover = covered(seen.window).reshape(SIDE, SIDE)
    edges = placed.edges[0].T.reshape(CELLS, CELLS, BINS)
    edges = edges - (edges * cover[..., None]).sum(axis=(0, 1)) / cover.sum()
    return Fields(
        edges,
        placed.thumbs[0].T.reshape(SIDE, SIDE, 3),
        placed.layout[0].reshape(CHANNELS, SIDE, SIDE),
        cover,
    )


def both(seen: Seen, stage: Descriptors) -> tuple[Fields, Fields, Agreement]:
    """Return a post's view and a stage as the matcher sees them, and where they agree."""
    if not seen.part:
        return fields_of(seen.descriptors), fields_of(stage), agreement(seen.descriptors, stage)
    maps = agreement_in_part(seen.descriptors, stage, seen.window, mirrored=seen.mirrored)
    return fields_in_part(seen), fields_of(stage), maps


def sheet(
    seen_and_agreed: tuple[Fields, Fields, Agreement],
    shape: tuple[int, int],
    titles: dict[str, str],
    letters: Letters,
    picture: Pixels | None = None,
) -> Pixels:
    """Return the sheet of what `both` gives. `shape` is height and width of the stage, `picture` the stage if it was kept.

    `titles` names `post`, `stage`, `agree`, `edges`, `colours`, `layout`.
    """
    post, stage, maps = seen_and_agreed
    size = _size(shape)
    rows = [
        (titles["edges"], strokes(post, size), strokes(stage, size), heat(maps.edges, size, picture)),
        (titles["colours"], colours(post, size), colours(stage, size), heat(maps.colours, size, picture)),
    ]
    if maps.layout is not None and post.layout is not None and stage.layout is not None:
        one, other = contents([post.layout, stage.layout], [post.cover, stage.cover])
        rows.append(
            (
                titles["layout"],
                _large(one, post.cover, size),
                _large(other, stage.cover, size),
                heat(maps.layout, size, picture),
            )
        )
    drawn = []
    for number, (name, *panels) in enumerate(rows):
        heads = [titles["post"], titles["stage"], titles["agree"]] if number == 0 else ["", "", ""]
        framed = [bordered(panel) for panel in panels]
        strips = [letters.strip(head, 15, panel.shape[1]) for panel, head in zip(framed, heads, strict=True)]
        high = max(strip.shape[0] for strip in strips) if number == 0 else 0
        line = beside([_under(strip, panel, high) for strip, panel in zip(strips, framed, strict=True)])
        drawn += [letters.strip(name, 17, line.shape[1]), line]
    return margined(below(drawn, 6))


def _under(strip: Pixels, panel: Pixels, height: int) -> Pixels:
    """Return a panel under its strip, or alone where there is to be none."""
    if not height:
        return panel
    head = blank(height, panel.shape[1])
    head[height - strip.shape[0] :] = strip
    return below([head, panel], 0)


def strokes(field: Fields, size: tuple[int, int]) -> Pixels:
    """Return each cell's directions as strokes along the line, the darker the more of it lies there."""
    page = blank(size[1], size[0])
    page[_outside(field.cover, size)] = EMPTY
    values = np.maximum(field.edges, 0) * (field.cover > 0)[..., None]
    peak = max(float(values.max()), 1e-9)
    across, down = size[0] / CELLS, size[1] / CELLS
    order = np.argsort(values.ravel(), kind="stable")  # the darkest last, on top
    for place in order:
        row, column, direction = np.unravel_index(place, values.shape)
        strength = float(values[row, column, direction]) / peak
        if strength < _FAINT:
            continue
        # A bin is the direction of the gradient, across which the line runs.
        angle = np.pi * direction / BINS + np.pi / 2
        reach = np.array([np.cos(angle) * across, np.sin(angle) * down]) * _STROKE
        middle = np.array([(column + 0.5) * across, (row + 0.5) * down])
        ends = [tuple(int(each) for each in np.rint((middle + sign * reach) * 8)) for sign in (-1, 1)]
        tone = round(235 * (1 - strength))
        cv2.line(page, ends[0], ends[1], (tone, tone, tone), 2, cv2.LINE_AA, 3)
    return page


def colours(field: Fields, size: tuple[int, int]) -> Pixels:
    """Return the colours of the cells."""
    return _large(bgr(field.colours), field.cover, size)


def bgr(lab: Floats) -> Pixels:
    """Return OKLab (height x width x 3) as BGR."""
    lms = lab.astype(np.float64) @ np.linalg.inv(_LAB.astype(np.float64)).T
    linear = np.clip(lms**3 @ np.linalg.inv(_LMS.astype(np.float64)).T, 0, 1)
    curved = np.where(linear <= _KNEE, linear * 12.92, 1.055 * linear ** (1 / _GAMMA) - 0.055)
    return np.asarray(np.rint(255 * np.clip(curved, 0, 1)), np.uint8)


def contents(layouts: Sequence[Floats], covers: Sequence[Floats]) -> list[Pixels]:
    """Return layout maps as colours: cells of one colour hold, to the net, the same kind of thing in all of them.

    The three strongest directions among the twelve channels of all maps together become three colours.
    """
    flat = [layout.reshape(CHANNELS, -1).T / max(float(np.linalg.norm(layout)), 1e-9) for layout in layouts]
    known = np.concatenate(
        [each[cover.ravel() > 0] for each, cover in zip(flat, covers, strict=True)]
    ).astype(np.float64)
    middle = known.mean(axis=0)
    _, directions = np.linalg.eigh((known - middle).T @ (known - middle))
    chosen = directions[:, :-4:-1]
    chosen = chosen * np.sign(
        chosen[np.abs(chosen).argmax(axis=0), range(3)]
    )  # eigenvectors have no sign of their own
    spread = np.maximum(np.quantile(np.abs((known - middle) @ chosen), 0.97, axis=0), 1e-9)
    drawn = []
    for each in flat:
        values = np.clip(((each - middle) @ chosen) / spread, -1, 1)
        drawn.append(np.rint(127.5 + 120 * values).astype(np.uint8).reshape(SIDE, SIDE, 3))
    return drawn


def heat(values: Floats | None, size: tuple[int, int], picture: Pixels | None = None) -> Pixels:
    """Return where two maps agree: yellow for the best cell, dark blue for none and for cells that disagree.

    The stage shows through in grey. Square roots are drawn: one cell often has several times as much as all others.
    """
    page = blank(size[1], size[0], EMPTY)
    if values is None:
        return page
    agreed = np.maximum(values, 0)
    shares = np.rint(255 * np.sqrt(agreed / max(float(agreed.max()), 1e-9))).astype(np.uint8)
    tint = cv2.applyColorMap(enlarged(shares, size), cv2.COLORMAP_CIVIDIS)
    if picture is None:
        return np.asarray(tint, np.uint8)
    grey = cv2.cvtColor(resized(picture, size), cv2.COLOR_BGR2GRAY)
    under = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(tint, 0.72, under, 0.28, 0), np.uint8)


def _large(cells: Pixels, cover: Floats, size: tuple[int, int]) -> Pixels:
    large = enlarged(cells, size)
    large[_outside(cover, size)] = EMPTY
    return large


def _outside(cover: Floats, size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_NEAREST) <= 0, np.bool_)


def _size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of a map: in the shape of the stage, but never thinner than its cells can be seen."""
    scale = _MAP / max(shape)
    return max(_MAP // 3, round(shape[1] * scale)), max(_MAP // 3, round(shape[0] * scale))
