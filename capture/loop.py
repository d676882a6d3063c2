"""A recording from start to end.

capture thread   grab, stage detector (ticked by APScheduler)
writer thread    pictures, fingerprints, ledger, checkpoints
anchor worker    time tokens; the recording never waits for it
this thread      the watchdog, and an honest end
"""

import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2

from capture import disk, orders
from capture.anchoring import Anchoring
from capture.backlog import Backlog
from capture.coverage import Coverage
from capture.disk import Limits
from capture.elapsed import Elapsed
from capture.forget import sweep
from capture.frame import FrameSource, Pixels
from capture.lock import START_FILE, RecorderLock, is_held
from capture.look import Looker, Say
from capture.memory import give_back_loaded
from capture.onair import OnAir
from capture.pacer import SECOND, tick_s
from capture.pulse import PULSE
from capture.recovery import Start, begin
from capture.rules import Rules
from capture.spool import Spool
from capture.stats import StatsTable
from capture.table import number
from capture.ticker import Ticker
from capture.watchdog import STEP_S, Watchdog
from capture.writer import Checkpoints, GivenUpError, Writer
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Session, StoredEntry
from sakigake.settings import Settings
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import Info, parse_picture
from sakigake.timeline.keys import Keys
from sakigake.timeline.ledger import Ledger

OPEN_TIMEOUT_S = 20.0
FINISH_TIMEOUT_S = 20.0
# How long the end of a recording waits for a disk that refuses.
LAST_TRIES_S = 6.0

