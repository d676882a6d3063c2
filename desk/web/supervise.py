"""Starting, ending and ordering about the recorder and the watcher, as processes of their own.

They are not the desk's: each is a session of its own, goes on when the desk is closed or killed, and one that was started
elsewhere is ordered about just the same, through its store. What a process says goes to a file in `logs`, of which the
last lines are shown when it has died.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from desk.web.standing import Condition, Ended, Standing, recorder, watcher
from sakigake import durable, words
from sakigake.errors import SakigakeError, UsageError
from sakigake.lock import is_held
from sakigake.text import plain

if TYPE_CHECKING:
    from sakigake.settings import Settings

JOBS = {"record": ("record", "start"), "watch": ("watch", "run")}
LAST_LINES = 3
LAST_BYTES = 4096
APART = 0x0800_0200 if sys.platform == "win32" else 0  # no console of its own, and no Ctrl+C of ours
RECORDER_LOCK = "recorder.lock"
UP_S = 20.0  # how long is waited for a process to take its lock, or to say why it cannot
STOP_S, ASK_S = 40.0, 1.0
UP_POLL_S = 0.3


@dataclass(slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    log: Path


class Supervisor:
    """The desk's hand on both. `settings` returns those of now; may be used from several threads."""

    def __init__(self, settings: "Callable[[], Settings]") -> None:
        self._settings = settings
        self._children: dict[str, _Child] = {}
        self._lock = threading.Lock()

    def recorder(self) -> Standing:
        """Return how the recorder is."""
        return recorder(self._settings(), self.ended("record"))

    def watcher(self) -> Standing:
        """Return how the watcher is."""
        return watcher(self._settings(), self.ended("watch"))

    def ended(self, job: str) -> Ended | None:
        """Return how the process ended that the desk last started for this job; None while it runs or if none was."""
        child = self._children.get(job)
        code = child.process.poll() if child else None
        return Ended(code, last_words(child.log)) if child and code is not None else None

    def start_recorder(self) -> None:
        """Record what the settings say, with their stream if so; raises UsageError, SakigakeError."""
        chosen = self._settings().section("desk")
        if not chosen["source"]:
            raise UsageError("desk-nothing-chosen")
        self.start("record", recording_options(chosen))

    def start(self, job: str, options: Sequence[str] = ()) -> None:
        """Start one of the two; returns once it is up, or has said why not. Raises SakigakeError if one runs."""
        with self._lock:
            standing = self.recorder() if job == "record" else self.watcher()
            if standing.runs:
                raise SakigakeError("record-running" if job == "record" else "watch-running")
            home = self._settings().home
            self._children[job] = child = launched(home, [*JOBS[job], *options], f"{job}.out")
        until = time.monotonic() + UP_S
        while child.process.poll() is None and time.monotonic() < until:
            if self._is_up(job):
                return
            time.sleep(UP_POLL_S)

    def _is_up(self, job: str) -> bool:
        """Say whether one that was started has come so far that it will not end again at once."""
        standing = self.recorder() if job == "record" else self.watcher()
        if standing.condition is not Condition.STARTING:
            return standing.runs
        settings = self._settings()  # until there is a stream a recorder waits, under its lock
        waits = job == "record" and settings.section("desk")["with_stream"]
        return waits and is_held(settings.home / RECORDER_LOCK)

    def stop(self, job: str) -> None:
        """End one of the two, whoever started it; raises NotFoundError when it does not run, SakigakeError."""
        settings = self._settings()
        if job == "record":
            from desk.commands.record import halt  # noqa: PLC0415 - only who stops it needs it

            halt(settings)
            return
        stop_watcher(settings)

    def pause(self, seconds: float = 0.0) -> None:
        """Pause the recorder, for so long or until it is resumed; raises SakigakeError."""
        from capture import orders  # noqa: PLC0415 - only who orders needs it
        from desk.commands.orders import PAUSE_TIMEOUT_S, ask  # noqa: PLC0415 - as above

        answer = ask(self._settings(), orders.Order(orders.PAUSE, seconds), PAUSE_TIMEOUT_S)
        if answer.said == orders.ALREADY:
            raise SakigakeError("record-paused-already")

    def resume(self) -> None:
        """Go on after a pause; raises SakigakeError."""
        from capture import orders  # noqa: PLC0415 - only who orders needs it
        from desk.commands.orders import PAUSE_TIMEOUT_S, ask  # noqa: PLC0415 - as above

        answer = ask(self._settings(), orders.Order(orders.RESUME), PAUSE_TIMEOUT_S)
        if answer.said != orders.DONE:
            slug = "record-paused-by-gate" if answer.said == orders.BY_GATE else "record-not-paused"
            raise SakigakeError(slug)

    def forget(self, seconds: float) -> tuple[int, int]:
        """Forget the pictures of the last seconds; returns how many, and how many a time token keeps."""
        from desk.commands.orders import forget_last  # noqa: PLC0415 - only who forgets needs it

        return forget_last(self._settings(), seconds)


def recording_options(chosen: "dict[str, object]") -> list[str]:
    """Return the options of `record start` for what is set in [desk]."""
    options = ["--source", str(chosen["source"])]
    if chosen["canvas"]:
        options += ["--canvas", str(chosen["canvas"])]
    if chosen["with_stream"]:
        options.append("--with-stream")
    return options


def launched(home: Path, arguments: Sequence[str], log_name: str) -> _Child:
    """Start `sakigake` with these arguments, apart from this process; raises SakigakeError."""
    log = home / "logs" / log_name
    environment = {
        **os.environ,
        "SAKIGAKE_HOME": str(home),
        "SAKIGAKE_LANG": words.language(),
        "PYTHONUTF8": "1",
    }
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(
            os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | durable.BINARY, 0o600), "wb"
        ) as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "desk", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl+C at the desk is not meant for it
                creationflags=APART,
            )
    except OSError as error:
        raise SakigakeError("desk-not-started", why=error.strerror or error) from error
    return _Child(process, log)


def last_words(log: Path) -> tuple[str, ...]:
    """Return the last lines that a process printed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    lines = [plain(line.strip()).removeprefix("sakigake: ") for line in text.splitlines() if line.strip()]
    return tuple(lines[-LAST_LINES:])


def stop_watcher(settings: "Settings") -> None:
    """End the watcher that runs, and wait until it has ended; raises NotFoundError, SakigakeError."""
    from contextlib import closing  # noqa: PLC0415 - only who stops it needs it

    from desk.watching import open_watch  # noqa: PLC0415 - as above
    from sakigake.errors import NotFoundError  # noqa: PLC0415 - as above
    from watch.pulse import LOCK_FILE, STOP  # noqa: PLC0415 - as above

    lock = settings.home / LOCK_FILE
    if not is_held(lock):
        raise NotFoundError("watch-not-running")
    until = time.monotonic() + STOP_S
    while is_held(lock):
        if time.monotonic() > until:
            raise SakigakeError("watch-stop-slow")
        with closing(open_watch(settings)) as store:
            store.put_state(
                STOP, "stop"
            )  # again and again: one that only just begins takes the first for an old one
        time.sleep(ASK_S)  # with the store closed: at its end the watcher clears its log of writes
    with closing(open_watch(settings)) as store:
        store.take_state(STOP)
