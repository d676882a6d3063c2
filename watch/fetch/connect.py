"""Connections through the guard: the network side of the HTTP library, and sockets for those who speak other protocols.

Every wait on such a connection counts against the deadline of the request that is under way in this thread, so that a
server which sends one byte every few seconds is cut off as well. A socket's own timeout starts anew with every byte.
"""

import select
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import certifi
import httpcore

from sakigake.errors import NetworkError
from watch.fetch.guard import Guard
from watch.fetch.target import read_host

CONNECT_S = 10.0
_MOST_READ = 1 << 18


@dataclass(slots=True)
class Deadline:
    """When the request that is under way must be done (monotonic seconds), and whether it opened a connection."""

    until: float
    connected: bool = False


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Let every wait in this thread end after so many seconds together."""
    deadline = Deadline(time.monotonic() + seconds)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def left(timeout: float | None) -> float:
    """Return how long may be waited now; raises httpcore.TimeoutException when the time is up."""
    deadline = _current.get()
    most = timeout if timeout is not None else CONNECT_S
    rest = min(most, deadline.until - time.monotonic()) if deadline else most
    if rest <= 0:
        raise httpcore.ReadTimeout("the time is up")
    return rest


@cache
def tls_context() -> ssl.SSLContext:
    """Return how servers are checked: by the roots of the system and of certifi, TLS 1.2 or newer, HTTP/1.1 only.

    One for the whole process: reading the roots takes longer than many a fetch.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class GuardedStream(httpcore.NetworkStream):
    """A connection to a checked address; `certificate_sha256` is that of the server's certificate, None without TLS."""

    def __init__(self, sock: socket.socket, address: str, certificate_sha256: str | None = None) -> None:
        self._sock = sock
        self.address = address
        self.certificate_sha256 = certificate_sha256

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, empty at the end."""
        self._sock.settimeout(left(timeout))
        try:
            return self._sock.recv(min(_MOST_READ, max(max_bytes, 1)))
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send everything."""
        if not buffer:
            return
        self._sock.settimeout(left(timeout))
        try:
            self._sock.sendall(buffer)  # its limit is for the whole
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "GuardedStream":
        """Return the same connection under TLS, with the server's name checked."""
        self._sock.settimeout(left(timeout))
        try:
            secured = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:  # SSLError and the refused certificate among them
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        certificate = secured.getpeercert(binary_form=True)
        return GuardedStream(secured, self.address, sha256(certificate).hexdigest() if certificate else None)

    def get_extra_info(self, info: str) -> Any:
        """Return what the HTTP library asks of a connection."""
        if info == "is_readable":
            return _readable(self._sock)
        if info == "socket":
            return self._sock
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        return None


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections for the HTTP library: to what the guard lets through and to nothing else."""

    def __init__(self, guard: Guard, connect_s: float = CONNECT_S) -> None:
        self._guard = guard
        self._connect_s = connect_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - of the interface; never asked for
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> GuardedStream:
        """Look the host up once, check every address and connect to one of those."""
        sock, address = connect(
            self._guard, host, port, left(min(timeout or self._connect_s, self._connect_s))
        )
        deadline = _current.get()
        if deadline is not None:
            deadline.connected = True
        return GuardedStream(sock, address)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - of the interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Refuse: no server of others has a path on this computer."""
        raise httpcore.ConnectError(f"no such way to a server: {path}")

    def sleep(self, seconds: float) -> None:
        """Wait before another try; there are none."""
        raise httpcore.ConnectError(f"not tried again after {seconds} s")


def connect(guard: Guard, host: str, port: int, seconds: float) -> tuple[socket.socket, str]:
    """Return a connection to `host` and the checked address it goes to; raises NetworkError."""
    until = time.monotonic() + seconds
    addresses = guard.addresses(host, port, seconds)
    failure: OSError | None = None
    for number, address in enumerate(addresses):
        rest = (until - time.monotonic()) / (len(addresses) - number)
        if rest <= 0:
            break
        try:
            return guard.dial(address, port, rest), address
        except OSError as error:
            failure = error
    if failure is None or isinstance(failure, TimeoutError):
        raise NetworkError("fetch-too-slow", host=host) from failure
    raise NetworkError("fetch-unreachable", host=host) from failure


def open_socket(
    guard: Guard,
    host: str,
    port: int,
    *,
    tls: bool,
    seconds: float = CONNECT_S,
    context: ssl.SSLContext | None = None,
) -> socket.socket:
    """Return a connection for another protocol than HTTP, such as a WebSocket, under the same rules.

    The socket's timeout is set to `seconds`; who reads from it sets another and keeps a deadline. Raises NetworkError.
    """
    name = read_host(f"[{host}]" if ":" in host and not host.startswith("[") else host)
    until = time.monotonic() + seconds
    sock, _ = connect(guard, name, port, seconds)
    if not tls:
        sock.settimeout(seconds)
        return sock
    try:
        sock.settimeout(max(0.001, until - time.monotonic()))
        secured = (context or tls_context()).wrap_socket(sock, server_hostname=name)
    except TimeoutError as error:
        sock.close()
        raise NetworkError("fetch-too-slow", host=name) from error
    except OSError as error:
        sock.close()
        raise NetworkError("fetch-tls", host=name) from error
    secured.settimeout(seconds)
    return secured


def _readable(sock: socket.socket) -> bool:
    """Say whether something came, or the end, on a connection that should be silent."""
    number = sock.fileno()
    if number < 0:
        return True
    if sys.platform == "win32":
        came = select.select([number], [], [], 0)[0]
    else:  # select knows no numbers above 1023 there
        poll = select.poll()
        poll.register(number, select.POLLIN)
        came = poll.poll(0)
    return bool(came)
