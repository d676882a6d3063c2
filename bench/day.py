"""Eight hours in simulated time: how wide the bounds are, whether they are ever wrong, and what the package costs.

    python -m bench.day [--hours 8] [--stages 200] [--seed N] [--json FILE]

An entry every 5 s and a checkpoint every 60 s, with everything going wrong in between: one authority dead for two hours,
all of them for half an hour, the lid closed for an hour, the PC's clock set 30 days ahead and an hour back. The true time
of each entry is known. Then the real export, and both verifiers as processes of their own. Exits 1 when a goal is missed.
"""

import argparse
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding

from bench.simulated import BEGIN, SECOND, Authorities, Computer, Recorder, World, authorities
from sakigake.clock import from_ms
from sakigake.evidence import layout, package
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1
from sakigake.model import EntryType, Interval, Picture
from sakigake.timeline.ledger import Fingerprint
from sakigake.timeline.reading import entry_bounds

ENTRY_S = 5.0
MEDIAN_S, P95_S, STAGE_S = 75.0, 120.0, 20.0
EXPORT_S, VERIFY_S, BESIDES_MB, RSS_MB = 30.0, 10.0, 5.0, 150.0


@dataclass(frozen=True)
class Trouble:
    """What goes wrong from `begin` to `end`, in seconds of the session."""

    what: str
    begin: float
    end: float


def troubles(hours: float) -> tuple[Trouble, ...]:
    """Return a day's troubles, at their places in a session of this length."""
    hour = hours / 8 * 3600
    return (
        Trouble("a-dead", 1.0 * hour, 3.0 * hour),
        Trouble("all-dead", 3.5 * hour, 4.0 * hour),
        Trouble("asleep", 4.6 * hour, 5.6 * hour),
        Trouble("ahead", 5.8 * hour, 6.0 * hour),
        Trouble("back", 6.5 * hour, 6.8 * hour),
    )


