"""The part of the store that keeps proofs of OpenTimestamps: what calendars promised, and what blocks hold."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sakigake.clock import from_ms, to_ms
from sakigake.model import StoredProof
from sakigake.store.protocol import Promise, Unpromised
from sakigake.store.values import as_bytes, as_int

_OPEN_PROMISES = (
    "SELECT session, checkpoint, calendar, raw, submitted_ms, next_ms FROM ots_promises AS promise"
    " WHERE (? IS NULL OR session = ?) AND NOT EXISTS (SELECT 1 FROM ots_proofs"
    " WHERE session = promise.session AND checkpoint = promise.checkpoint) ORDER BY submitted_ms, checkpoint"
)


class ProofTables(ABC):
    """Mixed into the store, which owns the connection."""

    @abstractmethod
    def _write(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _read(self, query: str, *values: object) -> list[tuple[object, ...]]: ...

    def unpromised(self) -> list[Unpromised]:
        """Return the sessions whose newest checkpoint no calendar has been given."""
        rows = self._read(
            "SELECT id, started_ms, ended_ms,"
            " (SELECT max(number) FROM checkpoints WHERE session = id) AS newest,"
            " (SELECT max(checkpoint) FROM ots_promises WHERE session = id) AS given,"
            " (SELECT max(submitted_ms) FROM ots_promises WHERE session = id)"
            " FROM sessions WHERE newest IS NOT NULL AND (given IS NULL OR given < newest) ORDER BY started_ms"
        )
        return [
            Unpromised(
                session=str(row[0]),
                checkpoint=as_int(row[3]),
                since=from_ms(as_int(row[1] if row[5] is None else row[5])),
                ended=row[2] is not None,
            )
            for row in rows
        ]

    def add_promises(self, session: str, checkpoint: int, promises: Sequence[Promise]) -> None:
        """Keep what calendars promised about a checkpoint; one a calendar has made before stays as it is."""
        with self._write() as db:
            db.executemany(
                "INSERT OR IGNORE INTO ots_promises (session, checkpoint, calendar, raw, submitted_ms, next_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (session, checkpoint, each.calendar, each.raw, to_ms(each.submitted), to_ms(each.next_at))
                    for each in promises
                ],
            )

    def promises(self, session: str | None = None) -> list[Promise]:
        """Return the promises about checkpoints that no block holds yet, oldest first."""
        rows = self._read(_OPEN_PROMISES, session, session)
        return [
            Promise(
                session=str(row[0]),
                checkpoint=as_int(row[1]),
                calendar=str(row[2]),
                raw=as_bytes(row[3]),
                submitted=from_ms(as_int(row[4])),
                next_at=from_ms(as_int(row[5])),
            )
            for row in rows
        ]

    def put_off(self, promise: Promise, next_at: datetime) -> None:
        """Set when to ask again what became of a promise."""
        with self._write() as db:
            db.execute(
                "UPDATE ots_promises SET next_ms = ? WHERE session = ? AND checkpoint = ? AND calendar = ?",
                (to_ms(next_at), promise.session, promise.checkpoint, promise.calendar),
            )

    def add_proof(self, session: str, proof: StoredProof) -> None:
        """Keep a proof that reaches a block; the first one of a checkpoint stays."""
        with self._write() as db:
            db.execute(
                "INSERT OR IGNORE INTO ots_proofs (session, checkpoint, raw, header, time_low_ms, time_high_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    session,
                    proof.checkpoint,
                    proof.raw,
                    proof.header,
                    to_ms(proof.time_low),
                    to_ms(proof.time_high),
                ),
            )

    def proofs(self, session: str) -> list[StoredProof]:
        """Return the proofs that reach a block, in the order of their checkpoints."""
        rows = self._read(
            "SELECT checkpoint, raw, header, time_low_ms, time_high_ms FROM ots_proofs"
            " WHERE session = ? ORDER BY checkpoint",
            session,
        )
        return [
            StoredProof(
                checkpoint=as_int(row[0]),
                raw=as_bytes(row[1]),
                header=as_bytes(row[2]),
                time_low=from_ms(as_int(row[3])),
                time_high=from_ms(as_int(row[4])),
            )
            for row in rows
        ]
