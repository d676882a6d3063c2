"""A real X server with nobody at it, and somebody who draws on it: the core X11 protocol, spoken over its socket."""

import contextlib
import os
import select
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers put them
START_S = 20.0


def have_xvfb() -> bool:
    return shutil.which("Xvfb") is not None


class XServer:
    """An Xvfb. `number` asks for that display, else a free one is taken."""

    def __init__(self, width: int = 640, height: int = 480, number: int | None = None) -> None:
        self.width, self.height, self.number = width, height, number
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return f":{self.number}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        reader, writer = os.pipe()
        wanted = [] if self.number is None else [self.name]
        size = f"{self.width}x{self.height}x24"
        command = [
            "Xvfb",
            *wanted,
            "-displayfd",
            str(writer),
            "-screen",
            "0",
            size,
            "-nolisten",
            "tcp",
            "-ac",
            "-noreset",
            "-s",
            "0",  # no screen saver: after ten minutes the recorder would, rightly, keep nothing
        ]
        self._process = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            if not select.select([ready], [], [], START_S)[0]:
                raise TimeoutError("Xvfb does not start")
            self.number = int(ready.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        # A killed server leaves its socket and lock behind, and the next one would refuse the number.
        for left in (SOCKETS / f"X{self.number}", Path(f"/tmp/.X{self.number}-lock")):  # noqa: S108
            left.unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


class Painter:
    """Draws on the root window of a display."""

    def __init__(self, server: XServer) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + START_S
        while True:
            try:
                self._socket.connect(str(SOCKETS / f"X{server.number}"))
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        self._socket.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        status, _, _, _, words = struct.unpack("<BBHHH", self._read(8))
        if status != 1:
            raise OSError("the X server refuses")
        setup = self._read(words * 4)
        base, vendor, formats = (
            struct.unpack_from("<I", setup, 4)[0],
            struct.unpack_from("<H", setup, 16)[0],
            setup[21],
        )
        (self._root,) = struct.unpack_from("<I", setup, 32 + (vendor + 3) // 4 * 4 + formats * 8)
        self._gc = base | 1
        include_inferiors = 1 << 15
        self._send(55, 0, struct.pack("<IIIII", self._gc, self._root, 1 << 2 | include_inferiors, 0, 1))
        self.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def fill(self, x: int, y: int, width: int, height: int, colour: int = 0) -> None:
        self._send(56, 0, struct.pack("<III", self._gc, 1 << 2, colour))
        self._send(70, 0, struct.pack("<IIhhHH", self._root, self._gc, x, y, width, height))
        self.sync()

    def stroke(self, seed: int, colour: int = 0x202020, dots: int = 120, size: int = 8) -> None:
        """A wavy line of small squares, another one for each seed."""
        rng = np.random.default_rng(seed)
        x, y = rng.integers(20, 200, 2)
        self._send(56, 0, struct.pack("<III", self._gc, 1 << 2, colour))
        body = b""
        for step in range(dots):
            body += struct.pack("<hhHH", int(x + step * 3), int(y + 40 * np.sin(step / 9 + seed)), size, size)
        self._send(70, 0, struct.pack("<II", self._root, self._gc) + body)
        self.sync()

    def picture(self, pixels: "np.ndarray[Any, np.dtype[np.uint8]]") -> None:
        """Put a BGR picture at the top left corner."""
        height, width = pixels.shape[:2]
        padded = np.dstack([pixels, np.zeros((height, width), np.uint8)])
        rows = max(1, 200_000 // (width * 4))
        for top in range(0, height, rows):
            part = padded[top : top + rows]
            head = struct.pack("<IIHHhhBBxx", self._root, self._gc, width, part.shape[0], 0, top, 0, 24)
            self._send(72, 2, head + part.tobytes())
        self.sync()

    def sync(self) -> None:
        self._send(43, 0, b"")
        while self._read(32)[0] != 1:  # an event or an error came first
            pass

    def _send(self, opcode: int, detail: int, body: bytes) -> None:
        self._socket.sendall(struct.pack("<BBH", opcode, detail, 1 + len(body) // 4) + body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise OSError("the X server is gone")
            data += part
        return data
