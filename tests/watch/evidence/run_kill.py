"""Keeps and seals one bundle again and again, killed (-9) one step later each time; says what was left each time.

A step is any call that a program may be killed before: opening, writing through to the disk, naming a file or folder, a
statement of the database.
"""

import json
import os
import pickle
import signal
import sqlite3
import sys
from pathlib import Path

from sakigake.errors import SakigakeError
from sakigake.settings import load
from sakigake.timeline.keys import Keys
from tests.watch.evidence import matches
from watch.evidence import bundle, ledger
from watch.evidence.keeper import EvidenceKeeper

STEPS = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "sqlite3.connect")


class Killer:
    """Ends the process at step `last`; 0 never does and counts."""

    def __init__(self, last: int) -> None:
        self.last, self.count, self.on = last, 0, False
        sys.addaudithook(self._hook)
        real_sync, real_connect = os.fsync, sqlite3.connect

        def fsync(number: int) -> None:
            self.step()
            real_sync(number)

        def connect(*given: object, **more: object) -> sqlite3.Connection:
            connection = real_connect(*given, **more)  # type: ignore[call-overload]
            connection.set_trace_callback(lambda _: self.step())
            return connection  # type: ignore[no-any-return]

        os.fsync, sqlite3.connect = fsync, connect  # type: ignore[assignment]

    def _hook(self, event: str, _: tuple[object, ...]) -> None:
        if self.on and event in STEPS:
            self.step()

    def step(self) -> None:
        self.count += self.on
        if self.on and self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def work(home: Path, told: Path, last: int) -> None:
    """Keep and seal in this process, which may not come back."""
    killer = Killer(last)
    fetched = pickle.loads(told.read_bytes())  # noqa: S301 - our own, made a moment ago
    settings = load(home)
    keeper = EvidenceKeeper(settings)
    killer.on = True
    keeper.keep(matches.post(), fetched, matches.finding())
    keeper.seal()
    killer.on = False
    print(json.dumps({"steps": killer.count}), flush=True)


def judge(home: Path) -> dict[str, object]:
    """Say what a kill has left, then let the next start finish it."""
    left = bundle.bundles(home)
    for each in left:
        bundle.check(each)
    settings = load(home)
    keeper = EvidenceKeeper(settings)
    name = keeper.keep(matches.post(), (), matches.finding()) if left else ""
    keeper.seal()
    with ledger.opened(home) as store:
        standings = [ledger.standing(store, each) for each in left]
        behind = []
        for session in store.sessions():
            try:
                behind.append(Keys.open(settings.keys).heads.compare(store, session).standing.value)
            except SakigakeError as error:
                behind.append(error.code)
    return {
        "bundles": [each.name for each in left],
        "again": name,
        "sealed": sum(each is not None for each in standings),
        "heads": sorted(set(behind)),
    }


def main() -> None:
    """Run each kill in a process of its own: `FOLDER FIRST STEP_WIDTH`."""
    folder, first, width = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    told = folder / "fetched"
    told.write_bytes(pickle.dumps(matches.fetched()))
    last = first
    while True:
        home = folder / f"home-{last}"
        home.mkdir()
        (home / "sakigake.toml").write_text("[anchor]\nenabled = false\n")
        Keys.open(load(home).keys)
        pid = os.fork()
        if not pid:
            try:
                work(home, told, last)
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"step": last, "killed": killed, **judge(home)}), flush=True)
        if not killed:
            return
        last += width


if __name__ == "__main__":
    main()
