"""Whether a worker reads stages, and asking it to end: by its lock, and by a file beside it. Loads nothing heavy."""

import time
from pathlib import Path

from sakigake.errors import NotFoundError, SakigakeError
from sakigake.lock import is_held

LOCK, STOP = "deep.lock", "deep.stop"
STOP_S, ASK_S = 120.0, 0.2  # a model is loaded, or a batch computed, to its end


def runs(home: Path) -> bool:
    """Say whether a worker runs on this home."""
    return is_held(home / LOCK)


def begin(home: Path) -> None:
    """Forget what was asked of an earlier worker; called with the lock held. Raises OSError."""
    (home / STOP).unlink(missing_ok=True)


def asked_to_stop(home: Path) -> bool:
    """Say whether the worker is to end."""
    return (home / STOP).exists()


def stop(home: Path, seconds: float = STOP_S) -> None:
    """Ask the worker to end and wait until it has; raises NotFoundError when none runs, SakigakeError when it takes too long."""
    if not runs(home):
        raise NotFoundError("deep-not-running")
    until = time.monotonic() + seconds
    try:
        while runs(home):
            if time.monotonic() > until:
                raise SakigakeError("deep-stop-slow", seconds=f"{seconds:g}")
            (home / STOP).touch()  # again and again: one that only just begins takes the first for an old one
            time.sleep(ASK_S)
        (home / STOP).unlink(missing_ok=True)
    except OSError as error:
        raise SakigakeError("deep-home-unwritable", path=home, why=error.strerror or error) from error
