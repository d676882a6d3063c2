"""Forgetting the last minutes: pictures that nobody outside has witnessed yet may be taken back, and the record says so.

A stage is sealed once a trusted time token covers it; then it stays. Before that its picture file, its fingerprint and
what opens its commitments can go: nothing that tells what was on it is left. Its entry and leaf hash stay, so the chain
and every proof hold, and a gap with the reason "forgotten" says how many pictures went.

The rows go in one step together with a note of the files. Whatever ends the process after that step, the next `sweep`
finishes; whatever ends it before has changed nothing.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capture.lock import RecorderLock
from sakigake.clock import Clock
from sakigake.errors import NotFoundError
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.settings import Settings
from sakigake.store.protocol import Store
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import Info, parse_entry, parse_picture
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger

if TYPE_CHECKING:
    from capture.spool import Spool  # whoever only gives orders has no need of OpenCV

REASON = "forgotten"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of it: entry numbers that were forgotten, pictures not written yet, and how many stay as sealed."""

    seqs: tuple[int, ...] = ()
    discarded: int = 0
    stamped: int = 0
    entry: StoredEntry | None = None

    @property
    def count(self) -> int:
        """Return how many pictures are gone."""
        return len(self.seqs) + self.discarded


@dataclass(slots=True)
class Request:
    """An order to forget the last `last_ms`, given at `wall_ms` by the PC's clock; `result` once it is carried out."""

    last_ms: int
    wall_ms: int
    result: Forgotten | None = None


@dataclass(frozen=True, slots=True)
class Young:
    """A stage that still has its picture, or one that a full disk dropped: entry number, digest of the file, and age."""

    seq: int
    file: str
    age_ms: int


def young(entries: Iterable[StoredEntry], now_ms: int, last_ms: int) -> list[Young]:
    """Return the stages of the last `last_ms` that have their pictures, newest first.

    Of a picture that there was no room for the salted digest is kept at home; who still has the picture could confirm
    it by that, so it goes as well.
    Ages go by the PC's clock, each jump of it that the ledger tells of taken out.
    """
    told = [(stored, parse_entry(stored.raw)) for stored in entries if stored.type in {_STAGE, _DROP, _JUMP}]
    found: list[Young] = []
    shift = 0
    for stored, entry in reversed(told):
        if entry.type is _JUMP:
            shift += int(entry.info.get("by_ms", 0))
        elif stored.opening is not None and (age := now_ms - entry.wall - shift) <= last_ms:
            found.append(Young(entry.seq, parse_picture(stored.opening).file, max(0, age)))
    return found


_STAGE, _DROP, _JUMP = EntryType.STAGE, EntryType.DROP, EntryType.CLOCK_JUMP


def forget(store: Store, ledger: Ledger, request: Request, discarded: int = 0) -> Forgotten:
    """Forget what is young and not sealed; raises SakigakeError. The files go with the `sweep` that must follow."""
    session = ledger.session.id
    while True:
        sealed = store.sealed(session)
        found = young(store.entries(session), request.wall_ms, request.last_ms)
        going = [stage for stage in reversed(found) if stage.seq >= sealed]
        stamped = len(found) - len(going)
        if not going and not discarded:
            return Forgotten(stamped=stamped)
        info: Info = {
            "reason": REASON,
            "ms": max((stage.age_ms for stage in going), default=request.last_ms),
            "stages": len(going) + discarded,
        }
        if going:
            info |= {"first": going[0].seq, "last": going[-1].seq}
        seqs = tuple(stage.seq for stage in going)
        entry = ledger.forget(seqs, info, [stage.file for stage in going])
        if entry is not None:  # else a token came in between: look again
            return Forgotten(seqs, discarded, stamped, entry)


def sweep(store: Store, spool: "Spool") -> None:
    """Remove the files of what was forgotten, then every trace in the store; raises OSError, SakigakeError."""
    for file in store.forgotten_files():
        spool.remove(file)
    store.leave_no_trace()


def forget_at_rest(settings: Settings, spool: "Spool", last_ms: int, clock: Clock) -> Forgotten:
    """Forget in the newest session while nothing records; raises SakigakeError, NotFoundError."""
    if not settings.database.is_file():
        raise NotFoundError("nothing-recorded")
    with RecorderLock(settings.home), closing(SqliteStore(settings.database)) as store:
        sweep(store, spool)
        sessions = store.sessions()
        if not sessions:
            raise NotFoundError("nothing-recorded")
        session = sessions[-1]
        request = Request(last_ms, clock.wall_ns() // 1_000_000)
        if not young(store.entries(session.id), request.wall_ms, last_ms):
            return Forgotten()
        # Nothing is signed here, so that an older copy of the database can be relieved of its pictures as well.
        ledger = Ledger.resume(store, session, Keys.open(settings.keys).current, clock)
        if session.ended is None:
            _tell_the_crash(store, session, ledger, request.wall_ms)
        done = forget(store, ledger, request)
        if session.ended is not None and done.entry is not None:
            ledger.append(EntryType.SESSION_END, info={"reason": REASON})  # it ended, and so it still does
        sweep(store, spool)
        return done


def _tell_the_crash(store: Store, session: Session, ledger: Ledger, now_ms: int) -> None:
    """Say first what a crash left out: the gap to the next start is counted from the newest entry."""
    last = store.last_entry(session.id)
    if last is None or last.type is EntryType.SESSION_END:
        return
    ledger.append(EntryType.RECOVERED)
    ledger.append(EntryType.GAP, info={"reason": "crash", "ms": max(0, now_ms - parse_entry(last.raw).wall)})
