"""What codes a video or a picture shows, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.frame import Frame
from capture.sources.video import VideoSource
from sakigake.errors import UsageError
from sakigake.witness.code import Head
from sakigake.witness.reader import heads
from watch import animation, sanitise

STEP_S = 2.0  # most streams have a key frame at least this often, and only those are decoded then
FINE_STEP_S = 0.5
SHORT_MS = 60_000  # a clip up to this long is looked at more finely
TOLD_EVERY_MS = 1_800_000
# What a person takes for a picture: it should not be told that it is no video.
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})
OTHER_PICTURES = (b"BM", b"II*\x00", b"MM\x00*")
MAX_HEADS = 20_000  # a day of streaming shows fewer than 6,000


@dataclass(slots=True)
class Sighting:
    """One head in one file: the first and the last time it was seen (ms in the file; 0 in a picture), how often."""

    first_ms: int
    last_ms: int
    frames: int = 1


@dataclass(slots=True)
class Seen:
    """What one file shows. `odd` counts looks at codes that begin like ours but are none, `frames` the looks.

    `cut` says that an animated picture goes on behind what could be looked at.
    """

    heads: dict[Head, Sighting]
    frames: int = 0
    odd: int = 0
    length_ms: int = 0
    moving: bool = False
    cut: bool = False

    def add(self, found: set[Head], odd: int, at_ms: int) -> None:
        """Count one look; raises UsageError when there are more codes than any stream shows."""
        self.frames += 1
        self.odd += odd
        self.length_ms = max(self.length_ms, at_ms)
        for head in found:
            known = self.heads.setdefault(head, Sighting(at_ms, at_ms, 0))
            known.first_ms, known.last_ms = min(known.first_ms, at_ms), max(known.last_ms, at_ms)
            known.frames += 1
        if len(self.heads) > MAX_HEADS:
            raise UsageError("witness-too-many", most=MAX_HEADS)


def look(path: Path, step_s: float | None, told: Callable[[int], None]) -> Seen:
    """Return what a file shows; `told` gets how far a long video has been read, in ms.

    `step_s` is the time between two looks (None: every frame of an animated picture; 2 s in a video, and once more every
    0.5 s if it is short). Raises UsageError or NotFoundError when it is neither a picture nor a video.
    """
    if path.is_file() and sanitise.kind_of(begin := _begin(path)):
        return _leaf_through(path, round((step_s or 0) * 1000))
    if path.suffix.lower() in PICTURES or (path.is_file() and begin.startswith(OTHER_PICTURES)):
        sanitise.read_file(path)  # missing or empty
        raise UsageError("picture-other-kind", name=path.name)
    seen = _watch(path, step_s or STEP_S, told)
    if step_s is None and seen.length_ms <= SHORT_MS:
        return _watch(path, FINE_STEP_S, told)
    return seen


def _begin(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise UsageError("picture-unreadable", path=path, why=error.strerror) from error


def _leaf_through(path: Path, step_ms: int) -> Seen:
    seen, frames, due_ms = Seen({}), 0, 0
    before: animation.Shown | None = None
    found: set[Head] = set()
    odd = 0
    for shown in animation.frames(path):
        if shown is None:
            seen.cut = True
            break
        frames += 1
        if shown.at_ms >= due_ms:
            if before is None or not np.array_equal(
                shown.pixels, before.pixels
            ):  # many a frame is shown again
                found, odd = heads(shown.pixels, thorough=before is None)
            seen.add(found, odd, shown.at_ms)
            before = shown
            due_ms = shown.at_ms + step_ms
    seen.moving = frames > 1
    return seen


def _watch(path: Path, step_s: float, told: Callable[[int], None]) -> Seen:
    seen, next_ms = Seen({}, moving=True), TOLD_EVERY_MS
    source = VideoSource(path, step_s)
    source.open()
    try:
        while True:
            shown = source.grab()
            if isinstance(shown, Frame):
                at_ms = int(shown.info["pts_ms"])
                seen.add(*heads(shown.pixels), at_ms)
                if at_ms >= next_ms:
                    told(at_ms)
                    next_ms = at_ms + TOLD_EVERY_MS
            elif shown.reason == "exhausted":
                return seen
    finally:
        source.close()
