"""The head of each ledger, kept beside the key: the last checkpoint that was signed, as its exact bytes.

A database that is put back from a backup and recorded into gives a second ledger under the same name. So a head is
made durable before its checkpoint enters the database, and whoever goes on with a ledger holds it against its head:

same      the database has that checkpoint, and perhaps later ones
owed      the power went between the two writes; the database has all the entries and is completed with the same bytes
fresh     nothing was signed yet
missing   there is no head that can be read: an older version, a lost or damaged file. Allowed, and said
behind    the entries or the checkpoint that were signed are not in the database: it must not go on

The whole folder put back, heads included, cannot be told from here. For that there are outside witnesses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake import durable
from sakigake.errors import SakigakeError, VerificationError
from sakigake.model import Session
from sakigake.store.protocol import Store
from sakigake.timeline import merkle, note


class Standing(StrEnum):
    """How a database stands to the head of one of its ledgers."""

    SAME = "same"
    OWED = "owed"
    FRESH = "fresh"
    MISSING = "missing"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Compared:
    """The standing of a ledger, and the signed note that the database still lacks (OWED only)."""

    standing: Standing
    owed: bytes | None = None


class Heads:
    """The heads of one home's ledgers, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, ledger: str, signed: bytes) -> None:
        """Make the head of a ledger durable; raises SakigakeError, and then the old head stands."""
        path = self._path(ledger)
        try:
            durable.write(path, signed)
        except OSError as error:
            raise SakigakeError("head-unwritable", path=path, why=error.strerror or error) from error

    def get(self, ledger: str, public: bytes) -> tuple[bytes, note.Checkpoint] | None:
        """Return the signed note of a ledger's head and what it states; None when there is none that holds."""
        path = self._path(ledger)
        try:
            signed = path.read_bytes()
            stated = note.verify(signed, Ed25519PublicKey.from_public_bytes(public), path.name)
        except (OSError, VerificationError):
            return None
        return (signed, stated) if stated.ledger == ledger else None

    def compare(self, store: Store, session: Session, leaves: Sequence[bytes] | None = None) -> Compared:
        """Hold a session's database against its head; raises SakigakeError when it cannot be read."""
        # The head first: a recorder may be at work, and then the database only grows beyond what the head says.
        head = self.get(session.ledger, store.public_key(session.id))
        known = store.leaves(session.id) if leaves is None else leaves
        notes = [checkpoint.note for checkpoint in store.checkpoints(session.id)]
        if head is None:
            return Compared(Standing.MISSING if notes else Standing.FRESH)
        signed, stated = head
        if stated.size > len(known) or merkle.root(known[: stated.size]) != stated.root:
            return Compared(Standing.BEHIND)
        if signed in notes:
            return Compared(Standing.SAME)
        if stated.prev == (sha256(notes[-1]).hexdigest() if notes else None):
            return Compared(Standing.OWED, signed)
        return Compared(Standing.BEHIND)

    def _path(self, ledger: str) -> Path:
        return self._folder / f"{ledger}.head"
