"""The start of a recording: go on with a session that a crash cut off, close older ones, or begin anew."""

from dataclasses import dataclass, replace

from capture.closing import Acknowledge, Choose, end, is_closed, lacks_what_was_signed, mark_ended, take_up
from capture.pulse import SOURCE
from sakigake.clock import Clock
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Session
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger

RECENT_MS = 6 * 3600 * 1000
MANY = 5_000  # checkpoints; from here on they come more seldom, so a new session is better


@dataclass(frozen=True, slots=True)
class Start:
    """How a recording began: the open ledger, whether it goes on, and the sessions of earlier crashes now closed.

    `behind` are sessions that were left as they are, since the database lacks what was signed in them last.
    `notices` are the keys of sentences about what could not be checked or said.
    """

    ledger: Ledger
    resumed: bool = False
    gap_ms: int = 0
    closed: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    leftovers: int = 0


def begin(
    store: Store,
    keys: Keys,
    clock: Clock,
    *,
    origin: str,
    source: str,
    anew: bool,
    leftovers: int,
    choose: Choose,
    acknowledge: Acknowledge,
) -> Start:
    """Return an open ledger; raises SakigakeError.

    `source` names what is recorded on this machine only (it is compared, never kept in a ledger); `leftovers` is how
    many half-written files were removed. The caller holds the recorder's lock, so a session without an end is one
    that a crash cut off: the newest goes on if it was the same source less than six hours ago, unless `anew` or it has
    `MANY` checkpoints. A session of an older key is closed with that key, as long as it is kept.
    """
    now_ms = clock.wall_ns() // 1_000_000
    cut_off = [session for session in store.sessions() if session.ended is None]
    same = store.state(SOURCE) == source
    started: Start | None = None
    closed: list[str] = []
    behind: list[str] = []
    for session in reversed(cut_off):
        last = store.last_entry(session.id)
        if last is None or is_closed(store, session):
            mark_ended(store, session)  # without an entry there is nothing to go on with
            continue
        age_ms = max(0, now_ms - parse_entry(last.raw).wall)
        own = store.public_key(session.id) == keys.public and len(store.checkpoints(session.id)) < MANY
        try:
            ledger = take_up(store, session, keys, clock, acknowledge, leftovers=leftovers)
        except SakigakeError as error:
            if not lacks_what_was_signed(error):
                raise
            mark_ended(store, session)
            behind.append(session.id)
            continue
        if started is None and same and own and not anew and age_ms < RECENT_MS and not closed:
            acknowledge(ledger.append(EntryType.GAP, info={"reason": "crash", "ms": age_ms}), session)
            notices = ("record.headless",) if ledger.headless else ()
            started = Start(ledger, resumed=True, gap_ms=age_ms, notices=notices)
            continue
        end(store, ledger, keys, clock, choose=choose, acknowledge=acknowledge)
        closed.append(session.id)
    if started is None:
        # Set first: a crash between the two must not make the next start take another source for this one.
        store.put_state(SOURCE, source)
        started = _anew(store, keys, clock, origin, acknowledge)
    return replace(started, closed=tuple(closed), behind=tuple(behind), leftovers=leftovers)


def _anew(store: Store, keys: Keys, clock: Clock, origin: str, acknowledge: Acknowledge) -> Start:
    """Open a session; after a rotation its second entry says which key this one continues."""
    earlier = store.sessions()
    ledger = Ledger.start(store, keys.current, origin, clock, keys.heads)
    session = ledger.session
    first = store.last_entry(session.id)
    if first is not None:
        acknowledge(first, session)
    if before := keys.predecessor():
        acknowledge(ledger.continue_key(before.key, before.reason), session)
    return Start(ledger, notices=_about_the_key(store, keys, earlier, linked=before is not None))


def _about_the_key(store: Store, keys: Keys, earlier: list[Session], *, linked: bool) -> tuple[str, ...]:
    """Return what is to be said of a key that is not the one of the sessions before."""
    if earlier and not keys.explains(store.public_key(earlier[-1].id)):
        return ("record.key-changed",)
    step = keys.step()
    return ("record.key-unlinked",) if step and step.old and not linked else ()
