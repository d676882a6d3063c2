"""The part of the store that keeps names: of stages, of sessions, and which stages are shown as one.

They lie in the table `labels`, (session, seq, source) -> label, confidence, model, at, beside the ledger and never part
of it. Each source has its own row of a stage, so an estimate never replaces what a person said; `sakigake.labels.shown`
says which one is shown. Forgetting a stage removes its names with it (a trigger).
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from sakigake.clock import from_ms, to_ms
from sakigake.errors import SakigakeError
from sakigake.labels import StageLabel
from sakigake.store.values import as_int


class LabelTables(ABC):
    """Mixed into the store, which owns the connection."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]: ...

    def put_labels(self, session: str, labels: Sequence[StageLabel]) -> None:
        """Keep names of stages; each replaces what the same source said of the same stage."""
        with self._write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO labels (session, seq, source, label, confidence, model, at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (session, each.seq, each.source, each.label, each.confidence, each.model, to_ms(each.at))
                    for each in labels
                ],
            )

    def drop_labels(self, session: str, source: str, seqs: Iterable[int] | None = None) -> None:
        """Take back what a source said of some stages, or (None) of all."""
        with self._write() as db:
            if seqs is None:
                db.execute("DELETE FROM labels WHERE session = ? AND source = ?", (session, source))
            else:
                db.executemany(
                    "DELETE FROM labels WHERE session = ? AND source = ? AND seq = ?",
                    [(session, source, seq) for seq in seqs],
                )

    def labels(self, session: str) -> list[StageLabel]:
        """Return every name of a session's stages, by stage and then by source."""
        rows = self._read(
            "SELECT seq, label, source, at_ms, confidence, model FROM labels WHERE session = ? ORDER BY seq, source",
            session,
        )
        return [
            StageLabel(
                seq=as_int(row[0]),
                label=str(row[1]),
                source=str(row[2]),
                at=from_ms(as_int(row[3])),
                confidence=_share(row[4]),
                model=str(row[5]),
            )
            for row in rows
        ]

    def join(self, session: str, seqs: Iterable[int]) -> None:
        """Show each of these stages in one block with the stage before it."""
        with self._write() as db:
            db.executemany(
                "INSERT OR IGNORE INTO joined (session, seq) VALUES (?, ?)", [(session, seq) for seq in seqs]
            )

    def part(self, session: str, seqs: Iterable[int]) -> None:
        """Let each of these stages begin a block of its own again."""
        with self._write() as db:
            db.executemany(
                "DELETE FROM joined WHERE session = ? AND seq = ?", [(session, seq) for seq in seqs]
            )

    def joined(self, session: str) -> frozenset[int]:
        """Return the stages that are shown in one block with the stage before them."""
        rows = self._read("SELECT seq FROM joined WHERE session = ?", session)
        return frozenset(as_int(row[0]) for row in rows)

    def put_title(self, session: str, title: str) -> None:
        """Call a session something; an empty title takes it back."""
        with self._write() as db:
            db.execute("DELETE FROM titles WHERE session = ?", (session,))
            if title:
                db.execute("INSERT INTO titles (session, title) VALUES (?, ?)", (session, title))

    def titles(self) -> dict[str, str]:
        """Return the titles that sessions were given, by session."""
        return {str(row[0]): str(row[1]) for row in self._read("SELECT session, title FROM titles")}


def _share(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, float):
        raise SakigakeError("store-read-failed", why=f"{type(value).__name__} where a share belongs")
    return value
