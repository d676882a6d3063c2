"""Fit the turn of the shortlist's codes: `python -m bench.fit_shortlist --out config [--workers 2]`.

Material: layout maps of drafts and posts drawn by bench/layout_redraw.py, and those of the shipped cohort. No evaluation
picture is looked at. What comes out depends on the material only, up to the last bits of the machine that fits it, which is
why the file that ships is named by its digest. After a new fit, put the printed digest into watch/index/coding.py, run it again
with --cohort and put that digest into watch/index/look.py.
"""

import argparse
import hashlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.layout_pictures import Pool, pool
from bench.layout_redraw import pair
from bench.train_layout import packed
from sakigake.fingerprint import layout_map
from sakigake.fingerprint.vector import VERSION
from watch.compare import cohort
from watch.compare.measures import LAYOUT, unit
from watch.index import coding
from watch.index.coding import FINE, NAME
from watch.index.look import COHORT

SEED = 20271
DRAWINGS, PAIRS = 600, 2000
_SPARE, _ROUNDS, _TURNS = 40, 2, 20
_PIECE = 100

Floats = NDArray[np.float32]


@cache
def _drawings() -> Pool:
    return pool(SEED, DRAWINGS)


def drawn(start: int) -> bytes:
    """Return the layout maps of a piece of the drawn pairs: drafts and posts in turn."""
    cv2.setNumThreads(1)
    net, made = layout_map.load(), []
    for number in range(start, start + _PIECE):
        found = pair(np.random.default_rng([SEED, 1, number]), _drawings())
        made += [layout_map.layout_map_v1(found.draft, net), layout_map.layout_map_v1(found.post, net)]
    return b"".join(each for each in made if len(each) == layout_map.SIZE)


def material(workers: int) -> Floats:
    """Return unit maps, channels around their means: drawn pairs, then the cohort."""
    with ProcessPoolExecutor(workers) as processes:
        raw = b"".join(processes.map(drawn, range(0, PAIRS, _PIECE)))
    maps = np.frombuffer(raw, np.int8).reshape(-1, layout_map.CHANNELS, layout_map.SIDE**2).astype(np.float32)
    rows = unit((maps - maps.mean(axis=2, keepdims=True)).reshape(len(maps), -1))
    return np.concatenate([rows, cohort.load().rows[LAYOUT]])


def principal(rows: Floats, count: int) -> Floats:
    """Return the first principal directions (values x count) of centred rows (Halko, Martinsson and Tropp 2011)."""
    guess = np.random.default_rng(0).normal(size=(rows.shape[1], count + _SPARE)).astype(np.float32)
    seen = rows @ guess
    for _ in range(_ROUNDS):
        seen = rows @ np.linalg.qr(rows.T @ np.linalg.qr(seen)[0])[0]
    basis = np.linalg.qr(seen)[0]
    small = basis.T @ rows
    values, turns = np.linalg.eigh(small @ small.T)
    order = np.argsort(-values)[:count]
    return np.asarray(small.T @ turns[:, order] / np.sqrt(values[order]), np.float32)


def evened(rows: Floats) -> Floats:
    """Return the rotation under which the signs of rows lose least (Gong and Lazebnik, CVPR 2011)."""
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(rows.shape[1], rows.shape[1])))[0]
    for _ in range(_TURNS):
        left, _, right = np.linalg.svd(np.where(rows @ turn > 0, 1.0, -1.0).T @ rows)
        turn = right.T @ left.T
    return np.asarray(turn, np.float32)


def described_cohort() -> bytes:
    """Return the shipped cohort as fine rows, in a file that names the cohort and the code it was made for."""
    found = cohort.load()
    rows = found.rows[LAYOUT]
    steps = np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))).astype(np.int8)
    made_for = np.frombuffer(f"{found.digest} {coding.VERSION}".encode("ascii"), np.uint8)
    return packed({"made_for": made_for, "rows": coding.quantised(coding.describe(steps))})


def main() -> int:
    """Draw, fit and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--cohort", action="store_true", help="only write the cohort anew, for the code that ships"
    )
    options = parser.parse_args()
    if options.cohort:
        raw = described_cohort()
        (options.out / f"{COHORT}.npz").write_bytes(raw)
        print(f"{len(raw)} bytes, COHORT_DIGEST = {hashlib.sha256(raw).hexdigest()}")
        return 0
    began = time.monotonic()
    rows = material(options.workers)
    middle = rows.mean(axis=0)
    directions = principal(rows - middle, FINE)
    turned = directions @ evened((rows - middle) @ directions)
    scale = 127 / float(np.abs(turned).max())
    arrays = {
        "kernel": np.rint(turned * scale).astype(np.int8),
        "middle": (middle.astype(np.float64) @ turned.astype(np.float64)) * scale,
    }
    raw = packed(arrays)
    digest = hashlib.sha256(raw).hexdigest()
    (options.out / f"{NAME}.npz").write_bytes(raw)
    about = {
        "fingerprint": VERSION,
        "sha256": digest,
        "material": {
            "drawn_by": ["bench/cohort_*.py", "bench/layout_pictures.py", "bench/layout_redraw.py"],
            "seed": SEED,
            "drawings": DRAWINGS,
            "pairs": PAIRS,
            "cohort": cohort.load().version,
            "sha256": hashlib.sha256(rows.tobytes()).hexdigest(),
        },
    }
    (options.out / f"{NAME}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} maps in {time.monotonic() - began:.0f} s, {len(raw)} bytes, DIGEST = {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
