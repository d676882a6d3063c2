"""Packages in the making: each is written and then checked by the commands that a person would type, in their own processes.

So the page and the command line cannot come to differ, what is heavy stays out of the desk, and a package that takes long
keeps nobody waiting.
"""

import os
import secrets
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sakigake.errors import (
    EXIT_INTEGRITY_ONLY,
    EXIT_OK,
    NotFoundError,
    SakigakeError,
    UsageError,
    VerificationError,
)
from sakigake.settings import Settings

MOST_KEPT = 20
MOST_LINES = 400
WALL_S = 30 * 60.0
VERDICTS = {
    EXIT_OK: "VERIFIED",
    EXIT_INTEGRITY_ONLY: "INTEGRITY ONLY",
    VerificationError.exit_code: "FAILED",
}
Run = Callable[[Sequence[str]], tuple[int, str, str]]


@dataclass(slots=True)
class Job:
    """One package. `state` is "waiting", "writing", "checking", "done" or "failed"; lines are as the commands said them.

    `verdict` is that of the check, empty before it. `given` is a picture that was made for the command alone.
    """

    number: str
    out: Path
    arguments: tuple[str, ...]
    lang: str
    given: Path | None = None
    state: str = "waiting"
    said: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    verdict: str = ""
    trouble: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Say whether nothing more will come."""
        return self.state in {"done", "failed"}


@dataclass(slots=True)
class Jobs:
    """The packages that were asked for since the desk started; one is made at a time."""

    settings: Settings
    run: Run | None = None
    _jobs: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "sakigake-export"))

    def start(self, out: Path, arguments: Sequence[str], lang: str, given: Path | None = None) -> Job:
        """Begin one; raises UsageError when too many wait."""
        job = Job(secrets.token_urlsafe(12), out, tuple(arguments), lang, given)
        with self._lock:
            if sum(not each.ended for each in self._jobs.values()) >= MOST_KEPT:
                raise UsageError("export-busy")
            self._jobs[job.number] = job
            for oldest in [each.number for each in self._jobs.values() if each.ended][:-MOST_KEPT]:
                del self._jobs[oldest]
        self._worker.submit(self._work, job)
        return job

    def get(self, number: str) -> Job:
        """Return one; raises NotFoundError."""
        with self._lock:
            if (job := self._jobs.get(number)) is None:
                raise NotFoundError("export-gone")
            return job

    def _work(self, job: Job) -> None:
        try:
            job.state = "writing"
            code, said, trouble = self._command(job, ("export", *job.arguments, "-o", str(job.out)))
            job.said = _lines(said)
            if code != EXIT_OK:
                job.trouble, job.state = _lines(trouble or said), "failed"
                return
            job.state = "checking"
            code, said, trouble = self._command(job, ("verify", str(job.out)))
            job.checked, job.verdict = _lines(said or trouble), VERDICTS.get(code, "FAILED")
            job.state = "done"
        except (OSError, subprocess.SubprocessError) as error:
            told = SakigakeError(
                "export-not-run", why=getattr(error, "strerror", None) or type(error).__name__
            )
            job.trouble, job.state = (told.message(job.lang), told.hint(job.lang)), "failed"
        finally:
            if job.given is not None:
                job.given.unlink(missing_ok=True)

    def _command(self, job: Job, arguments: Sequence[str]) -> tuple[int, str, str]:
        if self.run is not None:
            return self.run(arguments)
        done = subprocess.run(
            [sys.executable, "-m", "desk", *arguments],
            env={
                **os.environ,
                "SAKIGAKE_HOME": str(self.settings.home),
                "SAKIGAKE_LANG": job.lang,
                "PYTHONUTF8": "1",
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WALL_S,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


def _lines(said: str) -> tuple[str, ...]:
    return tuple(line for line in said.splitlines() if line.strip())[:MOST_LINES]
