"""Taking up a session that a crash cut off, and closing it."""

from collections.abc import Callable

from sakigake.clock import Clock, from_ms
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline import rotation
from sakigake.timeline.entry import Info, parse_entry
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger

Choose = Callable[[int, bool], list[str]]
Acknowledge = Callable[[StoredEntry, Session], None]
CRASH: Info = {"reason": "crash"}


def is_closed(store: Store, session: Session) -> bool:
    """Say whether the last entry of a session says that it ended."""
    last = store.last_entry(session.id)
    return last is not None and last.type is EntryType.SESSION_END


def take_up(
    store: Store, session: Session, keys: Keys, clock: Clock, acknowledge: Acknowledge, *, leftovers: int = 0
) -> Ledger:
    """Return the ledger of a session that a crash cut off, with the entry that says so.

    Raises SakigakeError (`ledger-behind`) with nothing written when the database lacks what was signed last.
    """
    public = store.public_key(session.id)
    key = keys.of(public)
    ledger = Ledger.resume(store, session, key or keys.current, clock, keys.heads)
    # The power went between the first two entries; the key may have been changed once more since.
    if ledger.size == rotation.PLACE and key is not None and (before := keys.predecessor(public)):
        acknowledge(ledger.continue_key(before.key, before.reason), session)
    info: Info = {"leftovers": leftovers}
    if ledger.headless:
        info["head"] = "missing"
    acknowledge(ledger.append(EntryType.RECOVERED, info=info), session)
    return ledger


def end(
    store: Store, ledger: Ledger, keys: Keys, clock: Clock, *, choose: Choose, acknowledge: Acknowledge
) -> None:
    """Write that a session ended, and sign a last checkpoint if its key is still here."""
    session = ledger.session
    acknowledge(ledger.append(EntryType.SESSION_END, info=CRASH), session)
    store.end_session(session.id, clock.now())
    seal(store, ledger, keys, choose)


def seal(store: Store, ledger: Ledger, keys: Keys, choose: Choose) -> None:
    """Sign what no checkpoint covers yet; another key cannot sign this session's checkpoints."""
    session = ledger.session.id
    if keys.of(store.public_key(session)) is not None:
        own_up(store, ledger)
        ledger.checkpoint(choose(len(store.checkpoints(session)), True))


def own_up(store: Store, ledger: Ledger) -> bool:
    """Before anything new is signed without a head to hold it against, write into the ledger that the head was missing.

    Nobody can tell then whether the database is the newest, and what is signed may be a second ledger under its name.
    Says whether that was so; a ledger that was closed is closed again.
    """
    if not ledger.headless:
        return False
    sealed = store.checkpoints(ledger.session.id)[-1].size
    unsealed = [parse_entry(entry.raw) for entry in store.entries(ledger.session.id) if entry.seq >= sealed]
    if not unsealed or any(entry.info.get("head") == "missing" for entry in unsealed):
        return False  # nothing is to be signed, or `take_up` has said it
    last = unsealed[-1]
    ledger.append(EntryType.RECOVERED, info={"leftovers": 0, "head": "missing"})
    if last.type is EntryType.SESSION_END:
        ledger.append(EntryType.SESSION_END, info=last.info)
    return True


def mark_ended(store: Store, session: Session) -> None:
    """Note outside the ledger that nothing more comes: at the time its newest entry claims."""
    last = store.last_entry(session.id)
    ended = from_ms(parse_entry(last.raw).wall) if last else session.started
    store.end_session(session.id, ended)


def lacks_what_was_signed(error: SakigakeError) -> bool:
    """Say whether an error means that a database is older than what was signed."""
    return error.code == "ledger-behind"
