"""Servers of models on loopback, as good and as bad as a test asks: whole, in ranges, stalling, changing, cutting off."""

import json
import socket
import struct
import time

from tests.peers.web import Asked, Handler


def weights(size: int = 300_000, seed: int = 0) -> bytes:
    """Return a file that is a whole safetensors file, of one tensor; no library is needed to make or check it."""
    body = bytes((n * 7 + seed) % 251 for n in range(1009)) * (size // 1009 + 1)
    body = body[:size]
    header = json.dumps({"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + body


def ranged(data: bytes, tag: str = '"one"', *, upto: int | None = None, obeys: bool = True) -> Handler:
    """Return a handler that sends `data`, from where it is asked to when the tag is still the same.

    With `upto` it closes the connection after that many bytes of the file; one that does not obey ignores If-Range.
    """

    def handle(asked: Asked, connection: socket.socket) -> bool:
        start = 0
        wanted = asked.header("range")
        if wanted and (asked.header("if-range") == tag or not obeys):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        head = [f"ETag: {tag}", f"Content-Length: {len(data) - start}"]
        if start:
            status = "206 Partial Content"
            head.append(f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            status = "200 OK"
        connection.sendall("\r\n".join([f"HTTP/1.1 {status}", *head, "", ""]).encode())
        connection.sendall(data[start : upto if upto is not None else len(data)])
        return upto is None

    return handle


def stalling(data: bytes, after: int, seconds: float) -> Handler:
    """Return a handler that sends so many bytes and then nothing for a while."""

    def handle(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(f'HTTP/1.1 200 OK\r\nETag: "s"\r\nContent-Length: {len(data)}\r\n\r\n'.encode())
        connection.sendall(data[:after])
        time.sleep(seconds)
        return False

    return handle


def dripping(data: bytes, every_s: float) -> Handler:
    """Return a handler that sends a byte now and then: a socket's own time-out would never end that."""

    def handle(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        for at in range(1000):
            connection.sendall(data[at : at + 1])
            time.sleep(every_s)
        return False

    return handle


def in_turn(*handlers: Handler) -> Handler:
    """Return a handler that answers each request by the next of some, and the last one from then on."""
    left = list(handlers)

    def handle(asked: Asked, connection: socket.socket) -> bool:
        current = left.pop(0) if len(left) > 1 else left[0]
        return current(asked, connection)

    return handle
