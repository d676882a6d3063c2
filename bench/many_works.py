"""Stores with very many works, for measuring what grows with their number: `python -m bench.many_works --stages N --out DB`.

No such collection of real drawings is at hand. A few hundred pictures are drawn by recipe and fingerprinted; a work is two of
those put together along a soft line, uncovered little by little as a drawing is, ten stages each, in drawing order. The
fingerprints are valid, the entries can be read, nothing is signed. They are written past the ledger, in large transactions.
"""

import argparse
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.make_cohort import drawn
from sakigake.clock import to_ms
from sakigake.fingerprint.information import information
from sakigake.fingerprint.layout_map import CHANNELS
from sakigake.fingerprint.vector import MAGIC, SECTIONS, fingerprint_v2, unpack
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline import merkle
from sakigake.timeline.entry import ZERO_LEAF, write_entry

STAGES = 10
SEED = 20272
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
_SIDE = 16
_BATCH = 500  # works in one transaction

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """What works are put together of: fingerprints as they lie in bytes, one row for each picture drawn."""

    raw: NDArray[np.uint8]

    def part(self, name: str) -> NDArray[np.int8]:
        """Return a section of each."""
        start, size = where(name)
        return self.raw[:, start : start + size].view(np.int8)


def where(name: str) -> tuple[int, int]:
    """Return where a section of version 2 begins in a fingerprint, and its size."""
    start = len(MAGIC) + 4
    for section in SECTIONS[2]:
        if section.name == name:
            return start, section.size
        start += section.size
    raise KeyError(name)


def base(count: int) -> Base:
    """Draw pictures of all genres and fingerprint them; those that carry too little are left out."""
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        # Spread over the recipe: neighbours in it are of one style.
        raw = fingerprint_v2(drawn((number * 7) % 1220)[1])
        number += 1
        seen = unpack(raw)
        if information(seen.coverage, seen.contrast) is None:
            found.append(raw)
    return base_of(found)


def base_of(prints: Sequence[bytes]) -> Base:
    """Return fingerprints of version 2 as what works are put together of."""
    return Base(np.stack([np.frombuffer(raw, np.uint8) for raw in prints]))


def works(drawings: Base, count: int, first: int = 0) -> Iterator[list[bytes]]:
    """Yield the fingerprints of the stages of `count` works, in drawing order."""
    for number in range(first, first + count):
        yield stages(drawings, np.random.default_rng([SEED, number]))


def stages(drawings: Base, rng: np.random.Generator) -> list[bytes]:
    """Return the fingerprints of one work's stages."""
    one, other = rng.integers(0, len(drawings.raw), 2)
    raw = np.tile(drawings.raw[one], (STAGES, 1))
    share = _line(rng)  # of the first picture in each cell
    # The order in which cells are drawn: roughly from one side to the other, a tenth more with each stage.
    order = (_line(rng) + rng.normal(0, 0.15, (_SIDE, _SIDE))).ravel().argsort().argsort()
    shown = (order < np.linspace(0.35, 1, STAGES)[:, None] * order.size).reshape(STAGES, _SIDE, _SIDE)
    for name, shape in (
        ("layout_map_v1", (CHANNELS, _SIDE, _SIDE)),
        ("edge_layout_v1", (_SIDE, _SIDE, -1)),
        ("oklab_thumb_v2", (_SIDE, _SIDE, 3)),
    ):
        part = drawings.part(name)
        first, second = (part[at].reshape(shape).astype(np.float32) for at in (one, other))
        cells_last = shape[0] == _SIDE
        weight = share[..., None] if cells_last else share
        made = first * weight + second * (1 - weight)
        seen = shown[..., None] if cells_last else shown[:, None]
        made = made * seen + rng.normal(0, 2, (STAGES, *made.shape)).astype(np.float32)
        start, size = where(name)
        whole = np.clip(np.rint(made), -127, 127).astype(np.int8).reshape(STAGES, -1)
        raw[:, start : start + size] = whole.view(np.uint8)
    start, size = where("pdq_v1")
    raw[:, start : start + size] ^= np.packbits(rng.random((STAGES, size * 8)) < 0.1, axis=1)
    return [row.tobytes() for row in raw]


def _line(rng: np.random.Generator) -> Floats:
    """Return a soft step over the cells along a line anywhere."""
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE] - (_SIDE - 1) / 2
    turn = rng.uniform(0, 2 * np.pi)
    away = np.cos(turn) * columns + np.sin(turn) * rows - rng.uniform(-4, 4)
    return np.asarray(1 / (1 + np.exp(-away)), np.float32)


def fill(path: Path, count: int, drawings: Base, first: int = 0) -> None:
    """Add `count` works to the store at `path`, which is made when it is not there."""
    for start in range(first, first + count, _BATCH):
        add(path, works(drawings, min(_BATCH, first + count - start), start), start)


def add(path: Path, prints: Iterable[list[bytes]], first: int = 0) -> None:
    """Add works with these fingerprints in one transaction; one without any has a session and nothing in it."""
    SqliteStore(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    for number, each in enumerate(prints, start=first):
        _add(db, number, each)
    db.execute("COMMIT")
    db.close()


def session_id(number: int) -> str:
    """Return the id of a work."""
    return f"{BEGAN + timedelta(minutes=number):%Y%m%d-%H%M%S}-{number % 65536:04x}"


def _add(db: sqlite3.Connection, number: int, prints: list[bytes]) -> None:
    began = BEGAN + timedelta(minutes=number)
    session, prev, wall = session_id(number), ZERO_LEAF, to_ms(began)
    rows = []
    begin: dict[str, int | str] = {"key": "00" * 32, "program": "bench", "source": "screen"}
    for seq, raw_print in enumerate([None, *prints] if prints else []):
        kind = EntryType.STAGE if raw_print else EntryType.SESSION_START
        raw = write_entry(
            seq=seq,
            kind=kind,
            wall=wall + 5000 * seq,
            mono=5000 * seq,
            boot="00" * 8,
            prev=prev,
            info=None if raw_print else begin,
        )
        leaf = merkle.leaf_hash(raw)
        prev = leaf.hex()
        rows.append((session, seq, kind.value, raw, leaf, raw_print))
    db.execute(
        "INSERT INTO sessions (id, ledger, started_ms, source, public_key) VALUES (?, ?, ?, ?, ?)",
        (session, sha256(session.encode()).hexdigest()[:32], wall, "screen", bytes(32)),
    )
    db.executemany(
        "INSERT INTO entries (session, seq, type, raw, leaf, fingerprint) VALUES (?, ?, ?, ?, ?, ?)", rows
    )


def main() -> int:
    """Make a store."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stages", type=int, required=True)
    parser.add_argument("--drawings", type=int, default=300)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    began = time.monotonic()
    fill(options.out, options.stages // STAGES, base(options.drawings))
    print(f"{options.stages} stages in {time.monotonic() - began:.0f} s, {options.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
