"""The checkpoints that wait for time tokens. The queue lives in the store; the recording never waits for it.

A token over a checkpoint covers every earlier one, so after an outage only the newest needs one from each authority;
older jobs are dropped then. A session's first checkpoint is the exception: it keeps its job until it has its token.

Most authorities are asked by plain http, so anybody on the way can answer in their place. A sound token of somebody we do
not know is a failed try: the first one over a checkpoint is kept as `NAME (unknown)`, the authority is asked again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sakigake.anchor import client
from sakigake.anchor.thread import AnchorEvent, WorkThread
from sakigake.anchor.trust import Trust
from sakigake.clock import Clock
from sakigake.errors import ConfigError, SakigakeError
from sakigake.model import EntryType, StoredToken
from sakigake.store.protocol import AnchorJob, Store

FIRST_WAIT_S, LONGEST_WAIT_S, JITTER = 5.0, 600.0, 0.2
SPACING_S = 15.0  # what public authorities ask of scripts
UNKNOWN = " (unknown)"  # behind an authority's name: whose token this is was not found out
NOT_TRUSTED = "anchor-not-trusted"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass did: tokens kept and counted, failed tries, jobs that still wait.

    `untrusted` is how many of the failed tries were answers of somebody unknown.
    """

    stamped: int = 0
    untrusted: int = 0
    failed: int = 0
    waiting: int = 0
    events: tuple[AnchorEvent, ...] = ()

    def plus(self, other: "Drained") -> "Drained":
        """Return both passes as one; the later one knows how many wait."""
        return Drained(
            self.stamped + other.stamped,
            self.untrusted + other.untrusted,
            self.failed + other.failed,
            other.waiting,
            self.events + other.events,
        )


def choose(trust: Trust, number: int, *, important: bool) -> list[str]:
    """Return the authorities that checkpoint `number` goes to: one in turn, two for an important one."""
    names = trust.asked
    return [names[(number + turn) % len(names)] for turn in range(min(2 if important else 1, len(names)))]


def wait_after(tries: int, rng: random.Random) -> timedelta:
    """Return how long to wait after `tries` failed tries: doubling from 5 s to 10 min, spread by a fifth."""
    seconds = min(FIRST_WAIT_S * 2.0 ** min(tries, 16), LONGEST_WAIT_S)
    return timedelta(seconds=seconds * rng.uniform(1 - JITTER, 1 + JITTER))