def drawing(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a small canvas, another for each number."""
    rng = np.random.default_rng(number)
    canvas = np.full((240, 320, 3), 250, np.uint8)
    for _ in range(12):
        x, y, r = (int(rng.integers(10, high)) for high in (310, 230, 60))
        cv2.circle(canvas, (x, y), r, tuple(int(v) for v in rng.integers(0, 220, 3)), 2)
    return canvas


class Day:
    """Plays the session; `online` are the entries made while nothing was wrong."""

    def __init__(self, folder: Path, served: Authorities, world: World, hours: float, stages: int) -> None:
        self.folder, self.served, self.world, self.length = folder, served, world, hours * 3600
        self.wanted = stages
        self.computer = Computer(world)
        self.recorder = Recorder(folder, self.computer, served)
        self.troubles = troubles(hours)
        self.online: set[int] = set()
        self.stages: set[int] = set()

    def play(self) -> None:
        """Write an entry every five seconds, a stage now and then, in the runs of an artist at work."""
        count = int(self.length / ENTRY_S)
        drawn = set(self._when_drawn(count))
        due, slept = 0.0, False
        for number in range(1, count):
            due += ENTRY_S
            now = set(self._now())
            self._apply(now)
            if "asleep" in now and not slept:
                slept = True
                rest = next(each for each in self.troubles if each.what == "asleep")
                seconds = rest.end - rest.begin
                self.computer.sleep(seconds)
                self.recorder.entry(EntryType.GAP, {"reason": "sleep", "ms": int(seconds * 1000)})
                due += seconds
            while (self.world.now - BEGIN) / SECOND < due:
                self.world.on(1.0)
                self.recorder.turn()
            if number in drawn:
                seq = self._stage(number)
                self.stages.add(seq)
            else:
                seq = self.recorder.entry(EntryType.HEARTBEAT, {"looks": 1}).seq
            if not now:
                self.online.add(seq)

    def _when_drawn(self, count: int) -> list[int]:
        """Return which entries are stages: runs of ten, one every three entries, rests between the runs."""
        runs = max(1, self.wanted // 10)
        starts = [round(run * count / runs) + 2 for run in range(runs)]
        return [start + 3 * place for start in starts for place in range(10) if start + 3 * place < count]

    def _now(self) -> list[str]:
        passed = (self.world.now - BEGIN) / SECOND
        return [each.what for each in self.troubles if each.begin <= passed < each.end]

    def _apply(self, now: set[str]) -> None:
        names = set(self.served.trust.asked)
        self.served.dead.clear()
        self.served.dead |= names if "all-dead" in now else ({"a"} if "a-dead" in now else set())
        days = 30 if "ahead" in now else 0
        wrong = days * 86_400 * SECOND - (3600 * SECOND if "back" in now else 0)
        if wrong != self.computer.wrong:
            moved = (wrong - self.computer.wrong) // 1_000_000
            self.computer.wrong = wrong
            self.recorder.entry(EntryType.CLOCK_JUMP, {"ms": moved})

    def _stage(self, number: int) -> int:
        pixels = drawing(number)
        body = bytes(cv2.imencode(".png", pixels)[1])
        digest = sha256(body).hexdigest()
        path = self.folder / "pictures" / digest[:2] / f"{digest}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        picture = Picture(digest, pixel_digest_v1(pixels), pixels.shape[1], pixels.shape[0])
        prints = Fingerprint(VERSION, fingerprint_v2(pixels))
        return self.recorder.entry(EntryType.STAGE, {"changed_ppm": 9000}, picture, prints).seq


def held(recorder: Recorder, intervals: dict[int, Interval]) -> int:
    """Return how many intervals do not hold the true time."""
    wrong = 0
    for seq, interval in intervals.items():
        true = from_ms(recorder.truth[seq] // 1_000_000)
        early = interval.not_before is not None and interval.not_before > true
        late = interval.not_after is not None and interval.not_after < true
        wrong += early or late
    return wrong


def widths(intervals: dict[int, Interval], seqs: Sequence[int]) -> dict[str, float]:
    """Return median, 95th percentile and largest width in seconds; entries with an open end count as endless."""
    spans = sorted(
        (span.not_after - span.not_before).total_seconds()
        if span.not_after and span.not_before
        else float("inf")
        for span in (intervals[seq] for seq in seqs)
    )
    return {
        "median_s": statistics.median(spans),
        "p95_s": spans[int(len(spans) * 0.95)],
        "max_s": spans[-1],
    }


def judged(command: list[str], words: str) -> dict[str, float]:
    """Run a verifier; returns its CPU seconds and the most memory it held (MB). Raises RuntimeError unless VERIFIED."""
    watched = (
        f"import resource,subprocess,sys; d=subprocess.run({command!r},capture_output=True,text=True); "
        "u=resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(d.returncode,u.ru_utime+u.ru_stime,u.ru_maxrss*1024/1e6,'VERIFIED' in d.stdout)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    code, cpu, rss, verified = done.stdout.split()
    if code != "0" or verified != "True":
        raise RuntimeError(f"{words} ended with {code}")
    return {
        "cpu_s": round(float(cpu), 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "rss_mb": round(float(rss), 1),
    }


def run(folder: Path, hours: float, seed: int, stages: int) -> dict[str, Any]:
    """Play, export and verify; returns the figures."""
    world = World(random.Random(seed))
    with ExitStack() as stack:
        served = stack.enter_context(authorities(world))
        began = time.perf_counter()
        day = Day(folder, served, world, hours, stages)
        day.play()
        session = day.recorder.end()
        played = time.perf_counter() - began
        store = day.recorder.store
        checkpoints = store.checkpoints(session.id)
        seqs = list(range(checkpoints[-1].size))
        intervals = entry_bounds(store, session.id, seqs)
        roots = folder / "roots.pem"
        roots.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in served.trust.certificates()))
        pack = folder / "day.zip"
        began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        package.export(
            store, session, key=day.recorder.key, pictures=folder / "pictures", trust=served.trust, out=pack
        )
        export_s = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        export_cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        store.close()
    pictures = sum(path.stat().st_size for path in (folder / "pictures").glob("*/*.png"))
    page = package_member(pack, layout.PAGE)
    copies = sum(map(len, re.findall(rb'href="data:image/jpeg;base64,([^"]*)"', page)))
    trust = [part for root in split(roots) for part in ("--trust", str(root))]
    (folder / "verify.py").write_bytes(package_member(pack, layout.VERIFIER))
    project = [sys.executable, "-m", "desk", "verify", str(pack), *trust]
    alone = [sys.executable, str(folder / "verify.py"), str(pack), *trust]
    online, staged = sorted(day.online), sorted(day.online & day.stages)
    return {
        "hours": hours,
        "entries": len(seqs),
        "stages": len(day.stages),
        "checkpoints": len(checkpoints),
        "requests": {name: len(times) for name, times in served.asked.items()},
        "bounds_wrong": held(day.recorder, intervals),
        "bounds_open": sum(span.not_before is None or span.not_after is None for span in intervals.values()),
        "online": widths(intervals, online),
        "online_stages": widths(intervals, staged),
        "all": widths(intervals, seqs[2:-1]),
        "played_s": round(played, 1),
        "export_s": round(export_s, 2),
        "export_cpu_s": round(export_cpu, 2),
        "pack_mb": round(pack.stat().st_size / 1e6, 2),
        "pictures_mb": round(pictures / 1e6, 2),
        "copies_in_page_mb": round(copies / 1e6, 2),
        "besides_mb": round((pack.stat().st_size - pictures - copies) / 1e6, 2),
        "verify": judged(project, "sakigake verify"),
        "standalone": judged(alone, "verify.py"),
    }


def package_member(pack: Path, name: str) -> bytes:
    """Return one file of a package."""
    with ZipFile(pack) as archive:
        return archive.read(name)


def split(roots: Path) -> list[Path]:
    """Write each certificate of a PEM into a file of its own and return the files."""
    parts = [
        part + "-----END CERTIFICATE-----\n"
        for part in roots.read_text().split("-----END CERTIFICATE-----\n")[:-1]
    ]
    out = []
    for number, part in enumerate(parts):
        path = roots.with_name(f"root-{number}.pem")
        path.write_text(part)
        out.append(path)
    return out


def missed(result: dict[str, Any]) -> list[str]:
    """Return which goals the figures miss."""
    goals = (
        ("wrong bounds", result["bounds_wrong"], 0),
        ("median width while online, s", result["online"]["median_s"], MEDIAN_S),
        ("95th percentile of it", result["online"]["p95_s"], P95_S),
        ("median width of stages, s", result["online_stages"]["median_s"], STAGE_S),
        ("export, s", result["export_s"], EXPORT_S),
        ("verify, s of CPU", result["verify"]["cpu_s"], VERIFY_S),
        ("verify.py, s of CPU", result["standalone"]["cpu_s"], VERIFY_S),
        ("verify, MB", result["verify"]["rss_mb"], RSS_MB),
        ("verify.py, MB", result["standalone"]["rss_mb"], RSS_MB),
        ("MB besides the pictures", result["besides_mb"], BESIDES_MB),
    )
    return [f"{name}: {value}, the goal is {goal}" for name, value, goal in goals if value > goal]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--stages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        result = {"load_before": load} | run(Path(folder), given.hours, given.seed, given.stages)
    result["missed"] = missed(result)
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text, encoding="utf-8")
    return 1 if result["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
