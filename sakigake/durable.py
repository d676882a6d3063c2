"""Files that are whole or not there, whenever the power goes: keys, heads of ledgers, pictures, what OBS reads."""

import os
import sys
import time
from pathlib import Path

_NEW = ".tmp"
# Windows turns line ends into others in a file that was opened without this, and signed bytes are no longer those.
BINARY = getattr(os, "O_BINARY", 0)
# Windows refuses to replace a file that another program, such as a virus scanner, has open at this moment.
SHARING_TRIES, SHARING_WAIT_S = 5, 0.05


def write(path: Path, raw: bytes) -> None:
    """Put `raw` in place of what `path` held, readable by its owner alone; raises OSError with the old file intact."""
    temporary = _prepare(path, raw)
    try:
        replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create(path: Path, raw: bytes) -> None:
    """Write a new file; raises FileExistsError when another process was quicker, and OSError."""
    temporary = _prepare(path, raw)
    try:
        claim(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def claim(written: Path, path: Path) -> None:
    """Give a written file the name `path`; raises FileExistsError when that is taken, and OSError.

    `written` may be left as a second name: remove it.
    """
    if sys.platform == "win32":
        written.rename(path)  # there, this refuses to replace
    else:
        _link(written, path)


def replace(written: Path, path: Path) -> None:
    """Put a written file in the place of another in one step; raises OSError."""
    for left in reversed(range(SHARING_TRIES if sys.platform == "win32" else 1)):
        try:
            written.replace(path)
        except PermissionError:
            if not left:
                raise
            time.sleep(SHARING_WAIT_S)
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable; Windows has no such call and does it with the file."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


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
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600), "wb"
        ) as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
