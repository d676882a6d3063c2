"""The way in: `sakigake` and `python -m desk`."""

# The part of `signal` that is built in: the rest takes longer to load than a hasty Ctrl+C leaves.
import _signal  # type: ignore[import-not-found] # not in the stubs
import os

# While the program is still being loaded Ctrl+C ends it without a word, not with a traceback.
_signal.signal(_signal.SIGINT, lambda *_: os._exit(130))

# Small products of matrices on two threads cost ten times the CPU of one, most of it waiting; read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys  # noqa: E402 - only the lines above are to come before everything else
from typing import Any  # noqa: E402

from desk.cli import main  # noqa: E402


def run() -> Any:
    """Run the command line; returns the exit code."""
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    return main()


if __name__ == "__main__":
    sys.exit(run())
