"""The way of a checkpoint into a Bitcoin block: handed to calendars, asked about again and again, kept when it is there.

A block over a checkpoint covers every earlier one, so after an outage only the newest is handed in. What a calendar
promised counts for nothing; only a proof that reaches a block whose header was checked is kept as one.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sakigake.anchor import bitcoin, calendars, ots
from sakigake.anchor.calendars import Calendars
from sakigake.anchor.queue import JITTER, wait_after
from sakigake.anchor.thread import AnchorEvent, WorkThread
from sakigake.clock import Clock
from sakigake.errors import NetworkError, VerificationError
from sakigake.model import EntryType, StoredProof
from sakigake.store.protocol import Promise, Store, Unpromised

NAME = "opentimestamps"
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
# Calendars work in the order in which they were asked: after so many answers "not yet" the later ones can wait.
NOT_YET_LIMIT = 3
LOOK_S = 60
BLOCKS_LIMIT = 4  # a reply with more of them is no honest one
TRIED = "ots.tried"


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass did: checkpoints handed in, proofs that reached a block, failed tries."""

    submitted: int = 0
    confirmed: int = 0
    failed: int = 0
    events: tuple[AnchorEvent, ...] = ()


def next_try(promise: Promise, now: datetime, rng: random.Random) -> datetime:
    """Return when to ask about a promise again: hourly for a week, then daily, spread by a fifth."""
    return now + (HOUR if now - promise.submitted < WEEK else DAY) * rng.uniform(1 - JITTER, 1 + JITTER)


def waiting(store: Store, session: str | None = None) -> int:
    """Return how many checkpoints were promised a block and have none yet."""
    return len({(each.session, each.checkpoint) for each in store.promises(session)})


def untried(store: Store, session: str) -> bool:
    """Say whether the newest checkpoint of a session is still to be handed in for the first time."""
    tried = store.state(TRIED)
    return any(
        each.session == session and tried != f"{each.session} {each.checkpoint}"
        for each in store.unpromised()
    )


