"""The part of the store that keeps findings, what people said of them, and the messages that wait."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime

from sakigake.errors import NotFoundError
from sakigake.model import Likeness, Order
from sakigake.store.values import as_bytes, as_int
from watch.store.posts import PostTables, settle_post, strip_post
from watch.store.records import Delivery, FindingRow, NewFinding, Outcome, OwnAccount, Review
from watch.store.rows import POST, from_us, maybe, to_us

_NEW = (
    "idempotency, media, digest, session, likeness, ordering, order_reason, detail, notes, review, bundle,"
    " bundle_reason"
)
_FINDING = (
    f"SELECT number, source, key, found_us, review_note, reviewed_us, same_as, sealed, {_NEW}, {POST}"  # noqa: S608
    " FROM findings JOIN posts USING (source, key)"
)
_AT_NEW, _AT_POST = 8, 20


class FindingTables(PostTables):
    """Findings, own accounts and the outbox."""

    def settle(
        self, outcomes: Sequence[Outcome], receivers: Collection[str], now: datetime
    ) -> list[FindingRow]:
        """Keep what became of posts, their findings and the messages about these, in one step."""
        made: list[int] = []
        with self._write() as db:
            for outcome in outcomes:
                if settle_post(db, outcome):
                    made += [
                        number
                        for finding in outcome.findings
                        if (number := _add_finding(db, outcome, finding, receivers, to_us(now)))
                    ]
        return [self.finding(number) for number in made]

    def findings(self, review: Review | None = None) -> list[FindingRow]:
        """Return findings in the order they were made."""
        wanted = review.value if review else None
        rows = self._read(f"{_FINDING} WHERE ? IS NULL OR review = ? ORDER BY number", wanted, wanted)
        return [self._finding(row) for row in rows]

    def finding(self, number: int) -> FindingRow:
        """Return one finding."""
        rows = self._read(f"{_FINDING} WHERE number = ?", number)
        if not rows:
            raise NotFoundError("findings-unknown", number=number)
        return self._finding(rows[0])

    def same_file(self, digest: str) -> list[int]:
        """Return the numbers of the findings of one file."""
        rows = self._read("SELECT number FROM findings WHERE digest = ? ORDER BY number", digest)
        return [as_int(row[0]) for row in rows]

    def review(self, number: int, review: Review, note: str, now: datetime) -> None:
        """Keep what a person said of a finding."""
        with self._write() as db:
            done = db.execute(
                "UPDATE findings SET review = ?, review_note = ?, reviewed_us = ? WHERE number = ?",
                (review.value, note, to_us(now), number),
            )
            if not done.rowcount:
                raise NotFoundError("findings-unknown", number=number)

    def forget_finding(self, number: int, now: datetime) -> None:
        """Erase a finding, its messages and its post; a salted digest of the post's id stays for a while."""
        row = self.finding(number)
        with self._write() as db:
            first = db.execute(
                "SELECT min(number) FROM findings WHERE digest = ? AND number <> ?", (row.new.digest, number)
            ).fetchone()[0]
            db.execute(
                "UPDATE findings SET same_as = CASE WHEN number = ?1 THEN NULL ELSE ?1 END WHERE same_as = ?2",
                (first, number),
            )
            db.execute("DELETE FROM outbox WHERE idempotency = ?", (row.new.idempotency,))
            where = db.execute(
                "DELETE FROM findings WHERE number = ? RETURNING source, key", (number,)
            ).fetchall()
            for source, key in where:
                strip_post(db, str(source), as_bytes(key), to_us(now))

    def dismissed(self, before: datetime) -> list[int]:
        """Return the findings that were dismissed before then."""
        rows = self._read(
            "SELECT number FROM findings WHERE review = 'dismissed' AND reviewed_us < ? ORDER BY number",
            to_us(before),
        )
        return [as_int(row[0]) for row in rows]

    def unsealed(self) -> list[FindingRow]:
        """Return the findings whose evidence is kept but not yet in the ledger."""
        rows = self._read(f"{_FINDING} WHERE bundle <> '' AND sealed = 0 ORDER BY number")
        return [self._finding(row) for row in rows]

    def mark_sealed(self, number: int) -> None:
        """Note that the evidence of a finding is in the ledger."""
        with self._write() as db:
            db.execute("UPDATE findings SET sealed = 1 WHERE number = ?", (number,))

    def due_deliveries(self, now: datetime, limit: int) -> list[Delivery]:
        """Return messages that may be sent now, oldest first."""
        rows = self._read(
            "SELECT number, idempotency, receiver, made_us, tries FROM outbox JOIN findings USING (idempotency)"
            " WHERE state = 'waiting' AND next_us <= ? ORDER BY outbox.rowid LIMIT ?",
            to_us(now),
            limit,
        )
        return [
            Delivery(as_int(row[0]), str(row[1]), str(row[2]), from_us(row[3]), as_int(row[4]))
            for row in rows
        ]

    def unsent(self) -> int:
        """Return how many messages wait."""
        return as_int(self._read("SELECT count(*) FROM outbox WHERE state = 'waiting'")[0][0])

    def mark_sent(self, delivery: Delivery, now: datetime) -> None:
        """Note that a receiver has a message."""
        self._change("state = 'sent', sent_us = ?", delivery, to_us(now))

    def postpone(self, delivery: Delivery, next_at: datetime) -> None:
        """Count a message that could not be sent."""
        self._change("tries = tries + 1, next_us = ?", delivery, to_us(next_at))

    def keep_receivers(self, receivers: Collection[str]) -> int:
        """Drop the waiting messages to every other receiver."""
        with self._write() as db:
            known = ", ".join("?" * len(receivers))
            return db.execute(
                f"UPDATE outbox SET state = 'dropped' WHERE state = 'waiting' AND receiver NOT IN ({known})",  # noqa: S608
                tuple(receivers),
            ).rowcount

    def add_own_account(self, account: OwnAccount, now: datetime) -> None:
        """Note an account of the artist's own."""
        with self._write() as db:
            db.execute(
                "INSERT OR IGNORE INTO own_accounts (platform, author_id, added_us) VALUES (?, ?, ?)",
                (account.platform, account.author_id, to_us(now)),
            )

    def remove_own_account(self, account: OwnAccount) -> None:
        """Forget an account of the artist's own."""
        with self._write() as db:
            done = db.execute(
                "DELETE FROM own_accounts WHERE platform = ? AND author_id = ?",
                (account.platform, account.author_id),
            )
            if not done.rowcount:
                raise NotFoundError("findings-own-unknown", account=account.author_id)

    def own_accounts(self) -> list[OwnAccount]:
        """Return the artist's own accounts."""
        rows = self._read("SELECT platform, author_id FROM own_accounts ORDER BY rowid")
        return [OwnAccount(str(row[0]), str(row[1])) for row in rows]

    def _change(self, what: str, delivery: Delivery, value: int) -> None:
        with self._write() as db:
            db.execute(
                f"UPDATE outbox SET {what} WHERE idempotency = ? AND receiver = ? AND state = 'waiting'",  # noqa: S608
                (value, delivery.idempotency, delivery.receiver),
            )

    def _finding(self, row: tuple[object, ...]) -> FindingRow:
        source, key = str(row[1]), as_bytes(row[2])
        (
            idempotency,
            media,
            digest,
            session,
            likeness,
            order,
            order_reason,
            detail,
            notes,
            review,
            bundle,
            reason,
        ) = row[_AT_NEW:_AT_POST]
        return FindingRow(
            number=as_int(row[0]),
            post=self._post(source, key, row[_AT_POST:]),
            found=from_us(row[3]),
            new=NewFinding(
                idempotency=str(idempotency),
                media=as_int(media),
                digest=str(digest),
                session=str(session),
                likeness=Likeness(str(likeness)),
                order=Order(str(order)),
                order_reason=str(order_reason),
                detail=str(detail),
                notes=tuple(str(note) for note in json.loads(str(notes))),
                review=Review(str(review)),
                bundle=str(bundle),
                bundle_reason=str(reason),
            ),
            review_note=str(row[4]),
            reviewed=maybe(row[5]),
            same_as=None if row[6] is None else as_int(row[6]),
            sealed=bool(row[7]),
        )


