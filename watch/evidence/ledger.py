"""Bundles in ledgers: what was kept of a post gets times that an outsider can check, like a stage does.

These ledgers lie in a store of their own beside the bundles. So nothing that lists, compares or exports drawing sessions
ever meets them, a recorder that starts does not take one for its own that was cut off, and neither waits for the other.
Each bundle has one ledger: its beginning, one claim that names the digest of the bundle's list, its end. Keys and heads
are the recorder's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sakigake.clock import Clock
from sakigake.model import EntryType, Interval, Session
from sakigake.store.protocol import Store
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger
from sakigake.timeline.reading import entry_bounds
from watch.evidence.bundle import FOLDER, Bundle

SOURCE = "watch"
FILE = "ledger.db"
CLAIM_SEQ = 1


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where a bundle stands in a ledger, and between which times that was written, by the tokens that have come."""

    session: str
    seq: int
    written: Interval


def path_of(home: Path) -> Path:
    """Return the file of the ledgers."""
    return home / FOLDER / FILE


@contextmanager
def opened(home: Path) -> Iterator[SqliteStore]:
    """Give the store of the ledgers; raises SakigakeError."""
    path = path_of(home)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = SqliteStore(path)
    try:
        yield store
    finally:
        store.close()


def seal(
    store: Store, keys: Keys, bundle: Bundle, authorities: Sequence[str], clock: Clock | None = None
) -> Session:
    """Write a bundle's ledger, sign it and queue it for tokens; returns the ledger's session. Raises SakigakeError.

    A bundle that is in a signed ledger already is left there. One that a break-off left unsigned is begun anew: what was
    never signed says nothing.
    """
    if (known := find(store, bundle)) is not None:
        return known
    clock = clock or Clock()
    ledger = Ledger.start(store, keys.current, SOURCE, clock, keys.heads)
    if before := keys.predecessor():
        ledger.continue_key(before.key, before.reason)
    ledger.append(EntryType.CLAIM, info={"bundle": bundle.digest})
    ledger.append(EntryType.SESSION_END, info={"reason": "kept"})
    ledger.checkpoint(list(authorities))
    store.end_session(ledger.session.id, clock.now())
    return ledger.session


def find(store: Store, bundle: Bundle) -> Session | None:
    """Return the session of the signed ledger that names a bundle."""
    for session in store.sessions():
        if not store.checkpoints(session.id):
            continue
        if any(digest == bundle.digest for _, digest in _claims(store, session)):
            return session
    return None


def standing(store: Store, bundle: Bundle) -> Sealed | None:
    """Return where a bundle stands, None when no signed ledger names it."""
    session = find(store, bundle)
    if session is None:
        return None
    seq = next(seq for seq, digest in _claims(store, session) if digest == bundle.digest)
    return Sealed(session.id, seq, entry_bounds(store, session.id, [seq])[seq])


def named(store: Store) -> set[str]:
    """Return the digests of all bundles that a signed ledger names."""
    return {
        digest
        for session in store.sessions()
        if store.checkpoints(session.id)
        for _, digest in _claims(store, session)
    }


def _claims(store: Store, session: Session) -> Iterator[tuple[int, str]]:
    for stored in store.entries(session.id, EntryType.CLAIM):
        yield stored.seq, str(parse_entry(stored.raw).info.get("bundle", ""))
