"""Keeping pictures: lossless PNG files, named by what is in them, whole or not there at all."""

import os
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from capture.frame import Pixels
from sakigake import copies, durable
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import Picture

SUFFIX = ".png"


def encode(pixels: Pixels) -> memoryview:
    """Return a PNG without ancillary chunks of a BGR picture.

    No parameters: OpenCV 4.10 and 5 alike then use the SUB filter, run-length matching and zlib level 1. CPU at
    1920x1080 (flat art / grainy): 31 / 96 ms. Asking for level 1 lets libpng try every filter on every row, 77 /
    223 ms for files 39 % smaller / 10 % larger; level 1 with SUB fixed is as quick but OpenCV 4.10 cannot.
    """
    done, data = cv2.imencode(SUFFIX, np.ascontiguousarray(pixels))
    if not done:
        raise ValueError(f"cannot encode {pixels.shape}")
    return data.data


def digests(pixels: Pixels) -> Picture:
    """Return the digests that a picture would be kept under, without keeping it."""
    return _digests(pixels, encode(pixels))


def _digests(pixels: Pixels, data: memoryview) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(file=sha256(data).hexdigest(), pixels=pixel_digest_v1(pixels), width=width, height=height)


class Spool:
    """The folder of kept pictures: `ab/<sha256 of the file>.png`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced: set[str] = set()  # names of folders

    def path(self, file: str) -> Path:
        """Return where the picture with this file digest lies."""
        return self._folder / file[:2] / f"{file}{SUFFIX}"

    def keep(self, pixels: Pixels) -> Picture:
        """Write a picture and return its digests once it would survive a power cut; raises OSError."""
        data = encode(pixels)
        picture = _digests(pixels, data)
        self._write(self.path(picture.file), data)
        return picture

    def remove(self, file: str) -> None:
        """Remove a picture and its small copies, for good also after a power cut; raises OSError."""
        copies.remove(self._folder.parent, file)
        path = self.path(file)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            durable.sync_folder(path.parent)

    def clean(self) -> int:
        """Remove what a crash left half written; returns how many files."""
        leftovers = list(self._folder.glob("*/*.tmp"))
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def _write(self, path: Path, data: memoryview) -> None:
        if path.parent.name not in self._synced:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.sync_folder(path.parent.parent)
            self._synced.add(path.parent.name)
        if path.exists():  # whole, or it would not have this name; but perhaps a crash came before the sync
            durable.sync_folder(path.parent)
            return
        temporary = path.with_suffix(".tmp")
        try:
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | durable.BINARY, 0o600), "wb"
            ) as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            durable.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        durable.sync_folder(path.parent)