def _is_told(db: sqlite3.Connection, digest: str) -> bool:
    """Say whether the artist knows of this very picture: a message about it was made, or it was reviewed as licensed."""
    return (
        db.execute(
            "SELECT 1 FROM findings WHERE digest = ? AND (review = 'licensed' OR EXISTS (SELECT 1 FROM outbox"
            " WHERE outbox.idempotency = findings.idempotency AND outbox.state <> 'dropped')) LIMIT 1",
            (digest,),
        ).fetchone()
        is not None
    )


def _add_finding(
    db: sqlite3.Connection, outcome: Outcome, finding: NewFinding, receivers: Collection[str], now_us: int
) -> int:
    """Add a finding and its messages; returns its number, 0 when it is there already."""
    added = db.execute(
        f"INSERT OR IGNORE INTO findings (source, key, found_us, same_as, {_NEW})"  # noqa: S608 - constant
        f" VALUES (?, ?, ?, (SELECT min(number) FROM findings WHERE digest = ?), {', '.join('?' * 12)})",
        (
            outcome.source,
            outcome.key,
            now_us,
            finding.digest,
            finding.idempotency,
            finding.media,
            finding.digest,
            finding.session,
            finding.likeness.value,
            finding.order.value,
            finding.order_reason,
            finding.detail,
            json.dumps(finding.notes),
            finding.review.value,
            finding.bundle,
            finding.bundle_reason,
        ),
    )
    if added.rowcount != 1:
        return 0
    if finding.review is Review.NEW and not _is_told(db, finding.digest):
        db.executemany(
            "INSERT INTO outbox (idempotency, receiver, made_us) VALUES (?, ?, ?)",
            [(finding.idempotency, receiver, now_us) for receiver in sorted(receivers)],
        )
    return as_int(added.lastrowid)
