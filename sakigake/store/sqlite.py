"""The default store: one SQLite file, WAL, a full sync before any write counts as done."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sakigake.clock import from_ms, to_ms
from sakigake.model import EntryType, Session, StoredCheckpoint, StoredEntry, StoredToken
from sakigake.store.file import SqliteFile, put_state
from sakigake.store.labels import LabelTables
from sakigake.store.proofs import ProofTables
from sakigake.store.protocol import AnchorJob
from sakigake.store.values import as_bytes, as_int

_ENTRY = "seq, type, raw, leaf, opening, fp_opening, fingerprint"
_ADD_ENTRY = f"INSERT INTO entries (session, {_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
FORGOTTEN = "forgotten.files"


class SqliteStore(SqliteFile, ProofTables, LabelTables):
    """The recorder's memory in one file; see `SqliteFile` for how it may be used."""

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        super().__init__(path, "sakigake.store", frozen=frozen)

    def add_session(self, session: Session, public_key: bytes) -> None:
        """Open a session."""
        with self._write() as db:
            db.execute(
                "INSERT INTO sessions (id, ledger, started_ms, source, public_key) VALUES (?, ?, ?, ?, ?)",
                (session.id, session.ledger, to_ms(session.started), session.source, public_key),
            )

    def end_session(self, session: str, ended: datetime) -> None:
        """Note when a session ended."""
        with self._write() as db:
            db.execute("UPDATE sessions SET ended_ms = ? WHERE id = ?", (to_ms(ended), session))

    def sessions(self) -> list[Session]:
        """Return all sessions, oldest first."""
        rows = self._read(
            "SELECT id, ledger, started_ms, source, ended_ms FROM sessions ORDER BY started_ms, rowid"
        )
        return [
            Session(
                id=str(row[0]),
                ledger=str(row[1]),
                started=from_ms(as_int(row[2])),
                source=str(row[3]),
                ended=None if row[4] is None else from_ms(as_int(row[4])),
            )
            for row in rows
        ]

    def lengths(self) -> Iterator[tuple[str, int]]:
        """Yield session ids in their order and the lengths of their ledgers, a page at a time."""
        after, page = "", 5000
        while True:
            rows = self._read(
                "SELECT id, (SELECT coalesce(max(seq) + 1, 0) FROM entries WHERE session = id) FROM sessions"
                " WHERE id > ? ORDER BY id LIMIT ?",
                after,
                page,
            )
            yield from ((str(row[0]), as_int(row[1])) for row in rows)
            if len(rows) < page:
                return
            after = str(rows[-1][0])

    def mark(self) -> str:
        """Return something that is different after any write."""
        with (
            self._lock
        ):  # the first number changes with writes of other connections, the second with those of this
            return f"{self._read('PRAGMA data_version')[0][0]}.{self._db.total_changes}"

    def public_key(self, session: str) -> bytes:
        """Return the raw Ed25519 key of a session."""
        return as_bytes(self._read("SELECT public_key FROM sessions WHERE id = ?", session)[0][0])

    def append(self, session: str, entry: StoredEntry) -> None:
        """Add the next entry."""
        with self._write() as db:
            db.execute(_ADD_ENTRY, _row(session, entry))

    def entries(
        self, session: str, kind: EntryType | None = None, *, after: int = -1
    ) -> Iterator[StoredEntry]:
        """Yield entries in order, a page at a time so that a long session is never in memory as a whole."""
        page = 500
        condition = "session = ? AND seq > ?" + (" AND type = ?" if kind else "")
        while True:
            values = (session, after, *([kind.value] if kind else []))
            rows = self._read(
                f"SELECT {_ENTRY} FROM entries WHERE {condition} ORDER BY seq LIMIT {page}",  # noqa: S608 - constants
                *values,
            )
            yield from map(_entry, rows)
            if len(rows) < page:
                return
            after = as_int(rows[-1][0])

    def entry(self, session: str, seq: int) -> StoredEntry | None:
        """Return one entry."""
        rows = self._read(f"SELECT {_ENTRY} FROM entries WHERE session = ? AND seq = ?", session, seq)  # noqa: S608
        return _entry(rows[0]) if rows else None

    def last_entry(self, session: str, kind: EntryType | None = None) -> StoredEntry | None:
        """Return the newest entry, of all or of one type."""
        condition = "session = ?" + (" AND type = ?" if kind else "")
        rows = self._read(
            f"SELECT {_ENTRY} FROM entries WHERE {condition} ORDER BY seq DESC LIMIT 1",  # noqa: S608 - constants
            session,
            *([kind.value] if kind else []),
        )
        return _entry(rows[0]) if rows else None

    def sealed(self, session: str) -> int:
        """Return how many entries, from the first, a trusted time token or a Bitcoin block covers."""
        rows = self._read(
            "SELECT max(size) FROM checkpoints AS point WHERE session = ? AND (EXISTS (SELECT 1 FROM tokens"
            " WHERE session = point.session AND checkpoint = point.number AND trusted = 1) OR EXISTS (SELECT 1"
            " FROM ots_proofs WHERE session = point.session AND checkpoint = point.number))",
            session,
        )
        return 0 if rows[0][0] is None else as_int(rows[0][0])

    def forget(self, session: str, seqs: Sequence[int], entry: StoredEntry, files: Sequence[str]) -> bool:
        """Forget what opens some entries, add an entry that says so and note the files; False: sealed by now."""
        with self._write() as db:
            if seqs and self.sealed(session) > min(seqs):
                return False
            db.executemany(
                "UPDATE entries SET opening = NULL, fp_opening = NULL, fingerprint = NULL WHERE session = ? AND seq = ?",
                [(session, seq) for seq in seqs],
            )
            db.execute(_ADD_ENTRY, _row(session, entry))
            if noted := sorted({*files, *self._noted()}):
                put_state(db, FORGOTTEN, json.dumps(noted))
        return True

    def forgotten_files(self) -> list[str]:
        """Return the digests of forgotten picture files that no entry opens any more."""
        return [
            file
            for file in self._noted()
            # The same picture may be that of a stage that stays.
            if not self._read("SELECT 1 FROM entries WHERE instr(opening, ?) LIMIT 1", file.encode())
        ]

    def _noted(self) -> list[str]:
        return [str(file) for file in json.loads(self.state(FORGOTTEN) or "[]")]

    def leave_no_trace(self) -> None:
        """Empty the log, which still holds what was forgotten, and forget the note of the files."""
        self._empty_log()
        if self.take_state(FORGOTTEN) is not None:
            self._empty_log()

    def leaves(self, session: str) -> list[bytes]:
        """Return the leaf hashes in order."""
        return [
            as_bytes(row[0])
            for row in self._read("SELECT leaf FROM entries WHERE session = ? ORDER BY seq", session)
        ]

    def add_checkpoint(self, session: str, checkpoint: StoredCheckpoint, authorities: list[str]) -> None:
        """Add a checkpoint and its anchor jobs."""
        with self._write() as db:
            db.execute(
                "INSERT INTO checkpoints (session, number, size, note) VALUES (?, ?, ?, ?)",
                (session, checkpoint.number, checkpoint.size, checkpoint.note),
            )
            db.executemany(
                "INSERT INTO anchor_jobs (session, checkpoint, authority) VALUES (?, ?, ?)",
                [(session, checkpoint.number, name) for name in authorities],
            )

    def checkpoints(self, session: str) -> list[StoredCheckpoint]:
        """Return the checkpoints in order."""
        rows = self._read(
            "SELECT number, size, note FROM checkpoints WHERE session = ? ORDER BY number", session
        )
        return [StoredCheckpoint(as_int(row[0]), as_int(row[1]), as_bytes(row[2])) for row in rows]

    def add_token(self, session: str, token: StoredToken) -> None:
        """Add a token and end its job."""
        with self._write() as db:
            db.execute(
                "INSERT INTO tokens (session, checkpoint, authority, raw, digest, time_low_ms, time_high_ms, trusted)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    session,
                    token.checkpoint,
                    token.authority,
                    token.raw,
                    token.digest,
                    to_ms(token.time_low),
                    to_ms(token.time_high),
                    int(token.trusted),
                ),
            )
            db.execute(
                "DELETE FROM anchor_jobs WHERE session = ? AND checkpoint = ? AND authority = ?",
                (session, token.checkpoint, token.authority),
            )

    def tokens(self, session: str) -> list[StoredToken]:
        """Return the tokens in the order they came."""
        rows = self._read(
            "SELECT checkpoint, authority, raw, digest, time_low_ms, time_high_ms, trusted FROM tokens"
            " WHERE session = ? ORDER BY rowid",
            session,
        )
        return [
            StoredToken(
                checkpoint=as_int(row[0]),
                authority=str(row[1]),
                raw=as_bytes(row[2]),
                digest=as_bytes(row[3]),
                time_low=from_ms(as_int(row[4])),
                time_high=from_ms(as_int(row[5])),
                trusted=bool(row[6]),
            )
            for row in rows
        ]

    def newest_token(self, session: str) -> bytes | None:
        """Return the digest of the trusted token with the latest time."""
        rows = self._read(
            "SELECT digest FROM tokens WHERE session = ? AND trusted = 1 ORDER BY time_low_ms DESC, rowid DESC LIMIT 1",
            session,
        )
        return as_bytes(rows[0][0]) if rows else None

    def due_jobs(self, now: datetime) -> list[AnchorJob]:
        """Return the jobs that may be tried now, newest checkpoint first."""
        return [job for job in self.pending_jobs() if job.next_at <= now]

    def pending_jobs(self, session: str | None = None) -> list[AnchorJob]:
        """Return every job that waits, newest checkpoint first."""
        rows = self._read(
            "SELECT session, checkpoint, authority, tries, next_ms FROM anchor_jobs"
            " WHERE ? IS NULL OR session = ? ORDER BY rowid DESC",
            session,
            session,
        )
        return [
            AnchorJob(str(row[0]), as_int(row[1]), str(row[2]), as_int(row[3]), from_ms(as_int(row[4])))
            for row in rows
        ]

    def postpone(self, job: AnchorJob, next_at: datetime) -> None:
        """Count a failed try and set when to try again."""
        with self._write() as db:
            db.execute(
                "UPDATE anchor_jobs SET tries = tries + 1, next_ms = ?"
                " WHERE session = ? AND checkpoint = ? AND authority = ?",
                (to_ms(next_at), job.session, job.checkpoint, job.authority),
            )

    def drop_jobs(self, session: str, before: int, authority: str) -> None:
        """Forget jobs of older checkpoints of one authority; the first checkpoint keeps its job."""
        with self._write() as db:
            db.execute(
                "DELETE FROM anchor_jobs WHERE session = ? AND checkpoint BETWEEN 1 AND ? - 1 AND authority = ?",
                (session, before, authority),
            )


def _row(session: str, entry: StoredEntry) -> tuple[object, ...]:
    return (
        session,
        entry.seq,
        entry.type.value,
        entry.raw,
        entry.leaf,
        entry.opening,
        entry.fp_opening,
        entry.fingerprint,
    )


def _entry(row: tuple[object, ...]) -> StoredEntry:
    return StoredEntry(
        seq=as_int(row[0]),
        type=EntryType(str(row[1])),
        raw=as_bytes(row[2]),
        leaf=as_bytes(row[3]),
        opening=None if row[4] is None else as_bytes(row[4]),
        fp_opening=None if row[5] is None else as_bytes(row[5]),
        fingerprint=None if row[6] is None else as_bytes(row[6]),
    )
