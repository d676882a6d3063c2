"""Make the cohort that ships: `python -m bench.make_cohort --out config [--clipart DIR] [--avoid DIR ...]`.

Most of it is drawn by a recipe (bench/cohort_art.py, bench/cohort_genres.py). A share is rendered clip art of the Open
Clip Art Library, which its authors gave to the public domain; Debian's package openclipart-png unpacked gives DIR:

    apt-get download openclipart-png && dpkg-deb -x openclipart-png_*.deb clip
    python -m bench.make_cohort --out config --clipart clip/usr/share/openclipart/png

Only descriptors are written, never a picture. Folders named by --avoid hold pictures used for evaluation: a cohort
picture that resembles one of them is left out, so that a figure measured there is not flattered.
"""

import argparse
import hashlib
import json
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.cohort_art import Pixels
from bench.cohort_characters import character
from bench.cohort_genres import DRAWERS
from sakigake.errors import SakigakeError
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import VERSION, Descriptors, fingerprint_v2, unpack
from watch.compare.cohort import NAMES
from watch.compare.measures import rows_of
from watch.sanitise import load_picture

SEED = 20261
DRAWN = 900
CHARACTERS = 320  # drawn people resemble one another more than anything else does
PER_FOLDER = 60
STYLES = ("flat", "line", "rough", "shaded", "ink")
# Folders of the library that hold pictures of things; flags, faces and plain shapes abound elsewhere.
FOLDERS = (
    "computer",
    "decorations",
    "electronics",
    "geography",
    "office",
    "recreation",
    "science",
    "shapes",
    "special",
    "tools",
    "transportation",
)
LEVELS = (
    15  # a row is kept in steps of this much of its largest value: only means over a hundred rows are used
)
MAX_CLIP_PIXELS = 6_000_000
NAME = NAMES[VERSION]
NEAR_PDQ = 40
NEAR_EDGES = 0.9


def drawn(number: int) -> tuple[str, Pixels]:
    """Return genre and picture `number` of the recipe; after the mixed genres come the characters."""
    if number >= DRAWN:
        style = STYLES[number % len(STYLES)]
        return character.__name__, character(np.random.default_rng([SEED, number]), style)
    wheel = [drawer for weight, drawer in DRAWERS for _ in range(weight)]
    drawer = wheel[number % len(wheel)]
    style = STYLES[number // len(wheel) % len(STYLES)]
    return drawer.__name__, drawer(np.random.default_rng([SEED, number]), style)


def clips(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the chosen clip art: the same choice whatever order the disk gives."""
    for top in FOLDERS:
        names = [path.relative_to(folder).as_posix() for path in (folder / top).rglob("*.png")]
        chosen = 0
        for name in sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest()):
            with (folder / name).open("rb") as stream:
                width, height = struct.unpack(">16xII", stream.read(24))
            if width * height <= MAX_CLIP_PIXELS and chosen < PER_FOLDER:
                chosen += 1
                yield name, folder / name


def avoided(folders: list[Path]) -> list[Descriptors]:
    """Return the fingerprints of every picture under the folders to stay away from."""
    paths = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".jpg", ".png"}
    )
    found = []
    for path in paths:
        pixels = cv2.imread(str(path))
        if pixels is not None:
            found.append(unpack(fingerprint_v2(np.asarray(pixels, np.uint8))))
    return found


def near(picture: Descriptors, others: list[Descriptors], edges: np.ndarray, bits: np.ndarray) -> bool:
    """Say whether a picture is a near copy of one of `others` (its edge rows and PDQ bits given as matrices)."""
    if not others:
        return False
    row = picture.edges.astype(np.float32)
    alike = edges @ row / np.linalg.norm(row)
    return bool((alike > NEAR_EDGES).any() or ((bits != picture.pdq).sum(axis=1) < NEAR_PDQ).any())


def main() -> int:
    """Write cohort-v2.npz and cohort-v2.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clipart", type=Path)
    parser.add_argument("--avoid", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    others = avoided(options.avoid)
    edges = (
        np.stack([other.edges for other in others]).astype(np.float32)
        if others
        else np.zeros((0, 1), np.float32)
    )
    edges /= np.linalg.norm(edges, axis=1, keepdims=True) + 1e-9
    bits = np.stack([other.pdq for other in others]) if others else np.zeros((0, 256), np.bool_)
    kept: list[Descriptors] = []
    genres: Counter[str] = Counter()
    names: list[str] = []
    left_out = 0
    for number in range(DRAWN + CHARACTERS):
        genre, pixels = drawn(number)
        picture = unpack(fingerprint_v2(pixels))
        if information(picture.coverage, picture.contrast) is None:
            kept.append(picture)
            genres[genre] += 1
    for name, path in clips(options.clipart) if options.clipart else ():
        try:
            picture = unpack(fingerprint_v2(load_picture(path)[0]))
        except SakigakeError as error:
            print(f"left out {name}: {error}", file=sys.stderr)
            continue
        if information(picture.coverage, picture.contrast) or near(picture, others, edges, bits):
            left_out += 1
            continue
        kept.append(picture)
        names.append(name)
    arrays = {}
    for measure, rows in rows_of(kept).items():
        peak = np.abs(rows).max(axis=1, keepdims=True) + 1e-9
        arrays[measure] = np.rint(rows * (LEVELS / peak)).astype(np.int8)
    target = options.out / f"{NAME}.npz"
    with target.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    about = {
        "version": "cohort/2",
        "fingerprint": VERSION,
        "pictures": len(kept),
        "drawn": {"seed": SEED, "count": genres.total(), "genres": dict(sorted(genres.items()))},
        "clipart": {"collection": "Open Clip Art Library 0.18, public domain dedication", "names": names},
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
    (options.out / f"{NAME}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"{len(kept)} pictures ({len(names)} clip art, {left_out} left out), {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