class AnchorWorker:
    """Works through the queue of one store. `clock` and `rng` are given so that tests can lead them."""

    def __init__(
        self,
        store: Store,
        trust: Trust,
        clock: Clock,
        *,
        timeout_s: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._trust = trust
        self._clock = clock
        self._timeout = timeout_s
        self._rng = rng or random.SystemRandom()
        self._asked: dict[str, int] = {}
        self._down: set[str] = set()
        self._strange: set[str] = set()
        self._up: set[str] = set()

    def run_once(self, now: datetime | None = None) -> Drained:
        """Try every job that is due and may be asked now, newest first; raises SakigakeError when the store fails."""
        return self._work(now or self._clock.now(), set(), self._timeout)

    def drain(self, deadline_s: float) -> Drained:
        """Try every job now, whenever it was due, keeping the distance between requests; stop at the deadline."""
        end = time.monotonic() + deadline_s
        refused: set[str] = set()
        done = Drained()
        while True:
            left = end - time.monotonic()
            done = done.plus(self._work(None, refused, min(self._timeout, left), end))
            waits = [self._wait(job) for job in self._jobs(None, refused)]
            left = end - time.monotonic()
            if not waits or min(waits) / _SECOND >= left:
                return done
            time.sleep(min(waits) / _SECOND)

    def _work(
        self, now: datetime | None, refused: set[str], timeout: float, end: float | None = None
    ) -> Drained:
        """Try jobs until none may be tried; `refused` collects the authorities that failed in this pass."""
        done = Drained()
        while end is None or time.monotonic() < end:
            job = next((job for job in self._jobs(now, refused) if self._wait(job) == 0), None)
            if job is None:
                break
            one = self._try(job, timeout)
            if one.failed:
                refused.add(job.authority)
            done = done.plus(one)
        return done.plus(Drained(waiting=len(self._store.pending_jobs())))

    def _jobs(self, now: datetime | None, refused: set[str]) -> list[AnchorJob]:
        """Return the jobs worth a try, newest first: the newest of each session and authority, and first checkpoints.

        With `now`, only those that are due. Due before their time are those of an authority that has just answered,
        and those far beyond the longest wait: the clock was set back.
        """
        longest = timedelta(seconds=LONGEST_WAIT_S * (1 + JITTER))
        seen: set[tuple[str, str]] = set()
        jobs = []
        for job in self._store.pending_jobs():
            newest = (job.session, job.authority) not in seen
            seen.add((job.session, job.authority))
            due = now is None or job.authority in self._up or not now < job.next_at <= now + longest
            if (newest or job.checkpoint == 0) and due and job.authority not in refused:
                jobs.append(job)
        return jobs

    def _wait(self, job: AnchorJob) -> int:
        """Return how many nanoseconds the job's authority must be left alone; first and last checkpoints go at once."""
        asked = self._asked.get(job.authority)
        if asked is None:
            return 0
        left = asked + int(SPACING_S * _SECOND) - self._clock.mono_ns()
        return 0 if left <= 0 or self._is_end(job) else left

    def _is_end(self, job: AnchorJob) -> bool:
        """Say whether a job is for the first checkpoint of a session or the last of one that has ended."""
        if job.checkpoint == 0:
            return True
        ended = any(session.id == job.session and session.ended for session in self._store.sessions())
        return ended and job.checkpoint == len(self._store.checkpoints(job.session)) - 1

    def _try(self, job: AnchorJob, timeout: float) -> Drained:
        self._asked[job.authority] = self._clock.mono_ns()
        try:
            authority = self._trust.get(job.authority)
            if authority is None or not authority.url:
                raise ConfigError(
                    "anchor-authority-unknown", name=job.authority, known=", ".join(self._trust.asked)
                )
            note = self._store.checkpoints(job.session)[job.checkpoint].note
            stamp = client.stamp(authority, note, timeout)
        except SakigakeError as error:
            self._postpone(job)
            return Drained(failed=1, events=self._turned(job, error.code))
        trusted = stamp.reading.authority is not None
        token = StoredToken(
            checkpoint=job.checkpoint,
            authority=job.authority if trusted else f"{job.authority}{UNKNOWN}",
            raw=stamp.raw,
            digest=sha256(stamp.raw).digest(),
            time_low=stamp.reading.low,
            time_high=stamp.reading.high,
            trusted=trusted,
        )
        self._keep(job.session, token)
        if not trusted:
            self._postpone(job)
            return Drained(untrusted=1, failed=1, events=self._turned(job, NOT_TRUSTED))
        self._store.drop_jobs(job.session, job.checkpoint, job.authority)
        return Drained(stamped=1, events=self._turned(job, ""))

    def _postpone(self, job: AnchorJob) -> None:
        self._store.postpone(job, self._clock.now() + wait_after(job.tries, self._rng))

    def _keep(self, session: str, token: StoredToken) -> None:
        try:
            self._store.add_token(session, token)
        except SakigakeError:
            # Another process (an export, the command line) may have been quicker with the same job. Of unknown ones the
            # first is enough.
            kept = {(each.checkpoint, each.authority) for each in self._store.tokens(session)}
            if (token.checkpoint, token.authority) not in kept:
                raise

    def _turned(self, job: AnchorJob, reason: str) -> tuple[AnchorEvent, ...]:
        """Return an event when the authority's state has changed: `reason` is empty when all is well.

        That somebody else answers is told even of one that was away before, once.
        """
        was_down = job.authority in self._down
        if reason:
            if reason == NOT_TRUSTED and job.authority not in self._strange:
                self._strange.add(job.authority)
                was_down = False
            self._down.add(job.authority)
            self._up.discard(job.authority)
            event = AnchorEvent(EntryType.ANCHOR_FAIL, job.session, job.authority, reason)
            return () if was_down else (event,)
        self._down.discard(job.authority)
        self._strange.discard(job.authority)
        self._up.add(job.authority)
        if not was_down:
            return ()
        return (AnchorEvent(EntryType.ANCHOR_RESUME, job.session, job.authority, ""),)


class AnchorThread(WorkThread):
    """Runs an AnchorWorker beside a recording."""

    def __init__(
        self, open_store: Callable[[], Store], trust: Trust, clock: Clock, *, timeout_s: float = 10.0
    ) -> None:
        def work(store: Store) -> AnchorWorker:
            return AnchorWorker(store, trust, clock, timeout_s=timeout_s)

        super().__init__(open_store, work, "sakigake-anchor")


def drain(
    store: Store, trust: Trust, clock: Clock, deadline_s: float = 60.0, *, timeout_s: float = 10.0
) -> Drained:
    """Try every waiting job once, now: for the command line and before an export."""
    return AnchorWorker(store, trust, clock, timeout_s=timeout_s).drain(deadline_s)
