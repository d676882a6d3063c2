"""One recorder at a time: a lock on a file that the kernel lets go of when the process dies, however it dies."""

import os
import sys
import time
from pathlib import Path
from typing import Self

from sakigake.errors import SakigakeError

LOCK_FILE = "recorder.lock"
# A status command holds the lock for an instant while it probes.
PATIENCE_S = 1.0


class RecorderLock:
    """The right to record into one home. Use it as a context manager; raises SakigakeError when another has it."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_FILE
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SakigakeError(
                "record-home-unwritable", path=self._path.parent, why=error.strerror
            ) from error
        until = time.monotonic() + PATIENCE_S
        while not _try_lock(self._file):
            if time.monotonic() > until:
                self._close()
                raise SakigakeError("record-running")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)  # closing lets go of the lock
            self._file = -1


def is_held(home: Path) -> bool:
    """Say whether a recorder is running on this home."""
    try:
        file = os.open(home / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(file)
    finally:
        os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
