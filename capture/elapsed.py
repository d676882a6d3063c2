"""Time that goes on while the machine sleeps, so that a closed lid is a hole in the record and not nothing."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sakigake.clock import Clock


def slept_ns() -> int:
    """Return for how long this machine has slept since it was started; 0 where the system does not tell."""
    if sys.platform == "linux":
        slept = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    elif sys.platform == "darwin":
        slept = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.clock_gettime_ns(time.CLOCK_UPTIME_RAW)
    elif sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - only there

        awake = ctypes.c_ulonglong()
        kernel = ctypes.windll.kernel32
        kernel.GetTickCount64.restype = ctypes.c_ulonglong
        kernel.QueryUnbiasedInterruptTime(ctypes.byref(awake))
        slept = int(kernel.GetTickCount64()) * 1_000_000 - awake.value * 100
    else:
        slept = 0
    return slept


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The clocks of a recording; a test hands in others. All in ns."""

    clock: Clock = field(default_factory=Clock)
    slept_ns: Callable[[], int] = slept_ns

    def now(self) -> int:
        """Return ns since some moment in the past, sleep included; never goes back."""
        # Python's monotonic clock stands still during sleep on Linux and macOS and runs on Windows.
        mono = self.clock.mono_ns()
        return mono if sys.platform == "win32" else mono + self.slept_ns()

    def offset(self) -> int:
        """Return wall clock minus elapsed time: it changes only when somebody sets the wall clock."""
        return self.clock.wall_ns() - self.now()
