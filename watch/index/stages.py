"""The index of recorded stages: which works look so much like a post that it should be compared with them whole."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import VERSION, unpack
from sakigake.model import EntryType
from sakigake.store.protocol import Store
from watch.index import cache, coding
from watch.index.keystages import key_stages
from watch.index.look import Look
from watch.index.search import nearest

# So many of the nearest codes of each view are looked at again by their fine rows. The farthest that a true one was among 10,000
# key stages, of those that a comparison calls alike, was the 25th (docs/index-and-scale.md).
LEAST_LOOKED_AT, LOOKED_AT = 250, 500
_MORE = 0.3  # with so high a power of the number of rows: 250 of ten thousand, 500 of a hundred thousand
_FEW_ROWS = 10_000
_PIECE = 1 << 16  # rows that are copied from the old file at a time
_REWRITE = 2000  # rows that are newer than the file before it is written again


@dataclass(frozen=True, slots=True)
class Candidate:
    """A work that may be like a post: its nearest key stage is so many deviations `above` the closest of the cohort."""

    session: str
    above: float


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """One session as it is newly read: its length then, the stages that can be compared, the rows of its key stages."""

    length: int
    stages: int
    other: int
    codes: NDArray[np.uint8]
    fine: NDArray[np.int8]


def looked_at(rows: int) -> int:
    """Return how many of the nearest of so many codes are looked at by their fine rows."""
    more: float = max(1.0, rows / _FEW_ROWS) ** _MORE
    return round(min(LOOKED_AT, LEAST_LOOKED_AT * more))


class StageIndex:
    """Codes of key stages in memory, their fine rows in a file that is mapped. Usable from several threads.

    The file is a cache: it is caught up with the store when opened and whenever asked, and made anew when it is damaged.
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store, self._path = store, path
        self._lock = threading.RLock()
        self._take_up(cache.empty(coding.CODE_BYTES))
        self._newer: dict[str, _Work] = {}
        self._extra: tuple[list[str], NDArray[np.uint8], NDArray[np.int8]] | None = None
        self._mark = ""
        self.rebuilt = False

    @classmethod
    def open(cls, store: Store, folder: Path) -> Self:
        """Open the index of a store; its cache lies in `folder`. What the store has and the cache has not is read."""
        index = cls(store, folder / cache.NAME)
        index._load()
        index.catch_up()
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is newer than the file and let go of it."""
        with self._lock:
            if self._newer or self._gone.any():
                self._save()
            self._kept.fine.close()
            self._take_up(cache.empty(coding.CODE_BYTES))
            self._newer, self._extra = {}, None

    @property
    def stages(self) -> int:
        """Return how many stages can be compared, key stages or not."""
        with self._lock:
            kept = int(self._kept.sessions["stages"][~self._gone].sum())
            return kept + sum(work.stages for work in self._newer.values())

    @property
    def rows(self) -> int:
        """Return how many key stages there are."""
        with self._lock:
            kept = int(self._kept.sessions["rows"][~self._gone].sum())
            return kept + sum(len(work.codes) for work in self._newer.values())

    def sessions(self) -> list[str]:
        """Return the ids of all sessions with a stage that can be compared."""
        with self._lock:
            table = self._kept.sessions
            kept = table["id"][(table["stages"] > 0) & ~self._gone].tolist()
            return [each.decode("ascii") for each in kept] + [
                session for session, work in self._newer.items() if work.stages
            ]

    def others(self) -> list[str]:
        """Return the sessions with stages of an older fingerprint: no code is known for these, so each is a candidate."""
        with self._lock:
            table = self._kept.sessions
            kept = table["id"][(table["other"] > 0) & ~self._gone].tolist()
            return [each.decode("ascii") for each in kept] + [
                session for session, work in self._newer.items() if work.other
            ]

    def catch_up(self) -> int:
        """Read the sessions that have grown, had stages forgotten or are new; return how many were read."""
        with self._lock:
            if (mark := self._store.mark()) == self._mark:
                return 0
            ids, lengths = self._kept.sessions["id"], self._kept.sessions["length"]
            there, read = np.zeros(len(ids), np.bool_), 0
            for session, length in self._store.lengths():
                at = int(np.searchsorted(ids, session.encode("ascii")))
                in_file = at < len(ids) and ids[at] == session.encode("ascii")
                there[at : at + 1] |= in_file
                newer = self._newer.get(session)
                if newer.length == length if newer else in_file and lengths[at] == length:
                    continue
                self._gone[at : at + 1] |= in_file
                self._newer[session] = _read(self._store, session, length)
                self._extra = None
                read += 1
            self._gone |= ~there
            if sum(len(work.codes) for work in self._newer.values()) >= _REWRITE:
                self._save()
            self._mark = mark
            return read

    def candidates(self, look: Look, limit: int) -> list[Candidate]:
        """Return at most `limit` works, likest first. Works of `others` are not among them."""
        if not len(look.values):
            return []
        queries = coding.codes(look.values)
        with self._lock:
            best: dict[str, float] = {}
            positions, _ = nearest(self._kept.codes, queries, looked_at(len(self._kept.codes)))
            if positions.size:
                rows = np.unique(positions)
                self._note(best, limit, rows, look.above(self._kept.fine.take(rows)))
            names, codes, fine = self._extras()
            positions, _ = nearest(codes, queries, looked_at(len(codes)))
            if positions.size:
                rows = np.unique(positions)
                for row, value in zip(rows.tolist(), look.above(fine[rows]).tolist(), strict=True):
                    best[names[row]] = max(best.get(names[row], value), value)
        ranked = sorted(best.items(), key=lambda each: (-each[1], each[0]))
        return [Candidate(session, value) for session, value in ranked[:limit]]

    def _note(
        self, best: dict[str, float], limit: int, rows: NDArray[np.int64], values: NDArray[np.float32]
    ) -> None:
        """Enter the likest sessions of the file by the values of some of its rows: `limit`, and those as like as the last."""
        table = self._kept.sessions
        at = np.searchsorted(self._ends, rows, side="right")
        # The rows are in order, so those of one session follow each other.
        first = np.flatnonzero(np.diff(at, prepend=-1))
        at, values = at[first], np.maximum.reduceat(values, first)
        values, at = values[~self._gone[at]], at[~self._gone[at]]
        if len(at) > limit:
            likest = values >= np.partition(values, -limit)[-limit]
            values, at = values[likest], at[likest]
        for session, value in zip(table["id"][at].tolist(), values.tolist(), strict=True):
            best[session.decode("ascii")] = value

    def _extras(self) -> tuple[list[str], NDArray[np.uint8], NDArray[np.int8]]:
        if self._extra is None:
            works = self._newer.items()
            self._extra = (
                [session for session, work in works for _ in range(len(work.codes))],
                np.concatenate([self._kept.codes[:0], *(work.codes for _, work in works)]),
                np.concatenate([np.zeros((0, coding.FINE), np.int8), *(work.fine for _, work in works)]),
            )
        return self._extra

    def _load(self) -> None:
        found = cache.read(self._path, coding.VERSION, coding.CODE_BYTES, coding.FINE)
        self.rebuilt = found is None
        if found:
            self._take_up(found)

    def _take_up(self, kept: cache.Kept) -> None:
        self._kept = kept
        self._gone = np.zeros(len(kept.sessions), np.bool_)  # those that were read anew or are no more
        self._ends = kept.sessions["first"] + kept.sessions["rows"]

    def _save(self) -> None:
        """Write all that is known and read it back; when it cannot be written, go on from memory."""
        made, parts = self._plan()
        kept = self._kept
        with contextlib.suppress(OSError):
            cache.write(
                self._path,
                coding.VERSION,
                made,
                (part.codes if isinstance(part, _Work) else kept.codes[part] for part in parts),
                chain.from_iterable(_fine(kept.fine, part) for part in parts),
                kept.fine.close
                if sys.platform == "win32"
                else lambda: None,  # no open file is replaced there
            )
            found = cache.read(self._path, coding.VERSION, coding.CODE_BYTES, coding.FINE)
            if found:
                kept.fine.close()
                self._take_up(found)
                self._newer, self._extra = {}, None

    def _plan(self) -> tuple[cache.Table, list[slice | _Work]]:
        """Return the table of all sessions, by id, and where their rows come from: runs of the file, works read since."""
        table = self._kept.sessions
        stays = table[~self._gone]
        newer = np.zeros(len(self._newer), cache.SESSION)
        works = list(self._newer.values())
        for at, (session, work) in enumerate(self._newer.items()):
            newer[at] = (session, work.length, at, len(work.codes), work.stages, work.other)
        made = np.concatenate([stays, newer])
        order = np.argsort(made["id"], kind="stable")
        parts: list[slice | _Work] = []
        for at in order.tolist():
            if at >= len(stays):
                parts.append(works[at - len(stays)])
                continue
            first = int(made["first"][at])
            last, before = first + int(made["rows"][at]), parts[-1] if parts else None
            if isinstance(before, slice) and before.stop == first:
                parts[-1] = slice(before.start, last)
            else:
                parts.append(slice(first, last))
        made = made[order]
        counts = made["rows"].astype(np.int64)
        made["first"] = np.cumsum(counts) - counts
        return made, parts


def _fine(kept: cache.FineRows, part: "slice | _Work") -> Iterator[NDArray[np.int8]]:
    """Yield the fine rows of a part, of a run of the file some at a time."""
    if isinstance(part, _Work):
        yield part.fine
        return
    for first in range(part.start, part.stop, _PIECE):
        yield kept.run(first, min(part.stop, first + _PIECE))


def _read(store: Store, session: str, length: int) -> _Work:
    """Read a session's stages and make the rows of its key stages."""
    found, other = [], 0
    for stored in store.entries(session, EntryType.STAGE):
        if stored.fingerprint is None:  # forgotten, or recorded without
            continue
        each = unpack(stored.fingerprint)
        if information(each.coverage, each.contrast) is not None:
            continue
        if each.version == VERSION:
            found.append(each.layout)
        else:
            other += 1
    fine = coding.describe(np.stack(found)) if found else np.zeros((0, coding.FINE), np.float32)
    chosen = fine[key_stages(fine)]
    return _Work(length, len(found) + other, other, coding.codes(chosen), coding.quantised(chosen))
