"""Searches by words, one at a time and each in a process of its own: started, followed, ended, forgotten.

Nothing of a search is written to the disk. The newest are kept in memory until newer ones take their place.
"""

import json
import secrets
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk.web.timeline.surroundings import surroundings
from sakigake.errors import NotFoundError, UsageError

MOST_KEPT, MOST_UNDONE = 12, 4
WALL_S = 180.0  # a model of 1.5 GB is checked and loaded in less, also on a busy computer
MOST_HITS = 24
STEPS = ("waiting", "load", "search")


@dataclass(frozen=True, slots=True)
class Hit:
    """A stage that was found: its session, its number, how many deviations it lies above the middle of all."""

    session: str
    seq: int
    above: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, the nearest first. `foreign` says that the words are in a language the model did not learn."""

    model: str
    searched: int
    unread: int
    foreign: bool
    hits: tuple[Hit, ...]

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Found":
        """Read the line of the process that searches; raises KeyError, TypeError or ValueError."""
        return cls(
            model=str(told["model"]),
            searched=int(told["searched"]),
            unread=int(told["unread"]),
            foreign=bool(told["foreign"]),
            hits=tuple(Hit(str(session), int(seq), float(above)) for session, seq, above in told["hits"]),
        )


@dataclass(slots=True)
class Search:
    """One search. `step` is of `STEPS`; `error` is the slug of what is wrong, with `params` for its sentence."""

    number: str
    text: str
    step: str = STEPS[0]
    found: Found | None = None
    error: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    dismissed: bool = False

    @property
    def ended(self) -> bool:
        """Say whether nothing more will come."""
        return self.found is not None or bool(self.error)


class Searches:
    """The searches of one desk. Thread-safe; nothing here waits for one to end."""

    def __init__(self, home: Path, *, command: list[str] | None = None, wall_s: float = WALL_S) -> None:
        self._home = home
        self._command = command or [sys.executable, "-m", "desk.web.sought.worker"]
        self._wall_s = wall_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Search] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, "sakigake-search")

    def start(self, text: str) -> Search:
        """Begin to look for these words; raises UsageError when too many searches wait."""
        with self._lock:
            if sum(not each.ended for each in self._kept.values()) >= MOST_UNDONE:
                raise UsageError("find-busy", count=MOST_UNDONE)
            search = Search(secrets.token_urlsafe(12), text)
            self._kept[search.number] = search
            ended = [each.number for each in self._kept.values() if each.ended]
            for number in ended[: max(0, len(self._kept) - MOST_KEPT)]:
                self._kept.pop(number)
        self._worker.submit(self._run, search)
        return search

    def get(self, number: str) -> Search:
        """Return a search; raises NotFoundError."""
        with self._lock:
            if (found := self._kept.get(number)) is None:
                raise NotFoundError("find-gone")
            return found

    def dismiss(self, number: str) -> None:
        """End a search, if it still runs, and forget its words."""
        with self._lock:
            search = self._kept.pop(number, None)
        if search is not None:
            _end(search)

    def close(self) -> None:
        """End every search."""
        with self._lock:
            searches = list(self._kept.values())
            self._kept.clear()
        for each in searches:
            _end(each)
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, search: Search) -> None:
        if search.dismissed:
            return
        late = threading.Event()
        try:
            self._follow(search, late)
        except (OSError, ValueError, KeyError, TypeError):  # also what is no line of ours
            search.error = search.error or "find-broke"
        if not search.ended:
            search.error = "find-late" if late.is_set() else "find-broke"
            search.params = {"seconds": f"{self._wall_s:g}"} if late.is_set() else {}

    def _follow(self, search: Search, late: threading.Event) -> None:
        with subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env=surroundings(self._home),
            start_new_session=sys.platform != "win32",
        ) as process:
            search.process = process
            timer = threading.Timer(self._wall_s, _stop, [process, late])
            timer.start()
            try:
                if search.dismissed:  # between the question and the start
                    process.kill()
                _ask(process, search.text)
                for line in process.stdout or ():
                    _take(search, json.loads(line))
                    if search.ended:  # whatever the process does after its answer
                        break
            finally:
                timer.cancel()
                process.kill()


def _stop(process: "subprocess.Popen[str]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _ask(process: "subprocess.Popen[str]", text: str) -> None:
    """Send the words, and leave the pipe open: its end tells the process that the desk is gone."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"text": text, "limit": MOST_HITS}) + "\n")
            process.stdin.flush()


def _take(search: Search, told: Mapping[str, Any]) -> None:
    if "error" in told:
        search.params = {str(name): str(value) for name, value in dict(told["params"]).items()}
        search.error = str(told["error"])
    elif "step" in told:
        search.step = str(told["step"])
    else:
        search.found = Found.read(told)


def _end(search: Search) -> None:
    search.dismissed = True
    if (process := search.process) is not None and process.poll() is None:
        with suppress(OSError):
            process.kill()
