"""Clocks: the wall clock is only ever a claim, the monotonic clock orders events inside one boot."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sakigake.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks together, so that a test can hand in others. `wall` in ns since 1970 UTC, `mono` in ns."""

    wall_ns: Callable[[], int] = time.time_ns
    mono_ns: Callable[[], int] = time.monotonic_ns

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime."""
        return from_ms(self.wall_ns() // 1_000_000)


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Return the aware UTC datetime of `ms` since 1970 UTC; raises OverflowError outside the years 1–9999."""
    return EPOCH + timedelta(milliseconds=ms)


def iso(moment: datetime) -> str:
    """Return `2026-11-22T10:02:03Z`, with milliseconds only where there are any."""
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def parse_time(value: str) -> datetime:
    """Read an ISO 8601 time that names its zone; raises UsageError, since a time without a zone is a guess."""
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise UsageError("time-unreadable", value=value) from error
    if moment.tzinfo is None:
        raise UsageError("time-without-zone", value=value)
    return moment.astimezone(UTC)


def parse_duration(value: str) -> float:
    """Read `2s`, `1.5m`, `8h` or plain seconds; returns seconds, raises UsageError."""
    number, factor = value.strip().lower(), 1.0
    for suffix, scale in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if number.endswith(suffix):
            number, factor = number.removesuffix(suffix), scale
            break
    try:
        seconds = float(number) * factor
    except ValueError as error:
        raise UsageError("duration-unreadable", value=value) from error
    if not 0 < seconds < 10**7:
        raise UsageError("duration-unreadable", value=value)
    return seconds


def boot_id(salt: bytes) -> str:
    """Return a salted name of this boot of the machine (16 hex digits).

    Monotonic times compare only within one boot. Salted per session, so that records of two sessions do not
    show that they come from the same machine.
    """
    try:
        seed = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        # Windows and macOS: the moment of boot to the nearest ten seconds, together with this machine's node number.
        boot = (time.time_ns() - time.monotonic_ns()) // 10_000_000_000
        seed = f"{boot}:{uuid.getnode()}".encode()
    return hashlib.sha256(salt + seed).hexdigest()[:16]
