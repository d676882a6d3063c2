"""A websocket server that follows a script: what no OBS does, done on purpose."""

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from capture.obs.protocol import Address

SALT, CHALLENGE = "c2FsdA==", "cXVlc3Rpb24="
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Answer = Callable[["Talk", dict[str, Any]], None]
Script = Callable[["Talk"], None]


class GoneError(Exception):
    """The client hung up."""


class Talk:
    """The server's end of one connection, in RFC 6455 frames."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.answers_pings = True
        self.pings = 0
        self.heard = b""

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.end.recv(count - len(data))
            if not piece:
                raise GoneError
            data += piece
        self.heard += data
        return data

    def upgrade(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.exactly(1)
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
        accept = hashlib.sha1((fields["Sec-WebSocket-Key"] + GUID).encode(), usedforsecurity=False).digest()
        self.end.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: obswebsocket.json\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n"
        )

    def frame(self, payload: bytes, opcode: int = TEXT, *, last: bool = True) -> None:
        size = len(payload)
        head = bytes([(0x80 if last else 0) | opcode])
        if size < 126:
            head += bytes([size])
        elif size < 1 << 16:
            head += struct.pack(">BH", 126, size)
        else:
            head += struct.pack(">BQ", 127, size)
        self.end.sendall(head + payload)

    def fragments(self, payload: bytes, size: int) -> None:
        """Send one message in pieces, with a ping among them, as RFC 6455 allows."""
        for start in range(0, len(payload), size):
            piece = payload[start : start + size]
            self.frame(piece, TEXT if start == 0 else 0, last=start + size >= len(payload))
            if start == 0:
                self.frame(b"", PING)

    def send(self, op: int, fields: dict[str, Any]) -> None:
        self.frame(json.dumps({"op": op, "d": fields}).encode())

    def receive(self) -> dict[str, Any]:
        """Return the next message; answers pings on the way."""
        while True:
            first, second = self.exactly(2)
            size = second & 0x7F
            if size >= 126:
                (size,) = struct.unpack(">H" if size == 126 else ">Q", self.exactly(2 if size == 126 else 8))
            mask = self.exactly(4)
            data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.exactly(size)))
            kind = first & 0x0F
            if kind == PING:
                self.pings += 1
                if self.answers_pings:
                    self.frame(data, PONG)
            elif kind == CLOSE:
                raise GoneError
            elif kind == TEXT:
                message: dict[str, Any] = json.loads(data)
                return message

    def close(self, code: int) -> None:
        self.frame(struct.pack(">H", code), CLOSE)

    def greet(self, password: str | None = None) -> bool:
        """Do what OBS does up to Identified; returns whether the password was right."""
        self.upgrade()
        hello: dict[str, Any] = {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}
        if password is not None:
            hello["authentication"] = {"salt": SALT, "challenge": CHALLENGE}
        self.send(0, hello)
        message = self.receive()
        assert message["op"] == 1
        if password is not None:
            secret = base64.b64encode(hashlib.sha256((password + SALT).encode()).digest()).decode()
            wanted = base64.b64encode(hashlib.sha256((secret + CHALLENGE).encode()).digest()).decode()
            if message["d"].get("authentication") != wanted:
                self.close(4009)
                return False
        self.send(2, {"negotiatedRpcVersion": 1})
        return True

    def answer(self, request: dict[str, Any], data: dict[str, Any] | None = None, **other: Any) -> None:
        fields = {
            "requestType": request["requestType"],
            "requestId": request["requestId"],
            "requestStatus": {"result": True, "code": 100},
            **other,
        }
        self.send(7, fields if data is None else fields | {"responseData": data})

    def refuse(self, request: dict[str, Any], code: int, comment: str) -> None:
        self.answer(request, requestStatus={"result": False, "code": code, "comment": comment})

    def event(self, kind: str, **data: Any) -> None:
        self.send(5, {"eventType": kind, "eventIntent": 64, "eventData": data})

    def serve(self, answer: Answer) -> None:
        """Hand each request to `answer` until the client hangs up."""
        while True:
            message = self.receive()
            if message["op"] == 6:
                answer(self, message["d"])


class Server:
    """Listens on the loopback and follows `script` for each connection, in a thread of its own."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.talks: list[Talk] = []
        self.errors: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> Address:
        return Address(port=int(self._listener.getsockname()[1]))

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_listening()
        for talk in self.talks:
            with contextlib.suppress(OSError):
                talk.end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        assert not self.errors

    def stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:
                return
            talk = Talk(end)
            self.talks.append(talk)
            self._start(lambda talk=talk: self._follow(talk))  # type: ignore[misc]

    def _follow(self, talk: Talk) -> None:
        with talk.end:
            try:
                self.script(talk)
            except (GoneError, OSError):
                return
            except BaseException as error:  # noqa: BLE001 - shown by the test that runs this server
                self.errors.append(error)


def obs(answer: Answer, password: str | None = None) -> Script:
    """Return the script of a well-behaved OBS that answers requests with `answer`."""

    def script(talk: Talk) -> None:
        if talk.greet(password):
            talk.serve(answer)

    return script
