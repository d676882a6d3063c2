"""One websocket connection, bounded in time and in bytes. The only module that knows the websocket library."""

import importlib
import socket
import time
from types import ModuleType
from typing import Any

from capture.obs.protocol import SUBPROTOCOL, Address
from sakigake.errors import NetworkError, UsageError

# A 4K canvas of noise as PNG in base64 is 33 MB.
MAX_MESSAGE_BYTES = 96_000_000
MAX_HANDSHAKE_BYTES = 65_536
TICK_S = 1.0
SWITCHING_PROTOCOLS = 101
GOING_AWAY = 1001


class ClosedError(Exception):
    """OBS ended the connection; `code` is its websocket close code, 0 when it just went away."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class _Bounded(socket.socket):
    """A socket that refuses more than `budget` bytes, and anything at all after `deadline` (None: no hurry).

    The library reads a message of whatever length its header states, and a handshake of any number of lines.
    """

    budget: int = MAX_HANDSHAKE_BYTES
    deadline: float | None = None

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive as any socket does; raises NetworkError and TimeoutError at the bounds."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.settimeout(left)
        data = super().recv(bufsize, flags)
        self.budget -= len(data)
        if self.budget < 0:
            raise NetworkError("obs-too-large", megabytes=MAX_MESSAGE_BYTES // 1_000_000)
        return data


class Wire:
    """Messages to and from `address`. One thread receives, any thread sends."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """Connect; raises UsageError without the library, NetworkError when there is no websocket server."""
        self._library = library()
        self._address = address
        self._socket = self._reach(timeout_s)
        self._socket.deadline = time.monotonic() + timeout_s
        self._end: Any = self._library.WebSocket(skip_utf8_validation=True, enable_multithread=True)
        try:
            self._greet()
        except BaseException:
            self.drop()
            raise
        self._socket.deadline = None
        self._socket.budget = MAX_MESSAGE_BYTES
        self._socket.settimeout(TICK_S)

    def _reach(self, timeout_s: float) -> _Bounded:
        try:
            reached = socket.create_connection((self._address.host, self._address.port), timeout_s)
        except ConnectionRefusedError as error:
            raise NetworkError("obs-closed", address=self._address) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
            why = error.strerror if isinstance(error, OSError) and error.strerror else "timeout"
            raise NetworkError("obs-unreachable", address=self._address, why=why) from error
        bounded = _Bounded(reached.family, reached.type, reached.proto, fileno=reached.detach())
        bounded.settimeout(timeout_s)
        return bounded

    def _greet(self) -> None:
        """Shake hands as RFC 6455 has it; no redirect is followed, no proxy is used."""
        try:
            self._end.connect(
                f"ws://{self._address}",
                socket=self._socket,
                subprotocols=[SUBPROTOCOL],
                suppress_origin=True,
                redirect_limit=0,
            )
        except (self._library.WebSocketTimeoutException, TimeoutError) as error:
            raise NetworkError("obs-silent", address=self._address) from error
        except NetworkError as error:  # a header without end
            raise NetworkError("obs-not-obs", address=self._address) from error
        except Exception as error:  # whatever speaks there: the library raises ValueError and IndexError too
            raise NetworkError("obs-not-obs", address=self._address) from error
        if self._end.getstatus() != SWITCHING_PROTOCOLS:
            raise NetworkError("obs-not-obs", address=self._address)

    def receive(self) -> bytes | None:
        """Return the next message, `b""` for a sign of life (a piece of one), None when nothing came for a second.

        Raises ClosedError, and NetworkError for a message that is too large.
        """
        budget = self._socket.budget
        try:
            kind, frame = self._end.recv_data_frame(control_frame=True)
        except self._library.WebSocketTimeoutException:
            return None if self._socket.budget == budget else b""
        except (self._library.WebSocketException, OSError, AttributeError) as error:
            # AttributeError: the library looks at a socket that another thread has just closed.
            raise ClosedError from error
        self._socket.budget = MAX_MESSAGE_BYTES
        abnf = self._library.ABNF
        data = bytes(frame.data)
        if kind == abnf.OPCODE_CLOSE:
            raise ClosedError(int.from_bytes(data[:2], "big"))
        return data if kind in {abnf.OPCODE_TEXT, abnf.OPCODE_BINARY} else b""

    def send(self, text: str) -> None:
        """Send one message; raises ClosedError."""
        self._sending(lambda: self._end.send(text))

    def ping(self) -> None:
        """Ask for a sign of life; raises ClosedError."""
        self._sending(self._end.ping)

    def _sending(self, send: Any) -> None:
        try:
            send()
        except (self._library.WebSocketException, OSError, AttributeError) as error:
            raise ClosedError from error

    def hang_up(self) -> None:
        """Say goodbye and wake the thread that receives; the socket stays its own to close."""
        try:
            self._end.send_close(GOING_AWAY)
            self._socket.shutdown(socket.SHUT_RDWR)
        except (self._library.WebSocketException, OSError, AttributeError):
            return  # gone already

    def drop(self) -> None:
        """Close the socket."""
        self._socket.close()


def library() -> ModuleType:
    """Return websocket-client; raises UsageError that names the extra when it is not installed."""
    try:
        return importlib.import_module("websocket")
    except ImportError as error:
        raise UsageError("obs-extra-missing") from error
