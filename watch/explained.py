"""A picture that shows where a post and a stage agree: both pictures, and a map each for layout, edges and colours.

No font that ships here knows Japanese, and which fonts a computer has is not known: the picture bears the numbers 1
to 5, and `legend` says what they are in the language of whoever reads it.
"""

import errno
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sakigake import durable, words
from sakigake.errors import SakigakeError, UsageError
from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import unpack
from sakigake.fingerprint.views import Floats, Pixels
from sakigake.model import Finding
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_picture
from watch.compare import engine
from watch.compare.crops import agreement_in_part
from watch.compare.explain import Agreement, agreement
from watch.sanitise import load_picture

SUFFIX = ".png"
_SHOWN, _MAP = 480, 312  # longer side of a picture and of a map, in dots
_HEAD, _GAP = 30, 12
_PAPER, _EMPTY = 255, 225


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


def legend(explained: Explained, finding: Finding, lang: str | None = None) -> list[str]:
    """Return in words what the numbers in the picture are, and what the maps do not show."""
    kept = "stage" if explained.stage is not None else "stage-not-kept"
    lines = [
        f"1 {words.text('explain.post', lang)} {words.text(f'finding.view.{finding.view}', lang)}",
        f"2 {words.text(f'explain.{kept}', lang, seq=finding.stage)}",
    ]
    for number, (name, values) in enumerate(_maps(explained.maps), 3):
        score = words.text("explain.none", lang) if values is None else f"{float(values.sum()):.2f}"
        lines.append(f"{number} {words.text(f'explain.{name}', lang)}: {score}")
    return [*lines, words.text("explain.reading", lang)]


def draw(explained: Explained) -> Pixels:
    """Return the picture: the post and the stage above, the three maps below, each under its number."""
    post = explained.post
    stage = np.full_like(post, _EMPTY) if explained.stage is None else explained.stage
    shape = post.shape[0], post.shape[1]
    above = _row([_panel(_fit(each, _SHOWN), n) for n, each in enumerate((post, stage), 1)])
    below = _row([_panel(_map(values, shape), n) for n, (_, values) in enumerate(_maps(explained.maps), 3)])
    width = max(above.shape[1], below.shape[1])
    return np.concatenate([_padded(part, part.shape[0], width) for part in (above, below)])


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


def _maps(maps: Agreement) -> tuple[tuple[str, Floats | None], ...]:
    return ("layout", maps.layout), ("edges", maps.edges), ("colours", maps.colours)


def _map(values: Floats | None, shape: tuple[int, int]) -> Pixels:
    """Return a map in the shape of the post, so that both lie alike: black for none, white for its best cell.

    Cells that disagree are black as well. Each map has a scale of its own; the legend has the scores.
    """
    size = _size(shape, _MAP)
    if values is None:
        return np.full((size[1], size[0], 3), _EMPTY, np.uint8)
    agreed = np.maximum(values, 0)
    # Square roots: one cell often has several times as much as all others, which would be black beside it.
    grey = np.rint(255 * np.sqrt(agreed / max(float(agreed.max()), 1e-9))).astype(np.uint8)
    large = cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def _size(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return width and height with the longer side at `longest`."""
    scale = longest / max(shape)
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _fit(pixels: Pixels, longest: int) -> Pixels:
    size = _size((pixels.shape[0], pixels.shape[1]), longest)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _panel(pixels: Pixels, number: int) -> Pixels:
    """Return a picture under a strip of paper with its number."""
    strip = np.full((_HEAD, max(pixels.shape[1], _HEAD), 3), _PAPER, np.uint8)
    cv2.putText(strip, str(number), (4, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2, cv2.LINE_AA)
    return np.concatenate([strip, _padded(pixels, pixels.shape[0], strip.shape[1])])


def _padded(pixels: Pixels, height: int, width: int) -> Pixels:
    page = np.full((height, width, 3), _PAPER, np.uint8)
    page[: pixels.shape[0], : pixels.shape[1]] = pixels
    return page


def _row(panels: Sequence[Pixels]) -> Pixels:
    height = max(panel.shape[0] for panel in panels) + _GAP
    return np.concatenate([_padded(panel, height, panel.shape[1] + _GAP) for panel in panels], axis=1)
