"""One WebSocket connection over a guarded socket, bounded in the size of a message. The only module that knows the library."""

import importlib
import socket
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from sakigake.errors import NetworkError, UsageError
from watch.sources.net import Net, place

MAX_MESSAGE = 2 * 2**20
MAX_HANDSHAKE = 65_536
HANDSHAKE_S = 15.0
TICK_S = 0.25
SWITCHING_PROTOCOLS = 101


class ClosedError(Exception):
    """The other side ended the connection, or it broke."""


class _Bounded:
    """A socket that refuses more than `budget` bytes, and anything at all after `until`.

    The library reads a message of whatever length its header states, and a handshake of any number of lines.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.budget = MAX_HANDSHAKE
        self.until: float | None = time.monotonic() + HANDSHAKE_S

    def recv(self, size: int) -> bytes:
        if self.until is not None and time.monotonic() > self.until:
            raise TimeoutError
        data = self._sock.recv(size)
        self.budget -= len(data)
        if self.budget < 0:
            raise ClosedError
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Wire:
    """Messages to and from the WebSocket at `url` (ws: or wss:). One thread receives, another may close.

    Raises NetworkError when there is no WebSocket there, and UsageError without the library.
    """

    def __init__(self, net: Net, url: str, headers: tuple[str, ...] = ()) -> None:
        self._library = library("websocket", "websocket-client")
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "wss"
        with net.paced(place(url)):
            sock = net.open_socket(host, parts.port or (443 if tls else 80), tls=tls)
            self._socket = _Bounded(sock)
            self._end: Any = self._library.WebSocket(skip_utf8_validation=True, enable_multithread=True)
            try:
                self._end.connect(
                    url,
                    socket=self._socket,
                    header=list(headers),
                    suppress_origin=True,
                    redirect_limit=0,
                    timeout=HANDSHAKE_S,
                )
            except Exception as error:  # the library raises ValueError and IndexError for odd answers too
                sock.close()
                status = getattr(error, "status_code", 0)
                retry = (getattr(error, "resp_headers", None) or {}).get("retry-after", "")
                raise NetworkError(
                    "source-no-stream", host=host, status=status or "-", retry_after=retry
                ) from error
        if self._end.getstatus() != SWITCHING_PROTOCOLS:
            self.close()
            raise NetworkError("source-no-stream", host=host, status=self._end.getstatus(), retry_after="")
        self._socket.budget, self._socket.until = MAX_MESSAGE, None
        self._socket.settimeout(TICK_S)

    def receive(self) -> bytes | None:
        """Return the next message, empty for a mere sign of life, None when nothing came for a tick.

        Raises ClosedError at the end, and for a message that is too large.
        """
        budget = self._socket.budget
        try:
            kind, frame = self._end.recv_data_frame(control_frame=True)
        except self._library.WebSocketTimeoutException:
            return None if self._socket.budget == budget else b""
        except (self._library.WebSocketException, OSError, AttributeError, ValueError) as error:
            # AttributeError and ValueError: the library looks at a socket that another thread has just closed.
            raise ClosedError from error
        self._socket.budget = MAX_MESSAGE
        abnf = self._library.ABNF
        if kind == abnf.OPCODE_CLOSE:
            raise ClosedError
        return bytes(frame.data) if kind in {abnf.OPCODE_TEXT, abnf.OPCODE_BINARY} else b""

    def send(self, text: str) -> None:
        """Send a text message; raises ClosedError."""
        try:
            self._end.send(text)
        except (self._library.WebSocketException, OSError, AttributeError) as error:
            raise ClosedError from error

    def ping(self) -> None:
        """Ask for a sign of life; raises ClosedError."""
        try:
            self._end.ping()
        except (self._library.WebSocketException, OSError, AttributeError) as error:
            raise ClosedError from error

    def close(self) -> None:
        """Let go of the connection at once. May be called from any thread and more than once."""
        with suppress(OSError):  # not connected any more
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def library(module: str, name: str) -> Any:
    """Import an optional library; raises UsageError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError("source-library-missing", library=name) from error
