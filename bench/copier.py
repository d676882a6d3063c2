"""What a comparison says of who was first when somebody else runs the same program on the copied stream.

    python -m bench.copier [--runs 100] [--seed N] [--json FILE]

An artist draws (frames of a real paint program) and records. A copier watches the stream, encoded as a stream is and seen
3 s later, and records it with the same program and the same authorities. Each picture that the copier kept is then checked
against the artist's recording with the time that the copier's own tokens give it, and each picture that the artist kept
against the copier's, as the copier would do it. Stage detector, ledger, queue, tokens, fingerprints and comparison are the
real ones; time is simulated. Variants:

    plain      no stream delay
    eager      no stream delay, and the copier asks for a token at once after each stage
    delayed    a stream delay of 20 s
    eager-delayed   both

A check is wrong when it says that the copier was first. A run is decided when at least one of its pictures is said to be the
artist's first with a strong likeness, and none is said to be the copier's. A run is one drawing of some five minutes. Runs share
nothing, so they come out the same however many play at once (`--jobs`). Exits 1 when anything is wrong or a run with a delay
is not decided.
"""

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from hashlib import sha256
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.simulated import SECOND, STAGE_S, Authorities, Computer, Recorder, World, authorities
from capture.frame import Frame, Region
from capture.stages import Context, StageDetector
from capture.still import Rest, named
from desk.demo.recording import FRAMES
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1
from sakigake.model import EntryType, Likeness, Order, Picture, Session, StoredEntry
from sakigake.timeline.ledger import Fingerprint
from sakigake.timeline.reading import kept_picture_bounds
from watch.check import check_picture

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
BEHIND_S, DELAY_S = 3.0, 20.0
LOOK_S = 2.0
STAY_S = (2.0, 14.0)  # how long the canvas stays as it is on one frame
BIT_RATE = 2_500_000
STREAM = (1280, 720)
EAGER_S = 1.0
Shown = tuple[list[Pixels], list[Pixels]]
VARIANTS = {
    "plain": (0.0, STAGE_S),
    "eager": (0.0, EAGER_S),
    "delayed": (DELAY_S, STAGE_S),
    "eager-delayed": (DELAY_S, EAGER_S),
}


def drawn() -> list[Pixels]:
    """Return the artist's canvas, look by look."""
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in sorted(FRAMES.glob("*.png"))]
    return [np.asarray(each, np.uint8) for each in pictures if each is not None]


def streamed(pictures: list[Pixels]) -> list[Pixels]:
    """Return the pictures as a viewer sees them: scaled onto the stream, encoded, decoded, cut out again."""
    held = BytesIO()
    height, width = pictures[0].shape[:2]
    scale = min(STREAM[0] / width, STREAM[1] / height)
    inside = (round(width * scale), round(height * scale))
    repeat = 8  # frames each picture stays, so that the encoder may settle as it does on a stream
    with av.open(held, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(8))
        stream.width, stream.height = STREAM
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.options = {"preset": "veryfast"}
        for each in pictures:
            canvas = np.full((STREAM[1], STREAM[0], 3), 40, np.uint8)
            canvas[: inside[1], : inside[0]] = cv2.resize(each, inside, interpolation=cv2.INTER_AREA)
            for _ in range(repeat):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, format="bgr24")))
        container.mux(stream.encode())
    held.seek(0)
    film: Any = av.open(held)
    with film as container:
        # Only the last frame of each picture: all of them would be a gigabyte.
        frames = itertools.islice(container.decode(video=0), repeat - 1, None, repeat)
        shown = [frame.to_ndarray(format="bgr24") for frame in frames]
    return [np.ascontiguousarray(each[: inside[1], : inside[0]]) for each in shown]


class Watcher:
    """Looks at what is shown every two seconds and records its stages, as the recorder does."""

    def __init__(
        self, folder: Path, world: World, served: Authorities, behind_s: float, stage_s: float
    ) -> None:
        folder.mkdir()
        self.folder, self.world = folder, world
        self.recorder = Recorder(folder, Computer(world), served, stage_s)
        self.detector = StageDetector()
        self.rest = Rest()
        self.before: StoredEntry | None = None
        self.behind_s = behind_s
        self.stages: list[tuple[int, Path]] = []
        self.session: Session | None = None
        self._looks = 0
        self._next = 0.0

    def look(self, passed: float, shown: Pixels) -> None:
        """Look if it is time to, at what is on the screen now."""
        if passed < self._next:
            return
        self._next = passed + LOOK_S * self.world.rng.uniform(0.95, 1.1)
        self._looks += 1
        height, width = shown.shape[:2]
        frame = Frame(
            shown, self.world.now, self.world.now, self._looks, "screen", Region(0, 0, width, height)
        )
        self.rest.begin()
        decision = self.detector.step(frame, Context(None, None))
        self.rest.looked(decision.still)
        if decision.stage:
            body = bytes(cv2.imencode(".png", shown)[1])
            path = self.folder / f"{self._looks}.png"
            path.write_bytes(body)
            picture = Picture(sha256(body).hexdigest(), pixel_digest_v1(shown), width, height)
            prints = Fingerprint(VERSION, fingerprint_v2(shown))
            info: dict[str, int | str] = {"changed_ppm": 9000}
            if still := named(self.rest.take(), self.before, decision):
                info["still"] = still
            entry = self.before = self.recorder.entry(EntryType.STAGE, info, picture, prints)
            self.detector.kept(entry.seq, frame)
            self.stages.append((entry.seq, path))

    def turn(self) -> None:
        """Do what the writer and the anchor thread do in between."""
        self.recorder.turn()
        self.rest.learn(self.recorder.store.newest_token(self.recorder.ledger.session.id))


