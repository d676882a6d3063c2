"""A session as a strip over wall-clock time: its stages, what was not recorded, the stream, the witnesses of time.

Read once and kept; a session that has grown is read on from where it ended. Entries are taken as they lie in the ledger:
a page that is looked at checks nothing, `sakigake verify` does.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sakigake.clock import to_ms
from sakigake.model import EntryType, Interval, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.bounds import bounds
from sakigake.timeline.reading import block_times, token_times

MOST_HELD = 8  # sessions in memory; one of 6,000 stages takes 4 MB
SHORTEST_HOLE_MS = 1000
FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Shot:
    """A kept stage. `at` is what the computer's clock claimed, in ms since 1970.

    `file` is the digest that its picture is kept under, empty when the picture is not there (any more). Sizes in pixels.
    """

    seq: int
    at: int
    file: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch without a record, by the computer's clock: `kind` is "gap" or "pause", `reason` a slug of the ledger.

    `open` says that it goes on, as far as is known.
    """

    begin: int
    end: int
    kind: str
    reason: str
    open: bool = False

    @property
    def ms(self) -> int:
        """Return its length."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Air:
    """A stretch in which the stream was on air, as the record has it."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who outside knows of the session: signed checkpoints, trusted tokens, blocks, and requests that still wait.

    `tokens_at` are the moments of the tokens, in ms since 1970.
    """

    checkpoints: int = 0
    tokens: int = 0
    blocks: int = 0
    waiting: int = 0
    tokens_at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reel:
    """What there is to show of a session. `begin` and `end` are its ends in ms since 1970 by the computer's clock.

    `forgot` counts pictures that were forgotten on request, `dropped` those that could not be kept.
    """

    session: Session
    begin: int
    end: int
    shots: tuple[Shot, ...]
    holes: tuple[Hole, ...]
    airs: tuple[Air, ...]
    witnesses: Witnesses
    intervals: dict[int, Interval]
    entries: int
    closed: bool
    forgot: int = 0
    dropped: int = 0

    def index(self, seq: int) -> int | None:
        """Return the place of a stage among the stages, None when there is no such stage."""
        low, high = 0, len(self.shots)
        while low < high:
            middle = (low + high) // 2
            if self.shots[middle].seq < seq:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self.shots) and self.shots[low].seq == seq else None


@dataclass(slots=True)
class _Tape:
    """What was read of a session so far."""

    last: int = -1
    begin: int | None = None
    end: int = 0
    shots: list[Shot] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    airs: list[Air] = field(default_factory=list)
    afters: list[tuple[int, str | None]] = field(default_factory=list)
    paused: tuple[int, str] | None = None
    on_air: int | None = None
    closed: bool = False
    forgot: int = 0
    dropped: int = 0

    def take(self, stored: StoredEntry) -> None:
        """Read one entry more."""
        told: dict[str, Any] = json.loads(stored.raw)
        at, info = int(told["wall"]), told.get("info", {})
        self.last, self.end = stored.seq, max(self.end, at)
        self.begin = at if self.begin is None else min(self.begin, at)
        if (after := told.get("after")) is not None:
            self.afters.append((stored.seq, after))
        self.closed = stored.type is EntryType.SESSION_END
        if stored.type is EntryType.STAGE:
            self.shots.append(_shot(stored, at))
        elif stored.type is EntryType.GAP:
            self._gap(at, info)
        elif stored.type in {EntryType.PAUSE, EntryType.RESUME, EntryType.RECOVERED, EntryType.SESSION_END}:
            self._end_pause(at)
            if stored.type is EntryType.PAUSE:
                self.paused = at, str(info.get("reason", ""))
        elif stored.type is EntryType.STREAM_STATE:
            self._stream(at, str(info.get("state", "")))
        elif stored.type is EntryType.DROP:
            self.dropped += int(info.get("frames", 1))

    def _gap(self, at: int, info: dict[str, Any]) -> None:
        reason, length = str(info.get("reason", "")), int(info.get("ms", 0))
        if reason == FORGOTTEN:
            self.forgot += int(info.get("stages", 0))
            if "first" not in info:
                return
            # The stages themselves say when: their entries are there, only their pictures are not.
            gone = [shot.at for shot in self.shots if info["first"] <= shot.seq <= info["last"]]
            begin, end = (min(gone), max(gone)) if gone else (at - length, at)
        else:
            begin, end = at - length, at
        self._hole(Hole(begin, end, "gap", reason))

    def _hole(self, hole: Hole) -> None:
        """Add a hole. One that goes on is told of again and again: such parts become one."""
        before = self.holes[-1] if self.holes else None
        same = before is not None and (before.kind, before.reason) == (hole.kind, hole.reason)
        if before is not None and same and hole.begin - before.end <= SHORTEST_HOLE_MS:
            self.holes[-1] = Hole(before.begin, max(hole.end, before.end), hole.kind, hole.reason)
        elif hole.ms >= SHORTEST_HOLE_MS or hole.reason == FORGOTTEN:
            self.holes.append(hole)

    def _end_pause(self, at: int) -> None:
        if self.paused is not None:
            self._hole(Hole(self.paused[0], at, "pause", self.paused[1]))
            self.paused = None

    def _stream(self, at: int, state: str) -> None:
        if state == "started" and self.on_air is None:
            self.on_air = at
        elif state != "started" and self.on_air is not None:
            self.airs.append(Air(self.on_air, at))
            self.on_air = None


class Reels:
    """The sessions of a store that were looked at last, each read no further than it has grown. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, _Tape] = OrderedDict()
        self._made: dict[str, tuple[object, Reel]] = {}

    def of(self, store: Store, session: Session) -> Reel:
        """Return a session as it is now."""
        with self._lock:
            checkpoints = store.checkpoints(session.id)
            last = store.last_entry(session.id)
            tokens, proofs = store.tokens(session.id), store.proofs(session.id)
            waiting = len(store.pending_jobs(session.id))
            key = (
                session.ended,
                last.seq if last else -1,
                len(checkpoints),
                len(tokens),
                len(proofs),
                waiting,
            )
            if (made := self._made.get(session.id)) and made[0] == key:
                self._held.move_to_end(session.id)
                return made[1]
            tape = self._read_on(store, session.id)
            sizes = {each.number: each.size for each in checkpoints}
            times = token_times(sizes, tokens) | block_times(sizes, proofs)
            trusted = [token for token in tokens if token.trusted]
            reel = _reel(
                session,
                tape,
                bounds(tape.afters, times, [shot.seq for shot in tape.shots]),
                Witnesses(
                    len(checkpoints),
                    len(trusted),
                    len(proofs),
                    waiting,
                    tuple(sorted(to_ms(token.time_low) for token in trusted)),
                ),
            )
            self._made[session.id] = key, reel
            return reel

    def _read_on(self, store: Store, session: str) -> _Tape:
        tape = self._held.pop(session, None)
        if tape is None:
            tape = _Tape()
        before = tape.forgot
        for stored in store.entries(session, after=tape.last):
            tape.take(stored)
        if tape.forgot != before and before + len(tape.shots):  # what was read before may be forgotten now
            tape.shots = list(_fresh(store, session))
        self._held[session] = tape
        while len(self._held) > MOST_HELD:
            old, _ = self._held.popitem(last=False)
            self._made.pop(old, None)
        return tape


