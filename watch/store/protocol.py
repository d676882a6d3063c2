"""What a watcher's store must do. `tests/watch/store/conformance.py` holds every store against it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from watch.post import Batch, Post
from watch.store.records import (
    Counts,
    Delivery,
    Earlier,
    FindingRow,
    HoleRow,
    Outcome,
    OwnAccount,
    Review,
    SourceRow,
    Waiting,
)


class WatchStore(Protocol):
    """Every write is durable when its call returns, and each call is one transaction. Failures are SakigakeError."""

    def close(self) -> None:
        """Let go of the store."""

    def add_source(self, source: str, kind: str, config: dict[str, object], now: datetime) -> None:
        """Keep a new source; raises UsageError when its id is taken."""

    def sources(self) -> list[SourceRow]:
        """Return the sources in the order they were added."""

    def source(self, source: str) -> SourceRow:
        """Return one source; raises NotFoundError."""

    def remove_source(self, source: str) -> None:
        """Forget a source, its posts that wait and its unrelated ones. Findings and holes stay."""

    def pause_source(self, source: str, *, paused: bool, now: datetime) -> None:
        """Pause or resume a source. From a pause on it has a hole, which the next good poll ends."""

    def open_hole(self, source: str, since: datetime, reason: str) -> None:
        """Note that a source is not watched since then, unless it is noted already."""

    def note_trouble(self, source: str, slug: str, resting_until: datetime | None) -> None:
        """Count a poll that failed, open a hole from the last good poll on, and note until when it rests."""

    def take_batch(self, source: str, batch: Batch, now: datetime) -> int:
        """Keep the posts of a poll that are new, its holes and its cursor; close an open hole. Returns how many are new."""

    def holes(self, source: str | None = None) -> list[HoleRow]:
        """Return the holes of one source or all, oldest first, those that go on last."""

    def hand_in(self, post: Post, now: datetime) -> bool:
        """Keep a post that a person handed in; one that came to nothing or failed is looked at anew. Returns False: there already."""

    def waiting(self) -> int:
        """Return how many posts wait."""

    def due(self, now: datetime, limit: int, without: Collection[bytes] = ()) -> list[Waiting]:
        """Return posts that may be looked at now, those waiting longest first, leaving out keys that are in work."""

    def put_off(self, source: str, key: bytes, next_at: datetime, reason: str) -> None:
        """Count a try that failed for a reason that may pass."""

    def earlier(self, digest: str) -> Earlier | None:
        """Return what was said of the same file before: a finding if there is one, else the newest other answer."""

    def settle(
        self, outcomes: Sequence[Outcome], receivers: Collection[str], now: datetime
    ) -> list[FindingRow]:
        """Keep what became of posts, with their findings, and a message to each receiver for each picture that is new.

        One message tells of a file, however often it is posted; of one that was reviewed as licensed none is made.

        Posts that do not wait any more are passed over. What is kept of a post that came to nothing is its key, the
        digests and the reason; one that was handed in and failed keeps its address. Returns the findings made.
        """

    def findings(self, review: Review | None = None) -> list[FindingRow]:
        """Return findings in the order they were made."""

    def finding(self, number: int) -> FindingRow:
        """Return one finding; raises NotFoundError."""

    def same_file(self, digest: str) -> list[int]:
        """Return the numbers of the findings of one file, oldest first."""

    def review(self, number: int, review: Review, note: str, now: datetime) -> None:
        """Keep what a person said of a finding; raises NotFoundError."""

    def forget_finding(self, number: int, now: datetime) -> None:
        """Erase a finding with its messages and its post, of which a salted digest stays; raises NotFoundError."""

    def dismissed(self, before: datetime) -> list[int]:
        """Return the numbers of the findings that a person dismissed before then."""

    def unsealed(self) -> list[FindingRow]:
        """Return the findings whose evidence is kept but not yet in the ledger."""

    def mark_sealed(self, number: int) -> None:
        """Note that the evidence of a finding is in the ledger."""

    def due_deliveries(self, now: datetime, limit: int) -> list[Delivery]:
        """Return messages that may be sent now, oldest first."""

    def unsent(self) -> int:
        """Return how many messages wait."""

    def mark_sent(self, delivery: Delivery, now: datetime) -> None:
        """Note that a receiver has a message."""

    def postpone(self, delivery: Delivery, next_at: datetime) -> None:
        """Count a message that could not be sent."""

    def keep_receivers(self, receivers: Collection[str]) -> int:
        """Drop the waiting messages to every other receiver; returns how many."""

    def add_own_account(self, account: OwnAccount, now: datetime) -> None:
        """Note an account of the artist's own."""

    def remove_own_account(self, account: OwnAccount) -> None:
        """Forget an account of the artist's own; raises NotFoundError."""

    def own_accounts(self) -> list[OwnAccount]:
        """Return the artist's own accounts."""

    def sweep(self, before: datetime) -> int:
        """Remove what is left of unrelated and failed posts seen before then; returns how many."""

    def leave_no_trace(self) -> None:
        """Overwrite what was removed in the store's own files."""

    def counts(self) -> Counts:
        """Return how much there is of what."""

    def put_state(self, name: str, value: str) -> None:
        """Set a piece of working state."""

    def state(self, name: str) -> str | None:
        """Return a piece of working state."""

    def take_state(self, name: str) -> str | None:
        """Return a piece of working state and clear it, in one step."""
