"""One of a kind at a time: a lock on a file that the kernel lets go of when the process dies, however it dies."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from sakigake.errors import SakigakeError

# A status command holds the lock for an instant while it probes.
PATIENCE_S = 1.0


class FileLock:
    """The right to be the only one on a home. Use it as a context manager; raises SakigakeError.

    `busy` is the slug for when another process has it, `unwritable` the one for a home that cannot be written.
    """

    def __init__(self, path: Path, busy: str, unwritable: str) -> None:
        self._path = path
        self._busy, self._unwritable = busy, unwritable
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SakigakeError(self._unwritable, path=self._path.parent, why=error.strerror) from error
        until = time.monotonic() + PATIENCE_S
        while not try_lock(self._file):
            if time.monotonic() > until:
                self._close()
                raise SakigakeError(self._busy)
            time.sleep(0.05)
        with suppress(OSError):
            os.utime(self._path)  # since when it is held, for whoever reads what the last holder left
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)  # closing lets go of the lock
            self._file = -1


def is_held(path: Path) -> bool:
    """Say whether a process holds the lock on this file."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(file)
    finally:
        os.close(file)


def held_since_ms(path: Path) -> int:
    """Return when the lock on this file was last taken, in ms since 1970; 0 when that is unknown."""
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


if sys.platform == "win32":
    import msvcrt

    def try_lock(file: int) -> bool:
        """Take the lock of an open file if it is free; closing the file lets go of it."""
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(file: int) -> bool:
        """Take the lock of an open file if it is free; closing the file lets go of it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
