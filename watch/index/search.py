"""The nearest codes, exactly: every code is looked at, by faiss when it is installed and by numpy otherwise.

A drawing leaves dozens of nearly equal stages in a row, and graph indexes lose their way among those: HNSW at its usual
settings found the right work for 76 to 89 queries in a hundred where looking at all of them finds it for each. Looking at
a million codes takes 2 ms with faiss.
"""

import importlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]  # n x bytes
_BLOCK = 1 << 16  # codes at a time, which bounds the memory


@cache
def engine() -> str:
    """Return which program does the looking: `faiss` or `numpy`."""
    try:
        faiss: Any = importlib.import_module("faiss")
    except ImportError:
        return "numpy"
    faiss.omp_set_num_threads(
        1
    )  # posts are looked at side by side; threads in each look would wait for each other
    return "faiss"


def nearest(codes: Codes, queries: Codes, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return positions and Hamming distances (queries x limit) of the nearest codes, nearest first.

    Of codes equally far the one that comes first is nearer. With fewer codes than `limit` all are returned.
    """
    limit = min(limit, len(codes))
    if not limit:
        shape = (len(queries), 0)
        return np.zeros(shape, np.int64), np.zeros(shape, np.int32)
    if engine() == "faiss":
        return _by_faiss(codes, queries, limit)
    return _by_numpy(codes, queries, limit)


def _by_faiss(codes: Codes, queries: Codes, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    faiss: Any = importlib.import_module("faiss")
    distances, positions = faiss.knn_hamming(np.ascontiguousarray(queries), codes, limit, variant="mc")
    order = np.lexsort((positions, distances))
    return (
        np.take_along_axis(np.asarray(positions, np.int64), order, 1),
        np.take_along_axis(np.asarray(distances, np.int32), order, 1),
    )


def _by_numpy(codes: Codes, queries: Codes, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    positions = np.empty((len(queries), limit), np.int64)
    distances = np.empty((len(queries), limit), np.int32)
    for row, query in enumerate(queries):
        apart = np.concatenate(
            [differing(codes[start : start + _BLOCK], query) for start in range(0, len(codes), _BLOCK)]
        )
        # The farthest that is still in, then all that are nearer and the first of those that are as far.
        radius = int(np.partition(apart, limit - 1)[limit - 1])
        inside = np.flatnonzero(apart < radius)
        at = np.concatenate([inside, np.flatnonzero(apart == radius)[: limit - inside.size]])
        order = np.lexsort((at, apart[at]))
        positions[row], distances[row] = at[order], apart[at][order]
    return positions, distances


def differing(codes: Codes, query: Codes) -> NDArray[np.uint16]:
    """Return how many bits of each code (n x bytes, a multiple of 8) differ from a query's."""
    words = np.ascontiguousarray(codes).view(np.uint64) ^ np.ascontiguousarray(query).view(np.uint64)
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(words).sum(axis=1, dtype=np.uint16))
    return np.asarray(_table()[words.view(np.uint16)].sum(axis=1, dtype=np.uint16))


@cache
def _table() -> NDArray[np.uint8]:
    """Return the number of bits of every 16-bit number: numpy counts them itself from version 2 on."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    return np.asarray(np.unpackbits(numbers, axis=1).sum(axis=1), np.uint8)
