"""Ten seconds of real recording into a folder that is thrown away, to show what would be kept.

It is the recorder itself with the chosen source, in a process of its own, over records of its own and without any
network: what works here works in the stream.
"""

import math
import shutil
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from desk.web.supervise import last_words, launched, recording_options
from sakigake.errors import NotFoundError, SakigakeError

if TYPE_CHECKING:
    import subprocess

    from sakigake.settings import Settings

SECONDS = 10
UP_S = 60.0  # the process loads before it records
STREAM_HOURS = 3
# A stage is kept at every visible change of the drawing, but never in quicker succession than the looks; while somebody
# draws that is up to one in ten seconds, over hours with pauses about one in a minute.
BUSY_S, CALM_S = 10.0, 60.0
FOLDER = "trial"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a trial came to: pictures and bytes, the newest picture's file, or the last words of one that failed."""

    running: bool
    left_s: int = 0
    count: int = 0
    size: int = 0
    file: Path | None = None
    last_words: tuple[str, ...] = ()

    @property
    def amount(self) -> str:
        """Return how much was kept, with its unit."""
        return f"{self.size / 1e6:.1f} MB" if self.size >= 1e6 else f"{max(1, round(self.size / 1e3))} kB"  # noqa: PLR2004 - a million

    @property
    def forecast(self) -> tuple[int, int]:
        """Return from how many to how many MB a stream of three hours may take, by the size of these pictures."""
        each = self.size / max(1, self.count)
        seconds = STREAM_HOURS * 3600
        low, high = (each * seconds / apart / 1e6 for apart in (CALM_S, BUSY_S))
        return max(1, round(low)), max(2, math.ceil(high))


class Trial:
    """One trial at a time; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path()
        self._begun = 0.0

    def begin(self, settings: "Settings") -> None:
        """Begin one; an earlier one is thrown away. Raises SakigakeError."""
        self.discard()
        chosen = {**settings.section("desk"), "with_stream": False}
        with self._lock:
            try:
                (settings.home / "cache").mkdir(parents=True, exist_ok=True, mode=0o700)
                self._home = Path(tempfile.mkdtemp(prefix=f"{FOLDER}-", dir=settings.home / "cache"))
                (self._home / "sakigake.toml").write_text(_quiet(settings), encoding="utf-8")
            except OSError as error:
                raise SakigakeError(
                    "record-home-unwritable", path=settings.home, why=error.strerror or error
                ) from error
            options = ["record", "start", *recording_options(chosen), "--for", f"{SECONDS}s"]
            child = launched(self._home, options, "trial.out")
            self._process, self._log, self._begun = child.process, child.log, time.monotonic()

    def shown(self) -> Shown | None:
        """Return how far the trial is, or what it came to; None when there is none."""
        with self._lock:
            if self._home is None or self._process is None:
                return None
            code = self._process.poll()
            count, size, newest = _kept(self._home)
            if code is None:
                spent = time.monotonic() - self._begun
                if spent > UP_S + SECONDS:
                    self._process.kill()
                return Shown(running=True, left_s=max(0, math.ceil(SECONDS - spent)), count=count, size=size)
            words = last_words(self._log) if not count else ()
            return Shown(running=False, count=count, size=size, file=newest, last_words=words)

    def picture(self) -> Path:
        """Return the file of the newest picture of a trial that is over; raises NotFoundError."""
        shown = self.shown()
        if shown is None or shown.file is None:
            raise NotFoundError("copy-gone")
        return shown.file

    def close(self) -> None:
        """Throw away what there is, when the desk is closed."""
        self.discard()

    def discard(self) -> None:
        """Throw away what there is."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._home is not None:
                shutil.rmtree(self._home, ignore_errors=True)
            self._home = self._process = None


def sweep(home: Path) -> None:
    """Throw away what a desk that was killed left of a trial."""
    for left in (home / "cache").glob(f"{FOLDER}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _quiet(settings: "Settings") -> str:
    """Return settings that record as the user's own do, and ask nobody outside."""
    from sakigake.setting_file import toml  # noqa: PLC0415 - only a trial needs it

    privacy = "\n".join(f"{key} = {toml(value)}" for key, value in settings.section("privacy").items())
    interval = toml(settings.section("record")["interval_s"])
    return (
        f"[record]\ninterval_s = {interval}\n[privacy]\n{privacy}\n"
        "[anchor]\nenabled = false\n[ots]\nenabled = false\n"
    )


def _kept(home: Path) -> tuple[int, int, Path | None]:
    """Return how many pictures a trial has kept, their bytes, and the file of the newest."""
    from desk.web.standing import newest_session  # noqa: PLC0415 - only a trial needs it
    from sakigake.model import EntryType  # noqa: PLC0415 - as above
    from sakigake.store.sqlite import SqliteStore  # noqa: PLC0415 - as above
    from sakigake.timeline.entry import parse_picture  # noqa: PLC0415 - as above

    if not (home / "sakigake.db").is_file():
        return 0, 0, None
    with suppress(SakigakeError), closing(SqliteStore(home / "sakigake.db")) as store:
        session = newest_session(store)
        stages = list(store.entries(session, EntryType.STAGE)) if session else []
        names = [parse_picture(each.opening).file for each in stages if each.opening]
        files = [home / "pictures" / name[:2] / f"{name}.png" for name in names]
        sizes = [path.stat().st_size for path in files if path.is_file()]
        return len(sizes), sum(sizes), files[-1] if files else None
    return 0, 0, None
