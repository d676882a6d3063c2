"""How much quicker than its own time a video is read: by the source alone, and as a whole recording.

    python -m bench.video [--file VIDEO] [--seconds N] [--step S] [--record] [--json FILE]

Without `--file` it makes a 1080p30 film of noise and strokes at about 6 Mb/s, once with a key frame every 2 s and
once with one at the beginning only. The figures are times realtime by the wall clock and by CPU time; on a busy
machine the second is the one to trust.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from capture.frame import Frame
from capture.sources.packets import Hole
from capture.sources.video import VideoSource

SIZE = (1920, 1080)
RATE = 30
KEY_EVERY_S = 2


def film(path: Path, seconds: int, key_every: int) -> None:
    """Write a film of a drawing that grows on a grainy paper."""
    random = np.random.default_rng(1)
    grain = [random.integers(-9, 10, (SIZE[1], SIZE[0], 1), np.int16) for _ in range(6)]
    paper = np.full((SIZE[1], SIZE[0], 3), 235, np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 6_000_000
        stream.gop_size = key_every
        stream.options = {"preset": "ultrafast", "keyint_min": str(key_every), "sc_threshold": "0"}
        for number in range(seconds * RATE):
            start = (int(random.integers(SIZE[0])), int(random.integers(SIZE[1])))
            cv2.line(paper, start, (start[0] + 40, start[1] + 25), (40, 30, 20), 3)
            picture = (paper + grain[number % len(grain)]).clip(0, 255).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def read(path: Path, step_s: float) -> dict[str, float]:
    """Read a film through the source and return the figures."""
    source = VideoSource(path, step_s)
    source.open()
    wall, cpu = time.perf_counter(), time.process_time()
    frames, holes, last = 0, 0, 0
    while True:
        seen = source.grab()
        if isinstance(seen, Frame):
            frames, last = frames + 1, int(seen.info["pts_ms"])
        elif isinstance(seen, Hole):
            holes += 1
        elif seen.reason == "exhausted":
            break
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    source.close()
    length = last / 1000 + step_s
    return {
        "frames": frames,
        "holes": holes,
        "seconds": round(length, 1),
        "realtime_wall": round(length / wall, 1),
        "realtime_cpu": round(length / cpu, 1),
        "rss_mb": memory_mb(),
    }


def memory_mb() -> int:
    """Return the most memory this process ever had; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0
    else:  # noqa: RET505 - a type checker takes one branch only
        import resource  # noqa: PLC0415 - not on Windows

        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def record(path: Path, step_s: float, length: float) -> dict[str, float]:
    """Record a film from start to end, with detector, ledger and pictures on the disk."""
    from capture.loop import Plan, Recorder  # noqa: PLC0415 - only where asked for
    from sakigake import settings  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as home:
        source = VideoSource(path, step_s)
        configuration = settings.load(Path(home))
        configuration.tables["anchor"]["enabled"] = False
        plan = Plan(source=source, name="bench", interval_s=step_s)
        wall, cpu = time.perf_counter(), time.process_time()
        ending = Recorder(configuration, plan, lambda *_, **__: None, lambda *_: None).run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if not ending.stages or ending.drops or ending.failed:
        sys.exit(f"no speed of a recording that did not work: {ending}")
    return {
        "stages": ending.stages,
        "realtime_wall": round(length / wall, 1),
        "realtime_cpu": round(length / cpu, 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line of figures for each film."""
    parser = argparse.ArgumentParser(prog="python -m bench.video")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--step", type=float, default=2.0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        films = {"given": asked.file} if asked.file else {}
        if not films:
            for name, key_every in (("key-frames-2s", KEY_EVERY_S * RATE), ("one-key-frame", 1_000_000)):
                films[name] = Path(folder) / f"{name}.mp4"
                film(films[name], asked.seconds, key_every)
        for name, path in films.items():
            figures[name] = {"source": read(path, asked.step)}
            if asked.record:
                figures[name]["recording"] = record(path, asked.step, figures[name]["source"]["seconds"])
            print(name, json.dumps(figures[name]))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