@dataclass(frozen=True)
class Outcome:
    """What the checks of one run said: orders of the pictures with a strong or some likeness, and the session's length."""

    orders: tuple[Order, ...]
    strong: tuple[Order, ...]
    unlike: int
    length_s: float

    @property
    def wrong(self) -> int:
        """Return how many checks say that the copier was first."""
        return sum(order is Order.POST_FIRST for order in self.orders)

    @property
    def decided(self) -> bool:
        """Say whether the run speaks for the artist and never against."""
        return Order.DRAFT_FIRST in self.strong and not self.wrong


def play(folder: Path, served: Authorities, shown: Shown, variant: str) -> Outcome:
    """Draw, copy and compare once."""
    world = served.world
    delay, stage_s = VARIANTS[variant]
    stays = [world.rng.uniform(*STAY_S) for _ in shown[0]]
    ends = np.cumsum(stays)
    began = world.now
    artist = Watcher(folder / "artist", world, served, 0.0, STAGE_S)
    copier = Watcher(folder / "copier", world, served, BEHIND_S + delay, stage_s)
    while True:
        passed = (world.now - began) / SECOND
        if passed > ends[-1] + copier.behind_s + 30:
            break
        for watcher, pictures in ((artist, shown[0]), (copier, shown[1])):
            at = passed - watcher.behind_s
            if at >= 0:
                watcher.look(passed, pictures[min(int(np.searchsorted(ends, at)), len(pictures) - 1)])
            watcher.turn()
        world.on(world.rng.uniform(0.3, 0.7))
    for watcher in (artist, copier):
        watcher.session = watcher.recorder.end()
    found = [*checks(artist, copier), *map(turned, checks(copier, artist))]
    for watcher in (artist, copier):
        watcher.recorder.store.close()
    alike = [each for each in found if each[1] in {Likeness.STRONG, Likeness.SOME}]
    return Outcome(
        tuple(order for order, _ in alike),
        tuple(order for order, likeness in alike if likeness is Likeness.STRONG),
        len(found) - len(alike),
        (world.now - began) / SECOND,
    )


def checks(own: Watcher, other: Watcher) -> list[tuple[Order, Likeness]]:
    """Check each picture that `other` kept against the recording of `own`."""
    assert own.session
    assert other.session
    made = []
    for seq, path in other.stages:
        posted = kept_picture_bounds(other.recorder.store, other.session.id, seq)
        found = check_picture(own.recorder.store, [own.session], path, posted)
        made.append((found.order, found.likeness))
    return made


def turned(check: tuple[Order, Likeness]) -> tuple[Order, Likeness]:
    """Return a check of the copier's as the artist would put it: the copier's draft is the post."""
    order, likeness = check
    other = {Order.DRAFT_FIRST: Order.POST_FIRST, Order.POST_FIRST: Order.DRAFT_FIRST}
    return other.get(order, order), likeness


@cache
def drawing() -> Shown:
    """Return what the artist's screen shows, look by look, and what a viewer's does."""
    pictures = drawn()
    return pictures, streamed(pictures)


def run(variant: str, seed: int, number: int) -> tuple[Outcome, float]:
    """Play one run; returns what came out and the CPU time it took, in seconds."""
    cv2.setNumThreads(1)
    used = time.process_time()
    world = World(random.Random(f"{variant} {seed} {number}"))
    with tempfile.TemporaryDirectory() as folder, authorities(world) as served:
        outcome = play(Path(folder), served, drawing(), variant)
    return outcome, time.process_time() - used


def measure(variant: str, runs: int, seed: int, jobs: int) -> dict[str, Any]:
    """Play a variant often; returns the counts."""
    outcomes = []
    used = 0.0
    # Threads and databases are open while a run plays, so each process starts anew instead of being forked.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for number, (outcome, cpu_s) in enumerate(
            pool.map(run, *zip(*((variant, seed, number) for number in range(runs)), strict=True))
        ):
            outcomes.append(outcome)
            used += cpu_s
            if outcome.wrong or (VARIANTS[variant][0] and not outcome.decided):
                said = Counter(order.value for order in outcome.orders)
                print(f"{variant} run {number}: {dict(said)}", flush=True)
    checks = Counter(order for outcome in outcomes for order in outcome.orders)
    return {
        "runs": runs,
        "wrong": sum(outcome.wrong for outcome in outcomes),
        "decided": sum(outcome.decided for outcome in outcomes),
        "checks": sum(checks.values()),
        "draft_first": checks[Order.DRAFT_FIRST],
        "unclear": checks[Order.UNCLEAR],
        "without_likeness": sum(outcome.unlike for outcome in outcomes),
        "minutes": round(sum(outcome.length_s for outcome in outcomes) / 60 / runs, 1),
        "cpu_s": round(used, 1),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="runs that play at once")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    result: dict[str, Any] = {"load_before": os.getloadavg()}
    for variant in given.variants:
        result[variant] = measure(variant, given.runs, given.seed, given.jobs)
        print(variant, result[variant], flush=True)
    result["load_after"] = os.getloadavg()
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    played = [result[variant] for variant in given.variants]
    late = [result[variant] for variant in given.variants if VARIANTS[variant][0]]
    failed = any(each["wrong"] for each in played) or any(each["decided"] < each["runs"] for each in late)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
