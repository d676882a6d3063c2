"""Draw the unrelated pictures that show what chance looks like: `python -m bench.make_chance --out config`.

They come from the recipes of the cohort (bench/cohort_*.py) with another seed, so none of them is in the cohort that a
score is read against. Every other one is a character, since drawn people resemble one another more than anything else
does; the others run through all genres. They are kept as small WebP pictures, whose decoding is defined to the bit.
"""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bench.cohort_art import Pixels
from bench.cohort_characters import character
from bench.cohort_genres import DRAWERS
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from watch.explaining.chance import NAME

SEED = 20262  # bench.make_cohort has another
COUNT = 96
SIDE = 224  # the longer one, in dots
STYLES = ("flat", "line", "rough", "shaded", "ink")


def drawn(number: int) -> Pixels:
    """Return picture `number` of the recipe, BGR."""
    rng, style = np.random.default_rng([SEED, number]), STYLES[number % len(STYLES)]
    if number % 2 == 0:
        return character(rng, style)
    wheel = [drawer for weight, drawer in DRAWERS for _ in range(weight)]
    return wheel[number // 2 % len(wheel)](rng, style)


def coded(pixels: Pixels) -> bytes:
    """Return a picture as WebP with its longer side at 224."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    raw = io.BytesIO()
    Image.fromarray(small).save(raw, "WEBP", quality=80, method=4)
    return raw.getvalue()


def main() -> int:
    """Write chance-v1.npz and chance-v1.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    kept: list[bytes] = []
    numbers: list[int] = []
    number = 0
    while len(kept) < COUNT:
        pixels = drawn(number)
        seen = unpack(fingerprint_v2(pixels))
        if information(seen.coverage, seen.contrast) is None:
            kept.append(coded(pixels))
            numbers.append(number)
        number += 1
    ends = np.cumsum([len(each) for each in kept]).astype(np.int32)
    target = options.out / f"{NAME}.npz"
    with target.open("wb") as stream:
        np.savez(stream, ends=ends, coded=np.frombuffer(b"".join(kept), np.uint8))
    about = {
        "version": "chance/1",
        "pictures": len(kept),
        "seed": SEED,
        "numbers": numbers,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
    (options.out / f"{NAME}.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    print(f"{len(kept)} pictures, {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