def _fresh(store: Store, session: str) -> Iterable[Shot]:
    for stored in store.entries(session, EntryType.STAGE):
        yield _shot(stored, int(json.loads(stored.raw)["wall"]))


def _shot(stored: StoredEntry, at: int) -> Shot:
    if stored.opening is None:
        return Shot(stored.seq, at)
    opened = json.loads(stored.opening)
    return Shot(stored.seq, at, str(opened["file"]), int(opened["width"]), int(opened["height"]))


def _reel(session: Session, tape: _Tape, intervals: dict[int, Interval], witnesses: Witnesses) -> Reel:
    begin = tape.begin if tape.begin is not None else to_ms(session.started)
    end = max(tape.end, begin)
    holes, airs = list(tape.holes), list(tape.airs)
    if tape.paused is not None:
        holes.append(Hole(tape.paused[0], end, "pause", tape.paused[1], open=True))
    if tape.on_air is not None:
        airs.append(Air(tape.on_air, end))
    return Reel(
        session=session,
        begin=min([begin, *(hole.begin for hole in holes)]),
        end=end,
        shots=tuple(tape.shots),
        holes=tuple(sorted(holes, key=lambda hole: hole.begin)),
        airs=tuple(airs),
        witnesses=witnesses,
        intervals=intervals,
        entries=tape.last + 1,
        closed=tape.closed,
        forgot=tape.forgot,
        dropped=tape.dropped,
    )
