"""What a real recording loses while the worker reads stages beside it: `python -m bench.deep --beside 60`.

One recorder, one window, one worker, all of them real: mtPaint on an X server of its own is drawn in through its pointer,
`sakigake record start --source window:mtPaint` records it every 2 s, and the worker reads stages of the same records with
ViT-B-32 (random weights, see `bench.deep`) without end and without waiting for anybody. In turns (off, on, on, off) the
worker is stopped by a signal and let go on, so that both kinds of stretches see the same recorder and the same neighbours.
"""

import csv
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import cv2

from bench.capture import BUDGET, cpu_s, status
from bench.draw_desk import Desk, ellipse, line
from bench.draw_programs import PROGRAMS
from capture.pulse import Pulse
from sakigake.store.sqlite import SqliteStore
from tests.capture.running import Recording, command
from tests.deep.studio import drawing
from watch.deep import manifest

ROOT = Path(__file__).resolve().parents[1]
MODEL, NETWORK = "vit-b-32-laion2b", "ViT-B-32"
INTERVAL_S = 2.0
# The ticker comes once a second, so a look that is half a tick late is still the one that was planned.
SLACK_S = 0.5
TURNS = (False, True, True, False)
REST_S = 4.0  # after each turn of the signal, counted for neither
PROGRAM = replace(PROGRAMS["mtpaint"], screen=(1920, 1080), page=(1600, 900), viewport=(92, 83, 1900, 1062))
STAGES = 24


@dataclass(frozen=True, slots=True)
class Moment:
    """The counters at one moment: CPU in seconds of both, rows of the table of looks, what the recorder says of itself."""

    at: float
    recorder_s: float
    worker_s: float
    rows: int
    drops: int
    errors: int
    read: int


def burden(home: Path, *, lowered: bool) -> None:
    """Be the worker, without end: read the sealed stages of a home again and again, and print how many so far."""
    import open_clip  # noqa: PLC0415 - large
    from safetensors.torch import save_file  # noqa: PLC0415 - as above

    from watch.deep import shelf, worker  # noqa: PLC0415 - as above
    from watch.deep.encoder import load  # noqa: PLC0415 - as above
    from watch.deep.vectors import Vectors  # noqa: PLC0415 - as above

    if lowered:
        worker.lower_priority()
    weights = home / manifest.WEIGHTS
    network = open_clip.create_model(NETWORK, pretrained=None)  # random: for timing only
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, str(weights))
    del network
    there = shelf.take_in(home, manifest.load()[MODEL], {manifest.WEIGHTS: weights}, pin=True)
    encoder = load(there, threads=worker.threads())
    store, vectors = SqliteStore(home / "sakigake.db"), Vectors(home)
    plan = worker.Plan(store, home / "pictures", vectors, encoder, _Counter())
    while True:
        worker.Worker(plan).run(once=True)
        vectors.sweep(store, [])


class _Counter:
    """Prints how many stages were read so far, after each batch."""

    def __init__(self) -> None:
        self._read = 0

    def __call__(self, key: str, *, count: int = 0, **_: Any) -> None:
        self._read += count if key == "deep.read" else 0
        print(self._read, flush=True)


