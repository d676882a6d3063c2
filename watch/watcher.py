"""The watcher: sources are asked, posts are looked at, messages are sent, until somebody ends it.

One process and one main thread, which does all that must be in one place: handing out posts, writing down what became of
them, the pulse, retention. Everything that may be cut off is in the store, so a kill at any moment loses nothing.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sakigake.errors import SakigakeError
from sakigake.pulse import EVERY_S
from watch import retention
from watch.alerts.receivers import Receiver, ids
from watch.alerts.sender import Sender
from watch.pipeline.loop import Pipeline
from watch.pipeline.polling import Poller
from watch.pipeline.steps import Steps
from watch.post import Post
from watch.pulse import STOP, Pulse
from watch.sources import PostSource
from watch.store.protocol import WatchStore
from watch.store.records import FindingRow, Outcome, SourceRow

STEP_S = 0.2
JUMP_S = 2.0
PAUSE_S = 5.0  # after the store or the records could not be used
WITNESS_S = 30.0  # how long the tokens of evidence are waited for, when all is done once
SENDER_S = 20.0  # how long the message that is on its way is waited for


@dataclass(frozen=True, slots=True)
class Plan:
    """What one watcher works with. `catch_up` takes in what was recorded since and returns how many stages there are.

    `seal` puts the evidence that is kept into the ledger, `settled` is called with each post that is done with.
    `witness` asks for the time tokens of evidence, for so many seconds at most, and returns how many still wait.
    `forget` erases what was dismissed long ago.
    """

    store: WatchStore
    steps: Steps
    make: Callable[[SourceRow], PostSource]
    receivers: Sequence[Receiver]
    catch_up: Callable[[], int]
    seal: Callable[[], int]
    say: Callable[..., None]
    found: Callable[[FindingRow], None]
    settled: Callable[[Post, Outcome], object]
    witness: Callable[[float], int] = lambda _seconds: 0
    forget: Callable[[], object] = lambda: None
    names: bool = False
    threads: int = 4
    queue: int = 500
    keep_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended, and what it did. `unsent` messages and `unwitnessed` tokens of evidence wait for the next start.

    `failed` are the sources that did not answer as they should, when all were to be asked once.
    """

    reason: str
    done: int
    found: int
    waiting: int
    unsent: int
    unwitnessed: int = 0
    failed: tuple[str, ...] = ()


class Watcher:
    """Runs one plan, once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._reason = ""
        self._found = 0
        self._untold = 0
        self._trouble = ""
        self._sender = Sender(plan.store, plan.receivers, plan.say, names=plan.names)
        self._poller = Poller(plan.store, plan.make, plan.say, plan.queue)
        self._pipeline = Pipeline(
            plan.store,
            plan.steps,
            ids(plan.receivers),
            self._tell_found,
            plan.settled,
            threads=plan.threads,
        )
        self._started_ms = self._now_ms()
        self._stages = 0
        self._due: dict[str, float] = {}
        self._swept = 0

    def stop(self, reason: str) -> None:
        """End soon; may be called from a signal handler."""
        self._reason = self._reason or reason
        self._stop.set()

    def run(self, *, once: bool = False) -> Ending:
        """Watch until stopped; with `once` until every source has nothing more and nothing is due."""
        try:
            self._plan.store.take_state(STOP)  # it was for an earlier watcher
            self._stages = self._plan.catch_up()
            self._poller.begin()
            self._beat()
            if once:
                self._go_once()
            else:
                self._go()
        finally:
            if self._reason:
                self._plan.say("watch.ending")
            self._poller.close()
            self._pipeline.close()
            self._sender.stop(SENDER_S)
            ending = self._end(once=once)
        return ending

    def _obey(self) -> None:
        if self._plan.store.take_state(STOP) is not None:
            self.stop("stop")

    def _go(self) -> None:
        self._poller.start()
        self._sender.start()
        wall, steady = time.time(), time.monotonic()
        while not self._stop.is_set():
            self._attempt(self._work)
            jump = (time.time() - wall) - (time.monotonic() - steady)
            if abs(jump) > JUMP_S:
                self._poller.renew()
                wall, steady = time.time(), time.monotonic()

    def _work(self) -> None:
        if not self._pipeline.step(STEP_S) and not self._pipeline.flying:
            self._stop.wait(STEP_S)
        self._every("stop", 1.0, self._obey)
        self._every("stages", 1.0, self._catch_up)
        self._every("sources", EVERY_S, self._poller.sync)
        self._every("pulse", EVERY_S, self._beat)
        self._every("seal", 1.0, self._seal)
        self._every("traces", retention.TRACES_S, self._clean)
        self._every("sweep", retention.EVERY_S, self._sweep)

    def _go_once(self) -> None:
        while not self._stop.is_set():
            fresh = self._poller.poll_all(self._stop.is_set)
            worked = 0
            while not self._stop.is_set():
                worked += self._pipeline.step(STEP_S)
                if not self._pipeline.flying and not self._plan.store.due(datetime.now(UTC), 1):
                    break
            self._seal()
            self._sender.send_due()
            self._beat()
            if not fresh and not worked:
                break
        if not self._stop.is_set():
            self._untold = self._plan.witness(WITNESS_S)
        self._sweep()

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do something that needs the store; when that cannot be used, say so once, wait, and go on."""
        try:
            work()
        except SakigakeError as error:
            if error.code != self._trouble:
                self._trouble = error.code
                self._plan.say("watch.trouble", why=error.message())
            self._stop.wait(PAUSE_S)
        else:
            if self._trouble:
                self._trouble = ""
                self._plan.say("watch.trouble-over")

    def _every(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        now = time.monotonic()
        if now >= self._due.get(name, 0.0):
            self._due[name] = now + seconds
            work()

    def _catch_up(self) -> None:
        self._stages = self._plan.catch_up()

    def _seal(self) -> None:
        self._plan.seal()

    def _clean(self) -> None:
        if self._pipeline.done != self._swept and retention.clean(self._plan.store):
            self._swept = self._pipeline.done

    def _sweep(self) -> None:
        retention.sweep(self._plan.store, datetime.now(UTC), self._plan.keep_days)
        self._plan.forget()

    def _tell_found(self, finding: FindingRow) -> None:
        self._found += 1
        self._plan.found(finding)
        self._sender.wake()

    def _beat(self, ended_ms: int = 0) -> None:
        counts = self._plan.store.counts()
        Pulse(
            started_ms=self._started_ms,
            beat_ms=self._now_ms(),
            ended_ms=ended_ms,
            done=self._pipeline.done,
            found=self._found,
            waiting=counts.waiting,
            unsent=counts.unsent,
            stages=self._stages,
            trouble=self._trouble,
            alerts=self._sender.trouble,
        ).put(self._plan.store)

    def _end(self, *, once: bool) -> Ending:
        store = self._plan.store
        failed: tuple[str, ...] = ()
        try:
            self._beat(self._now_ms())
            retention.clean(store)
            waiting, unsent = store.waiting(), store.unsent()
            if once:
                failed = tuple(row.id for row in store.sources() if row.failures and not row.paused)
        except SakigakeError:
            waiting = unsent = 0  # it was told while it ran
        return Ending(
            self._reason or "done", self._pipeline.done, self._found, waiting, unsent, self._untold, failed
        )

    @staticmethod
    def _now_ms() -> int:
        return time.time_ns() // 1_000_000
