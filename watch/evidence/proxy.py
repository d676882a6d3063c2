"""A proxy on this computer for the user's own browser: whatever the browser asks for goes through the guard.

A page may ask its visitor's browser for anything, also for the router at home. Behind this proxy it gets what the guard lets
through, and host names are looked up here, once, and held against the same lists.
"""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sakigake.errors import NetworkError
from watch.fetch import connect
from watch.fetch.guard import Guard
from watch.fetch.target import Target, read, read_host

MAX_BYTES = 80 * 2**20  # of one page with everything it shows
MAX_HEAD = 64 * 1024
MOST_AT_A_TIME = 64
_PIECE = 1 << 16
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_READY = b"HTTP/1.1 200 Connection established\r\n\r\n"
_METHODS = {"GET", "HEAD"}
_PORT = 443


class GuardedProxy:
    """Answers until `until` (monotonic seconds). `refused` counts what the guard did not let through."""

    def __init__(self, guard: Guard, until: float) -> None:
        self._guard = guard
        self._until = until
        self._left = MAX_BYTES
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MOST_AT_A_TIME)
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="sakigake-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._closed.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass  # wakes the thread that waits
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                asking, _ = self._listener.accept()
            except OSError:
                return
            if self._closed.is_set() or not self._slots.acquire(blocking=False):
                asking.close()
                continue
            threading.Thread(target=self._answer, args=(asking,), daemon=True).start()

    def _answer(self, asking: socket.socket) -> None:
        try:
            with asking:
                asking.settimeout(max(0.01, self._until - time.monotonic()))
                self._serve(asking)
        except (OSError, ValueError):
            return  # the browser or the server hung up
        finally:
            self._slots.release()

    def _serve(self, asking: socket.socket) -> None:
        head, rest = _head(asking)
        try:
            answering, sent = self._connect(head)
        except NetworkError:
            self.refused += 1
            asking.sendall(_REFUSED)
            return
        with answering:
            if sent:
                answering.sendall(sent)
                # One request for each connection: the next one may be for another server, and is to be checked.
                lines, begun = _head(answering)
                asking.sendall(_joined([*_own_connection(lines), "Connection: close"]) + begun)
                self._relay({answering: asking})
            else:
                asking.sendall(_READY)
                answering.sendall(rest)
                self._relay({asking: answering, answering: asking})

    def _connect(self, head: list[str]) -> tuple[socket.socket, bytes]:
        """Return a connection to what is asked for, and the request to send to it (empty: a tunnel)."""
        method, wanted, *_ = [*head[0].split(" "), "", ""]
        if method == "CONNECT":
            host, _, port = wanted.rpartition(":")
            if not port.isdecimal():
                raise NetworkError("fetch-url-odd")
            target = self._guard.admit(Target("https", read_host(host), int(port), "/"))
            return self._open(target), b""
        if method not in _METHODS:
            raise NetworkError("fetch-url-odd")
        target = self._guard.admit(read(wanted))
        kept = [
            line for line in head[1:] if not line.lower().startswith(("proxy-", "connection:", "keep-alive:"))
        ]
        lines = [f"{method} {target.path} HTTP/1.1", *kept, "Connection: close", "", ""]
        return self._open(target), "\r\n".join(lines).encode("latin-1")

    def _open(self, target: Target) -> socket.socket:
        seconds = min(connect.CONNECT_S, self._until - time.monotonic())
        if seconds <= 0:
            raise NetworkError("fetch-too-slow", host=target.host)
        opened, _ = connect.connect(self._guard, target.host, target.port, seconds)
        opened.settimeout(seconds)
        return opened

    def _relay(self, ways: dict[socket.socket, socket.socket]) -> None:
        """Pass bytes from each socket to its other until one ends, the time is up or the whole page was too large."""
        while (rest := self._until - time.monotonic()) > 0 and not self._closed.is_set():
            # Under TLS nothing is read here: what passes is the browser's own, so no bytes wait inside a socket.
            ready, _, _ = select.select(list(ways), [], [], min(rest, 1.0))
            for each in ready:
                piece = each.recv(_PIECE)
                if not piece or not self._spend(len(piece)):
                    return
                ways[each].sendall(piece)

    def _spend(self, count: int) -> bool:
        with self._lock:
            self._left -= count
            return self._left >= 0


@contextmanager
def proxying(guard: Guard, seconds: float) -> Iterator[GuardedProxy]:
    """Run a proxy for so many seconds at most."""
    proxy = GuardedProxy(guard, time.monotonic() + seconds)
    try:
        yield proxy
    finally:
        proxy.close()


def _own_connection(lines: list[str]) -> list[str]:
    """Return lines of a head without those about the one connection they came by."""
    return [line for line in lines if not line.lower().startswith(("proxy-", "connection:", "keep-alive:"))]


def _joined(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _head(asking: socket.socket) -> tuple[list[str], bytes]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = asking.recv(_PIECE)
        raw += piece
        if not piece or len(raw) > MAX_HEAD:
            raise ValueError("no head")
    head, _, rest = raw.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), rest