Tell = Callable[[StoredEntry, Session], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to record. `name` tells this source from others on this machine; it never leaves the machine.

    `also` adds to the name what is known only once the source is open. `canvas_share` is how much of a picture is
    canvas, `stats` a table for what is measured, `overlay` where a picture of the newest head is kept for the stream.
    `greeting` returns the keys and values of what is to be said once the source is open; `notes` what the ledger gets
    from the source after it was opened and again after it was closed.
    """

    source: FrameSource
    name: str
    interval_s: float
    for_s: float | None = None
    anew: bool = False
    also: Callable[[], str] = str
    canvas_share: float = 1.0
    stats: StatsTable | None = None
    overlay: Path | None = None
    greeting: Callable[[], Sequence[tuple[str, dict[str, str]]]] = tuple
    notes: Callable[[], Sequence[tuple[EntryType, Info]]] = tuple


@dataclass(frozen=True, slots=True)
class Ending:
    """How a recording ended.

    `unwritten` counts stages that could not be kept, `unstamped` time tokens that are still to come; `stuck` means
    that a look never returned; `codes` counts the pictures of the code for the stream that were written.
    """

    session: str
    reason: str
    stages: int
    gaps: int
    drops: int
    unwritten: int
    failed: bool
    stuck: bool
    unstamped: int
    codes: int = 0


class Recorder:
    """Records once. `run` returns when the recording has ended; `stop` may be called from any thread or signal.

    `say` gets the key and values of each sentence for the person at the screen, `tell` each entry once it is durable.
    Both are called from several threads and must not raise.
    """

    def __init__(
        self, settings: Settings, plan: Plan, say: Say, tell: Tell, elapsed: Elapsed | None = None
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._say = say
        self._tell = tell
        self._on_air: OnAir | None = None
        self._elapsed = elapsed or Elapsed()
        heartbeat_s = number(settings, "record", "heartbeat_s")
        self.backlog = Backlog()
        self.coverage = Coverage(self._elapsed, heartbeat_s)
        self.looker = Looker(
            plan.source,
            self.backlog,
            self.coverage,
            self._elapsed,
            interval_s=plan.interval_s,
            heartbeat_s=heartbeat_s,
            rules=Rules().amid(plan.canvas_share),
            say=say,
            stats=plan.stats,
            cover=self._cover() if plan.overlay else None,
        )
        self.ticker = Ticker(self.looker.tick, tick_s(plan.interval_s), self.looker.failed)
        self._anchoring = Anchoring(settings, self._elapsed.clock)
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._reasons: list[str] = []
        self.stuck = False

    def _cover(self) -> Callable[[Pixels], Pixels]:
        """Return what hides our own code from the stage detector, should it be in the picture."""
        from capture.owncode import OwnCode  # noqa: PLC0415 - it loads a QR reader

        return OwnCode(lambda: self._on_air.turns if self._on_air else 0).cover

    def stop(self, reason: str) -> None:
        """End the recording; the first reason counts, a second call no longer waits for what others owe us."""
        if self._reasons:
            self._hurry.set()
        self._reasons.append(reason)
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Say whether `stop` was called."""
        return self._stop.is_set()

    def note(self, kind: EntryType, info: Info) -> None:
        """Write an entry about this moment."""
        self.looker.note(kind, info)

    def run(self) -> Ending:
        """Record until stopped; raises SakigakeError when the recording cannot begin."""
        cv2.setNumThreads(1)
        give_back_loaded()
        try:
            with RecorderLock(self._settings.home), closing(SqliteStore(self._settings.database)) as store:
                if not is_held(self._settings.home, START_FILE):
                    orders.clear(store, self._settings.home)  # what was for an earlier recorder
                self._open_source()
                return self._record(store)
        except OSError as error:
            path = self._settings.home
            raise SakigakeError("record-home-unwritable", path=path, why=error.strerror or error) from error
        finally:
            self.ticker.stop()

    def _open_source(self) -> None:
        """Open the source on the thread that will own it, before there is a session: a failure leaves no trace."""
        try:
            self.ticker.call(self._plan.source.open, OPEN_TIMEOUT_S)
        except concurrent.futures.TimeoutError as error:
            self.stuck = True
            raise SakigakeError("record-source-silent") from error

    def _record(self, store: SqliteStore) -> Ending:
        def choose(number: int, important: bool) -> list[str]:  # noqa: FBT001 - called by position
            return self._anchoring.choose(number, important=important)

        keys = Keys.open(self._settings.keys)
        spool = Spool(self._settings.pictures)
        with suppress(SakigakeError, OSError):  # somebody reads: the note of it stays for the next time
            sweep(store, spool)  # what a crash left half forgotten
        start = begin(
            store,
            keys,
            self._elapsed.clock,
            origin=str(self._plan.source.describe()["origin"]),
            source=self._plan.name + self._plan.also(),
            anew=self._plan.anew,
            leftovers=spool.clean(),
            choose=choose,
            acknowledge=self._tell,
        )
        session = start.ledger.session
        if self._plan.overlay is not None:
            self._on_air = OnAir(self._plan.overlay, session.ledger, self._elapsed, self._say)
        every_s, stage_s = (
            number(self._settings, "anchor", key) for key in ("checkpoint_s", "stage_checkpoint_s")
        )
        writer = Writer(
            ledger=start.ledger,
            reopen=lambda: Ledger.resume(store, session, keys.current, self._elapsed.clock, keys.heads),
            store=store,
            spool=spool,
            backlog=self.backlog,
            elapsed=self._elapsed,
            checkpoints=Checkpoints(self._elapsed, every_s, stage_s),
            limits=Limits.of(self._settings),
            room_left=lambda: disk.free_mb(self._settings.home),
            choose=choose,
            say=self._say,
            acknowledge=lambda entry: self._tell(entry, session),
            kept=self.looker.kept,
            forgot=self.looker.forgot,
            sealed=self._on_air.show if self._on_air else lambda _: None,
            newest=self.looker.rest.learn,
        )
        if start.resumed and not self._plan.source.live:
            self.looker.known = {
                parse_picture(stage.opening).pixels: stage.seq
                for stage in store.entries(session.id, EntryType.STAGE)
                if stage.opening
            }
        writer.checkpoint(important=True)
        self._greet(start)
        self._note_source()
        writer.start()
        if self._on_air is not None:
            self._on_air.start()
        self._anchoring.start()
        with closing(SqliteStore(self._settings.database)) as own:
            dog = Watchdog(
                settings=self._settings,
                session=session,
                store=own,
                looker=self.looker,
                writer=writer,
                backlog=self.backlog,
                coverage=self.coverage,
                ticker=self.ticker,
                elapsed=self._elapsed,
                anchoring=self._anchoring,
                say=self._say,
            )
            dog.step()  # a first pulse, before anybody can ask for it
            try:
                self.ticker.start()
                self._watch(dog, writer)
            finally:
                if not self._reasons:
                    self.stop("error")
                self._finish(writer)
                if self._on_air is not None:
                    self._on_air.finish()
            unstamped = self._anchoring.finish(own, session, self._hurry)
            dog.turned()  # the ledger is closed: only said
            with suppress(SakigakeError):  # a full disk; an old pulse without the lock means the same
                own.take_state(PULSE)
        return Ending(
            session=session.id,
            reason=self._reasons[0],
            stages=writer.stages,
            gaps=writer.gaps,
            drops=writer.drops,
            unwritten=self.backlog.waiting(),
            failed=writer.failure is not None,
            stuck=self.stuck,
            unstamped=unstamped,
            codes=self._on_air.turns if self._on_air is not None else 0,
        )

    def _greet(self, start: Start) -> None:
        for session in start.closed:
            self._say("record.closed-earlier", session=session)
        if start.resumed:
            self._say(
                "record.recovered", session=start.ledger.session.id, minutes=round(start.gap_ms / 60_000, 1)
            )
        for session in start.behind:
            self._say("record.behind", session=session)
        for key in start.notices:
            self._say(key)
        if start.leftovers:
            self._say("record.leftovers", count=start.leftovers)
        self._say("record.started", session=start.ledger.session.id)
        for key, values in self._plan.greeting():
            self._say(key, **values)

    def _note_source(self) -> None:
        for kind, info in self._plan.notes():
            self.looker.note(kind, info)

    def _watch(self, dog: Watchdog, writer: Writer) -> None:
        begun = self._elapsed.now()
        while not self._stop.wait(STEP_S):
            dog.step()
            if dog.ordered_to_stop:
                self.stop("stop")
            elif not writer.is_alive():
                self.stop("error")
            elif self.looker.exhausted:
                self.stop("exhausted")
            elif self._plan.for_s is not None and self._elapsed.now() - begun >= self._plan.for_s * SECOND:
                self.stop("time")

    def _finish(self, writer: Writer) -> None:
        self.looker.stopping = True
        self.ticker.rest()
        try:
            self.ticker.call(self.looker.finish, FINISH_TIMEOUT_S)
        except concurrent.futures.TimeoutError:
            self.stuck = True
        except Exception as error:  # noqa: BLE001 - the last look failed: that is told, and the end goes on
            self.looker.failed(error)
        else:
            self._note_source()
        self.looker.note(EntryType.SESSION_END, {"reason": self._reasons[0]})
        self.backlog.close()
        began = self._elapsed.now()
        while writer.is_alive():
            writer.join(STEP_S)
            late = self._elapsed.now() - began > LAST_TRIES_S * SECOND
            if writer.trouble and (late or self._hurry.is_set()):
                writer.give_up.set()
        if writer.failure is not None and not isinstance(writer.failure, GivenUpError):
            self._say("record.writer-failed", what=type(writer.failure).__name__)
