"""Ends what a desk has started, whoever started it and whatever became of that one: recorders outlive their desk."""

import os
import signal
import time
from pathlib import Path

PROC = Path("/proc")


def of(home: Path) -> list[int]:
    """Return the processes that work on these records, or on those of a trial below them; this one is none of them."""
    begin = f"SAKIGAKE_HOME={home}"
    found = []
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
        if any(
            os.fsdecode(each) == begin or os.fsdecode(each).startswith(f"{begin}/") for each in environment
        ):
            found.append(int(entry.name))
    return found


def end(home: Path) -> None:
    """Kill them with their whole process groups, until none is left that could start another."""
    while left := of(home):
        for pid in left:
            _kill(pid)
        time.sleep(0.01)


def _kill(pid: int) -> None:
    try:
        group = os.getpgid(pid)
        if group == os.getpgid(0):  # ours: the runner of the tests is in it
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
