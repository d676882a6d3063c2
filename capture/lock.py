"""One recorder at a time: a lock on a file that the kernel lets go of when the process dies, however it dies."""

import os
from pathlib import Path
from typing import Self

from sakigake import lock
from sakigake.lock import FileLock, try_lock

LOCK_FILE = "recorder.lock"
# Held from the first moment of `record start`, while the recorder is still being loaded.
START_FILE = "starting.lock"


class RecorderLock(FileLock):
    """The right to record into one home. Use it as a context manager; raises SakigakeError when another has it."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / LOCK_FILE, "record-running", "record-home-unwritable")


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
        self.first = try_lock(self._file)  # else another start has it, and that one answers to orders
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
    return lock.is_held(home / name)
