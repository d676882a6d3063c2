"""What a store must do. Entries, checkpoints and tokens are append-only; the rest is working state.

One thing may be taken back: what opens the commitments of an entry that no trusted time token covers yet. Names of stages
and sessions lie beside the evidence and may change at any time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sakigake.labels import StageLabel
from sakigake.model import EntryType, Session, StoredCheckpoint, StoredEntry, StoredProof, StoredToken


@dataclass(frozen=True, slots=True)
class AnchorJob:
    """A checkpoint that waits for a token of `authority`, not to be tried before `next_at`."""

    session: str
    checkpoint: int
    authority: str
    tries: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Promise:
    """A calendar's promise about a checkpoint: `raw` is the proof that ends there; not to be asked before `next_at`."""

    session: str
    checkpoint: int
    calendar: str
    raw: bytes
    submitted: datetime
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Unpromised:
    """A session whose newest checkpoint was given to no calendar; `since` is the last time one was, or its start."""

    session: str
    checkpoint: int
    since: datetime
    ended: bool


class Store(Protocol):
    """One recording machine's memory. Every write is durable when its call returns."""

    def close(self) -> None:
        """Let go of the store."""

    def add_session(self, session: Session, public_key: bytes) -> None:
        """Open a session; raises StoreError when its id or ledger is taken."""

    def end_session(self, session: str, ended: datetime) -> None:
        """Note when a session ended (its ledger says so as well; this only makes it quick to find)."""

    def sessions(self) -> list[Session]:
        """Return all sessions, oldest first."""

    def lengths(self) -> Iterator[tuple[str, int]]:
        """Yield the id of each session, in the order of the ids, and how many entries its ledger has."""

    def mark(self) -> str:
        """Return something that is different after any write, by whatever process."""

    def public_key(self, session: str) -> bytes:
        """Return the raw Ed25519 key a session's checkpoints are signed with."""

    def append(self, session: str, entry: StoredEntry) -> None:
        """Add the next entry; raises SakigakeError when another writer got there first."""

    def entries(
        self, session: str, kind: EntryType | None = None, *, after: int = -1
    ) -> Iterator[StoredEntry]:
        """Yield a session's entries in order, all or of one type, those behind entry `after` only."""

    def entry(self, session: str, seq: int) -> StoredEntry | None:
        """Return one entry."""

    def last_entry(self, session: str, kind: EntryType | None = None) -> StoredEntry | None:
        """Return the newest entry, of all or of one type."""

    def forget(self, session: str, seqs: Sequence[int], entry: StoredEntry, files: Sequence[str]) -> bool:
        """Forget what opens the entries `seqs` and, in the same step, add `entry` and note `files` as forgotten.

        Returns False, with nothing changed, when a trusted time token covers one of them by now.
        """

    def forgotten_files(self) -> list[str]:
        """Return the digests of picture files that were forgotten and that no entry opens any more."""

    def leave_no_trace(self) -> None:
        """Remove what was forgotten from the store's own files, last of all the note of the picture files.

        Raises SakigakeError when another process is in the way.
        """

    def sealed(self, session: str) -> int:
        """Return how many entries, from the first, a trusted time token or a Bitcoin block covers."""

    def leaves(self, session: str) -> list[bytes]:
        """Return the leaf hashes in order."""

    def add_checkpoint(self, session: str, checkpoint: StoredCheckpoint, authorities: list[str]) -> None:
        """Add a checkpoint and, in the same transaction, an anchor job for each authority."""

    def checkpoints(self, session: str) -> list[StoredCheckpoint]:
        """Return the checkpoints in order."""

    def add_token(self, session: str, token: StoredToken) -> None:
        """Add a token and, in the same transaction, end its job."""

    def tokens(self, session: str) -> list[StoredToken]:
        """Return the tokens in the order they came."""

    def newest_token(self, session: str) -> bytes | None:
        """Return the digest of the trusted token with the latest time."""

    def due_jobs(self, now: datetime) -> list[AnchorJob]:
        """Return the jobs that may be tried now, newest checkpoint first."""

    def pending_jobs(self, session: str | None = None) -> list[AnchorJob]:
        """Return every job that waits."""

    def postpone(self, job: AnchorJob, next_at: datetime) -> None:
        """Count a failed try and set when to try again."""

    def drop_jobs(self, session: str, before: int, authority: str) -> None:
        """Forget jobs of checkpoints 1 to `before` - 1: a newer token of that authority covers them.

        The job of checkpoint 0 stays, since a session's beginning should have a token of its own.
        """

    def unpromised(self) -> list[Unpromised]:
        """Return the sessions whose newest checkpoint no calendar has been given."""

    def add_promises(self, session: str, checkpoint: int, promises: Sequence[Promise]) -> None:
        """Keep what calendars promised about a checkpoint; one a calendar has made before stays as it is."""

    def promises(self, session: str | None = None) -> list[Promise]:
        """Return the promises about checkpoints that no block holds yet, oldest first."""

    def put_off(self, promise: Promise, next_at: datetime) -> None:
        """Set when to ask again what became of a promise."""

    def add_proof(self, session: str, proof: StoredProof) -> None:
        """Keep a proof that reaches a block; the first one of a checkpoint stays."""

    def proofs(self, session: str) -> list[StoredProof]:
        """Return the proofs that reach a block, in the order of their checkpoints."""

    def put_state(self, name: str, value: str) -> None:
        """Set a piece of working state, such as the recorder's pulse."""

    def update_state(self, name: str, change: Callable[[str | None], str]) -> None:
        """Set a piece of working state to what `change` makes of it, in one step."""

    def state(self, name: str) -> str | None:
        """Return a piece of working state."""

    def take_state(self, name: str) -> str | None:
        """Return a piece of working state and clear it, in one step."""

    def put_labels(self, session: str, labels: Sequence[StageLabel]) -> None:
        """Keep names of stages; each replaces what the same source said of the same stage.

        A stage that is forgotten loses its names in the same step. Raises SakigakeError for a stage that is not there.
        """

    def drop_labels(self, session: str, source: str, seqs: Iterable[int] | None = None) -> None:
        """Take back what a source said of some stages, or (None) of all."""

    def labels(self, session: str) -> list[StageLabel]:
        """Return every name of a session's stages, by stage and then by source; `sakigake.labels.shown` chooses."""

    def join(self, session: str, seqs: Iterable[int]) -> None:
        """Show each of these stages in one block with the stage before it."""

    def part(self, session: str, seqs: Iterable[int]) -> None:
        """Let each of these stages begin a block of its own again."""

    def joined(self, session: str) -> frozenset[int]:
        """Return the stages that are shown in one block with the stage before them."""

    def put_title(self, session: str, title: str) -> None:
        """Call a session something; an empty title takes it back."""

    def titles(self) -> dict[str, str]:
        """Return the titles that sessions were given, by session."""
