"""Servers that answer as nobody should: for the client and the queue. Loopback only."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], None]


@contextmanager
def serve(behave: Behaviour) -> Iterator[str]:
    """Accept connections and let `behave` deal with each; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()
    held: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            try:
                behave(connection)
            except OSError:
                return  # the client hung up, as it should

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=one, args=(connection,), daemon=True)
            thread.start()
            held.append(thread)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        thread.join()
        for each in held:
            each.join(15)
        listener.close()


def request(connection: socket.socket) -> bytes:
    """Read the whole request and return its body."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(4096)
    head, _, body = raw.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(4096)
    return body


def respond(
    connection: socket.socket,
    body: bytes,
    kind: str = "application/timestamp-reply",
    status: str = "200 OK",
    more: str = "",
) -> None:
    """Send one response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    connection.sendall(head.encode() + body)


def answer(body: bytes, **head: str) -> Behaviour:
    """Behave: answer every request alike."""

    def behave(connection: socket.socket) -> None:
        request(connection)
        respond(connection, body, **head)

    return behave


def replying(reply: Callable[[bytes], bytes]) -> Behaviour:
    """Behave: answer as an authority whose response to a query is `reply(query)`."""

    def behave(connection: socket.socket) -> None:
        respond(connection, reply(request(connection)))

    return behave


def drip(head: bytes, every_s: float = 0.05) -> Behaviour:
    """Behave: send `head`, then one byte at a time for ever, so that no single wait is long."""

    def behave(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"a")
            time.sleep(every_s)

    return behave


def silent(connection: socket.socket) -> None:
    """Behave: take the request and say nothing until the other side leaves."""
    request(connection)
    while connection.recv(4096):
        pass


def hang_up(connection: socket.socket) -> None:
    """Behave: close at once."""
    request(connection)
