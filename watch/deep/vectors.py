"""The vectors of stages, in a file of its own beside the ledger: all of it can be computed again, none of it is proof.

A row belongs to a stage, to the digest of its picture and to the key of a model. What was forgotten of the ledger is
removed from here, and each reader looks at the ledger, not at this file, for what there is.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_picture

FILE = "deep.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS vectors (
  session TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, vector BLOB NOT NULL,
  PRIMARY KEY (session, seq, key)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StageRef:
    """A stage with a kept picture: its session, its number and the SHA-256 of the picture's file."""

    session: str
    seq: int
    file: str


class Vectors:
    """Opens the file, making it when `make`; usable from one thread. Raises SakigakeError when it cannot be used."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        try:
            self._db = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA secure_delete = ON")  # what was forgotten leaves no numbers behind
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise SakigakeError("deep-store", path=self._path, why=error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def put(self, key: str, stages: Sequence[StageRef], rows: NDArray[np.float32]) -> None:
        """Keep the vectors of some stages, all of them or none."""
        values = [
            (each.session, each.seq, key, each.file, row.astype("<f2").tobytes())
            for each, row in zip(stages, rows, strict=True)
        ]
        self._write(
            "INSERT OR REPLACE INTO vectors (session, seq, key, file, vector) VALUES (?, ?, ?, ?, ?)", values
        )

    def known(self, key: str, session: str) -> dict[int, str]:
        """Return the stages of a session that have a vector of this model: the digest of the picture by number."""
        rows = self._read("SELECT seq, file FROM vectors WHERE key = ? AND session = ?", key, session)
        return {int(str(seq)): str(file) for seq, file in rows}

    def of(self, key: str, stages: Iterable[StageRef]) -> tuple[list[StageRef], NDArray[np.float32]]:
        """Return those of some stages that have a vector of this model, and the vectors (n x d) in the same order."""
        wanted = list(stages)
        held: dict[tuple[str, int], tuple[str, bytes]] = {}
        for session in sorted({each.session for each in wanted}):
            rows = self._read(
                "SELECT seq, file, vector FROM vectors WHERE key = ? AND session = ?", key, session
            )
            held |= {
                (session, int(str(seq))): (str(file), vector)
                for seq, file, vector in rows
                if isinstance(vector, bytes)
            }
        found = [each for each in wanted if held.get((each.session, each.seq), ("",))[0] == each.file]
        if not found:
            return [], np.zeros((0, 0), np.float32)
        vectors = [np.frombuffer(held[each.session, each.seq][1], "<f2") for each in found]
        return found, np.stack(vectors).astype(np.float32)

    def sweep(self, store: Store, keys: Iterable[str] | None = None) -> int:
        """Remove what is of stages that were forgotten, and of other models than `keys`; return how many rows went."""
        before = self._count()
        if keys is not None:
            keep = sorted(set(keys))
            marks = ", ".join("?" * len(keep)) or "''"
            self._write(f"DELETE FROM vectors WHERE key NOT IN ({marks})", [tuple(keep)])  # noqa: S608 - marks alone
        gone = []
        for (session,) in self._read("SELECT DISTINCT session FROM vectors"):
            there = {each.seq: each.file for each in stages(store, str(session))}
            gone += [
                (session, seq)
                for seq, file in self._read(
                    "SELECT DISTINCT seq, file FROM vectors WHERE session = ?", session
                )
                if there.get(int(str(seq))) != file
            ]
        self._write("DELETE FROM vectors WHERE session = ? AND seq = ?", gone)
        left = self._count()
        if left < before:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before - left

    def _count(self) -> int:
        return int(str(self._read("SELECT COUNT(*) FROM vectors")[0][0]))

    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise SakigakeError("deep-store", path=self._path, why=error) from error

    def _write(self, query: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            with closing(self._db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    cursor.executemany(query, rows)
                    cursor.execute("COMMIT")
                except sqlite3.Error:
                    cursor.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise SakigakeError("deep-store", path=self._path, why=error) from error


def stages(store: Store, session: str, *, sealed: bool = False) -> list[StageRef]:
    """Return the stages of a session whose pictures may still be looked at, in order.

    With `sealed` only those that a signed checkpoint covers: what is being written is left to the recorder.
    """
    most: float = float("inf")
    if sealed:
        checkpoints = store.checkpoints(session)
        most = checkpoints[-1].size if checkpoints else 0
    return [
        StageRef(session, each.seq, parse_picture(each.opening).file)
        for each in store.entries(session, EntryType.STAGE)
        if each.opening and each.seq < most
    ]