class BlockWorker:
    """Works for one store. `clock`, `rng` and `easiest` (see `bitcoin.read`) are given so that tests can lead them."""

    def __init__(
        self,
        store: Store,
        asked: Calendars,
        clock: Clock,
        *,
        rng: random.Random | None = None,
        easiest: int = bitcoin.EASIEST,
    ) -> None:
        self._store = store
        self._asked = asked
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._easiest = easiest
        self._down = False
        self._looked: int | None = None
        self._tries: dict[str, int] = {}
        self._quiet: dict[str, datetime] = {}

    def run_once(self, now: datetime | None = None) -> Passed:
        """Hand in what is due and ask about what is due; raises SakigakeError when the store fails."""
        if not self._asked.addresses:
            return Passed()
        moment = now or self._clock.now()
        submitted = failed = confirmed = 0
        events: tuple[AnchorEvent, ...] = ()
        for each in self._store.unpromised():
            if self._is_due(each, moment) and not self._is_quiet(NAME, moment):
                taken, events = self._submit(each, moment)
                submitted, failed = int(taken), int(not taken)
                break  # one a pass: nobody is flooded after an outage
        for promise in self._store.promises() if self._may_look() else []:
            late = promise.next_at > moment + DAY * (1 + JITTER)  # the clock was set back
            if (promise.next_at <= moment or late) and not self._is_quiet(promise.calendar, moment):
                result = self._upgrade(promise, moment)
                confirmed, failed = confirmed + (result is True), failed + (result is None)
        return Passed(submitted, confirmed, failed, events)

    def drain(self, deadline_s: float, session: str | None = None) -> Passed:
        """Hand in every newest checkpoint and ask about every promise now, of one session or all, until the deadline."""
        end = time.monotonic() + deadline_s
        submitted = confirmed = failed = 0
        for each in self._store.unpromised() if self._asked.addresses else []:
            if session in {None, each.session} and time.monotonic() < end:
                taken, _ = self._submit(each, self._clock.now())
                submitted, failed = submitted + taken, failed + (not taken)
                if not taken:
                    break
        not_yet: dict[str, int] = {}
        for promise in self._store.promises(session):
            if time.monotonic() >= end or not_yet.get(promise.calendar, 0) >= NOT_YET_LIMIT:
                continue
            result = self._upgrade(promise, self._clock.now())
            confirmed, failed = confirmed + (result is True), failed + (result is None)
            if not result:
                weight = 1 if result is False else NOT_YET_LIMIT
                not_yet[promise.calendar] = not_yet.get(promise.calendar, 0) + weight
        return Passed(submitted, confirmed, failed)

    def _may_look(self) -> bool:
        """Say whether it is time to go through the promises: there may be thousands, and each waits for an hour."""
        now = self._clock.mono_ns()
        if self._looked is not None and now - self._looked < LOOK_S * 1_000_000_000:
            return False
        self._looked = now
        return True

    def _is_due(self, each: Unpromised, now: datetime) -> bool:
        every = timedelta(seconds=self._asked.every_s)
        return each.ended or not each.since < now + every or now - each.since >= every

    def _is_quiet(self, name: str, now: datetime) -> bool:
        until = self._quiet.get(name)
        return until is not None and now < until <= now + DAY

    def _hush(self, name: str, now: datetime) -> None:
        self._quiet[name] = now + wait_after(self._tries.get(name, 0), self._rng)
        self._tries[name] = self._tries.get(name, 0) + 1

    def _heard(self, name: str) -> None:
        self._quiet.pop(name, None)
        self._tries.pop(name, None)

    def _submit(self, each: Unpromised, now: datetime) -> tuple[bool, tuple[AnchorEvent, ...]]:
        """Hand a checkpoint to every calendar; one that takes it is enough. Each promise is kept as it comes."""
        digest = sha256(self._store.checkpoints(each.session)[each.checkpoint].note).digest()
        steps, message = calendars.prepare(digest)
        reason = ""
        kept = 0
        for address in self._asked.addresses:
            try:
                path = calendars.submit(address, message, self._asked.timeout_s)
                raw = ots.write_file(digest, (*steps, *path.steps), path.end)
                ots.read_file(raw, address)
            except (NetworkError, VerificationError) as error:
                reason = error.code
                continue
            promise = Promise(each.session, each.checkpoint, address, raw, now, now + HOUR)
            self._store.add_promises(each.session, each.checkpoint, [promise])
            kept += 1
        if kept:
            self._heard(NAME)
        else:
            self._hush(NAME, now)
            self._store.put_state(TRIED, f"{each.session} {each.checkpoint}")
        return kept > 0, self._turned(each.session, "" if kept else reason)

    def _turned(self, session: str, reason: str) -> tuple[AnchorEvent, ...]:
        was_down, self._down = self._down, bool(reason)
        if was_down == self._down:
            return ()
        kind = EntryType.ANCHOR_FAIL if reason else EntryType.ANCHOR_RESUME
        return (AnchorEvent(kind, session, NAME, reason),)

    def _upgrade(self, promise: Promise, now: datetime) -> bool | None:
        """Ask about a promise; True when it is in a block now, False when not yet, None when something failed."""
        if promise.calendar not in self._asked.addresses or self._asked.source is None:
            self._store.put_off(promise, now + DAY)
            return None
        try:
            digest, (before,) = ots.read_file(promise.raw, promise.calendar)
            found = calendars.upgrade(promise.calendar, before.message, self._asked.timeout_s)
        except NetworkError:
            self._hush(promise.calendar, now)
            return None
        except VerificationError:
            self._store.put_off(promise, next_try(promise, now, self._rng))
            return None
        self._heard(promise.calendar)
        failed = False
        for path in found[:BLOCKS_LIMIT]:
            try:
                proof = self._proof(promise.checkpoint, digest, (*before.steps, *path.steps), path.end)
            except (NetworkError, VerificationError):
                failed = True
                continue
            self._store.add_proof(promise.session, proof)
            return True
        self._store.put_off(promise, next_try(promise, now, self._rng))
        return None if failed else False

    def _proof(
        self, checkpoint: int, digest: bytes, steps: tuple[ots.Step, ...], end: ots.Attestation
    ) -> StoredProof:
        """Return the proof along one path once the header of its block was fetched and checked."""
        assert self._asked.source is not None  # noqa: S101 - asked before
        raw = ots.write_file(digest, steps, end)
        header = self._asked.source.header(end.height)
        block = ots.confirm(raw, digest, header, easiest=self._easiest)
        return StoredProof(checkpoint, raw, header, block.low, block.high)


class BlockThread(WorkThread):
    """Runs a BlockWorker beside a recording, apart from the time tokens: a slow calendar delays none of them."""

    def __init__(self, open_store: Callable[[], Store], asked: Calendars, clock: Clock) -> None:
        super().__init__(open_store, lambda store: BlockWorker(store, asked, clock), "sakigake-blocks")
