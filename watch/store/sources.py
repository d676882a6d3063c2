"""The part of the store that keeps sources, their cursors and the holes in what was watched."""

import json
import sqlite3
from datetime import datetime

from sakigake.errors import NotFoundError, UsageError
from sakigake.store.file import SqliteFile
from sakigake.store.values import as_int
from watch.store.records import INBOX, HoleRow, SourceRow
from watch.store.rows import from_us, maybe, to_us

_SOURCE = (
    "id, kind, config, added_us, cursor, good_us, paused, failures, trouble, resting_us, hole_us, hole_reason"
)


class SourceTables(SqliteFile):
    """Sources and holes."""

    def add_source(self, source: str, kind: str, config: dict[str, object], now: datetime) -> None:
        """Keep a new source."""
        with self._write() as db:
            taken = db.execute("SELECT 1 FROM sources WHERE id = ?", (source,)).fetchone()
            if taken or source == INBOX:
                raise UsageError("watch-source-taken", source=source)
            db.execute(
                "INSERT INTO sources (id, kind, config, added_us) VALUES (?, ?, ?, ?)",
                (source, kind, json.dumps(config, ensure_ascii=False, sort_keys=True), to_us(now)),
            )

    def sources(self) -> list[SourceRow]:
        """Return the sources in the order they were added."""
        return [_source(row) for row in self._read(f"SELECT {_SOURCE} FROM sources ORDER BY rowid")]  # noqa: S608

    def source(self, source: str) -> SourceRow:
        """Return one source."""
        rows = self._read(f"SELECT {_SOURCE} FROM sources WHERE id = ?", source)  # noqa: S608 - constant
        if not rows:
            raise NotFoundError("watch-source-unknown", source=source)
        return _source(rows[0])

    def remove_source(self, source: str) -> None:
        """Forget a source and its posts without a finding; a hole that goes on ends with it."""
        found = self.source(source)
        with self._write() as db:
            if found.hole_since and found.good:
                _add_hole(db, source, found.hole_since, max(found.good, found.hole_since), found.hole_reason)
            db.execute("DELETE FROM posts WHERE source = ? AND state <> 'found'", (source,))
            db.execute("DELETE FROM sources WHERE id = ?", (source,))

    def pause_source(self, source: str, *, paused: bool, now: datetime) -> None:
        """Pause or resume a source."""
        found = self.source(source)
        with self._write() as db:
            db.execute("UPDATE sources SET paused = ?, resting_us = NULL WHERE id = ?", (paused, source))
            if paused and not found.paused:
                _open_hole(db, source, found.good or now, "paused")

    def open_hole(self, source: str, since: datetime, reason: str) -> None:
        """Note that a source is not watched since then."""
        with self._write() as db:
            _open_hole(db, source, since, reason)

    def note_trouble(self, source: str, slug: str, resting_until: datetime | None) -> None:
        """Count a poll that failed."""
        found = self.source(source)
        with self._write() as db:
            db.execute(
                "UPDATE sources SET failures = failures + 1, trouble = ?, resting_us = ? WHERE id = ?",
                (slug, to_us(resting_until) if resting_until else None, source),
            )
            _open_hole(db, source, found.good or found.added, slug)

    def holes(self, source: str | None = None) -> list[HoleRow]:
        """Return the holes, oldest first, those that go on last."""
        closed = self._read(
            "SELECT source, began_us, ended_us, reason FROM holes WHERE ? IS NULL OR source = ?"
            " ORDER BY began_us, rowid",
            source,
            source,
        )
        rows = [HoleRow(str(row[0]), from_us(row[1]), from_us(row[2]), str(row[3])) for row in closed]
        return rows + [
            HoleRow(each.id, each.hole_since, None, each.hole_reason)
            for each in self.sources()
            if each.hole_since and source in {None, each.id}
        ]


def close_hole(db: sqlite3.Connection, source: str, now_us: int) -> None:
    """End the hole that goes on, inside a transaction that is open: a good poll came."""
    row = db.execute("SELECT hole_us, hole_reason FROM sources WHERE id = ?", (source,)).fetchone()
    if row is not None and row[0] is not None:
        _add_hole(db, source, from_us(row[0]), from_us(max(now_us, as_int(row[0]))), str(row[1]))
        db.execute("UPDATE sources SET hole_us = NULL, hole_reason = '' WHERE id = ?", (source,))


def _open_hole(db: sqlite3.Connection, source: str, since: datetime, reason: str) -> None:
    db.execute(
        "UPDATE sources SET hole_us = ?, hole_reason = ? WHERE id = ? AND hole_us IS NULL",
        (to_us(since), reason, source),
    )


def _add_hole(db: sqlite3.Connection, source: str, began: datetime, ended: datetime, reason: str) -> None:
    db.execute(
        "INSERT OR IGNORE INTO holes (source, began_us, ended_us, reason) VALUES (?, ?, ?, ?)",
        (source, to_us(began), to_us(ended), reason),
    )


def _source(row: tuple[object, ...]) -> SourceRow:
    config = json.loads(str(row[2]))
    return SourceRow(
        id=str(row[0]),
        kind=str(row[1]),
        config=config if isinstance(config, dict) else {},
        added=from_us(row[3]),
        cursor=None if row[4] is None else str(row[4]),
        good=maybe(row[5]),
        paused=bool(row[6]),
        failures=as_int(row[7]),
        trouble=str(row[8]),
        resting_until=maybe(row[9]),
        hole_since=maybe(row[10]),
        hole_reason=str(row[11]),
    )
