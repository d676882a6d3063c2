"""What recording costs a streaming OBS: skipped frames and CPU without us, at one frame per 5 s and per 2 s.

    python -m bench.obs [--seconds 12] [--rounds 6] [--fps 10] [--size 1280x720] [--json FILE]

A real OBS (software rendering, x264, a local RTMP server) streams a screen on which a line is drawn every half
second, so that every look of ours finds a change and fetches the lossless picture: the worst case. The rounds repeat
the three cases, each time in another order, so that what else the machine does meets all of them alike. Judge by the
spread between rounds, and on a machine with nothing else to do: where the cores are taken, software rendering skips
frames of its own accord, and whatever takes time from it costs it more.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from capture.frame import Frame
from capture.obs.protocol import Statistics
from capture.sources.obs import ObsSource
from tests.peers.obs import PASSWORD, Obs, Screen, missing, network, screen, sink, wait_for, x_server

INTERVALS_S = (0.0, 5.0, 2.0)
WARM_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of streaming. `interval_s` 0 is without us; CPU is in percent of one core."""

    interval_s: float
    seconds: float
    frames: int
    fetched: int
    rendered: int
    render_skipped: int
    encoded: int
    encode_skipped: int
    stream_frames: int
    stream_dropped: int
    obs_cpu: float
    own_cpu: float
    slowest_look_ms: float
    load: float


@contextmanager
def drawing(paper: Screen) -> Iterator[None]:
    """Draw a line every half second until the end of the block."""
    stop = threading.Event()
    dice = np.random.default_rng(7)

    def draw() -> None:
        height, width = paper.pixels.shape[:2]
        while not stop.wait(0.5):
            picture = np.array(paper.pixels)
            points = dice.integers(0, (width, height), (4, 2)).astype(np.int32)
            cv2.polylines(
                picture, [points], False, [int(part) for part in dice.integers(0, 200, 4)], 4, cv2.LINE_AA
            )
            paper.pixels[:] = picture

    hand = threading.Thread(target=draw)
    hand.start()
    try:
        yield
    finally:
        stop.set()
        hand.join()


def own_cpu_s() -> float:
    """Return the CPU time of this thread and of those that read from OBS; the drawing hand is not ours to count."""
    names = {threading.current_thread().name, "sakigake-obs"}
    tasks = [thread.native_id for thread in threading.enumerate() if thread.name in names]
    # proc(5): nanoseconds on a CPU come first.
    return sum(int(Path(f"/proc/self/task/{task}/schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measure(obs: Obs, interval_s: float, seconds: float) -> Phase:
    """Stream for `seconds`, looking every `interval_s`."""
    source = ObsSource(obs.address, PASSWORD)
    source.open()
    frames: list[Frame] = []
    looks: list[float] = [0.0]
    before, cpu, began = source.before, obs.cpu_s(), time.monotonic()
    own = 0.0
    due = began
    while (now := time.monotonic()) < began + seconds:
        if interval_s and now >= due:
            due += interval_s
            spent = own_cpu_s()
            seen = source.grab()
            own += own_cpu_s() - spent
            looks.append(time.monotonic() - now)
            if isinstance(seen, Frame):
                frames.append(seen)
        time.sleep(0.05)
    took, cpu = time.monotonic() - began, obs.cpu_s() - cpu
    source.close()
    after = source.after
    assert isinstance(before, Statistics)
    assert isinstance(after, Statistics)
    return Phase(
        interval_s=interval_s,
        seconds=round(took, 1),
        frames=len(frames),
        fetched=sum(not frame.info for frame in frames),
        rendered=after.render_total - before.render_total,
        render_skipped=after.render_skipped - before.render_skipped,
        encoded=after.output_total - before.output_total,
        encode_skipped=after.output_skipped - before.output_skipped,
        stream_frames=after.stream_total - before.stream_total,
        stream_dropped=after.stream_skipped - before.stream_skipped,
        obs_cpu=round(100 * cpu / took, 1),
        own_cpu=round(100 * own / took, 2),
        slowest_look_ms=round(1000 * max(looks)),
        load=float(Path("/proc/loadavg").read_text().split()[0]),
    )


def run(seconds: float, rounds: int, fps: int, width: int, height: int) -> list[Phase]:
    """Return the phases, in their order."""
    with (
        network(),
        tempfile.TemporaryDirectory(prefix="bench-obs-") as scratch,
        screen(Path(scratch) / "screen", width, height) as paper,
        x_server(1280, 800) as display,
        Obs(Path(scratch) / "obs", display, width, height, fps) as obs,
        sink(),
        drawing(paper),
    ):
        paper.pixels[:] = 255
        obs.add_screen("Canvas", paper.display)
        obs.stream()
        wait_for("no stream", lambda: obs.ask("GetStreamStatus")["outputTotalFrames"] > fps)
        time.sleep(WARM_UP_S)
        turns = [INTERVALS_S[turn % 3 :] + INTERVALS_S[: turn % 3] for turn in range(rounds)]
        return [measure(obs, interval_s, seconds) for turn in turns for interval_s in turn]


def main() -> None:
    """Print a table, and JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if why := missing():
        parser.exit(1, f"{why}\n")
    width, height = (int(side) for side in arguments.size.split("x"))
    phases = run(arguments.seconds, arguments.rounds, arguments.fps, width, height)
    print(f"{arguments.size} at {arguments.fps} fps, {os.cpu_count()} cores")
    print(
        "every s  rendered  skipped  encoded  skipped  dropped  OBS CPU %  own CPU %  slowest ms  looks  load"
    )
    for phase in phases:
        print(
            f"{phase.interval_s or '-':>7}  {phase.rendered:8}  {phase.render_skipped:7}  {phase.encoded:7}"
            f"  {phase.encode_skipped:7}  {phase.stream_dropped:7}  {phase.obs_cpu:9}  {phase.own_cpu:9}"
            f"  {phase.slowest_look_ms:10.0f}  {phase.frames:5}  {phase.load:4}"
        )
    for interval_s in INTERVALS_S:
        alike = [phase for phase in phases if phase.interval_s == interval_s]
        skipped = [phase.render_skipped + phase.encode_skipped + phase.stream_dropped for phase in alike]
        rendered = sum(phase.rendered for phase in alike)
        cpu = sum(phase.obs_cpu for phase in alike) / len(alike)
        every = f"every {interval_s:g} s" if interval_s else "without us"
        print(
            f"{every}: {sum(skipped)} of {rendered} frames skipped {sorted(skipped)}, OBS at {cpu:.1f} % of a core"
        )
    if arguments.json:
        arguments.json.write_text(
            json.dumps([asdict(phase) for phase in phases], indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
