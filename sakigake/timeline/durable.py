"""Small private files that are whole or not there, whenever the power goes: keys, and the heads of ledgers."""

import os
import sys
from pathlib import Path

_NEW = ".tmp"


def write(path: Path, raw: bytes) -> None:
    """Put `raw` in place of what `path` held, readable by its owner alone; raises OSError with the old file intact."""
    temporary = _prepare(path, raw)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def create(path: Path, raw: bytes) -> None:
    """Write a new file; raises FileExistsError when another process was quicker, and OSError."""
    temporary = _prepare(path, raw)
    try:
        claim(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _settle(path.parent)


def claim(written: Path, path: Path) -> None:
    """Give a written file the name `path`; raises FileExistsError when that is taken, and OSError.

    `written` may be left as a second name: remove it.
    """
    if sys.platform == "win32":
        written.rename(path)  # there, this refuses to replace
    else:
        _link(written, path)


def clean(folder: Path) -> None:
    """Remove what a break-off left half written in a folder that nobody else writes to at the moment."""
    for left in folder.glob(f"*{_NEW}"):
        left.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def _prepare(path: Path, raw: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{_NEW}")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _settle(folder: Path) -> None:
    """Make a new name in a folder durable; Windows has no such step."""
    if sys.platform != "win32":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
