"""The file that keeps the shortlist's codes between runs: a cache of the store, rebuilt whenever anything about it is odd.

Layout: one line of JSON (what it is, for which codes, how many rows and sessions, the SHA-256 of all that follows, padded
with spaces to 512 bytes), the table of sessions, then the codes and the fine rows of all key stages. It is written beside and
put in its place in one step, so that a reader finds the old file or the new one. Nothing in it is believed without its digest.
"""

import hashlib
import io
import json
import os
import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakigake import durable

NAME = "shortlist.cache"
FORMAT = "sakigake-shortlist-cache/1"
HEADER = 512
# id of the session; entries in its ledger when it was read; its first row and how many; its stages that can be compared;
# how many of these have a fingerprint that the codes do not know.
SESSION = np.dtype(
    [("id", "S48"), ("length", "<i8"), ("first", "<i8"), ("rows", "<i4"), ("stages", "<i4"), ("other", "<i4")]
)
_PIECE = 1 << 20
HELD_BYTES = 8 * 2**20  # of fine rows, those of 32,768 key stages: so much is read once and kept

Table = NDArray[np.void]


class FineRows:
    """Rows that stay in the file: a few hundred of a million are read for each post, and none of so many is kept in memory.

    Mapping the file would count every page around a row as memory of the process. `start` is where the rows begin in
    the file, each of `size` bytes. Use it from one thread at a time.
    """

    def __init__(self, stream: io.FileIO | None, start: int, size: int, count: int) -> None:
        self._stream, self._start, self._size, self._count = stream, start, size, count
        self._all: NDArray[np.int8] | None = None
        if stream is not None:
            weakref.finalize(self, stream.close)  # whoever forgets an index must not keep its file open

    def __len__(self) -> int:
        return self._count

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return some rows; raises OSError when the file cannot be read.

        Of a small file all rows are kept from the first time on.
        """
        if self._all is None and self._count * self._size <= HELD_BYTES:
            self._all = self.run(0, self._count)
        if self._all is not None:
            return np.asarray(self._all[rows])
        if sys.platform != "win32":  # there a read has no place of its own
            if self._stream is not None:
                return self._places(self._stream.fileno(), rows)
        found = np.empty((len(rows), self._size), np.int8)
        for at, row in enumerate(rows.tolist()):
            self._read(found[at], row)
        return found

    if sys.platform != "win32":

        def _places(self, number: int, rows: NDArray[np.int64]) -> NDArray[np.int8]:
            """Read rows from their places in the file of descriptor `number`."""
            if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self._count:
                raise IndexError(int(rows.max()))
            size = self._size
            pieces = [os.pread(number, size, place) for place in (self._start + rows * size).tolist()]
            raw = b"".join(pieces)
            if len(raw) != len(rows) * size:
                raise OSError("the cache was cut short")
            return np.frombuffer(raw, np.int8).reshape(len(rows), size)

    def run(self, first: int, last: int) -> NDArray[np.int8]:
        """Return the rows from `first` to before `last`."""
        found = np.empty((last - first, self._size), np.int8)
        if last > first:
            self._read(found, first)
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
        self._all = None

    def _read(self, into: NDArray[np.int8], row: int) -> None:
        if self._stream is None or not 0 <= row < self._count:
            raise IndexError(row)
        self._stream.seek(self._start + row * self._size)
        left = into.data.cast("B")
        while left.nbytes:
            count = self._stream.readinto(left)
            if not count:
                raise OSError("the cache was cut short")
            left = left[count:]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a cache holds: sessions, in the order of their rows, codes (rows x bytes) in memory, fine rows in the file."""

    sessions: Table
    codes: NDArray[np.uint8]
    fine: FineRows


def empty(code_bytes: int) -> Kept:
    """Return a cache of nothing."""
    return Kept(np.zeros(0, SESSION), np.zeros((0, code_bytes), np.uint8), FineRows(None, 0, 0, 0))


def write(  # noqa: PLR0917 - the parts of one file in their order
    path: Path,
    version: str,
    sessions: Table,
    codes: Iterable[NDArray[np.uint8]],
    fine: Iterable[NDArray[np.int8]],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Put a cache in place of what `path` held; `codes` and `fine` come in pieces. Raises OSError, the old one intact.

    `before` is called when all is written and before it is put in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as stream:
            stream.write(b" " * HEADER)
            rows = 0
            for number, pieces in enumerate(((sessions,), codes, fine)):
                for piece in pieces:
                    raw = np.ascontiguousarray(piece).tobytes()
                    stream.write(raw)
                    digest.update(raw)
                    rows += len(piece) if number == 1 else 0
            about = {
                "format": FORMAT,
                "code": version,
                "sessions": len(sessions),
                "rows": rows,
                "sha256": digest.hexdigest(),
            }
            stream.seek(0)
            stream.write(json.dumps(about, sort_keys=True).encode("ascii").ljust(HEADER - 1) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        before()
        durable.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    durable.sync_folder(path.parent)


def read(  # noqa: PLR0911 - each odd thing on its own
    path: Path, version: str, code_bytes: int, fine_size: int
) -> Kept | None:
    """Return what is kept, None when there is nothing, it is damaged or was made for other codes."""
    try:
        with path.open("rb") as stream:
            about = json.loads(stream.read(HEADER))
            if about["format"] != FORMAT or about["code"] != version:
                return None
            rows, count = int(about["rows"]), int(about["sessions"])
            body = count * SESSION.itemsize + rows * (code_bytes + fine_size)
            if min(rows, count) < 0 or path.stat().st_size != HEADER + body:
                return None
            digest = hashlib.sha256()
            while piece := stream.read(_PIECE):
                digest.update(piece)
            if digest.hexdigest() != about["sha256"]:
                return None
            stream.seek(HEADER)
            sessions = np.frombuffer(stream.read(count * SESSION.itemsize), SESSION)
            codes = np.empty((rows, code_bytes), np.uint8)
            if stream.readinto(codes.data if rows else bytearray()) != codes.nbytes:
                return None
            if not _sound(sessions, rows):
                return None
            # The same file, whatever is put in its place meanwhile.
            own = io.FileIO(os.dup(stream.fileno()), "rb")
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return Kept(sessions, codes, FineRows(own, HEADER + body - rows * fine_size, fine_size, rows))


def _sound(sessions: Table, rows: int) -> bool:
    """Say whether the sessions share out the rows: what is read with the wrong rows would name the wrong work."""
    counts = sessions["rows"].astype(np.int64)
    return bool(
        (counts >= 0).all()
        and counts.sum() == rows
        and (sessions["first"] == np.cumsum(counts) - counts).all()
    )
