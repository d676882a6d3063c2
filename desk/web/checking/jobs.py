"""Checks that run beside the desk: started, followed, cancelled, and cleared away with all that they were given.

Each has a folder of its own, which only the user can read, in the cache of the home. It is removed when the check is
dismissed, when newer ones take its place, when a day is over, and whatever lies there when the desk starts.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from desk.web.checking.carried import GIVEN, Answer, Request
from desk.web.timeline.surroundings import surroundings
from sakigake import copies
from sakigake.errors import NotFoundError, UsageError

AT_ONCE = 2
MOST_KEPT = 12
MOST_UNDONE = 6
KEPT_S = 24 * 3600.0
WALL_S = 15 * 60.0
SHOWN = frozenset({".jpg", ".png"})


@dataclass(frozen=True, slots=True)
class State:
    """How a check stands. `step` is "waiting", "fetch", "decode", "read", "compare", "draw" or "done".

    While it is "draw" the answer is there already. `error` is the slug of what is wrong, with `params` for its sentence.
    """

    step: str = "waiting"
    done: int = 0
    of: int = 0
    stages: int = 0
    error: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Say whether nothing more will come."""
        return self.step == "done" or bool(self.error)


@dataclass(slots=True)
class Job:
    """One check. `number` is in its address and cannot be guessed."""

    number: str
    folder: Path
    request: Request
    began: float
    state: State = field(default_factory=State)
    answer: Answer | None = None
    cancelled: bool = False
    process: "subprocess.Popen[str] | None" = None


class Jobs:
    """The checks of one desk. Thread-safe; nothing here waits for a check to end."""

    def __init__(
        self, home: Path, *, command: list[str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._home = home
        self._folder = copies.folder(home, copies.CHECKS)
        self._command = command or [sys.executable, "-m", "desk.web.checking.worker"]
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._workers = ThreadPoolExecutor(AT_ONCE, "sakigake-check")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, request: Request, data: bytes | None) -> Job:
        """Begin a check of a picture, or (None) of what lies behind the link; raises UsageError when too many wait."""
        with self._lock:
            if sum(not job.state.ended for job in self._jobs.values()) >= MOST_UNDONE:
                raise UsageError("check-busy", count=MOST_UNDONE)
            number = secrets.token_urlsafe(12)
            job = Job(number, self._folder / number, request, self._clock())
            self._make(job.folder)
            if data is not None:
                (job.folder / GIVEN).write_bytes(data)
            request.write(job.folder)
            self._jobs[number] = job
            self._clear()
        self._workers.submit(self._run, job)
        return job

    def get(self, number: str) -> Job:
        """Return a check; raises NotFoundError."""
        with self._lock:
            self._clear()
            if (job := self._jobs.get(number)) is None:
                raise NotFoundError("check-gone")
            return job

    def given(self, number: str) -> bytes:
        """Return the picture of a check as it was given or fetched; raises NotFoundError.

        For whoever makes evidence of it: it is hostile until it was decoded in a process of its own.
        """
        try:
            return (self.get(number).folder / GIVEN).read_bytes()
        except OSError as error:
            raise NotFoundError("check-gone") from error

    def newest(self) -> list[Job]:
        """Return the checks that are kept, the newest first."""
        with self._lock:
            self._clear()
            return list(reversed(self._jobs.values()))

    def dismiss(self, number: str) -> None:
        """End a check, if it still runs, and remove all of it."""
        with self._lock:
            job = self._jobs.pop(number, None)
        if job is not None:
            self._end(job)

    def picture(self, number: str, name: str) -> Path:
        """Return a picture of an answer; raises NotFoundError for anything that the answer does not name."""
        job = self.get(number)
        known = () if job.answer is None else job.answer.pictures
        if not any(each.name == name for each in known) or Path(name).suffix not in SHOWN:
            raise NotFoundError("check-gone")
        return job.folder / name

    def close(self) -> None:
        """End every check and remove all of it."""
        with self._lock:
            jobs = list(self._jobs.values())
            self._jobs.clear()
        for job in jobs:
            self._end(job)
        self._workers.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)

    def _clear(self) -> None:
        """Let go of what is old; called with the lock held."""
        now = self._clock()
        ended = [job for job in self._jobs.values() if job.state.ended]
        over = [job for job in ended if now - job.began > KEPT_S]
        over += ended[: max(0, len(self._jobs) - MOST_KEPT)]
        for job in over:
            self._jobs.pop(job.number, None)
            shutil.rmtree(job.folder, ignore_errors=True)

    def _end(self, job: Job) -> None:
        job.cancelled = True
        if (process := job.process) is not None:
            _kill(process)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _run(self, job: Job) -> None:
        if job.cancelled:
            return
        try:
            self._follow(job)
        except OSError:
            job.state = replace(job.state, error="check-broke")
        if _is_cancelled(job):  # it may have written something more before it ended
            shutil.rmtree(job.folder, ignore_errors=True)

    def _follow(self, job: Job) -> None:
        with subprocess.Popen(
            [*self._command, str(job.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env=surroundings(self._home),
            start_new_session=sys.platform != "win32",
        ) as process:
            job.process = process
            late = threading.Timer(WALL_S, _kill, [process])
            late.start()
            try:
                if job.cancelled:  # between the question and the start
                    _kill(process)
                for line in process.stdout or ():
                    job.state = _told(job.state, line)
                    if job.state.step == "draw" and job.answer is None:
                        job.answer = _read(job.folder)
            finally:
                late.cancel()
                _kill(process)
        self._finish(job)

    def _finish(self, job: Job) -> None:
        if job.state.error or job.cancelled:
            return
        answer = _read(job.folder)
        if answer is None or not answer.complete:
            job.state = replace(job.state, error="check-broke")
        else:
            job.answer, job.state = answer, replace(job.state, step="done")


def _is_cancelled(job: Job) -> bool:
    """Say whether a check was ended by now, from whatever thread."""
    return job.cancelled


def _read(folder: Path) -> Answer | None:
    """Return the answer that lies in a folder; None when there is none that can be read."""
    try:
        return Answer.read(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(state: State, line: str) -> State:
    """Return the state after one line; what cannot be read changes nothing."""
    try:
        told: Any = json.loads(line)
        if "error" in told:
            return replace(state, error=str(told["error"]), params=dict(told["params"]))
        step = "draw" if told["step"] == "done" else str(told["step"])  # done is what the answer says
        return State(
            step, int(told.get("done", 0)), int(told.get("of", 0)), int(told.get("stages", state.stages))
        )
    except (ValueError, KeyError, TypeError):
        return state


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a process and the children that it started."""
    if process.poll() is not None:
        return
    with suppress(OSError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
