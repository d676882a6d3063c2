"""How often a host may be asked, and when it is left alone: a token bucket, Retry-After and a breaker for each host.

Nothing here does I/O or reads a clock of its own. `state` and `restore` carry across a restart what must not be
forgotten: a host that asked for an hour of peace gets it even if sakigake is started anew.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from sakigake.clock import Clock, iso, parse_time
from sakigake.errors import NetworkError, UsageError

FAILURES = 5  # in a row, and the host is left alone
FIRST_REST_S = 60.0
LONGEST_REST_S = 3600.0
# A server that asks for more, by mistake or on purpose, is asked again the next day.
LONGEST_RETRY_AFTER_S = 86_400.0
SECOND_NS = 1_000_000_000
LEAST_WAIT_S = 0.001  # shorter ones are lost in rounding, and who waits would only ask again


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` requests at once, and `per_s` a second in the long run."""

    per_s: float = 1.0
    burst: float = 5.0


@dataclass(slots=True)
class _Host:
    rate: Rate
    tokens: float
    filled_ns: int
    failures: int = 0
    rest_until_ns: int = 0  # on the monotonic clock
    resting_until: datetime | None = None  # the same moment, to be shown and kept
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """A host that is left alone until a moment; `reason` is "retry-after" or "failures"."""

    host: str
    until: datetime
    reason: str


class Limits:
    """The limits of all hosts. May be used from any thread. `rates` are for hosts that ask for their own."""

    def __init__(
        self,
        rates: Mapping[str, Rate] | None = None,
        default: Rate | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates = dict(rates or {})
        self._default = default or Rate()
        self._clock = clock or Clock()
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def slow(self, host: str, rate: Rate) -> None:
        """Give a host a rate of its own; the slower one counts if it has one already."""
        with self._lock:
            known = self._rates.get(host, rate)
            self._rates[host] = Rate(min(known.per_s, rate.per_s), min(known.burst, rate.burst))
            if host in self._hosts:
                found = self._hosts[host]
                found.rate = self._rates[host]
                found.tokens = min(found.tokens, found.rate.burst)

    def delay(self, host: str) -> float:
        """Take a token and return 0, or return the seconds until there is one. Raises NetworkError while it rests."""
        with self._lock:
            found, now = self._host(host), self._clock.mono_ns()
            if found.resting_until is not None and now < found.rest_until_ns:
                raise NetworkError("source-resting", host=host, until=iso(found.resting_until))
            rate = found.rate
            found.tokens = min(rate.burst, found.tokens + (now - found.filled_ns) / SECOND_NS * rate.per_s)
            found.filled_ns = now
            if found.tokens >= 1.0 - 1e-9:
                found.tokens -= 1.0
                return 0.0
            return max((1.0 - found.tokens) / rate.per_s, LEAST_WAIT_S)

    def take(self, host: str) -> None:
        """Wait until the host may be asked; raises NetworkError while it rests."""
        while (wait := self.delay(host)) > 0:
            self._sleep(wait)

    def succeeded(self, host: str) -> None:
        """Note that the host answered as it should."""
        with self._lock:
            found = self._host(host)
            found.failures, found.rest_until_ns, found.resting_until, found.reason = 0, 0, None, ""

    def failed(self, host: str, retry_after: str = "") -> None:
        """Note a failure. `retry_after` is the header of that name: seconds or a date (RFC 9110, 10.2.3)."""
        with self._lock:
            found = self._host(host)
            found.failures += 1
            asked = _seconds(retry_after, self._clock.now())
            if asked is not None:
                self._rest(found, min(asked, LONGEST_RETRY_AFTER_S), "retry-after")
            if found.failures >= FAILURES:
                doubled = FIRST_REST_S * 2.0 ** min(found.failures - FAILURES, 10)
                self._rest(found, min(doubled, LONGEST_REST_S), "failures")

    def _rest(self, found: _Host, seconds: float, reason: str) -> None:
        until_ns = self._clock.mono_ns() + int(seconds * SECOND_NS)
        if until_ns > found.rest_until_ns:
            found.rest_until_ns, found.reason = until_ns, reason
            found.resting_until = self._clock.now() + timedelta(seconds=seconds)

    def _host(self, host: str) -> _Host:
        if host not in self._hosts:
            rate = self._rates.get(host, self._default)
            self._hosts[host] = _Host(rate, rate.burst, self._clock.mono_ns())
        return self._hosts[host]

    def resting(self) -> tuple[Resting, ...]:
        """Return the hosts that are left alone now, those that come back first at the front."""
        with self._lock:
            now = self._clock.mono_ns()
            found = [
                Resting(name, host.resting_until, host.reason)
                for name, host in self._hosts.items()
                if host.resting_until is not None and now < host.rest_until_ns
            ]
        return tuple(sorted(found, key=lambda each: (each.until, each.host)))

    def state(self) -> dict[str, dict[str, Any]]:
        """Return what a restart must not forget, as JSON can hold it. Hosts in good standing are left out."""
        with self._lock:
            return {
                name: {
                    "failures": host.failures,
                    "until": iso(host.resting_until) if host.resting_until is not None else "",
                    "reason": host.reason,
                }
                for name, host in sorted(self._hosts.items())
                if host.failures or host.resting_until is not None
            }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` returned before a restart; what cannot be read is passed over."""
        for name, kept in state.items():
            if not isinstance(kept, Mapping):
                continue
            failures, until = kept.get("failures"), kept.get("until")
            with self._lock:
                found = self._host(name)
                if isinstance(failures, int) and not isinstance(failures, bool):
                    found.failures = max(0, min(failures, 1000))
                try:
                    left = (parse_time(str(until)) - self._clock.now()).total_seconds()
                except UsageError:
                    continue
                if left > 0:
                    self._rest(found, min(left, LONGEST_RETRY_AFTER_S), str(kept.get("reason", "")))


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, None when it asks for none that can be understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text[:100])
        if moment.tzinfo is None:
            return None
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
