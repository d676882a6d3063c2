"""The desk's budgets on this machine: `python -m bench.desk [--stages 6000] [--seconds 20]`; ends 1 when one is missed.

    import of the application   < 0.5 s CPU          process of the desk            < 60 MB resident
    first answer                < 1 s                page of a session of N stages  < 1 s
    the recorder beside it      its looks take no longer and come no later while somebody browses

The desk runs as it ships, in a process of its own, and is asked by HTTP on loopback. The long session is written by the
real ledger into a real store; its stages share a few pictures. Times on a busy machine say little, so CPU seconds stand
beside them and the load is printed; only CPU and memory are held against the budgets when more than `BUSY` wait to run.
"""

import argparse
import contextlib
import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.spool import Spool
from sakigake.clock import Clock
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger

QUIET = "[anchor]\nenabled = false\n[ots]\nenabled = false\n"
PICTURES = 24
STEP_MS = 1800  # six thousand of these are three hours
BUSY = 2.0
TICK = os.sysconf("SC_CLK_TCK")
WAIT_S = 120.0


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a process over these records, that asks nobody outside."""
    return {**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": "en", "SAKIGAKE_OTS": "off"}


def drawing(step: int, width: int = 960, height: int = 540) -> "np.typing.NDArray[np.uint8]":
    """Return a canvas after so many strokes."""
    rng = np.random.default_rng(5)
    canvas = np.full((height, width, 3), 252, np.uint8)
    for _ in range(step + 1):
        points = rng.integers((20, 20), (width - 20, height - 20), (5, 2)).astype(np.int32)
        colour = tuple(int(each) for each in rng.integers(0, 200, 3))
        cv2.polylines(canvas, [points], isClosed=False, color=colour, thickness=int(rng.integers(2, 9)))
    return canvas


def long_session(home: Path, stages: int) -> str:
    """Write a session of so many stages; return its id."""
    spool = Spool(home / "pictures")
    kept = [spool.keep(drawing(step)) for step in range(PICTURES)]
    begun = time.time_ns() - stages * STEP_MS * 1_000_000
    with contextlib.closing(SqliteStore(home / "sakigake.db")) as store:
        ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "bench", Clock(wall_ns=lambda: begun))
        for number in range(stages):
            moment = begun + number * STEP_MS * 1_000_000
            picture = kept[number * PICTURES // stages]
            ledger.append(
                EntryType.STAGE, picture=picture, wall_ns=moment, mono_ns=number * STEP_MS * 1_000_000
            )
    return ledger.session.id


class Desk:
    """A desk in a process of its own, and a client that was let in."""

    def __init__(self, home: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "desk", "desk", "--port", "0", "--no-browser"],
            env=environment(home),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        link = next(line.strip() for line in self.process.stdout if line.startswith("http://"))
        self.up_s = time.perf_counter() - began
        base = link.partition("/login")[0]
        self.client = httpx.Client(base_url=base, headers={"origin": base}, trust_env=False, timeout=WAIT_S)
        began = time.perf_counter()
        assert self.client.get(link).status_code == 303
        assert self.client.get("/").status_code == 200
        self.first_s = time.perf_counter() - began

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident_mb(self) -> float:
        """Return what the process has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def timed(self, path: str) -> tuple[float, float, int]:
        """Return how long a page took, the CPU it took here, and its bytes."""
        cpu, began = self.cpu_s(), time.perf_counter()
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return time.perf_counter() - began, self.cpu_s() - cpu, len(answer.content)

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.process.terminate()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def import_cpu_s() -> float:
    """Return the least CPU of three imports of the application, an empty Python taken off."""

    def cpu(code: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return min(cpu("import desk.web.app") for _ in range(3)) - min(cpu("pass") for _ in range(3))


@contextlib.contextmanager
def drawn_into(folder: Path, every_s: float) -> Iterator[None]:
    """Save a picture into a folder again and again, as somebody who draws would."""
    folder.mkdir()
    done = threading.Event()

    def draw() -> None:
        step = 0
        while not done.wait(every_s):
            part = folder / ".part"
            part.write_bytes(cv2.imencode(".png", drawing(step % 60))[1].tobytes())
            part.rename(folder / f"{step:06}.png")
            step += 1

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def recorded(base: Path, name: str, seconds: float, desk: Desk | None, session: str) -> dict[str, float]:
    """Record for so long, browsing meanwhile if there is a desk; return what the recorder's looks took."""
    home, table = base / name, base / f"{name}.csv"
    home.mkdir()
    (home / "sakigake.toml").write_text(QUIET, encoding="utf-8")
    command = [sys.executable, "-m", "desk", "record", "start", "--source", f"folder:{base / (name + '-in')}"]
    command += ["--interval", "0.5s", "--for", f"{seconds}s", "--stats", str(table)]
    with drawn_into(base / f"{name}-in", 0.5):
        before = os.times()
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL)
        pages = 0
        while process.poll() is None:
            if desk is None:
                time.sleep(0.2)
                continue
            for path in ("/today/live", "/", f"/sessions/{session}", "/settings", "/dock"):
                desk.client.get(path)
                pages += 1
                time.sleep(0.1)
        after = os.times()
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    at = [float(row["seconds"]) for row in rows]
    apart = [later - earlier for earlier, later in itertools.pairwise(at)]
    return {
        "looks": len(rows),
        "pages": pages,
        "recorder_cpu_s": round(
            after.children_user + after.children_system - before.children_user - before.children_system, 2
        ),
        "look_cpu_ms": round(statistics.median(float(row["cpu_ms"]) for row in rows), 1),
        "apart_median_s": round(statistics.median(apart), 3),
        "apart_most_s": round(max(apart), 3),
    }


