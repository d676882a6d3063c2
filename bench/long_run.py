"""Hours of recording a drawing program, and whether the record has a hole, or the recorder a leak.

    python -m bench.long_run --minutes 120 --interval 2s --json FILE [--keep FOLDER]

mtPaint is drawn in on an X server of its own (`bench.long_drawing`) while the real `sakigake record start` of this
checkout looks at its canvas. FILE is written anew with every sample, so that a run that is cut off leaves figures. At
the end the ledger is read back: every stretch without a sign of life that is longer than a heartbeat has to be
declared by a gap. Exits 1 when one is not, when the chain is not whole, or when the recorder failed.
Needs Xvfb, openbox, xdotool, wmctrl, xterm and mtPaint.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from bench.capture import cpu_s, status
from bench.draw_programs import PROGRAMS
from bench.long_drawing import Artist, QuietDesk
from capture.pacer import REST
from capture.pulse import Pulse
from sakigake.clock import parse_duration
from sakigake.model import EntryType
from sakigake.settings import load
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import Entry
from tests.capture.running import Kept, Recording

SAMPLE_S = 10.0
FORECAST_S = 600.0  # what the use of the disk is forecast from; of a shorter run it is the first quarter
PLANNED_MB_PER_HOUR = 400.0  # what a recording of flat art should stay below
SLACK_S = 5.0
END_TIMEOUT_S = 120.0
NEEDED = ("Xvfb", "openbox", "xdotool", "wmctrl", "xterm", "mtpaint")
SIGNS = frozenset(
    {
        EntryType.SESSION_START,
        EntryType.STAGE,
        EntryType.HEARTBEAT,
        EntryType.GAP,
        EntryType.PAUSE,
        EntryType.RESUME,
        EntryType.DROP,
        EntryType.RECOVERED,
        EntryType.SESSION_END,
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the recorder from outside. Sizes in MB (10^6), `good_age_s` since its last good look."""

    t: float
    rss_mb: float
    threads: int
    files: int
    cpu_s: float
    database_mb: float
    pictures_mb: float
    good_age_s: float
    stages: int
    heartbeats: int
    gaps: int
    drops: int
    pauses: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of `ms` before entry `seq` that nothing in the ledger accounts for."""

    seq: int
    ms: int


def undeclared(entries: Iterable[Entry], limit_ms: int) -> list[Hole]:
    """Return the stretches between signs of life of one boot that are longer than `limit_ms` beyond what is declared.

    A gap declares the `ms` before it. A pause declares nothing by itself: heartbeats have to say that it goes on.
    """
    signs = sorted((entry for entry in entries if entry.type in SIGNS), key=lambda entry: entry.mono)
    holes = []
    for one, other in pairwise(signs):
        declared = int(other.info.get("ms", 0)) if other.type is EntryType.GAP else 0
        silent = other.mono - one.mono - declared
        if silent > limit_ms:
            holes.append(Hole(other.seq, silent))
    return holes


def paused_ms(entries: Sequence[Entry]) -> int:
    """Return how long all pauses together were; one that is open at the end lasted until the last entry."""
    total, since = 0, None
    for entry in entries:
        if entry.type is EntryType.PAUSE and since is None:
            since = entry.mono
        elif since is not None and (entry.type is EntryType.RESUME or entry is entries[-1]):
            total, since = total + entry.mono - since, None
    return total


def longest_wait_ms(heartbeat_s: float, interval_s: float) -> int:
    """Return how long the ledger may be silent: a heartbeat is due at a look, and looks are rare while nothing moves."""
    return int((heartbeat_s + max(factor for _, factor in REST) * interval_s + SLACK_S) * 1000)


def forecast_mb(samples: Sequence[Sample], total_s: float) -> float:
    """Return what the disk should hold after `total_s`, going by the first ten minutes."""
    until = min(FORECAST_S, total_s / 4)
    early = [sample for sample in samples if sample.t <= until] or list(samples[:1])
    first, last = early[0], early[-1]
    if last.t <= first.t:
        return round(disk_mb(last), 1)
    rate = (disk_mb(last) - disk_mb(first)) / (last.t - first.t)
    return round(disk_mb(first) + rate * (total_s - first.t), 1)


def disk_mb(sample: Sample) -> float:
    """Return database and pictures together."""
    return sample.database_mb + sample.pictures_mb


def summary(samples: Sequence[Sample], total_s: float) -> dict[str, Any]:
    """Return the figures that samples alone give; `first` and `last` are medians of a tenth each."""
    part = max(1, len(samples) // 10)
    first, last, final = samples[:part], samples[-part:], samples[-1]

    def middle(some: Sequence[Sample], key: str) -> float:
        return round(float(statistics.median(getattr(one, key) for one in some)), 1)

    passed = max(0.001, final.t - samples[0].t)
    return {
        "sampled_s": round(final.t, 1),
        "stages": final.stages,
        "heartbeats": final.heartbeats,
        "gaps": final.gaps,
        "pauses": final.pauses,
        "drops": final.drops,
        "rss_mb_first": middle(first, "rss_mb"),
        "rss_mb_last": middle(last, "rss_mb"),
        "rss_mb_max": max(sample.rss_mb for sample in samples),
        "threads_grown": middle(last, "threads") - middle(first, "threads"),
        "files_grown": middle(last, "files") - middle(first, "files"),
        "cpu_percent": round(100 * (final.cpu_s - samples[0].cpu_s) / passed, 2),
        "good_age_s_max": max(sample.good_age_s for sample in samples),
        "database_mb": final.database_mb,
        "pictures_mb": final.pictures_mb,
        "disk_mb": round(disk_mb(final), 1),
        "disk_mb_forecast": forecast_mb(samples, total_s),
        "disk_mb_planned": round(PLANNED_MB_PER_HOUR * total_s / 3600, 1),
        "mb_per_hour": round((disk_mb(final) - disk_mb(samples[0])) / passed * 3600, 1),
    }


def sample(run: Recording, store: SqliteStore, began: float) -> Sample:
    """Look at the recorder; raises OSError when it has ended."""
    seen, kinds, pulse = status(run.process.pid), run.kinds(), Pulse.read(store)
    database = sum(path.stat().st_size for path in run.home.glob("sakigake.db*"))
    pictures = sum(path.stat().st_size for path in (run.home / "pictures").glob("*/*"))
    return Sample(
        t=round(time.monotonic() - began, 1),
        rss_mb=round(seen["rss_mb"], 1),
        threads=int(seen["threads"]),
        files=int(seen["files"]),
        cpu_s=round(cpu_s(run.process.pid), 2),
        database_mb=round(database / 1e6, 3),
        pictures_mb=round(pictures / 1e6, 3),
        good_age_s=round(time.time() - pulse.good_ms / 1000, 1) if pulse else 0.0,
        stages=kinds["stage"],
        heartbeats=kinds["heartbeat"],
        gaps=kinds["gap"],
        drops=kinds["drop"],
        pauses=kinds["pause"],
    )


def watch(run: Recording, result: dict[str, Any], total_s: float, out: Path | None) -> None:
    """Sample the recorder until it ends, leaving the figures so far in `out`."""
    began, samples = time.monotonic(), list[Sample]()
    store = SqliteStore(load(run.home).database)
    try:
        while run.process.poll() is None and time.monotonic() - began < total_s + END_TIMEOUT_S:
            try:
                samples.append(sample(run, store, began))
            except (OSError, KeyError):  # it ended just now
                break
            result |= summary(samples, total_s) | {"load_now": os.getloadavg()}
            result["samples"] = [asdict(one) for one in samples]
            write(result, out)
            if len(samples) % 6 == 1:
                print(
                    {key: result[key] for key in ("sampled_s", "stages", "rss_mb_max", "disk_mb")}, flush=True
                )
            # The end is due in the middle of a pause between samples.
            time.sleep(max(0.5, min(SAMPLE_S, total_s - (time.monotonic() - began))))
    finally:
        store.close()


def write(result: dict[str, Any], out: Path | None) -> None:
    """Put the figures in place of the last ones, whole."""
    if out is not None:
        beside = out.with_name(out.name + ".part")
        beside.write_text(json.dumps(result, indent=1), encoding="utf-8")
        beside.replace(out)


def read_back(run: Recording, interval_s: float) -> dict[str, Any]:
    """Check what was kept; `chain` is empty when it is whole."""
    with Kept(run.home) as kept:
        try:
            kept.check()
            chain = ""
        except (AssertionError, ValueError, OSError) as error:
            chain = f"{type(error).__name__} {error}"[:500]
        leaves = {stored.leaf.hex() for session in kept.sessions for stored in kept.stored(session)}
        entries = kept.entries()
        heartbeat_s = float(kept.settings.section("record")["heartbeat_s"])
    limit_ms = longest_wait_ms(heartbeat_s, interval_s)
    holes = undeclared(entries, limit_ms)
    kinds = Counter(entry.type.value for entry in entries)
    gaps = [entry for entry in entries if entry.type is EntryType.GAP]
    by_reason: Counter[str] = Counter()
    for gap in gaps:
        by_reason[str(gap.info["reason"])] += int(gap.info.get("ms", 0))
    return {
        "entries": dict(kinds),
        "stages": kinds["stage"],
        "heartbeats": kinds["heartbeat"],
        "gaps": kinds["gap"],
        "pauses": kinds["pause"],
        "drops": sum(int(entry.info["frames"]) for entry in entries if entry.type is EntryType.DROP),
        "pause_ms": paused_ms(entries),
        "gap_ms": sum(by_reason.values()),
        "gap_ms_by_reason": dict(by_reason),
        "undeclared_holes": len(holes),
        "holes": [asdict(hole) for hole in holes],
        "longest_silence_allowed_ms": limit_ms,
        "acknowledged_missing": sum(line["leaf"] not in leaves for line in run.lines),
        "chain": chain or "whole",
    }


def problems(result: dict[str, Any]) -> list[str]:
    """Return what makes a run a failure."""
    found = []
    if result["exit_code"] != 0:
        found.append(f"the recorder ended with {result['exit_code']}: {result['said']}")
    if result["chain"] != "whole":
        found.append(f"the ledger is not whole: {result['chain']}")
    if result["undeclared_holes"]:
        found.append(f"holes that nothing declares: {result['holes']}")
    if result["acknowledged_missing"]:
        found.append(f"{result['acknowledged_missing']} acknowledged entries are not in the store")
    if result["artist_failure"]:
        found.append(f"the drawing stopped: {result['artist_failure']}")
    return found


def free_display() -> str:
    """Return a display nobody serves."""
    for number in count(60):
        left = Path(f"/tmp/.X11-unix/X{number}"), Path(f"/tmp/.X{number}-lock")  # noqa: S108 - where X puts them
        if not any(path.exists() for path in left):
            return f":{number}"
    raise AssertionError


def record(home: Path, minutes: float, interval: str, seed: int, out: Path | None) -> dict[str, Any]:
    """Run it all once and return the figures."""
    interval_s, total_s = parse_duration(interval), minutes * 60
    desk = QuietDesk(PROGRAMS["mtpaint"], free_display(), seed)
    left, top, right, bottom = desk.program.viewport
    region = f"{left},{top},{right - left},{bottom - top}"
    result: dict[str, Any] = {
        "finished": False,
        "minutes": minutes,
        "interval_s": interval_s,
        "region": region,
        "seed": seed,
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg(),
    }
    home.mkdir(parents=True, exist_ok=True)
    # Everything as it comes, but for the network.
    (home / "sakigake.toml").write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    options = ("--region", region, "--interval", interval, "--for", f"{total_s}s")
    with desk.stack:
        desk.start()
        artist = Artist(desk)
        with Recording(home, *options, display=desk.display) as run:
            run.wait_for("stage", timeout=60)
            artist.start()
            watch(run, result, total_s, out)
            result["exit_code"] = run.ended(END_TIMEOUT_S)
            result["said"] = run.sentences[-4:]
        artist.end()
    result |= {
        "pictures_drawn": artist.pictures,
        "strokes_drawn": artist.strokes,
        "program_restarts": artist.restarts,
        "artist_failure": artist.failure,
        "load_after": os.getloadavg(),
    }
    result |= read_back(run, interval_s)
    return result | {"problems": problems(result), "finished": True}


def main() -> None:
    """Record, print, and exit 1 when something is not as it is said to be."""
    parser = argparse.ArgumentParser(prog="python -m bench.long_run", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--interval", default="2s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here, anew with every sample")
    parser.add_argument(
        "--keep", type=Path, help="a new folder for the recording, which is thrown away otherwise"
    )
    given = parser.parse_args()
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or not Path("/proc/self/status").exists():
        parser.exit(2, f"this bench needs /proc and {', '.join(missing) or 'the programs it names'}\n")
    if given.keep and given.keep.exists():
        parser.error(f"{given.keep} is there already")
    # An end from outside closes what was started, like Ctrl+C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        home = given.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="long-run-", ignore_cleanup_errors=True))
        )
        result = record(home, given.minutes, given.interval, given.seed, given.json)
    write(result, given.json)
    for key, value in result.items():
        if key not in {"samples", "holes", "problems"}:
            print(f"{key:28} {value}")
    for problem in result["problems"]:
        print("PROBLEM:", problem)
    sys.exit(1 if result["problems"] else 0)


if __name__ == "__main__":
    main()
