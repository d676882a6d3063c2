"""What of a session is told in a package: its disclosed stages and notable events, with their times."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sakigake.clock import from_ms
from sakigake.evidence import layout
from sakigake.model import EntryType, Finding, Interval, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.bounds import clock_disagrees
from sakigake.timeline.entry import Entry, parse_entry
from sakigake.timeline.reading import entry_bounds, is_forgotten

NOTABLE = {
    EntryType.PAUSE,
    EntryType.RESUME,
    EntryType.GAP,
    EntryType.CLOCK_JUMP,
    EntryType.DROP,
    EntryType.RECOVERED,
    EntryType.KEY_ROTATE,
    EntryType.SESSION_START,
    EntryType.SESSION_END,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page's timeline: an entry, its interval from tokens, and the PC's own claim."""

    entry: Entry
    interval: Interval
    claimed: datetime
    shown: bool

    @property
    def clock_disagrees(self) -> bool:
        """Say whether that claim lies clearly outside the interval: the verifiers flag it, so the page does."""
        return clock_disagrees(self.claimed, self.interval)


@dataclass(frozen=True, slots=True)
class View:
    """What a package tells of a session, gathered once. `pictured` and `printed` are the stages whose picture or fingerprint is shown."""

    session: Session
    rows: tuple[Row, ...]
    stages: tuple[int, ...]
    pictured: frozenset[int]
    printed: frozenset[int]
    withheld: int
    forgotten: int
    entries: int
    checkpoints: int
    blocks: int
    finding: Finding | None
    bounds: Mapping[int, Interval]  # of the rows, and of the first and last entry
    known: tuple[Entry, ...]  # every entry that is covered


def gather(
    store: Store,
    session: Session,
    stages: list[StoredEntry],
    size: int,
    finding: Finding | None,
    *,
    contents: Collection[str],
) -> View:
    """Collect the rows of the disclosed stages and of the notable events among the first `size` entries.

    `contents` are the names of the files that are in the package so far.
    """
    shown = {stage.seq for stage in stages}
    kept = [stored for stored in store.entries(session.id) if stored.seq < size]
    known = [parse_entry(stored.raw) for stored in kept]
    forgotten = sum(stored.type is EntryType.STAGE and is_forgotten(stored) for stored in kept)
    listed = [entry for entry in known if entry.seq in shown or entry.type in NOTABLE]
    wanted = {entry.seq for entry in (*listed, known[0], known[-1])}
    intervals = entry_bounds(store, session.id, sorted(wanted))
    return View(
        session=session,
        rows=tuple(
            Row(entry, intervals[entry.seq], from_ms(entry.wall), entry.seq in shown) for entry in listed
        ),
        stages=tuple(sorted(shown)),
        pictured=frozenset(seq for seq in shown if layout.stage(seq, "png") in contents),
        printed=frozenset(seq for seq in shown if layout.stage(seq, "fp.bin") in contents),
        withheld=sum(entry.type is EntryType.STAGE for entry in known) - len(shown) - forgotten,
        forgotten=forgotten,
        entries=size,
        checkpoints=len(store.checkpoints(session.id)),
        blocks=len(store.proofs(session.id)),
        finding=finding,
        bounds=intervals,
        known=tuple(known),
    )
