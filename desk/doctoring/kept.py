"""The records folder: room, key, stores, heads of the ledgers. Nothing is made and nothing is mended by looking."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from desk.doctoring.line import Line, State
from sakigake import errors
from sakigake.settings import Settings

TRIAL_BYTES = 8 << 20
SLOW_MB_S = 5.0
OTHERS = 0o077


def home(settings: Settings) -> Iterator[Line]:
    """Return the lines about the folder, the room on its disk and how fast that is."""
    from capture.disk import Limits, Room, free_mb  # noqa: PLC0415

    if not settings.home.is_dir():
        yield Line("home", State.INFO, "home-none", {"path": str(settings.home)})
        return
    try:
        speed = _speed(settings.home)
    except OSError as error:
        facts = {"path": str(settings.home), "why": error.strerror or str(error)}
        yield Line("home", State.FAIL, "home-unwritable", facts)
        return
    yield Line("home", State.GOOD, "home", {"path": str(settings.home)})
    free = free_mb(settings.home)
    room = Limits.of(settings).room(free)
    measured: dict[str, Any] = {"free": f"{free / 1000:.1f}", "speed": round(speed)}
    state = {Room.ENOUGH: State.GOOD, Room.LOW: State.WARN}.get(room, State.FAIL)
    yield Line("disk", state, "disk" if state is State.GOOD else "disk-low", measured)
    if speed < SLOW_MB_S:
        yield Line("disk", State.WARN, "disk-slow", measured)


def _speed(folder: Path) -> float:
    """Return how many megabytes a second get onto the disk; raises OSError."""
    trial = folder / f".doctor-{os.getpid()}.tmp"
    raw = os.urandom(1 << 20)
    try:
        began = time.perf_counter()
        with trial.open("xb") as file:
            for _ in range(TRIAL_BYTES // len(raw)):
                file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        return TRIAL_BYTES / 1e6 / max(1e-6, time.perf_counter() - began)
    finally:
        trial.unlink(missing_ok=True)


def key(settings: Settings) -> Iterator[Line]:
    """Return the lines about the signing key; it is not opened."""
    from sakigake.timeline import keys  # noqa: PLC0415

    path = settings.keys / keys.KEY_FILE
    try:
        kept = keys.kept_as(path.read_bytes())
    except FileNotFoundError:
        yield Line("key", State.INFO, "key-none")
        return
    except OSError as error:
        yield Line(
            "key", State.FAIL, "key-unreadable", {"path": str(path), "why": error.strerror or str(error)}
        )
        return
    if sys.platform != "win32" and path.stat().st_mode & OTHERS:
        yield Line("key", State.WARN, "key-exposed", {"path": str(path)})
    else:
        yield Line("key", State.GOOD, f"key-{kept.value}")


def stores(settings: Settings) -> Iterator[Line]:
    """Return a line for each store: whether SQLite finds every page in order."""
    for name in ("sakigake.db", "watch.db", "evidence/ledger.db"):
        path = settings.home / name
        if path.is_file():
            yield _store(path, name)
    if not settings.database.is_file():
        yield Line("store", State.INFO, "store-none")


def _store(path: Path, name: str) -> Line:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            (answer,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        answer = str(error)
    megabytes = f"{path.stat().st_size / 1e6:.1f}"
    if answer == "ok":
        return Line("store", State.GOOD, "store", {"name": name, "megabytes": megabytes})
    return Line("store", State.FAIL, "store-damaged", {"name": name, "why": str(answer)})


def heads(settings: Settings) -> Iterator[Line]:
    """Return the lines about the ledgers: whether each reaches as far as what was signed last."""
    from desk.sessions import open_store  # noqa: PLC0415
    from sakigake.timeline import keys  # noqa: PLC0415
    from sakigake.timeline.heads import Standing  # noqa: PLC0415

    if not settings.database.is_file():
        return
    try:
        with closing(open_store(settings)) as store:
            known = store.sessions()
            standings = {
                each.id: keys.heads_of(settings.keys).compare(store, each).standing for each in known
            }
    except errors.SakigakeError as error:
        yield Line("ledgers", State.FAIL, "ledgers-unreadable", {"why": error.message(), "how": error.hint()})
        return
    behind = [name for name, standing in standings.items() if standing is Standing.BEHIND]
    missing = [name for name, standing in standings.items() if standing is Standing.MISSING]
    if behind:
        yield Line("ledgers", State.FAIL, "ledger-behind", {"sessions": ", ".join(behind[:5])})
    if missing:
        yield Line("ledgers", State.WARN, "ledger-headless", {"sessions": ", ".join(missing[:5])})
    if not behind and not missing:
        yield Line("ledgers", State.GOOD, "ledgers", {"count": len(standings)})


def recorder(settings: Settings) -> Iterator[Line]:
    """Return the line about a recorder at work."""
    from capture.lock import is_held  # noqa: PLC0415

    runs = settings.home.is_dir() and is_held(settings.home)
    yield Line("recorder", State.INFO, "recorder-runs" if runs else "recorder-none")
