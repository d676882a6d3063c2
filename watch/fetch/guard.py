"""Who may be asked at all: every address that a name leads to is checked, and the checked one is connected to.

There is one look-up for a connection and none after it, so that a name which answers differently the second time
(DNS rebinding) gains nothing.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sakigake.errors import ConfigError, NetworkError
from watch.fetch.addresses import is_public
from watch.fetch.target import Target, means_home, place, read, read_host

Resolver = Callable[[str, int], Sequence[str]]
Dial = Callable[[str, int, float], socket.socket]

OPEN_PORTS = frozenset({80, 443})
MOST_ADDRESSES = 8  # of one name; more are not tried
MOST_LOOKUPS = 16  # at a time: a resolver that hangs keeps its thread until the system gives up


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host by the system's resolver; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an address, never to a name; raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through what is public on the ports 80 and 443, and what the user trusts.

    `trusted` holds `host:port` as written in `[watch] trusted_hosts`; such a place may have any address. `resolver`
    and `dial` are given by tests that must not touch a network.
    """

    trusted: frozenset[str] = frozenset()
    resolver: Resolver = look_up
    dial: Dial = dial
    _lookups: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_LOOKUPS), repr=False, compare=False
    )

    @classmethod
    def of(cls, trusted: Sequence[str]) -> "Guard":
        """Return a guard with the user's list; raises ConfigError when one entry is not `host:port`."""
        return cls(frozenset(_place(entry) for entry in trusted))

    def target(self, url: str, came_from: Target | None = None) -> Target:
        """Return what `url` names when it may be asked, as far as that is known before its name is looked up.

        A page from outside must not lead to a place that only the user trusts. Raises NetworkError.
        """
        return self.admit(read(url), came_from)

    def admit(self, target: Target, came_from: Target | None = None) -> Target:
        """Return `target` when it may be asked; raises NetworkError as `target` does."""
        if self.trusts(target.host, target.port):
            if came_from is not None and not self.trusts(came_from.host, came_from.port):
                raise NetworkError("fetch-address-refused", host=target.place)
            return target
        self._check_name(target.host, target.port)
        return target

    def trusts(self, host: str, port: int) -> bool:
        """Say whether the user named this place."""
        return place(host, port) in self.trusted

    def addresses(self, host: str, port: int, seconds: float) -> tuple[str, ...]:
        """Return the addresses that may be connected to, all of them checked; raises NetworkError.

        One address that is not public is enough to refuse the name: who mixes them is up to something.
        """
        trusted = self.trusts(host, port)
        if not trusted:
            self._check_name(host, port)
        if _is_literal(host):
            found: tuple[str, ...] = (host,)
        else:
            found = self._look_up(host, port, seconds)
        if not trusted and not all(is_public(address) for address in found):
            raise NetworkError("fetch-address-refused", host=place(host, port))
        return found[:MOST_ADDRESSES]

    def _check_name(self, host: str, port: int) -> None:
        if port not in OPEN_PORTS:
            raise NetworkError("fetch-port", host=host, port=port)
        if means_home(host) or (_is_literal(host) and not is_public(host)):
            raise NetworkError("fetch-address-refused", host=place(host, port))

    def _look_up(self, host: str, port: int, seconds: float) -> tuple[str, ...]:
        """Ask the resolver in a thread of its own: the system's takes no limit of time."""
        until = time.monotonic() + seconds
        if not self._lookups.acquire(timeout=max(0.0, seconds)):
            raise NetworkError("fetch-too-slow", host=host)
        answer: queue.SimpleQueue[tuple[str, ...] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(tuple(self.resolver(host, port)))
            except (OSError, UnicodeError) as error:
                answer.put(error if isinstance(error, OSError) else OSError(str(error)))
            finally:
                self._lookups.release()

        threading.Thread(target=ask, name="sakigake-lookup", daemon=True).start()
        try:
            found = answer.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty as error:
            raise NetworkError("fetch-too-slow", host=host) from error
        if isinstance(found, OSError) or not found:
            raise NetworkError("fetch-name-unknown", host=host)
        return found


def _is_literal(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdecimal()


def _place(entry: str) -> str:
    host, colon, port = entry.strip().rpartition(":")
    try:
        if not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise ConfigError("fetch-trusted-odd", value=entry)
        return place(read_host(host), int(port))
    except NetworkError as error:
        raise ConfigError("fetch-trusted-odd", value=entry) from error
