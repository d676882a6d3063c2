"""What runs, seen from outside: the recorder and the watcher each by its lock and by the pulse it left in its store.

A lock is let go of by the kernel the moment a process dies, so that a dead one is known as dead at the next look. A
pulse that is there without a lock is of one that did not end by itself.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sakigake import words
from sakigake.clock import from_ms
from sakigake.lock import held_since_ms, is_held

if TYPE_CHECKING:
    from sakigake.settings import Settings
    from sakigake.store.sqlite import SqliteStore

NO_NEWS_S = 15  # one that is well gives a sign more often than this


class Condition(StrEnum):
    """How a recorder or a watcher is."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STALLED = "stalled"
    OFF = "off"
    DIED = "died"


# The class of the sign in front of the word, so that colour is never the only one.
SIGNS = {
    Condition.STARTING: "paused",
    Condition.RUNNING: "good",
    Condition.PAUSED: "paused",
    Condition.STALLED: "bad",
    Condition.OFF: "off",
    Condition.DIED: "bad",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process that the desk started ended: its exit code, and the last lines it printed."""

    code: int
    words: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Say whether it ended as it was meant to."""
        return self.code in {0, 130}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one of the two is. `job` is `record` or `watch`; `why` is a sentence, where there is something to say.

    `saved` is when the newest picture was kept, by this computer's clock, `stage` its number in the ledger; `last_words`
    what a process printed before it died. `unstamped` is how many time tokens are still to come, -1 when unknown.
    """

    job: str
    condition: Condition
    why: str = ""
    session: str = ""
    since: datetime | None = None
    beat: datetime | None = None
    saved: datetime | None = None
    stage: int | None = None
    stages: int = 0
    unstamped: int = -1
    last_words: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """Return the class of the sign before the word."""
        return SIGNS[self.condition]

    @property
    def word(self) -> str:
        """Return the word for its condition."""
        return words.text(f"desk.condition.{self.job}-{self.condition.value}")

    @property
    def runs(self) -> bool:
        """Say whether a process is there."""
        return self.condition not in {Condition.OFF, Condition.DIED}


def recorder(settings: "Settings", ended: Ended | None = None) -> Standing:
    """Return how the recorder of these records is; `ended` is how the last one that the desk started did."""
    from capture.lock import LOCK_FILE, START_FILE  # noqa: PLC0415 - no page without a need of them loads these
    from capture.lock import is_held as holds  # noqa: PLC0415 - as above
    from capture.pulse import State  # noqa: PLC0415 - as above
    from desk.commands.record import state_of  # noqa: PLC0415 - as above

    state, pulse, now_ms, _running = state_of(settings)
    found = Standing("record", Condition.OFF)
    if pulse is not None:
        found = replace(
            found,
            session=pulse.session,
            since=from_ms(pulse.started_ms),
            beat=from_ms(pulse.beat_ms),
            stages=pulse.stages,
            unstamped=pulse.unstamped,
        )
    if settings.database.is_file():
        found = _with_newest(settings, found)
    begins = pulse is None or pulse.beat_ms < held_since_ms(
        settings.home / LOCK_FILE
    )  # the pulse is of an earlier one
    if state is State.NOT_RECORDING and not holds(settings.home, START_FILE):
        return _gone(found, ended, died=pulse is not None)
    if state is State.NOT_RECORDING or begins or pulse is None:
        waits = settings.section("desk")["with_stream"]
        return replace(found, condition=Condition.STARTING, why=_stream_line() if waits else "")
    if state is State.STALE:
        why = _stalled(pulse.trouble, now_ms - pulse.beat_ms)
        return replace(found, condition=Condition.STALLED, why=why)
    if state is State.PAUSED:
        from desk.commands.orders import pause_line  # noqa: PLC0415 - as above

        return replace(found, condition=Condition.PAUSED, why=pause_line(pulse))
    return replace(found, condition=Condition.RUNNING)


def _stream_line() -> str:
    return words.text("desk.today.waits-for-stream")


def _stalled(trouble: str, silent_ms: int) -> str:
    from desk.commands.record import trouble_line  # noqa: PLC0415 - as above

    if trouble:
        return trouble_line(trouble)
    if silent_ms > NO_NEWS_S * 1000:
        return words.text("status.no-news", age=silent_ms // 1000)
    return words.text("desk.today.sees-nothing")


def _gone(found: Standing, ended: Ended | None, *, died: bool) -> Standing:
    """Return how one is that does not run: it ended, or was ended, or never came up."""
    if died:
        last = ended.words if ended and ended.code > 0 else ()  # who was killed said nothing of it
        return replace(found, condition=Condition.DIED, why=words.text("desk.today.cut-off"), last_words=last)
    if ended is not None and not ended.well:
        why = words.text("desk.today.ended-badly", code=ended.code)
        return replace(found, condition=Condition.DIED, why=why, last_words=ended.words)
    return found


def _with_newest(settings: "Settings", found: Standing) -> Standing:
    """Add the newest picture of the session that runs, or of the newest one."""
    from contextlib import closing  # noqa: PLC0415 - as above

    from desk.sessions import open_store  # noqa: PLC0415 - as above

    with closing(open_store(settings)) as store:
        session = found.session or newest_session(store)
        newest = newest_stage(store, session) if session else None
    if newest is None:
        return replace(found, session=session or "")
    return replace(found, session=session or "", stage=newest[0], saved=newest[1])


def newest_session(store: "SqliteStore") -> str | None:
    """Return the id of the newest session that has an entry."""
    begun = (each.id for each in reversed(store.sessions()) if store.last_entry(each.id))
    return next(begun, None)


def newest_stage(store: "SqliteStore", session: str) -> tuple[int, datetime] | None:
    """Return the number of a session's newest stage and when it was kept, by this computer's clock."""
    from sakigake.model import EntryType  # noqa: PLC0415 - as above
    from sakigake.timeline.entry import parse_entry  # noqa: PLC0415 - as above

    stored = store.last_entry(session, EntryType.STAGE)
    return (stored.seq, from_ms(parse_entry(stored.raw).wall)) if stored else None


def watcher(settings: "Settings", ended: Ended | None = None) -> Standing:
    """Return how the watcher of these records is."""
    from contextlib import closing  # noqa: PLC0415 - as above

    from desk.watching import open_watch  # noqa: PLC0415 - as above
    from watch.pulse import LOCK_FILE, Pulse, State  # noqa: PLC0415 - as above
    from watch.store.sqlite import FILE  # noqa: PLC0415 - as above

    running = is_held(settings.home / LOCK_FILE)
    pulse = None
    if (settings.home / FILE).is_file():
        with closing(open_watch(settings)) as store:
            pulse = Pulse.read(store)
    found = Standing("watch", Condition.OFF)
    if pulse is not None:
        found = replace(
            found, since=from_ms(pulse.started_ms), beat=from_ms(pulse.beat_ms), stages=pulse.stages
        )
    if not running:
        return _gone(found, ended, died=pulse is not None and not pulse.ended_ms)
    if pulse is None or pulse.beat_ms < held_since_ms(settings.home / LOCK_FILE):  # of the one before
        return replace(found, condition=Condition.STARTING)
    now_ms = time.time_ns() // 1_000_000
    if pulse.judge(now_ms, running=True) is State.RUNNING:
        return replace(found, condition=Condition.RUNNING)
    silent_ms = now_ms - pulse.beat_ms
    why = words.text("desk.today.watch-trouble") if pulse.trouble else ""
    if not why:
        why = words.text("desk.today.watch-silent", age=max(0, silent_ms) // 1000)
    return replace(found, condition=Condition.STALLED, why=why)
