"""The log of what commands did: which, how it ended, and which errors. No arguments, pictures, titles or names.

Only words of this program get into it: names of commands, keys of sentences, slugs of errors, places in its own code.
What others wrote cannot, so the log may be shown to whoever helps.
"""

import os
import time
import traceback
from contextlib import suppress
from pathlib import Path

from sakigake import durable, settings
from sakigake.errors import SakigakeError

FOLDER, NAME = "logs", "sakigake.log"
KEPT = 3  # old files
_ROOT = Path(__file__).resolve().parents[1]


def path_of(home: Path) -> Path:
    """Return where the log of a records folder lies, whether it is there or not."""
    return home / FOLDER / NAME


def note(command: str, event: str, *details: str) -> None:
    """Write one line; never raises, and never makes a records folder by looking."""
    with suppress(OSError, SakigakeError):
        home, _ = settings.places()
        if not home.is_dir():
            return
        table = settings.load_section("program")
        if table["log"]:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = " ".join((stamp, str(os.getpid()), command or "-", event, *details))
            _append(path_of(home), f"{line}\n", round(float(table["log_mb"]) * 1e6))


def places_of(error: BaseException) -> str:
    """Return where in our own code an unexpected error came up: its kind and lines, not what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _ROOT in Path(frame.filename).parents][-6:]
    named = (f"{Path(frame.filename).relative_to(_ROOT).as_posix()}:{frame.lineno}" for frame in own)
    return f"{type(error).__name__}@{','.join(named)}"


def _append(path: Path, line: str, most: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size + len(line) > most:
            _rotate(path)
    # One write of one line: several processes write to the same file.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | durable.BINARY, 0o600)
    try:
        os.write(handle, line.encode("ascii", "backslashreplace"))
    finally:
        os.close(handle)


def _rotate(path: Path) -> None:
    for number in range(KEPT, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        with suppress(FileNotFoundError):
            durable.replace(newer, older)
