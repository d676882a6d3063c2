"""How many frames of a stream still show a code that can be read, after two encodes.

    python -m bench.qr [--seconds N] [--json FILE]

Draws 1080p frames of several kinds of picture with the real overlay in a corner, encodes them as a streamer would
upload them (x264 veryfast, 6 Mbit/s), decodes that, encodes it again as a platform's ladder does, and reads every
frame with the same code as `sakigake witness`. The code changes in the middle, and a frame counts only if exactly
the code that was on it is read. Ends 1 below 99 % of the frames of any kind at any rung, or above 1.5 % of the frame.
"""

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from sakigake.witness import overlay
from sakigake.witness.code import Head
from sakigake.witness.reader import heads

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT, RATE = 1920, 1080, 30
MARGIN = 16
UPLOAD_KBIT = 6000
RUNGS = {
    "1080p 6M": (1920, 1080, 6000),
    "720p 2.5M": (1280, 720, 2500),
    "480p 1M": (854, 480, 1000),
    "360p 600k": (640, 360, 600),
}
GOAL, AREA_GOAL = 0.99, 0.015
EXTREME = {"flashing", "noise"}  # shown, not judged: no picture survives them at these rates


def busy(seed: int) -> Pixels:
    """Return a picture full of lines."""
    random = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), random.integers(120, 250), np.uint8)
    for _ in range(500):
        x, y = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
        end = (x + int(random.integers(-300, 300)), y + int(random.integers(-200, 200)))
        colour = [int(each) for each in random.integers(0, 256, 3)]
        cv2.line(picture, (x, y), end, colour, int(random.integers(1, 9)))
    return picture


def drawing() -> Callable[[int], Pixels]:
    """Return a drawing that grows by six lines a frame."""
    random = np.random.default_rng(1)
    paper = np.full((HEIGHT, WIDTH, 3), 245, np.uint8)

    def frame(_number: int) -> Pixels:
        for _ in range(6):
            x, y = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
            end = (x + int(random.integers(-200, 200)), y + int(random.integers(-200, 200)))
            colour = [int(each) for each in random.integers(0, 256, 3)]
            cv2.line(paper, (x, y), end, colour, int(random.integers(1, 8)))
        return paper.copy()

    return frame


def grain() -> Callable[[int], Pixels]:
    """Return a drawing through a camera: noise of its own on every frame."""
    random = np.random.default_rng(2)
    noise = [random.integers(-12, 13, (HEIGHT, WIDTH, 1), np.int16) for _ in range(7)]
    below = busy(2)
    return lambda number: (below + noise[number % len(noise)]).clip(0, 255).astype(np.uint8)


def panning() -> Callable[[int], Pixels]:
    """Return a picture that runs past, 37 pixels a frame."""
    below = busy(3)
    return lambda number: np.roll(below, number * 37, axis=1)


def cuts() -> Callable[[int], Pixels]:
    """Return another picture every half second, shaking in between."""
    below = [busy(seed) for seed in range(10, 16)]

    def frame(number: int) -> Pixels:
        shift = np.random.default_rng(number).integers(-20, 21, 2)
        return np.roll(below[number // (RATE // 2) % len(below)], tuple(int(each) for each in shift), (0, 1))

    return frame


def flashing() -> Callable[[int], Pixels]:
    """Return bright and dark in turns, ten times a second, with a bar that runs through."""
    below = busy(4)

    def frame(number: int) -> Pixels:
        picture = below if number // 3 % 2 else 255 - below
        picture = picture.copy()
        cv2.rectangle(picture, (number * 61 % WIDTH, 0), (number * 61 % WIDTH + 200, HEIGHT), (0, 0, 255), -1)
        return picture

    return frame


def noise() -> Callable[[int], Pixels]:
    """Return nothing but new blocks of noise on every frame."""

    def frame(number: int) -> Pixels:
        small = np.random.default_rng(number).integers(0, 256, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
        return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), np.uint8)

    return frame


KINDS = {
    "drawing": drawing,
    "grain": grain,
    "panning": panning,
    "cuts": cuts,
    "flashing": flashing,
    "noise": noise,
}


def head(number: int) -> Head:
    """Return some head; its size has as many digits as there can be."""
    root = sha256(f"head {number}".encode()).digest()
    return Head(root.hex()[:8], 1_000_000_000 + number, root)


def with_overlay(kind: Callable[[int], Pixels], shown: Sequence[Head]) -> Iterator[Pixels]:
    """Yield frames of `kind`, each with the overlay of its head at the lower right."""
    drawn: dict[Head, Pixels] = {}
    for number, each in enumerate(shown):
        if each not in drawn:
            png = np.frombuffer(overlay.picture(each, "ja"), np.uint8)
            drawn[each] = np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)
        picture = kind(number)
        bottom, right = HEIGHT - MARGIN, WIDTH - MARGIN
        picture[bottom - overlay.HEIGHT : bottom, right - overlay.WIDTH : right] = drawn[each]
        yield picture


def encode(frames: Iterator[Any], width: int, height: int, kbit: int) -> bytes:
    """Return frames as H.264 in Matroska at a constant rate, a key frame every 2 s."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.gop_size = kbit * 1000, 2 * RATE
        stream.codec_context.time_base = Fraction(1, RATE)
        stream.options = {"preset": "veryfast", "maxrate": f"{kbit}k", "bufsize": f"{kbit}k"}
        for number, frame in enumerate(frames):
            video = av.VideoFrame.from_ndarray(frame, "bgr24") if isinstance(frame, np.ndarray) else frame
            video = video.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            video.pts, video.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(video))
        container.mux(stream.encode())
    return out.getvalue()


def decoded(film: bytes) -> Iterator[Any]:
    """Yield the frames of a film."""
    with av.open(io.BytesIO(film), "r") as container:
        yield from container.decode(video=0)


def read(film: bytes, shown: Sequence[Head]) -> dict[str, float]:
    """Return how many frames show exactly the code that was on them, and what reading one took."""
    right, spent = 0, 0.0
    for each, frame in zip(shown, decoded(film), strict=True):
        pixels = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
        began = time.process_time()
        found, _ = heads(pixels)
        spent += time.process_time() - began
        right += found == {each}
    return {"frames": len(shown), "read": right, "ms": round(1000 * spent / len(shown), 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each kind and rung; return 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.qr")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--kinds", nargs="*", choices=sorted(KINDS), default=list(KINDS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    area = overlay.SIDE**2 / (WIDTH * HEIGHT)
    count = asked.seconds * RATE
    shown = [head(number * 2 // count) for number in range(count)]
    figures: dict[str, Any] = {"area": round(area, 5), "picture_area": 0.0, "kinds": {}}
    figures["picture_area"] = round(overlay.WIDTH * overlay.HEIGHT / (WIDTH * HEIGHT), 5)
    print(
        f"code with quiet zone {100 * area:.2f} % of the frame, picture {100 * figures['picture_area']:.2f} %"
    )
    missed = area > AREA_GOAL
    for name in asked.kinds:
        upload = encode(with_overlay(KINDS[name](), shown), WIDTH, HEIGHT, UPLOAD_KBIT)
        rungs = figures["kinds"][name] = {}
        for rung, (width, height, kbit) in RUNGS.items():
            film = encode(decoded(upload), width, height, kbit)
            rungs[rung] = {**read(film, shown), "kbit": round(len(film) * 8 / 1000 / asked.seconds)}
            share = rungs[rung]["read"] / count
            missed |= share < GOAL and name not in EXTREME
            print(f"{name:9} {rung:10} {100 * share:6.2f} %  {rungs[rung]}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
