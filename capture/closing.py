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
    key = keys.of(store.public_key(session.id))
    ledger = Ledger.resume(store, session, key or keys.current, clock, keys.heads)
    if ledger.size == rotation.PLACE and key is keys.current and (before := keys.predecessor()):
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
        ledger.checkpoint(choose(len(store.checkpoints(session)), True))


def mark_ended(store: Store, session: Session) -> None:
    """Note outside the ledger that nothing more comes: at the time its newest entry claims."""
    last = store.last_entry(session.id)
    ended = from_ms(parse_entry(last.raw).wall) if last else session.started
    store.end_session(session.id, ended)


def lacks_what_was_signed(error: SakigakeError) -> bool:
    """Say whether an error means that a database is older than what was signed."""
    return error.code == "ledger-behind"
