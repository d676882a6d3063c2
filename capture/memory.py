"""Keeping a recorder small beside a drawing program, without making it slower.

Left alone, glibc gives each thread a heap of its own and lets the heaps grow by blocks as large as a picture: 147 MB
resident at 1920x1080 after a minute of drawing. With one heap, and the raw picture of the screen (4 bytes a pixel)
handed back after each look while the frame made of it (3 bytes a pixel) reuses its place, it is 118 to 130 MB for
the same CPU. Handing back everything after each look gives 112 MB but costs 10 ms of page faults. Other C libraries
are left alone.
"""

import ctypes
import os
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGEST_THRESHOLD = 32 << 20  # what glibc accepts


def keep_small() -> None:
    """Use one heap and one BLAS thread; before numpy is loaded and before there are threads."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _call("mallopt", M_ARENA_MAX, 1)


def expect_frames_of(size: int) -> None:
    """Keep room for a frame of `size` bytes at hand, and hand back anything larger as soon as it is free."""
    _call("mallopt", M_MMAP_THRESHOLD, min(size + size // 6, LARGEST_THRESHOLD))


def give_back() -> None:
    """Hand back what the heap holds unused; after work that is rare, since the next look has to ask for it again."""
    _call("malloc_trim", 0)


def _call(function: str, *values: int) -> None:
    if sys.platform == "linux":
        known = getattr(ctypes.CDLL(None), function, None)
        if known is not None:
            known(*values)
