"""What a recording costs beside a drawing program: CPU, memory, and whether anything grows.

    python -m bench.capture --json out.json
    python -m bench.capture --ticks 10000 --sizes 1920x1080

Every figure is of the real recorder on a real X server (Xvfb, started here) on which strokes are painted. CPU is
processor time, not time on the wall, but neighbours on the same processor make it dearer: the load is printed with it.
Where openssl is installed, a time authority of this machine's own is asked for tokens, as a real recording asks one.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from desk.demo.authority import local_authority
from tests.capture.display import Painter, XServer, have_xvfb
from tests.capture.running import Kept, Recording, configure, environment

BUDGET = {"cpu_2s": 2.0, "cpu_5s": 1.0, "rss_mb": 130.0, "peak_mb": 130.0, "p99_ms": 150.0}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WARM_UP = 0.2


def status(pid: int | str) -> dict[str, float]:
    """Return resident memory (MB), threads and open files of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {
        "rss_mb": int(fields["VmRSS"].split()[0]) * 1024 / 1e6,
        "own_mb": int(fields["RssAnon"].split()[0]) * 1024 / 1e6,  # without pages of files, such as libraries
        "peak_mb": int(fields["VmHWM"].split()[0]) * 1024 / 1e6,
        "threads": int(fields["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def cpu_s(pid: int) -> float:
    """Return the processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def paint(painter: Painter, stop: threading.Event, pause_s: float) -> None:
    """Draw in bursts of three strokes, as people do."""
    number = 0
    while not stop.wait(pause_s * (3 if number % 4 == 3 else 1)):
        if number % 4 != 3:
            painter.stroke(number, (number * 0x3F2D1B) & 0xFFFFFF, size=10)
        number += 1


def real(size: tuple[int, int], interval: str, seconds: float) -> dict[str, Any]:
    """Run `sakigake record start` for a while; returns its share of one core and its memory."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        if shutil.which("openssl"):
            keys = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            authority = stack.enter_context(local_authority(keys / "authority"))
            (Path(home) / "sakigake.toml").write_text(authority.settings(), encoding="utf-8")
        server = stack.enter_context(XServer(*size))
        painter = stack.enter_context(Painter(server))
        painter.fill(0, 0, *size, 0xFAFAFA)
        stop = threading.Event()
        artist = threading.Thread(target=paint, args=(painter, stop, 2.0))
        with Recording(Path(home), "--source", "screen", "--interval", interval, display=server.name) as run:
            run.wait_for("stage", timeout=120)  # a busy machine takes long to begin
            artist.start()
            before, began = cpu_s(run.process.pid), time.monotonic()
            samples = []
            while time.monotonic() - began < seconds:
                time.sleep(0.5)
                samples.append(status(run.process.pid)["rss_mb"])
            used, passed = cpu_s(run.process.pid) - before, time.monotonic() - began
            seen = status(run.process.pid) | {
                "rss_mb": statistics.median(samples),
                "rss_max_mb": max(samples),
            }
            stop.set()
            artist.join()
            run.end()
        sizes = [path.stat().st_size for path in (Path(home) / "pictures").glob("*/*.png")]
        with Kept(Path(home)) as kept:
            tokens = len(kept.store.tokens(kept.sessions[0].id))
    return {
        "size": f"{size[0]}x{size[1]}",
        "interval": interval,
        "seconds": round(passed, 1),
        "cpu_percent": round(used / passed * 100, 2),
        "stages": run.count("stage"),
        "tokens": tokens,
        "kb_per_stage": round(statistics.mean(sizes) / 1000) if sizes else 0,
        **{key: round(value, 1) for key, value in seen.items()},
    }


def many_ticks(size: tuple[int, int], ticks: int) -> dict[str, Any]:
    """Run a recorder as fast as it goes in a child process; returns the cost of ticks and what grew meanwhile."""
    with tempfile.TemporaryDirectory() as home, XServer(*size) as server, Painter(server) as painter:
        configure(Path(home))
        painter.fill(0, 0, *size, 0xFAFAFA)
        stop = threading.Event()
        artist = threading.Thread(target=paint, args=(painter, stop, 0.25))
        artist.start()
        try:
            command = [sys.executable, "-m", "bench.capture", "--child", str(ticks)]
            done = subprocess.run(
                command, env=environment(Path(home), server.name), capture_output=True, text=True, check=True
            )
        finally:
            stop.set()
            artist.join()
    return {"size": f"{size[0]}x{size[1]}", **json.loads(done.stdout)}


def child(ticks: int) -> None:
    """Record `ticks` looks at 20 a second and print what they cost."""
    from capture.memory import keep_small  # noqa: PLC0415 - before numpy is loaded, as the command does

    keep_small()
    from capture.loop import Plan, Recorder  # noqa: PLC0415
    from capture.sources.screen import ScreenSource  # noqa: PLC0415
    from sakigake.settings import load  # noqa: PLC0415

    recorder = Recorder(load(), Plan(ScreenSource(), "bench", 0.05), lambda *_, **__: None, lambda *_: None)
    looker, samples = recorder.looker, []

    def watch() -> None:
        while looker.looks < ticks * WARM_UP:
            time.sleep(0.2)
        while looker.looks < ticks:
            samples.append(status("self"))
            time.sleep(0.5)
        recorder.stop("time")

    threading.Thread(target=watch, daemon=True).start()
    began, used = time.monotonic(), time.process_time()
    ending = recorder.run()
    passed, used = time.monotonic() - began, time.process_time() - used
    costs = sorted(cost * 1000 for cost in looker.costs)
    print(
        json.dumps(
            {
                "ticks": looker.looks,
                "seconds": round(passed, 1),
                "stages": ending.stages,
                "tick_ms_median": round(statistics.median(costs), 2),
                "tick_ms_p99": round(costs[int(len(costs) * 0.99)], 2),
                "all_threads_ms_per_tick": round(used / looker.looks * 1000, 2),
                "grown": {key: grown(samples, key) for key in ("rss_mb", "own_mb", "threads", "files")},
            }
        )
    )


def grown(samples: list[dict[str, float]], key: str) -> float:
    """Return by how much the least of the last fifth of the samples lies above the least of the first.

    Not the median: it jumps by a whole picture, as one is held at that moment or not.
    """
    part = max(1, len(samples) // 5)
    first, last = (min(sample[key] for sample in some) for some in (samples[:part], samples[-part:]))
    return round(last - first, 1)


def main() -> None:
    """Measure and print; exits 1 when a budget of the design is exceeded at 1920x1080."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "3840x2160"])
    parser.add_argument("--seconds", type=float, default=60, help="of each recording with the real command")
    parser.add_argument("--ticks", type=int, default=2000, help="of the run that looks for growth")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child)
        return
    if not have_xvfb() or not Path("/proc/self/status").exists():
        sys.exit("this bench needs Xvfb and /proc")
    result: dict[str, Any] = {"load_before": os.getloadavg(), "cpus": os.cpu_count(), "real": [], "ticks": []}
    for name in given.sizes:
        width, height = (int(part) for part in name.split("x"))
        for interval in ("2s", "5s"):
            result["real"].append(real((width, height), interval, given.seconds))
            print(result["real"][-1], "load", os.getloadavg(), flush=True)
        result["ticks"].append(many_ticks((width, height), given.ticks))
        print(result["ticks"][-1], "load", os.getloadavg(), flush=True)
    result["load_after"] = os.getloadavg()
    result["exceeded"] = exceeded(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    for line in result["exceeded"]:
        print("over budget:", line)
    sys.exit(1 if result["exceeded"] else 0)


def exceeded(result: dict[str, Any]) -> list[str]:
    """Return which budgets the figures at 1920x1080 exceed."""
    over = []
    for run in result["real"]:
        if run["size"] == "1920x1080":
            if run["cpu_percent"] > BUDGET[f"cpu_{run['interval']}"]:
                over.append(f"{run['cpu_percent']} % of a core every {run['interval']}")
            if run["rss_mb"] > BUDGET["rss_mb"]:
                over.append(f"{run['rss_mb']} MB resident most of the time")
            if run["peak_mb"] > BUDGET["peak_mb"]:
                over.append(f"{run['peak_mb']} MB resident at most")
    over.extend(
        f"p99 of a look {run['tick_ms_p99']} ms"
        for run in result["ticks"]
        if run["size"] == "1920x1080" and run["tick_ms_p99"] > BUDGET["p99_ms"]
    )
    return over


if __name__ == "__main__":
    main()
