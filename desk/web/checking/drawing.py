"""What the page of a check shows to look at: drawn by the process that compares, encoded anew, without any text in it.

The pictures themselves come from `watch.explained`; here they are brought to a size for a page and written.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from desk.web.checking.carried import Drawn
from sakigake.fingerprint.views import Floats, Pixels
from sakigake.model import Finding
from sakigake.store.protocol import Store
from watch import explained
from watch.finding import ALIKE

LARGE, MAP = 960, 480  # longer sides in pixels
SMALL = (8, 16, 32, 64)  # of the thumbnail test
SHOWN_SMALL = 160  # each of them is shown as large as this
_GAP, _PAPER = 8, 255
QUALITY = 88


@dataclass(frozen=True, slots=True)
class Drawing:
    """The pictures that were written, and the numbers behind them by name."""

    pictures: tuple[Drawn, ...]
    figures: dict[str, float]


def draw(folder: Path, store: Store, pictures: Path, pixels: Pixels, finding: Finding) -> Drawing:
    """Write what there is to see of a check into a folder. Without a likeness that is the post alone."""
    made = {"post.jpg": _fit(pixels, LARGE)}
    captions: dict[str, tuple[str, dict[str, str]]] = {}
    figures: dict[str, float] = {}
    if finding.likeness in ALIKE and finding.stage is not None:
        found = explained.explain_pixels(store, pictures, pixels, finding)
        for name, values in _maps(found):
            made[f"map-{name}.png"] = _map(values, (found.post.shape[0], found.post.shape[1]))
            figures[name] = round(float(values.sum()), 4)
            captions[f"map-{name}.png"] = f"desk.check.map-{name}", {"score": f"{figures[name]:.2f}"}
        if found.stage is not None:
            made["stage.jpg"] = _fit(found.stage, LARGE)
            made |= _laid(found.post, found.stage)
            made["small.png"] = thumbnail_test(found.post, found.stage)
            captions["small.png"] = "desk.check.small", {}
    return Drawing(
        tuple(_written(folder, name, each, *captions.get(name, ("", {}))) for name, each in made.items()),
        figures,
    )


def _maps(found: explained.Explained) -> Iterator[tuple[str, Floats]]:
    maps = found.maps
    for name, values in (("layout", maps.layout), ("edges", maps.edges), ("colours", maps.colours)):
        if values is not None:
            yield name, values


def _laid(post: Pixels, stage: Pixels) -> dict[str, Pixels]:
    """Return both pictures at one size, as they lie on each other, and where they differ."""
    ground = _fit(stage, LARGE)
    size = (ground.shape[1], ground.shape[0])
    over = np.asarray(cv2.resize(post, size, interpolation=cv2.INTER_AREA), np.uint8)
    return {"laid-stage.jpg": ground, "laid-post.jpg": over}


def thumbnail_test(post: Pixels, stage: Pixels) -> Pixels:
    """Return both pictures at 8, 16, 32 and 64 pixels, the post above, the stage below, each shown as large as the others."""
    rows = []
    for pixels in (post, stage):
        cells = []
        for side in SMALL:
            small = _fit(pixels, side)
            shown = _size(pixels, SHOWN_SMALL)
            cells.append(
                _padded(cv2.resize(small, shown, interpolation=cv2.INTER_NEAREST), SHOWN_SMALL, SHOWN_SMALL)
            )
        rows.append(np.concatenate(cells, axis=1))
    return np.concatenate(rows, axis=0)


def _map(values: Floats, shape: tuple[int, int]) -> Pixels:
    """Return a map in the shape of the post: black for none, white for its best cell; what disagrees is black too."""
    agreed = np.maximum(values, 0)
    grey = np.rint(255 * np.sqrt(agreed / max(float(agreed.max()), 1e-9))).astype(np.uint8)
    scale = MAP / max(shape)
    size = max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))
    large = cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def _size(pixels: Pixels, longest: int) -> tuple[int, int]:
    scale = longest / max(pixels.shape[:2])
    return max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))


def _fit(pixels: Pixels, longest: int) -> Pixels:
    """Return a picture with its longer side no longer than this; a smaller one stays as it is."""
    if max(pixels.shape[:2]) <= longest:
        return pixels
    return np.asarray(cv2.resize(pixels, _size(pixels, longest), interpolation=cv2.INTER_AREA), np.uint8)


def _padded(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", height: int, width: int) -> Pixels:
    page = np.full((height + _GAP, width + _GAP, 3), _PAPER, np.uint8)
    top, left = (height - pixels.shape[0]) // 2, (width - pixels.shape[1]) // 2
    page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return page


def _written(folder: Path, name: str, pixels: Pixels, caption: str, params: dict[str, str]) -> Drawn:
    raw = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
    if name.endswith(".jpg"):
        picture.save(raw, "JPEG", quality=QUALITY)
    else:
        picture.save(raw, "PNG")
    (folder / name).write_bytes(raw.getvalue())
    return Drawn(name, pixels.shape[1], pixels.shape[0], caption, params)