def main() -> int:
    """Measure everything once and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stages", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    busy = os.getloadavg()[0] > BUSY
    told: dict[str, object] = {"load": [round(each, 1) for each in os.getloadavg()], "stages": given.stages}
    missed = []

    def hold(name: str, value: float, most: float, *, waits: bool = False) -> None:
        told[name] = round(value, 3)
        if value >= most and not (waits and busy):
            missed.append(f"{name}: {value:.3f}, at most {most}")

    hold("import_cpu_s", import_cpu_s(), 0.5)
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        home = base / "home"
        home.mkdir()
        (home / "sakigake.toml").write_text(QUIET, encoding="utf-8")
        session = long_session(home, given.stages)
        desk = Desk(home)
        try:
            told["until_the_link_s"] = round(desk.up_s, 2)
            told["until_the_link_cpu_s"] = round(desk.cpu_s(), 2)
            hold("first_answer_s", desk.first_s, 1.0, waits=True)
            hold("resident_mb", desk.resident_mb(), 60.0)
            for path in ("/", "/sessions", f"/sessions/{session}", f"/sessions/{session}", "/settings"):
                spent, cpu, size = desk.timed(path)
                told[path] = {"s": round(spent, 3), "cpu_s": round(cpu, 2), "kB": round(size / 1e3)}
                if path.endswith(session):
                    hold("timeline_s", spent, 1.0, waits=True)
                    hold("timeline_cpu_s", cpu, 1.0)
            told["resident_after_mb"] = round(desk.resident_mb(), 1)
            alone = recorded(base, "alone", given.seconds, None, session)
            beside = recorded(base, "beside", given.seconds, desk, session)
        finally:
            desk.close()
    told |= {"recorder_alone": alone, "recorder_beside": beside}
    if beside["look_cpu_ms"] > alone["look_cpu_ms"] * 1.2 + 1:
        missed.append("a look takes the recorder longer while somebody browses")
    if beside["apart_median_s"] > alone["apart_median_s"] * 1.2 and not busy:
        missed.append("looks come later while somebody browses")
    print(json.dumps({**told, "missed": missed}, indent=1))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
