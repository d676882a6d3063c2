"""The start of a recording: go on with a session that a crash cut off, close older ones, or begin anew."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.pulse import SOURCE
from sakigake.clock import Clock, from_ms
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_entry
from sakigake.timeline.ledger import Ledger

RECENT_MS = 6 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Start:
    """How a recording began: the open ledger, whether it goes on, and the sessions of earlier crashes now closed."""

    ledger: Ledger
    resumed: bool = False
    gap_ms: int = 0
    closed: tuple[str, ...] = ()
    leftovers: int = 0


def begin(
    store: Store,
    key: Ed25519PrivateKey,
    clock: Clock,
    *,
    origin: str,
    source: str,
    anew: bool,
    leftovers: int,
    choose: Callable[[int, bool], list[str]],
    acknowledge: Callable[[StoredEntry, Session], None],
) -> Start:
    """Return an open ledger; raises SakigakeError.

    `source` names what is recorded on this machine only (it is compared, never kept in a ledger); `leftovers` is how
    many half-written files were removed. The caller holds the recorder's lock, so a session without an end is one
    that a crash cut off: the newest goes on if it was the same source less than six hours ago, unless `anew`.
    """
    now_ms = clock.wall_ns() // 1_000_000
    cut_off = [session for session in store.sessions() if session.ended is None]
    same = store.state(SOURCE) == source
    started: Start | None = None
    closed: list[str] = []
    for session in reversed(cut_off):
        last = store.last_entry(session.id)
        if last is not None and last.type is EntryType.SESSION_END:
            store.end_session(session.id, from_ms(parse_entry(last.raw).wall))
            continue
        last_ms = parse_entry(last.raw).wall if last else 0
        age_ms = max(0, now_ms - last_ms)
        own = store.public_key(session.id) == key.public_key().public_bytes_raw()
        ledger = Ledger.resume(store, session, key, clock)
        if last is None:  # cut off between the session and its first entry: there is nothing to go on with
            store.end_session(session.id, session.started)
            continue
        acknowledge(ledger.append(EntryType.RECOVERED, info={"leftovers": leftovers}), session)
        if started is None and same and own and not anew and age_ms < RECENT_MS and not closed:
            acknowledge(ledger.append(EntryType.GAP, info={"reason": "crash", "ms": age_ms}), session)
            started = Start(ledger, resumed=True, gap_ms=age_ms)
            continue
        acknowledge(ledger.append(EntryType.SESSION_END, info={"reason": "crash"}), session)
        store.end_session(session.id, clock.now())
        if own:  # another key cannot sign this session's checkpoints
            ledger.checkpoint(choose(len(store.checkpoints(session.id)), True))
        closed.append(session.id)
    if started is None:
        # Set first: a crash between the two must not make the next start take another source for this one.
        store.put_state(SOURCE, source)
        ledger = Ledger.start(store, key, origin, clock)
        first = store.last_entry(ledger.session.id)
        if first is not None:
            acknowledge(first, ledger.session)
        started = Start(ledger)
    return replace(started, closed=tuple(closed), leftovers=leftovers)
