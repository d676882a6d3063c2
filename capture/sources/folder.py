"""Pictures that a drawing program, a recorder or the artist puts into a folder. Only ever read."""

import io
import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from capture.frame import Frame, NoFrame, Pixels, Region
from capture.pacer import SECOND
from sakigake.clock import Clock
from sakigake.errors import NotFoundError, UsageError

KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
MAX_FILE_BYTES = 512_000_000
MAX_PIXELS = 80_000_000
POLL_S = 0.5
# A file that two polls saw alike but that does not decode may still be in the making: this many polls more.
PATIENCE_POLLS = 4
# Saved by hand, not by a recorder that saves every few seconds: the picture before was at rest.
REST_MS = 10_000


@dataclass(slots=True)
class _Seen:
    """What is known of one name: its size and time when last looked at, polls since they changed, and the outcome."""

    stamp: tuple[int, int]
    polls: int = 0
    settled: bool = False


class FolderSource:
    """The pictures of one folder in the order of their names, then each new or rewritten one as it comes.

    A file counts once two polls found the same size and time and it decodes. With `once` the source is exhausted when
    everything that is there has been given or passed over. `canvas` is a rectangle inside each picture.
    """

    live = False

    def __init__(
        self, folder: Path, canvas: Region | None = None, clock: Clock | None = None, *, once: bool = False
    ) -> None:
        self._folder = folder
        self._canvas = canvas
        self._clock = clock or Clock()
        self._once = once
        self._seen: dict[str, _Seen] = {}
        self._ready: deque[str] = deque()
        self._polled: int | None = None
        self._polls = 0
        self._seq = 0
        self._given: tuple[int, int] | None = None

    def open(self) -> None:
        """Look at the folder once; raises SakigakeError when it is not there or may not be read."""
        try:
            self._poll()
        except FileNotFoundError as error:
            raise NotFoundError("folder-missing", path=self._folder) from error
        except NotADirectoryError as error:
            raise UsageError("folder-is-a-file", path=self._folder) from error
        except OSError as error:
            raise UsageError("folder-unreadable", path=self._folder, why=error.strerror) from error

    def grab(self) -> Frame | NoFrame:
        """Return the next picture; "not-a-picture" or "too-small" name a file that is passed over, once."""
        if not self._ready:
            now = self._clock.mono_ns()
            if self._polled is None or now - self._polled >= POLL_S * SECOND:
                try:
                    self._poll()
                except OSError as error:
                    return NoFrame("source-gone", str(error.strerror))
        while self._ready:
            if self._rested(self._ready[0]):
                return NoFrame("at-rest")
            result = self._read(self._ready.popleft())
            if result is not None:
                return result
        if self._rested(None):
            return NoFrame("at-rest")
        if self._once and self._polls > 1 and all(seen.settled for seen in self._seen.values()):
            return NoFrame("exhausted")
        return NoFrame("nothing-new")

    def _rested(self, following: str | None) -> bool:
        """Say, once, that no picture came for long after the one given last; `following` is the next, if there is one."""
        if self._given is None:
            return False
        given_ms, given_mono = self._given
        if following is not None:
            rested = abs(self._seen[following].stamp[1] // 1_000_000 - given_ms) >= REST_MS
        else:
            rested = self._clock.mono_ns() - given_mono >= REST_MS * 1_000_000
        if rested:
            self._given = None
        return rested

    def _poll(self) -> None:
        found: dict[str, tuple[int, int]] = {}
        with os.scandir(self._folder) as listing:
            for item in listing:
                if item.name.startswith(".") or Path(item.name).suffix.lower() not in KINDS:
                    continue
                try:
                    if item.is_file():
                        status = item.stat()
                        found[item.name] = (status.st_size, status.st_mtime_ns)
                except OSError:
                    continue  # gone between the listing and the look at it
        self._polled = self._clock.mono_ns()
        self._polls += 1
        for name in self._seen.keys() - found.keys():
            del self._seen[name]
        for name in sorted(found, key=natural):
            seen = self._seen.get(name)
            if seen is None or seen.stamp != found[name]:
                self._seen[name] = _Seen(found[name])
            elif not seen.settled:
                seen.polls += 1
                self._ready.append(name)

    def _read(self, name: str) -> Frame | NoFrame | None:
        """Return the picture, the reason to give it up, or None to try again at the next poll."""
        seen = self._seen[name]
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        decoded = decode(self._folder / name)
        if decoded is None and seen.polls < PATIENCE_POLLS:
            return None
        seen.settled = True
        if decoded is None:
            return NoFrame(why_not(self._folder / name), name)
        pixels, lossy = decoded
        whole = Region(0, 0, pixels.shape[1], pixels.shape[0])
        region = (self._canvas or whole).clip(whole)
        if region is None:
            return NoFrame("too-small", name)
        cut = pixels[region.top : region.top + region.height, region.left : region.left + region.width]
        self._seq += 1
        self._given = seen.stamp[1] // 1_000_000, mono
        return Frame(
            pixels=np.ascontiguousarray(cut),
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq - 1,
            origin="folder",
            region=region,
            lossy=lossy,
            info={"file_ms": self._given[0]},  # what the file says of itself: a claim
        )

    def close(self) -> None:
        """Forget the folder."""
        self._seen.clear()
        self._ready.clear()

    def describe(self) -> dict[str, int | str]:
        """Return the kind only: a path can hold a person's name."""
        return {"origin": "folder"}


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which `draft 9` comes before `draft 10`."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name.casefold())
        if part
    ]


def decode(path: Path) -> tuple[Pixels, bool] | None:
    """Return a picture file as BGR, upright, on white where it is transparent, and whether its format is lossy.

    None when it is no picture, or not all of one.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
        with Image.open(io.BytesIO(data), formats=sorted(set(KINDS.values()))) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            picture.load()
            lossy = picture.format == "JPEG" or (picture.format == "WEBP" and b"VP8L" not in data)
            return _bgr(ImageOps.exif_transpose(picture)), lossy
    except Exception:  # noqa: BLE001 - Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        return None


def opens(path: Path) -> bool:
    """Say whether a file begins as a picture does, whatever its size."""
    try:
        with Image.open(path, formats=sorted(set(KINDS.values()))):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # noqa: BLE001 - as above
        return False


def why_not(path: Path) -> str:
    """Return the slug of why a file is passed over: it is too large, or it is no picture or not all of one."""
    try:
        with Image.open(path, formats=sorted(set(KINDS.values()))) as picture:
            return "too-large" if picture.width * picture.height > MAX_PIXELS else "not-a-picture"
    except Image.DecompressionBombError:
        return "too-large"
    except Exception:  # noqa: BLE001 - as above
        return "not-a-picture"


def _bgr(picture: Image.Image) -> Pixels:
    if picture.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(picture, np.int64) >> 8
        return np.asarray(cv2.cvtColor(grey.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return np.asarray(cv2.cvtColor(np.asarray(picture.convert("RGB"), np.uint8), cv2.COLOR_RGB2BGR), np.uint8)
