"""Real X programs for the tests: a server of our own, and windows that paint one pattern and do as they are told.

As a module it starts them; as a program (`python windows.py --color …`) it is one of them and reads orders from its
standard input, one per line, answering each with "ok".
"""

import argparse
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from capture.windows.wire import Wire

ROOT = Path(__file__).parents[2]
# Two colours that no program of the tests paints otherwise.
PLANTED = (0x13E75B, 0xD92BF1)
CANVAS = (0xFAFAFA, 0x202020)
PROCESSES: dict[str, int] = {}
EXPOSURE, STRUCTURE, SUBSTRUCTURE, REDIRECT = 1 << 15, 1 << 17, 1 << 19, 1 << 20


@contextmanager
def server(*options: str, size: str = "800x600") -> Iterator[str]:
    """Run an Xvfb and yield its display."""
    process = subprocess.Popen(
        f"Xvfb -displayfd 1 -screen 0 {size}x24 -nolisten tcp -s 0 -noreset".split() + list(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        number = process.stdout.readline().strip().decode()
        assert number, "Xvfb did not start"
        PROCESSES[f":{number}"] = process.pid
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def kill_server(display: str) -> None:
    """End a server as a crash does."""
    if sys.platform != "win32":
        os.kill(PROCESSES[display], signal.SIGKILL)


@contextmanager
def program(display: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run any program on `display` until the end of the block."""
    process = subprocess.Popen(
        command,
        env={"DISPLAY": display, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Window:
    """A window of another process. `give` sends an order and waits until the server has carried it out."""

    def __init__(self, display: str, rect: str, *options: str, planted: bool = False) -> None:
        colors = PLANTED if planted else CANVAS
        self.process = subprocess.Popen(
            [
                sys.executable,
                __file__,
                display,
                rect,
                *("--colors", *(f"{color:06x}" for color in colors)),
                *options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        self.id = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the window's process ended"
        return line

    def give(self, *order: object) -> None:
        """Send an order and wait for its "ok"."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(str(part) for part in order) + "\n")
        self.process.stdin.flush()
        assert self._line() == "ok\n"

    def close(self) -> None:
        """End its process, and with it the window."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_until(holds: Callable[[], object], seconds: float = 40.0, told: object = "") -> None:
    """Call `holds` until it does; `told` says in the end what it saw instead."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain {told}"
        time.sleep(0.02)


def rectangle(wire: Wire, left: int, top: int, width: int, height: int) -> int:
    """Show a grey window of this very process; it goes with the connection."""
    window = wire.new_id()
    body = struct.pack("<IIhhHHHH", window, wire.screen.root, left, top, width, height, 0, 1)
    wire.order(1, 0, body + struct.pack("<IIII", 0, 0x202, 0xC0C0C0, 1))  # background, override-redirect
    wire.order(8, 0, struct.pack("<I", window))
    wire.ask(43)
    return window


def visual_of(wire: Wire, depth: int) -> int:
    """Return the first visual of that depth of the first screen."""
    setup = wire._setup()
    vendor, formats = struct.unpack_from("<H", setup, 24)[0], setup[29]
    place = 40 + (vendor + 3) // 4 * 4 + 8 * formats
    depths = setup[place + 39]
    place += 40
    for _ in range(depths):
        visuals = struct.unpack_from("<H", setup, place + 2)[0]
        if setup[place] == depth:
            return int(struct.unpack_from("<I", setup, place + 8)[0])
        place += 8 + 24 * visuals
    raise LookupError(depth)


class Painter:
    """The program side: one window, its orders and its paint."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.wire = Wire(asked.display)
        self.colors = [int(color, 16) for color in asked.colors]
        self.frozen = False
        self.mapped = "unmapped" in asked.traits
        self.dots: list[tuple[int, int]] = []
        self.left, self.top, self.width, self.height = (int(part) for part in asked.rect.split(","))
        self.gc, self.window = self.wire.new_id(), self.wire.new_id()
        attributes = {3: 0, 9: int("popup" in asked.traits), 11: EXPOSURE | STRUCTURE}
        depth, visual = 0, 0
        if {"alpha", "glass"} & set(asked.traits):
            depth, visual = 32, visual_of(self.wire, 32)
            attributes[13] = self.wire.new_id()
            self.wire.order(78, 0, struct.pack("<III", attributes[13], self.wire.screen.root, visual))
            alpha = 0xFF000000 if "alpha" in asked.traits else 0x80000000
            self.colors = [alpha | color for color in self.colors]
        if "bare" not in asked.traits:
            attributes[1] = self.colors[0]
        values = b"".join(struct.pack("<I", attributes[bit]) for bit in sorted(attributes))
        self.wire.order(
            1,
            depth,
            struct.pack(
                "<IIhhHHHHII",
                self.window,
                self.wire.screen.root,
                self.left,
                self.top,
                self.width,
                self.height,
                0,
                1,
                visual,
                sum(1 << bit for bit in attributes),
            )
            + values,
        )
        self.wire.order(55, 0, struct.pack("<III", self.gc, self.window, 0))
        if "compositor" in asked.traits:
            self.compose()
        if asked.title is not None:
            self.text("_NET_WM_NAME", asked.title)
        if asked.program:
            self.text("WM_CLASS", f"{asked.program}\0{asked.program}\0", "STRING")
        # Where the size hints ask for it, a window manager leaves the window where it is put (USPosition, USSize).
        self.numbers("WM_NORMAL_HINTS", "WM_SIZE_HINTS", 3, *[0] * 17)
        if "unmapped" not in asked.traits:
            self.wire.order(8, 0, struct.pack("<I", self.window))

    def compose(self) -> None:
        """Be a compositor, as far as others can tell: own the selection, and have the server do the work."""
        opcode = self.wire.extension("Composite").opcode  # type: ignore[union-attr]
        self.wire.ask(opcode, 0, struct.pack("<II", 0, 4))
        self.wire.order(opcode, 2, struct.pack("<IB3x", self.wire.screen.root, 0))  # RedirectSubwindows
        selection = self.wire.atom("_NET_WM_CM_S0")
        self.wire.order(22, 0, struct.pack("<III", self.window, selection, 0))

    def text(self, name: str, value: str, kind: str = "UTF8_STRING") -> None:
        data = value.encode()
        self.wire.order(
            18,
            0,
            struct.pack("<IIIB3xI", self.window, self.wire.atom(name), self.wire.atom(kind), 8, len(data))
            + data,
        )

    def numbers(self, name: str, kind: str, *values: int) -> None:
        self.wire.order(
            18,
            0,
            struct.pack("<IIIB3xI", self.window, self.wire.atom(name), self.wire.atom(kind), 32, len(values))
            + struct.pack(f"<{len(values)}I", *values),
        )

    def stripes(self, left: int = 0, top: int = 0, width: int = 4096, height: int = 4096) -> None:
        """Paint bands of 16 pixels in turn, in the given rectangle only."""
        for number, color in enumerate(self.colors):
            self.wire.order(56, 0, struct.pack("<III", self.gc, 4, color))
            bands = [
                struct.pack("<hhHH", left, y, min(width, self.width), 16)
                for y in range(top // 32 * 32 + 16 * number, min(top + height, self.height), 32)
            ]
            for first in range(0, len(bands), 256):
                self.wire.order(
                    70, 0, struct.pack("<II", self.window, self.gc) + b"".join(bands[first : first + 256])
                )

    def serve(self) -> None:
        """Handle events until the orders end."""
        orders: queue.Queue[str] = queue.Queue()

        def read() -> None:
            for line in sys.stdin:
                orders.put(line)
            orders.put("quit\n")

        threading.Thread(target=read, daemon=True).start()
        # Ready once it is on the screen; a window manager takes its time.
        while not self.mapped:
            self.wire.ask(43)
            for event in self.wire.events():
                self.handle(event)
            time.sleep(0.003)
        print(self.window, flush=True)
        while True:
            if not self.frozen:
                for event in self.wire.events():
                    self.handle(event)
                self.wire.flush()
            try:
                order = orders.get(timeout=0.003).split(maxsplit=1)
            except queue.Empty:
                continue
            if order[0] == "quit":
                return
            self.obey(order[0], order[1].strip() if len(order) > 1 else "")
            self.wire.ask(43)
            print("ok", flush=True)

    def handle(self, event: bytes) -> None:
        kind = event[0] & 0x7F
        if kind == 12:  # Expose
            self.stripes(*struct.unpack_from("<HHHH", event, 8))
            self.paint_dots()
        elif kind == 19:  # MapNotify
            self.mapped = True
        elif kind == 22 and struct.unpack_from("<I", event, 8)[0] == self.window:  # ConfigureNotify
            self.width, self.height = struct.unpack_from("<HH", event, 20)

    def obey(self, order: str, rest: str) -> None:
        getattr(self, f"do_{order}")(rest)

    def configure(self, mask: int, *values: int) -> None:
        self.wire.order(12, 0, struct.pack(f"<IHxx{len(values)}i", self.window, mask, *values))

    def do_raise(self, _: str) -> None:
        self.configure(0x40, 0)

    def do_lower(self, _: str) -> None:
        self.configure(0x40, 1)

    def do_flicker(self, times: str) -> None:
        """Go up and down again as fast as the server takes it."""
        for _ in range(int(times)):
            self.configure(0x40, 0)
            self.stripes()
            self.wire.ask(43)
            self.configure(0x40, 1)
            self.wire.ask(43)
            for event in self.wire.events():
                self.handle(event)
            time.sleep(0.002)

    def do_move(self, rect: str) -> None:
        left, top, self.width, self.height = (int(part) for part in rect.split(","))
        self.configure(0xF, left, top, self.width, self.height)

    def do_map(self, _: str) -> None:
        self.wire.order(8, 0, struct.pack("<I", self.window))

    def do_unmap(self, _: str) -> None:
        self.wire.order(10, 0, struct.pack("<I", self.window))

    def do_iconify(self, _: str) -> None:
        """Ask the window manager (ICCCM 4.1.4)."""
        data = struct.pack(
            "<BBHII5I", 33, 32, 0, self.window, self.wire.atom("WM_CHANGE_STATE"), 3, 0, 0, 0, 0
        )
        root = self.wire.screen.root
        self.wire.order(25, 0, struct.pack("<II", root, SUBSTRUCTURE | REDIRECT) + data)

    def do_title(self, title: str) -> None:
        self.text("_NET_WM_NAME", title)

    def do_untitle(self, _: str) -> None:
        for name in ("_NET_WM_NAME", "WM_NAME"):
            self.wire.order(19, 0, struct.pack("<II", self.window, self.wire.atom(name)))

    def do_focus(self, _: str) -> None:
        self.wire.order(42, 1, struct.pack("<II", self.window, 0))

    def do_dot(self, place: str) -> None:
        """Draw a stroke that stays: a small square of the second colour."""
        left, top = (int(part) for part in place.split(","))
        self.dots.append((left, top))
        self.paint_dots()

    def paint_dots(self) -> None:
        self.wire.order(56, 0, struct.pack("<III", self.gc, 4, self.colors[1]))
        squares = b"".join(struct.pack("<hhHH", left, top, 40, 40) for left, top in self.dots)
        self.wire.order(70, 0, struct.pack("<II", self.window, self.gc) + squares)

    def do_freeze(self, _: str) -> None:
        """Paint nothing from now on, like a program that is busy."""
        self.frozen = True

    def do_thaw(self, _: str) -> None:
        self.frozen = False

    def do_saver(self, mode: str) -> None:
        """Turn the screen saver on (1) or off (0): ForceScreenSaver."""
        self.wire.order(115, int(mode))

    def do_menu(self, _: str) -> None:
        """Open a menu: a window of the same program that no window manager places."""
        rectangle(self.wire, self.left + 60, self.top + 60, 60, 60)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("display")
    parser.add_argument("rect")
    parser.add_argument("--colors", nargs="+", required=True)
    parser.add_argument("--title")
    parser.add_argument("--program", default="")
    parser.add_argument(
        "--traits",
        nargs="*",
        default=[],
        choices=("popup", "bare", "unmapped", "alpha", "glass", "compositor"),
    )
    Painter(parser.parse_args()).serve()


if __name__ == "__main__":
    main()
