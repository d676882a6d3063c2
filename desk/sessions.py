"""Finding a session by what a person types."""

import errno
import os
import sys
from pathlib import Path

from sakigake.errors import NotFoundError
from sakigake.model import Session
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore


def open_store(settings: Settings) -> SqliteStore:
    """Open the records for reading; raises NotFoundError when there are none, so that nothing is made by looking."""
    if not Path(settings.database).is_file():
        raise NotFoundError("nothing-recorded")
    return SqliteStore(settings.database, frozen=_is_frozen(settings.database))


def _is_frozen(database: Path) -> bool:
    """Say whether a database cannot be written, as on a disc or in a backup that was locked; nothing is made for that.

    SQLite writes beside the file as well, so the folder counts too. The file is asked about and not opened: closing it
    again would take away every lock that this process holds on it (POSIX), and whoever closes the records next elsewhere
    would remove the log of writes from under a store that is still open here. Windows, which has no such locks, tells
    nothing of folders, but refuses to open the file for writing.
    """
    if not (_may_write(database.parent) and _may_write(database)):
        return True
    return sys.platform == "win32" and _is_refused(database)


def _is_refused(database: Path) -> bool:
    try:
        with database.open("r+b"):
            return False
    except OSError as error:
        return error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def find(store: SqliteStore, wanted: str) -> Session:
    """Return the newest session with an entry for "last", else the one whose id is, or uniquely begins with, `wanted`."""
    sessions = store.sessions()
    if not sessions:
        raise NotFoundError("nothing-recorded")
    if wanted == "last":
        # One without was cut off before its first: it would hide what was recorded until then.
        begun = (each for each in reversed(sessions) if store.last_entry(each.id))
        return next(begun, sessions[-1])
    exact = [session for session in sessions if session.id == wanted]
    matching = exact or [session for session in sessions if wanted and session.id.startswith(wanted)]
    if len(matching) != 1:
        raise NotFoundError("session-unknown", session=wanted)
    return matching[0]
