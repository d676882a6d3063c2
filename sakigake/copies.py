"""Small copies of kept pictures, made for looking at on a page: a cache inside the home, never part of a package.

Where they lie is said here and not beside what makes them, since a picture that is forgotten takes its copies with it, and
forgetting is the recorder's work.
"""

import shutil
from contextlib import suppress
from pathlib import Path

CACHE = "cache"
COPIES, FILMS, CHECKS = "copies", "films", "checks"  # folders in it
SUFFIX = ".jpg"


def folder(home: Path, kind: str = COPIES) -> Path:
    """Return the folder of a kind of thing that can be made again at any time."""
    return home / CACHE / kind


def path(home: Path, file: str, side: int) -> Path:
    """Return where the copy lies whose longer side is `side` pixels; `file` is the digest of the picture's file."""
    return folder(home) / file[:2] / f"{file}-{side}{SUFFIX}"


def remove(home: Path, file: str) -> None:
    """Remove every copy of a picture, and all films, since it may be in any of them; raises OSError."""
    for copy in (folder(home) / file[:2]).glob(f"{file}-*"):
        copy.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder(home, FILMS))


def size(where: Path) -> int:
    """Return how many bytes lie in a folder; what goes away meanwhile counts nothing."""
    total = 0
    for each in where.rglob("*"):
        with suppress(OSError):
            total += each.stat().st_size if each.is_file() else 0
    return total


def shrink(where: Path, most: int) -> None:
    """Remove the files that were used longest ago until no more than `most` bytes are left in a folder."""
    found: list[tuple[float, int, Path]] = []
    for each in where.rglob("*"):
        with suppress(OSError):
            if each.is_file():
                told = each.stat()
                found.append((told.st_mtime, told.st_size, each))
    total = sum(length for _, length, _ in found)
    for _, length, each in sorted(found):
        if total <= most:
            return
        with suppress(OSError):
            each.unlink()
            total -= length
