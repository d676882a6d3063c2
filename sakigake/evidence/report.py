"""The page of a package: the reports in Japanese and English, without scripts, small copies of the pictures inside it.

The page certifies nothing about itself; it says how to check it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from sakigake import words
from sakigake.evidence import layout
from sakigake.evidence.paper.matter import Matter, Paper
from sakigake.evidence.paper.writing import document
from sakigake.evidence.view import View

# Small copies stand in the page; the more stages there are, the smaller, so that a long session can still be mailed.
THUMBNAIL_PX = ((60, 320), (150, 240), (1 << 31, 160))
EXPLAINED_PX = 1100  # the longer side of a picture that explains: its words must stay legible


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy of a picture: a JPEG, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """Return it as it stands in a page."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


def thumbnails(view: View, paper: Paper, contents: Mapping[str, bytes | Path]) -> dict[str, Thumbnail]:
    """Return the small copies by name: s and a stage's number, post, x- and the name of a picture that explains."""
    side = next(px for most, px in THUMBNAIL_PX if len(view.stages) <= most)
    found = {f"s{seq}": thumbnail(contents.get(layout.stage(seq, "png")), side) for seq in view.stages}
    post = next((body for name, body in contents.items() if name.startswith("post/picture.")), None)
    found["post"] = thumbnail(post, side)
    for name in paper.explained.captions if paper.explained else ():
        if name.endswith(".png"):
            found[f"x-{name}"] = thumbnail(contents.get(layout.compared(name)), EXPLAINED_PX)
    return {name: small for name, small in found.items() if small}


def page(matter: Matter, small: Mapping[str, Thumbnail]) -> str:
    """Return the page. Pictures stand in it once, as small copies; the originals lie beside it."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.PackageLoader("sakigake.evidence"),
    )
    langs = matter.paper.langs
    values: dict[str, Any] = {
        "languages": [(lang, document(matter, lang)) for lang in langs],
        "title": " / ".join(words.text(f"paper.title.{matter.paper.report}", lang) for lang in langs),
        "other": {lang: words.text("report.other-language", lang) for lang in words.LANGUAGES},
        "session": matter.view.session.id,
        "thumbnails": small,
        "kind": lambda block: type(block).__name__,
    }
    return environment.get_template("package.html.j2").render(values)


def thumbnail(content: bytes | Path | None, side: int) -> Thumbnail | None:
    """Return a copy whose longer side is `side` pixels at most, or None when there is none or it cannot be shown."""
    if content is None:
        return None
    raw = content if isinstance(content, bytes) else content.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not encoded:
        return None
    height, width = pixels.shape[:2]
    return Thumbnail(jpeg.tobytes(), width, height)