class _Worker:
    """The worker in a process of its own, which can be held and let go on."""

    def __init__(self, home: Path, *, lowered: bool) -> None:
        kind = "--burden" if lowered else "--burden-unlowered"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.deep", kind, str(home)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.read = -1
        threading.Thread(target=self._follow, args=(self.process.stdout,), daemon=True).start()

    def _follow(self, out: IO[str]) -> None:
        for each in out:
            self.read = int(each)

    def wait(self, seconds: float) -> None:
        """Wait until it has read every stage once."""
        until = time.monotonic() + seconds
        while self.read < STAGES:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the worker does not come to work")
            time.sleep(0.2)

    def hold(self, *, still: bool) -> None:
        """Stop it where it is, or let it go on."""
        self.process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def _draw(desk: Desk, stop: threading.Event) -> None:
    """Draw a stroke every few seconds, as people do, until told to stop."""
    desk.do("pencil")
    number = 0
    while not stop.wait(desk.random.uniform(1.5, 3.5)):
        number += 1
        spot = (desk.random.uniform(0.15, 0.8), desk.random.uniform(0.15, 0.8))
        if number % 2:
            desk.stroke(ellipse(desk, spot, (0.08, 0.1), jitter=0.004))
        else:
            desk.stroke(line(desk, spot, (spot[0] + 0.12, spot[1] + 0.1), jitter=0.004))
        if number % 12 == 0:  # another colour, so that there is something new to see on a full page
            desk.steps(PROGRAM.colours[number // 12 % len(PROGRAM.colours)])


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("cpu_ms")]


def _moment(home: Path, recorder: int, worker: _Worker, table: Path) -> Moment:
    with closing(SqliteStore(home / "sakigake.db")) as store:
        pulse = Pulse.read(store)
    if pulse is None:
        raise RuntimeError("the recorder has ended")
    return Moment(
        time.monotonic(),
        cpu_s(recorder),
        cpu_s(worker.process.pid),
        len(_rows(table)),
        pulse.drops,
        pulse.errors,
        worker.read,
    )


def _stretch(
    first: Moment, last: Moment, rows: list[dict[str, str]], rss: list[float], planned: float
) -> dict[str, Any]:
    """Return what lies between two moments; `rows` are the looks between them, and the one before."""
    passed = last.at - first.at
    looks = last.rows - first.rows
    at = [float(row["seconds"]) for row in rows]
    apart = [later - before for before, later in itertools.pairwise(at)]
    costs = sorted(float(row["cpu_ms"]) for row in rows[1:])
    used = last.recorder_s - first.recorder_s
    return {
        "seconds": round(passed, 1),
        "looks": looks,
        "late": sum(each > planned + SLACK_S for each in apart),
        "longest_apart_s": round(max(apart), 2),
        "look_ms": round(statistics.mean(costs), 1),
        "look_ms_worst": round(costs[-1], 1),
        "cpu_ms_per_look": round(used / looks * 1000, 1),
        "cpu_percent": round(used / passed * 100, 2),
        "rss_mb": round(statistics.median(rss), 1),
        "rss_max_mb": round(max(rss), 1),
        "drops": last.drops - first.drops,
        "errors": last.errors - first.errors,
        "worker_cpu_percent": round((last.worker_s - first.worker_s) / passed * 100, 1),
        "worker_read": last.read - first.read,
        "load": round(os.getloadavg()[0], 1),
    }


def beside(seconds: float, *, lowered: bool = True) -> dict[str, Any]:
    """Record for four stretches of so many seconds, with the worker held in the first and the last."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        home = place / "home"
        _first_stages(home, place / "drawn")
        desk = Desk(PROGRAM, f":{200 + os.getpid() % 700}", seed=7)
        stack.callback(desk.stack.close)
        desk.start()
        worker = _Worker(home, lowered=lowered)
        stack.callback(worker.end)
        worker.wait(600)
        worker.hold(still=True)
        table = place / "looks.csv"
        stop = threading.Event()
        hand = threading.Thread(target=_draw, args=(desk, stop))
        arguments = ("--source", "window:mtPaint*", "--interval", f"{INTERVAL_S:g}s", "--stats", str(table))
        run = stack.enter_context(Recording(home, *arguments, display=desk.display))
        run.wait_for("stage", timeout=120)
        hand.start()
        try:
            stretches = [_turn(home, run.process.pid, worker, table, seconds, on=on) for on in TURNS]
        finally:
            stop.set()
            hand.join()
        worker.hold(still=False)
        run.end()
        return {
            "lowered": lowered,
            "stretches": stretches,
            "stages": run.count("stage"),
            "dropped": run.count("drop"),
            "gaps": run.count("gap"),
            "exceeded": exceeded(stretches),
        }


def _first_stages(home: Path, given: Path) -> None:
    """Record some drawn stages from a folder, so that the worker has something to read from the start."""
    home.mkdir()
    home.joinpath("sakigake.toml").write_text(
        "[anchor]\nenabled = false\n[ots]\nenabled = false\n[privacy]\nsettle_s = 0.1\n", encoding="utf-8"
    )
    given.mkdir()
    for number in range(STAGES):
        cv2.imwrite(str(given / f"{number:02}.png"), cv2.resize(drawing(1 + number % 4, number), (1600, 900)))
    done = command(home, "start", "--source", f"folder:{given}", "--once")
    if done.returncode:
        raise RuntimeError(done.stderr)


def _turn(
    home: Path, recorder: int, worker: _Worker, table: Path, seconds: float, *, on: bool
) -> dict[str, Any]:
    worker.hold(still=not on)
    time.sleep(REST_S)
    first, rss, planned = _moment(home, recorder, worker, table), [], INTERVAL_S
    with closing(SqliteStore(home / "sakigake.db")) as store:
        while time.monotonic() - first.at < seconds:
            time.sleep(0.5)
            rss.append(status(recorder)["rss_mb"])
            # It looks less often when nothing changes for a minute: such a look is not late.
            planned = max(planned, pulse.interval_s if (pulse := Pulse.read(store)) else 0.0)
    last = _moment(home, recorder, worker, table)
    found = {
        "worker": "on" if on else "held",
        "planned_s": planned,
        **_stretch(first, last, _rows(table)[first.rows - 1 : last.rows], rss, planned),
    }
    print(json.dumps(found), flush=True)
    return found


def exceeded(stretches: list[dict[str, Any]]) -> list[str]:
    """Return which budgets of the recorder the stretches beside the worker exceed."""
    over = []
    for each in stretches:
        if each["worker"] == "on":
            told = (
                ("cpu_percent", BUDGET["cpu_2s"], "% of a core"),
                ("rss_max_mb", BUDGET["peak_mb"], "MB resident"),
                ("look_ms_worst", BUDGET["p99_ms"], "ms for a look"),
                ("drops", 0, "pictures dropped"),
                ("errors", 0, "looks failed"),
                ("late", 0, "looks late"),
            )
            over += [f"{each[name]} {unit}" for name, most, unit in told if each[name] > most]
    return over
