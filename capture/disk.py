"""How much room is left, and what is still kept when it gets tight."""

import errno
import shutil
import sqlite3
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from capture.table import number
from sakigake.settings import Settings

FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
WINDOWS_FULL = frozenset({39, 112})  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


class Room(IntEnum):
    """What is kept: everything; everything, with a warning; small pictures; no pictures."""

    ENOUGH = 0
    LOW = 1
    SMALL = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Megabytes of free space below which each level begins."""

    low_mb: float
    small_mb: float
    none_mb: float

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Read them from the table [record]; raises ConfigError."""
        return cls(*(number(settings, "record", f"disk_{level}_mb") for level in ("low", "small", "none")))

    def room(self, free_mb: float) -> Room:
        """Return the level at this much free space."""
        if free_mb < self.none_mb:
            return Room.NONE
        if free_mb < self.small_mb:
            return Room.SMALL
        return Room.LOW if free_mb < self.low_mb else Room.ENOUGH


def free_mb(folder: Path) -> float:
    """Return the free megabytes of the disk `folder` lies on; raises OSError."""
    return shutil.disk_usage(folder).free / 1e6


def is_full(error: BaseException | None) -> bool:
    """Say whether an error, or what caused it, means that there is no room left."""
    while error is not None:
        if isinstance(error, OSError) and (
            error.errno in FULL or getattr(error, "winerror", None) in WINDOWS_FULL
        ):
            return True
        # SQLite says "disk I/O error" when a limit or a quota stops it in the middle of a write.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return True
        error = error.__cause__
    return False
