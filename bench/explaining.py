"""What the pictures that explain a post cost: `python -m bench.explaining [--corpus DIR] [--rounds N]`.

Prints CPU seconds of this process, the first post with the reading of font, cohort and chance examples in it, and the
median of the following; how many bytes were made; and, with the corpus, how exactly cropped real pairs are registered:
the largest error of the four sides in shares of the stage, with the matcher's steps as the start and after the search.
"""

import argparse
import csv
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from bench.cohort_characters import character
from sakigake.fingerprint.placed import Window
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding, Interval, Likeness, Order
from watch.explaining import chance, letters
from watch.explaining.everything import explain_all
from watch.explaining.material import Material, Moment
from watch.explaining.registration import register

_START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
_KINDS = {"low", "mid", "high", "structure-only"}


def drawn() -> tuple[Pixels, Pixels]:
    """Return a post and the stage of 1920 x 1080 that it was made from, by code."""
    stage = cv2.resize(
        character(np.random.default_rng(5), "shaded"), (1920, 1080), interpolation=cv2.INTER_CUBIC
    )
    soft = cv2.GaussianBlur(stage, (0, 0), 3)
    post = cv2.resize(soft, (1024, 576), interpolation=cv2.INTER_AREA)
    return np.asarray(255 - (255 - post) // 2, np.uint8), np.asarray(stage, np.uint8)


def material(post: Pixels, stage: Pixels) -> Material:
    """Return what is explained: a finding as `check` makes it, forty stages."""
    described = unpack(fingerprint_v2(stage))
    valued = chance.value(post, described)
    if valued is None:
        raise ValueError("a post that carries too little")
    moments = [
        Moment(n, Interval(_START + timedelta(minutes=n), _START + timedelta(minutes=n + 1)))
        for n in range(40)
    ]
    finding = Finding(
        session="0" * 32,
        order=Order.DRAFT_FIRST,
        order_reason="",
        likeness=Likeness.STRONG,
        likeness_reason="",
        post=Interval(_START + timedelta(days=1), None),
        draft=Interval(_START, _START + timedelta(hours=1)),
        claimed=None,
        stage=30,
        first_stage=28,
        last_stage=31,
        view=valued.view,
        compared=40,
        counts=valued.counts,
        fingerprint_version=described.version,
        post_digest="0" * 64,
        part=valued.part,
    )
    return Material(post, stage, described, finding, moments, [(n, stage) for n in (1, 8, 15, 22, 30)])


def registered(folder: Path) -> tuple[list[float], list[float]]:
    """Return the errors before and after the search of every fifth real pair, cropped by chance and begun a step off."""
    rng = np.random.default_rng(0)
    with (folder / "pairs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["category"] in _KINDS]
    before, after = [], []
    for row in rows[::5]:
        stage, source = (cv2.imread(str(folder / row[side])) for side in ("input", "output"))
        if stage is None or source is None:
            continue
        height, width = source.shape[:2]
        tall, wide = rng.uniform(0.7, 1, 2)
        top, left = rng.uniform(0, 1 - tall), rng.uniform(0, 1 - wide)
        truth = np.array([top, left, top + tall, left + wide])
        at = np.round(truth * [height, width, height, width]).astype(int)
        post = np.asarray(source[at[0] : at[2], at[1] : at[3]], np.uint8)
        begun = np.round(truth * 32) / 32 + rng.integers(-1, 2, 4) / 32
        found = register(
            post,
            np.asarray(stage, np.uint8),
            Window(begun[0], begun[1], begun[2] - begun[0], begun[3] - begun[1]),
        ).window
        ends = np.array([found.top, found.left, found.top + found.height, found.left + found.width])
        before.append(float(np.abs(begun - truth).max()))
        after.append(float(np.abs(ends - truth).max()))
    return before, after


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    given = material(*drawn())
    times = []
    for _ in range(options.rounds + 1):
        begun = time.process_time()
        made = explain_all(given, letters.shipped())
        times.append(time.process_time() - begun)
    total = sum(len(each) for each in made.files.values())
    print(f"load {load}, {len(made.files)} files, {total / 1e6:.1f} MB")
    print(
        f"explain_all: first {times[0]:.2f} s CPU, then {statistics.median(times[1:]):.2f} s (median of {options.rounds})"
    )
    if options.corpus:
        before, after = registered(options.corpus)
        for name, errors in (("as matched", before), ("registered", after)):
            far = sum(each > 0.03 for each in errors)
            print(f"{name}: median {statistics.median(errors):.4f}, over .03: {far} of {len(errors)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
