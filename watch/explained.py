"""A post in the view that fitted, its stage, and where they agree; and the file of `check --explain`.

The picture in that file is drawn by `watch.explaining.single`.
"""

import errno
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sakigake import durable
from sakigake.errors import SakigakeError, UsageError
from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import unpack
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_picture
from watch.compare import engine
from watch.compare.crops import agreement_in_part
from watch.compare.explain import Agreement, agreement
from watch.sanitise import load_picture

SUFFIX = ".png"
_EMPTY = 225


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """The post in the view that fitted best, the stage's picture unless it was not kept, and where they agree.

    A post that shows a part of the stage lies on an empty canvas, where the stage has that part.
    """

    post: Pixels
    stage: Pixels | None
    maps: Agreement


def require_writable(path: Path) -> None:
    """Raise UsageError unless a picture may be written to `path`: nothing that is there is replaced."""
    if path.suffix.lower() != SUFFIX:
        raise UsageError("explain-suffix", path=path)
    if path.exists() or path.is_symlink():
        raise UsageError("export-exists", path=path)
    if not path.absolute().parent.is_dir():
        raise UsageError("head-not-written", path=path, why=os.strerror(errno.ENOENT))


def explain(store: Store, pictures: Path, path: Path, finding: Finding) -> Explained:
    """Return where the post in `path` agrees with the stage of a finding that has one.

    Raises UsageError when the file is no longer the one that was compared.
    """
    pixels, digest = load_picture(path)
    if digest != finding.post_digest:
        raise UsageError("explain-changed", name=path.name)
    return explain_pixels(store, pictures, pixels, finding)


def explain_pixels(store: Store, pictures: Path, pixels: Pixels, finding: Finding) -> Explained:
    """Return where a decoded post agrees with the stage of a finding that has one; the finding must be of this post."""
    stored = None if finding.stage is None else store.entry(finding.session, finding.stage)
    if stored is None or stored.fingerprint is None:
        raise ValueError("a finding without a stage")
    version = finding.fingerprint_version
    views = engine.post_views(pixels, version)
    kept = None
    if stored.opening:
        name = parse_picture(stored.opening).file
        place = pictures / name[:2] / f"{name}{SUFFIX}"
        kept = load_picture(place)[0] if place.is_file() else None
    stage = unpack(stored.fingerprint)
    if finding.part is None:
        view = views[finding.view]
        return Explained(engine.view_pixels(pixels, finding.view, version), kept, agreement(view, stage))
    window, mirrored = Window(*finding.part), finding.view == engine.CROP_MIRROR
    seen = engine.innermost(engine.comparable(views)[0])
    post = engine.view_pixels(pixels, engine.MIRRORED[seen] if mirrored else seen, version)
    maps = agreement_in_part(views[seen], stage, window, mirrored=mirrored)
    return Explained(_put(post, window, kept), kept, maps)


def _put(post: Pixels, window: Window, stage: Pixels | None) -> Pixels:
    """Return a post on an empty canvas in the shape of the stage, or, without its picture, of a whole post."""
    height, width = (
        (round(post.shape[0] / window.height), round(post.shape[1] / window.width))
        if stage is None
        else stage.shape[:2]
    )
    canvas = np.full((height, width, 3), _EMPTY, np.uint8)
    top, left = round(window.top * height), round(window.left * width)
    bottom = min(height, max(top + 1, round((window.top + window.height) * height)))
    right = min(width, max(left + 1, round((window.left + window.width) * width)))
    size = (right - left, bottom - top)
    canvas[top:bottom, left:right] = cv2.resize(post, size, interpolation=cv2.INTER_AREA)
    return canvas


def write(path: Path, picture: Pixels, told: Sequence[str]) -> None:
    """Write the picture as a PNG that carries its legend as a text chunk; raises UsageError or SakigakeError."""
    from PIL import Image, PngImagePlugin  # noqa: PLC0415 - only this picture needs it here

    text = PngImagePlugin.PngInfo()
    text.add_itxt("Description", "\n".join(told))
    raw = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[..., ::-1])).save(raw, "PNG", pnginfo=text)
    try:
        durable.create(path, raw.getvalue())
    except FileExistsError as error:
        raise UsageError("export-exists", path=path) from error
    except OSError as error:
        raise SakigakeError("head-not-written", path=path, why=error.strerror or error) from error
