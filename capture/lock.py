"""One recorder at a time: a lock on a file that the kernel lets go of when the process dies, however it dies."""

import os
import sys
import time
from pathlib import Path
from typing import Self

from sakigake.errors import SakigakeError

LOCK_FILE = "recorder.lock"
# Held from the first moment of `record start`, while the recorder is still being loaded.
START_FILE = "starting.lock"
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


class Starting:
    """Says until the end of the process that a recorder starts here, so that an order that comes early is for it."""

    def __init__(self, home: Path) -> None:
        self.first = False
        self._home = home
        self._file = -1

    def __enter__(self) -> Self:
        try:  # a home that is not there yet is left to the recorder: a start that fails makes none
            self._file = os.open(self._home / START_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return self
        self.first = _try_lock(self._file)  # else another start has it, and that one answers to orders
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_recording_or_about_to(home: Path) -> bool:
    """Say whether a recorder is running on this home, or being started."""
    return is_held(home) or is_held(home, START_FILE)


def is_held(home: Path, name: str = LOCK_FILE) -> bool:
    """Say whether a process holds a lock of this home; by default whether a recorder is running."""
    try:
        file = os.open(home / name, os.O_RDWR)
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
