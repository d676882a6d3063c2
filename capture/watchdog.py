"""Watches over a recording from outside the threads that do it: clocks, missing looks, orders, and the pulse."""

from typing import TYPE_CHECKING

from capture import disk
from capture.anchoring import Anchoring
from capture.backlog import Backlog
from capture.coverage import Coverage
from capture.elapsed import Elapsed
from capture.look import Looker, Say
from capture.orders import HALT, PAUSE, Orders, flags
from capture.pacer import SECOND
from capture.pulse import STOP, Pulse
from capture.ticker import Ticker
from capture.writer import Writer
from sakigake.anchor.queue import NOT_TRUSTED
from sakigake.anchor.thread import AnchorEvent
from sakigake.clock import to_ms
from sakigake.errors import SakigakeError
from sakigake.model import EntryType, Session
from sakigake.pulse import EVERY_S
from sakigake.settings import Settings
from sakigake.store.protocol import Store

if TYPE_CHECKING:
    from pathlib import Path

STEP_S = 0.5
JUMP_NS = 2 * SECOND
QUIET_NS = 5 * SECOND


class Watchdog:
    """Called every `STEP_S` by the recorder's own thread.

    `store` is a connection of its own, so that a writer that waits for a slow disk does not stop the pulse.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        session: Session,
        store: Store,
        looker: Looker,
        writer: Writer,
        backlog: Backlog,
        coverage: Coverage,
        ticker: Ticker,
        elapsed: Elapsed,
        anchoring: Anchoring,
        say: Say,
    ) -> None:
        self.ordered_to_stop = False
        self._flag: Path | None = None
        self._settings = settings
        self._session = session
        self._store = store
        self._looker = looker
        self._writer = writer
        self._backlog = backlog
        self._coverage = coverage
        self._ticker = ticker
        self._elapsed = elapsed
        self._anchoring = anchoring
        self._say = say
        self._orders = Orders(store, looker, lambda: elapsed.clock.wall_ns() // 1_000_000)
        self._offset = elapsed.offset()
        self._renewed = elapsed.now()
        self._beaten: int | None = None
        self._told: tuple[object, ...] = ()

    def step(self) -> None:
        """Look at everything once; never raises for a store that cannot be reached."""
        self._clocks()
        interval_s = self._looker.pacer.interval_s
        self._looker.gap(self._coverage.missing(interval_s))
        self._ticks()
        for event in self.turned():
            self._looker.note(event.kind, event.info())
        self._flags()
        try:
            if self._store.take_state(STOP) is not None:
                self.ordered_to_stop = True
            self._orders.step()
            self._beat()
        except SakigakeError:
            # The pulse grows old, which is what `status` goes by; the writer says what is wrong with the store.
            self._beaten = None

    def turned(self) -> list[AnchorEvent]:
        """Return what has turned with the witnesses since the last call; that a stranger answered is said here."""
        events = self._anchoring.events()
        for event in events:
            if event.reason == NOT_TRUSTED:
                self._say("record.anchor-not-trusted", name=event.authority)
        return events

    def _flags(self) -> None:
        """Obey the orders of a disk that takes nothing any more."""
        pauses = self._looker.pauses
        for path, order in flags(self._settings.home):
            if order.do == HALT:
                self.ordered_to_stop = True
            elif self._flag != path:
                if order.do == PAUSE:
                    pauses.ask(order.seconds or None)
                else:
                    pauses.ask_end()
                self._flag = path
            if order.do == HALT or not pauses.ordered:
                path.unlink(missing_ok=True)  # that it is gone says that it was carried out
                self._flag = None
            return

    def _clocks(self) -> None:
        offset = self._elapsed.offset()
        by = offset - self._offset
        if abs(by) > JUMP_NS:
            self._offset = offset
            self._looker.note(EntryType.CLOCK_JUMP, {"by_ms": by // 1_000_000})
            self._ticker.renew()

    def _ticks(self) -> None:
        """Revive a ticker that went quiet: no thread of ours is at work, yet no tick came."""
        now = self._elapsed.now()
        quiet_since = max(self._looker.ticked, self._renewed)
        if self._looker.busy_since is None and now - quiet_since > QUIET_NS:
            self._renewed = now
            self._ticker.renew()

    def _beat(self) -> None:
        now = self._elapsed.now()
        state = (self._trouble(), self._looker.pauses.current, self._writer.stages)
        if self._beaten is not None and now - self._beaten < EVERY_S * SECOND and state == self._told:
            return
        self.pulse().put(self._store)
        self._beaten, self._told = now, state

    def _trouble(self) -> str:
        return self._writer.trouble or self._looker.alarms.reason or self._coverage.reason

    def pulse(self) -> Pulse:
        """Return how the recording is right now."""
        wall_ms = self._elapsed.clock.wall_ns() // 1_000_000
        try:
            free = int(disk.free_mb(self._settings.home))
        except OSError:
            free = -1
        pause = self._looker.pauses.current
        return Pulse(
            session=self._session.id,
            origin=self._session.source,
            started_ms=to_ms(self._session.started),
            beat_ms=wall_ms,
            good_ms=wall_ms - int(self._coverage.good_age_s() * 1000),
            interval_s=self._looker.pacer.interval_s,
            stages=self._writer.stages,
            entries=self._writer.entries,
            gaps=self._writer.gaps,
            drops=self._writer.drops,
            errors=self._looker.errors,
            passed_over=self._looker.passed_over,
            waiting=self._backlog.waiting(),
            trouble=self._trouble(),
            paused=pause.reason if pause else "",
            paused_ms=pause.wall_ms if pause else 0,
            until_ms=wall_ms + pause.left_ms(self._elapsed.now()) if pause and pause.until_ns else 0,
            unstamped=len(self._store.pending_jobs(self._session.id)),
            free_mb=free,
        )
