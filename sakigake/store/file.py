"""One SQLite file that survives: WAL, a full sync before any write counts as done, numbered migrations, small state."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sakigake.errors import SakigakeError

MIN_SQLITE = (3, 37)  # STRICT tables


class SqliteFile:
    """One connection, usable from several threads one at a time. Several processes may hold one each.

    `migrations` is the package whose folder `migrations` holds the numbered scripts; they make a table `state`.
    `frozen` opens a file on a medium that cannot be written, such as a backup on a disc.
    """

    def __init__(self, path: Path, migrations: str, *, frozen: bool = False) -> None:
        if sqlite3.sqlite_version_info < MIN_SQLITE:
            raise SakigakeError("sqlite-too-old", version=sqlite3.sqlite_version)
        self._lock = threading.RLock()
        self.frozen = frozen
        try:
            if frozen:
                self._open_frozen(path, migrations)
                return
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA cache_size = -512")  # KiB; nobody here reads a page twice in short order
            self._db.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten with zeros
            self._migrate(migrations)
        except (sqlite3.Error, OSError) as error:
            damaged = getattr(error, "sqlite_errorname", "") in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}
            slug = "store-damaged" if damaged else "store-unusable"
            raise SakigakeError(slug, path=path, why=error) from error

    def _open_frozen(self, path: Path, package: str) -> None:
        """Open without writing a byte, not even beside the file; raises SakigakeError when that would hide rows.

        SQLite cannot read a log of writes (`-wal`) where it may not make an index for it.
        """
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise SakigakeError("store-frozen-open", path=path)
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != len(_scripts(package)):
            self._db.close()
            raise SakigakeError("store-frozen-old", path=path)

    def _migrate(self, package: str) -> None:
        scripts = _scripts(package)
        if self._db.execute("PRAGMA user_version").fetchone() == (len(scripts),):
            return  # as nearly always: whoever only looks should not stop the recorder's writing for that
        with self._write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            for number, script in enumerate(scripts, start=1):
                if number > version:
                    for statement in _statements(script.read_text(encoding="utf-8")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise SakigakeError("store-write-failed", why=error) from error

    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise SakigakeError("store-read-failed", why=error) from error

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def put_state(self, name: str, value: str) -> None:
        """Set a piece of working state."""
        with self._write() as db:
            put_state(db, name, value)

    def update_state(self, name: str, change: Callable[[str | None], str]) -> None:
        """Set a piece of working state to what `change` makes of it, in one step."""
        with self._write() as db:
            row = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
            put_state(db, name, change(None if row is None else str(row[0])))

    def state(self, name: str) -> str | None:
        """Return a piece of working state."""
        rows = self._read("SELECT value FROM state WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def take_state(self, name: str) -> str | None:
        """Return a piece of working state and clear it."""
        if self.state(name) is None:  # polled every second: no write transaction unless there is something
            return None
        with self._write() as db:
            row = db.execute("DELETE FROM state WHERE name = ? RETURNING value", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _empty_log(self) -> None:
        busy = self._read("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if busy:
            raise SakigakeError("store-write-failed", why="another process reads the records")


def _scripts(package: str) -> list[Traversable]:
    """Return the numbered migrations in order."""
    found = files(package).joinpath("migrations").iterdir()
    return sorted((item for item in found if item.name.endswith(".sql")), key=lambda item: item.name)


def _statements(script: str) -> Iterator[str]:
    """Split a script, since `executescript` would end the transaction the migration runs in."""
    buffer = ""
    for line in script.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            yield buffer
            buffer = ""


def put_state(db: sqlite3.Connection, name: str, value: str) -> None:
    """Set a piece of working state inside a transaction that is open."""
    db.execute(
        "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
