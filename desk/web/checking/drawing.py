"""What the page of a check shows to look at: drawn by the process that compares, encoded anew.

The pictures that explain come from `watch.explaining`, with their captions; here those are chosen that a page shows.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from desk.web.checking.carried import Drawn
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding
from sakigake.store.protocol import Store
from watch.explaining import everything, gathering
from watch.explaining.letters import shipped
from watch.finding import ALIKE

LARGE = 960  # longer side of a picture in pixels
# In the order in which a page shows them; what it draws itself (slider, in turn, the line of time) is left out.
SHOWN = (
    "aligned-post.png",
    "aligned-stage.png",
    "thumbnails.png",
    "maps.png",
    "chance-closest.png",
    "chance-median.png",
    "superset.png",
)
QUALITY = 88


def beside(folder: Path, store: Store, pictures: Path, pixels: Pixels, finding: Finding) -> tuple[Drawn, ...]:
    """Write the post and, with a likeness, the stage: quickly done, and enough to look for oneself."""
    made = [_written(folder, "post.jpg", pixels)]
    stored = store.entry(finding.session, finding.stage) if finding.stage is not None else None
    if stored is not None and finding.likeness in ALIKE:
        kept = gathering.picture_of(stored, pictures)
        if kept is not None:
            made.append(_written(folder, "stage.jpg", kept))
    return tuple(made)


def explaining(  # noqa: PLR0917 - all that a picture is made from
    folder: Path, store: Store, pictures: Path, pixels: Pixels, finding: Finding, lang: str
) -> tuple[Drawn, ...]:
    """Write the pictures that explain a likeness, with the words in them in one language; none without a likeness."""
    if finding.likeness not in ALIKE or finding.stage is None:
        return ()
    material = gathering.gather(store, pictures, pixels, finding)
    explained = everything.explain_all(material, shipped(), (lang,))
    made: list[Drawn] = []
    for name in SHOWN:
        if (data := explained.files.get(name)) is not None:
            (folder / name).write_bytes(data)
            with Image.open(io.BytesIO(data)) as shown:
                width, height = shown.size
            caption = explained.captions[name]
            params = {key: str(value) for key, value in caption.params.items()}
            made.append(Drawn(name, width, height, caption.key, params))
    return tuple(made)


def _written(folder: Path, name: str, pixels: Pixels) -> Drawn:
    """Write a picture, its longer side no longer than `LARGE`; a smaller one stays as large as it is."""
    scale = min(1.0, LARGE / max(pixels.shape[:2]))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    Image.fromarray(np.ascontiguousarray(small[..., ::-1])).save(folder / name, "JPEG", quality=QUALITY)
    return Drawn(name, size[0], size[1])
