"""The part of the store that keeps posts: they wait, are looked at, and all but a digest of most is forgotten."""

import sqlite3
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from sakigake.store.file import SqliteFile
from sakigake.store.values import as_bytes, as_int
from watch.post import Batch, Post
from watch.store.records import INBOX, Earlier, Outcome, PostState, Waiting
from watch.store.rows import NOTHING_LEFT, POST, POST_LENGTH, from_us, post_of, post_values, to_us
from watch.store.sources import close_hole

SALT = "salt"
_PLACES = ", ".join("?" * POST_LENGTH)
_ADD_POST = f"INSERT OR IGNORE INTO posts (source, key, state, seen_us, {POST}) VALUES (?, ?, 'waiting', ?, {_PLACES})"  # noqa: S608


class PostTables(SqliteFile):
    """Posts and their pictures."""

    def take_batch(self, source: str, batch: Batch, now: datetime) -> int:
        """Keep what a poll brought, and where the next one goes on, in one step."""
        now_us, fresh = to_us(now), 0
        with self._write() as db:
            row = db.execute("SELECT paused FROM sources WHERE id = ?", (source,)).fetchone()
            if row is None:
                return 0  # removed while it was asked
            for post in batch.posts:
                fresh += _add_post(db, self.key_of(source, post.post_id), source, post, now_us)
            for hole in batch.holes:
                db.execute(
                    "INSERT OR IGNORE INTO holes (source, began_us, ended_us, reason) VALUES (?, ?, ?, ?)",
                    (source, to_us(hole.began), max(to_us(hole.began), to_us(hole.ended)), hole.reason),
                )
            if not row[
                0
            ]:  # paused while it was asked: not watched until the first good poll after it is resumed
                close_hole(db, source, now_us)
            db.execute(
                "UPDATE sources SET cursor = ?, good_us = ?, failures = 0, trouble = '', resting_us = NULL WHERE id = ?",
                (batch.cursor, now_us, source),
            )
        return fresh

    def hand_in(self, post: Post, now: datetime) -> bool:
        """Keep a post that a person handed in; one that came to nothing or failed before is looked at anew."""
        key = self.key_of(INBOX, post.post_id)
        with self._write() as db:
            db.execute(
                "DELETE FROM posts WHERE source = ? AND key = ? AND state IN ('failed', 'unrelated')",
                (INBOX, key),
            )
            return _add_post(db, key, INBOX, post, to_us(now))

    def key_of(self, source: str, post_id: str) -> bytes:
        """Return what a post is known by once its id is forgotten: 32 bytes that only this store can make."""
        told = f"{len(source)}:{source}{post_id}".encode()
        return sha256((self.state(SALT) or "").encode() + told).digest()

    def waiting(self) -> int:
        """Return how many posts wait."""
        return as_int(self._read("SELECT count(*) FROM posts WHERE state = 'waiting'")[0][0])

    def due(self, now: datetime, limit: int, without: Collection[bytes] = ()) -> list[Waiting]:
        """Return posts that may be looked at now, in the order they came."""
        rows = self._read(
            f"SELECT source, key, seen_us, tries, {POST} FROM posts"  # noqa: S608 - constant
            " WHERE state = 'waiting' AND next_us <= ? ORDER BY next_us, rowid LIMIT ?",
            to_us(now),
            limit + len(without),
        )
        taken = [row for row in rows if as_bytes(row[1]) not in without][:limit]
        return [
            Waiting(
                post=self._post(str(row[0]), as_bytes(row[1]), row[4:]),
                key=as_bytes(row[1]),
                seen=from_us(row[2]),
                tries=as_int(row[3]),
            )
            for row in taken
        ]

    def put_off(self, source: str, key: bytes, next_at: datetime, reason: str) -> None:
        """Count a try that failed for a reason that may pass."""
        with self._write() as db:
            db.execute(
                "UPDATE posts SET tries = tries + 1, next_us = ?, reason = ?"
                " WHERE source = ? AND key = ? AND state = 'waiting'",
                (to_us(next_at), reason, source, key),
            )

    def earlier(self, digest: str) -> Earlier | None:
        """Return what was said of the same file before."""
        found = self._read("SELECT min(number) FROM findings WHERE digest = ?", digest)[0][0]
        if found is not None:
            return Earlier(as_int(found), 0)
        rows = self._read(
            "SELECT max(generation) FROM media JOIN posts USING (source, key)"
            " WHERE digest = ? AND state = 'unrelated'",
            digest,
        )
        return None if rows[0][0] is None else Earlier(None, as_int(rows[0][0]))

    def sweep(self, before: datetime) -> int:
        """Remove what is left of unrelated and failed posts seen before then."""
        with self._write() as db:
            return db.execute(
                "DELETE FROM posts WHERE state IN ('unrelated', 'failed') AND seen_us < ?", (to_us(before),)
            ).rowcount

    def leave_no_trace(self) -> None:
        """Empty the log, which still holds what was removed."""
        self._empty_log()

    def _post(self, source: str, key: bytes, row: tuple[object, ...]) -> Post:
        media = self._read(
            "SELECT url, path FROM media WHERE source = ? AND key = ? ORDER BY number", source, key
        )
        return post_of(source, row, media)


def _add_post(db: sqlite3.Connection, key: bytes, source: str, post: Post, now_us: int) -> bool:
    added = db.execute(_ADD_POST, (source, key, now_us, *post_values(post))).rowcount == 1
    if added:
        db.executemany(
            "INSERT INTO media (source, key, number, url, path) VALUES (?, ?, ?, ?, ?)",
            [(source, key, number, ref.url, ref.path) for number, ref in enumerate(post.media)],
        )
    return added


def strip_post(db: sqlite3.Connection, source: str, key: bytes, now_us: int) -> None:
    """Leave of a post without any finding what is left of an unrelated one, and not even the digests of its pictures."""
    where = (source, key)
    if db.execute("SELECT 1 FROM findings WHERE source = ? AND key = ?", where).fetchone():
        return
    db.execute(
        f"UPDATE posts SET state = 'unrelated', seen_us = ?, {NOTHING_LEFT} WHERE source = ? AND key = ?",  # noqa: S608
        (now_us, *where),
    )
    db.execute("UPDATE media SET url = NULL, path = NULL, digest = NULL WHERE source = ? AND key = ?", where)


def settle_post(db: sqlite3.Connection, outcome: Outcome) -> bool:
    """Keep what became of a post, inside a transaction that is open; returns False when it waits no more."""
    done = db.execute(
        "UPDATE posts SET state = ?, reason = ?, generation = ?"
        " WHERE source = ? AND key = ? AND state = 'waiting'",
        (outcome.state.value, outcome.reason, outcome.generation, outcome.source, outcome.key),
    )
    if done.rowcount != 1:
        return False
    where = (outcome.source, outcome.key)
    for number, digest in enumerate(outcome.digests):
        db.execute(
            "INSERT INTO media (source, key, number, digest) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (source, key, number) DO UPDATE SET digest = excluded.digest",
            (*where, number, digest),
        )
    handed_in = outcome.source == INBOX and outcome.state is PostState.FAILED
    if outcome.state is not PostState.FOUND and not handed_in:
        db.execute(f"UPDATE posts SET {NOTHING_LEFT} WHERE source = ? AND key = ?", where)  # noqa: S608
        db.execute("UPDATE media SET url = NULL, path = NULL WHERE source = ? AND key = ?", where)
    return True
