"""Keeping a recorder small beside a drawing program, without making it slower.

Three things cost what a recorder does not need. glibc gives each thread a heap of its own; with one heap the pictures
of one thread take the place of another's. Each look had the picture of the screen twice for a moment; now it is turned
into the frame in its own place. And of the libraries that are loaded most was touched only by loading them: 30 MB,
which the system may take back from any process, but counts as this one's until it has to.

MB resident, most of the time / at most, drawing at 1920x1080 with a look every 2 s and time tokens: 135 / 146 without
the last two, 107 / 115 with them, for the same CPU. Other C libraries and systems are left alone.
"""

import ctypes
import mmap
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
# Bytes. A picture of the screen below this stays at hand for the next look, which has to ask for a larger one anew:
# at 1920x1080 that would save 10 MB most of the time, nothing at most, and cost 3 ms of each look.
LARGE = 16 << 20
MADV_DONTNEED = 4


def keep_small(unused: int | None = None, large: int = LARGE) -> None:
    """Use one heap, not for large things, and one BLAS thread; before numpy is loaded and before there are threads.

    The heap keeps so many bytes `unused` at its end for what comes next; when that is None as many as glibc likes. From
    `large` bytes on a thing has a place of its own, which the system gets back with it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if unused is not None:
        _call("mallopt", M_TRIM_THRESHOLD, unused)
    _call("mallopt", M_ARENA_MAX, 1)
    _call("mallopt", M_MMAP_THRESHOLD, large)


def give_back() -> None:
    """Hand back what the heap holds unused; after work that is rare, since the next look has to ask for it again."""
    _call("malloc_trim", 0)


def give_back_rest(buffer: bytearray, kept: int) -> None:
    """Hand back the memory of a buffer after its first `kept` bytes; what was in it is lost, its length is not."""
    if sys.platform == "linux":
        begin = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        # Whole pages that are the buffer's alone.
        first = -(-(begin + kept) // mmap.PAGESIZE) * mmap.PAGESIZE
        end = (begin + len(buffer)) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < end:
            _call("madvise", ctypes.c_void_p(first), ctypes.c_size_t(end - first), MADV_DONTNEED)


def give_back_loaded() -> None:
    """Let go of the pages of libraries that loading them has touched; the few that are needed come back by themselves.

    Only pages that are as they are in their file, so that nothing can be lost: a mapping that cannot be written and
    holds no page of our own, neither in memory nor swapped out. Libraries stay loaded, so their places never become
    those of something else meanwhile.
    """
    try:
        with Path("/proc/self/smaps").open(encoding="utf-8", errors="surrogateescape") as lines:
            for begin, end in clean_code(lines):
                _call("madvise", ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), MADV_DONTNEED)
    except OSError:
        return  # not Linux, or not shown: then they stay


def clean_code(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the address ranges of libraries' code and constants; `smaps` is the text that proc(5) describes."""
    place: tuple[int, int] | None = None
    ours = 0
    for line in smaps:
        name, *rest = line.split()
        if not name.endswith(":"):
            begin, _, end = name.partition("-")
            library = rest[0] in {"r-xp", "r--p"} and ".so" in rest[-1].rpartition("/")[2]
            place, ours = ((int(begin, 16), int(end, 16)) if library else None), 0
        elif name in {"Anonymous:", "Swap:"}:
            ours += int(rest[0])
        elif name == "VmFlags:" and place is not None and not ours:
            yield place


def _call(function: str, *values: object) -> None:
    if sys.platform == "linux":
        known = getattr(ctypes.CDLL(None), function, None)
        if known is not None:
            known(*values)
