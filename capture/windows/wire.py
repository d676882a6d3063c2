"""The X11 protocol over libxcb, which mss loads as well. libxcb carries; requests and answers are packed here.

The generic entry of libxcb is enough for the core protocol and every extension, so no library per extension is
needed. Unlike Xlib it reports errors instead of ending the process. Byte layouts: "X Window System Protocol" (X11R7.7)
and the protocol texts of the extensions (xorgproto).
"""

import ctypes
import ctypes.util
import struct
from dataclasses import dataclass

CHECKED = 1
ANY = 0
BITS = 32


class WireError(ConnectionError):
    """The X server cannot be reached, or not any more."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Where an extension of this server was put: its major opcode and its first event code."""

    opcode: int
    event: int


@dataclass(frozen=True, slots=True)
class Screen:
    """What the connection's setup says of the screen.

    `mask` has the bits of an id that count inside one client (the rest name the client); `bgrx` says that a pixel of
    the root has four bytes, blue first.
    """

    number: int
    root: int
    width: int
    height: int
    depth: int
    mask: int
    bgrx: bool


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Request(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("opcode", ctypes.c_uint8),
        ("isvoid", ctypes.c_uint8),
    )


def _load(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _library() -> ctypes.CDLL:
    try:
        # By its name first: find_library runs other programs to find out.
        lib = _load("libxcb.so.1") or ctypes.CDLL(ctypes.util.find_library("xcb") or "libxcb.so")
    except OSError as error:
        raise WireError("libxcb") from error
    pointer = ctypes.c_void_p
    lib.xcb_connect.restype = pointer
    lib.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]
    lib.xcb_disconnect.restype = None
    lib.xcb_disconnect.argtypes = [pointer]
    lib.xcb_connection_has_error.argtypes = [pointer]
    lib.xcb_get_setup.restype = pointer
    lib.xcb_get_setup.argtypes = [pointer]
    lib.xcb_generate_id.restype = ctypes.c_uint32
    lib.xcb_generate_id.argtypes = [pointer]
    lib.xcb_flush.argtypes = [pointer]
    lib.xcb_send_request.restype = ctypes.c_uint
    lib.xcb_send_request.argtypes = [pointer, ctypes.c_int, pointer, ctypes.POINTER(_Request)]
    lib.xcb_wait_for_reply.restype = pointer
    lib.xcb_wait_for_reply.argtypes = [pointer, ctypes.c_uint, ctypes.POINTER(pointer)]
    lib.xcb_poll_for_event.restype = pointer
    lib.xcb_poll_for_event.argtypes = [pointer]
    return lib


class Wire:
    """One connection, used by one thread. Every method raises WireError once the server is gone."""

    def __init__(self, display: str | None = None) -> None:
        self._lib = _library()
        self._free = ctypes.CDLL(None).free
        self._free.restype, self._free.argtypes = None, [ctypes.c_void_p]
        number = ctypes.c_int(0)
        self._link: int | None = self._lib.xcb_connect(
            display.encode() if display else None, ctypes.byref(number)
        )
        try:
            self.alive()
            self.screen = _screen(self._setup(), number.value)
        except BaseException:
            self.close()
            raise
        self._extensions: dict[str, Extension | None] = {}
        self._atoms: dict[str, int] = {}

    def alive(self) -> None:
        """Raise WireError unless the connection stands."""
        if self._link is None or self._lib.xcb_connection_has_error(self._link):
            raise WireError("X11")

    def close(self) -> None:
        """Disconnect; the server frees everything this connection made."""
        link, self._link = self._link, None
        if link is not None:
            self._lib.xcb_disconnect(link)

    def _setup(self) -> bytes:
        place = self._lib.xcb_get_setup(self._link)
        length = struct.unpack("<H", ctypes.string_at(place + 6, 2))[0]
        return ctypes.string_at(place, 8 + 4 * length)

    def send(self, opcode: int, detail: int = 0, body: bytes = b"", *, void: bool = False) -> int:
        """Queue a request and return its number. `detail` is its second byte: the minor opcode of an extension."""
        self.alive()
        data = ctypes.create_string_buffer(bytes((opcode, detail, 0, 0)) + body + bytes(-len(body) % 4))
        vector = (_Iovec * 3)()  # libxcb writes into the two in front of the one it is given
        vector[2].base, vector[2].length = ctypes.addressof(data), len(data) - 1
        request = _Request(1, None, opcode, void)
        place = ctypes.addressof(vector) + 2 * ctypes.sizeof(_Iovec)
        number: int = self._lib.xcb_send_request(
            self._link, 0 if void else CHECKED, place, ctypes.byref(request)
        )
        if not number:
            raise WireError("X11")
        return number

    def order(self, opcode: int, detail: int = 0, body: bytes = b"") -> None:
        """Send a request that has no answer; an error in it shows nowhere, since its window may be gone by now."""
        self.send(opcode, detail, body, void=True)

    def answer(self, number: int) -> bytes | None:
        """Wait for the answer to a request; None when the server refused it, as it does for a window that is gone."""
        self.alive()
        fault = ctypes.c_void_p()
        place = self._lib.xcb_wait_for_reply(self._link, number, ctypes.byref(fault))
        if fault.value:
            self._free(fault)
        if not place:
            self.alive()
            return None
        length = struct.unpack("<I", ctypes.string_at(place + 4, 4))[0]
        data = ctypes.string_at(place, 32 + 4 * length)
        self._free(place)
        return data

    def ask(self, opcode: int, detail: int = 0, body: bytes = b"") -> bytes | None:
        """Send a request and wait for its answer."""
        return self.answer(self.send(opcode, detail, body))

    def flush(self) -> None:
        """Hand everything that is queued to the server."""
        self.alive()
        self._lib.xcb_flush(self._link)

    def events(self) -> list[bytes]:
        """Return the events that have come, 32 bytes each; all that precede an answer already read are among them."""
        found = []
        while place := self._lib.xcb_poll_for_event(self._link):
            found.append(ctypes.string_at(place, 32))
            self._free(place)
        self.alive()
        return found

    def new_id(self) -> int:
        """Return an unused id for a resource of ours."""
        self.alive()
        return int(self._lib.xcb_generate_id(self._link))

    def extension(self, name: str) -> Extension | None:
        """Return where the server has put an extension; None when it has none of that name."""
        if name not in self._extensions:
            data = self.ask(98, 0, struct.pack("<HH", len(name), 0) + name.encode())
            there = data is not None and data[8] != 0
            self._extensions[name] = Extension(data[9], data[10]) if data is not None and there else None
        return self._extensions[name]

    def atom(self, name: str) -> int:
        """Return the number of a name."""
        if name not in self._atoms:
            data = self.ask(16, 0, struct.pack("<HH", len(name), 0) + name.encode())
            self._atoms[name] = 0 if data is None else struct.unpack_from("<I", data, 8)[0]
        return self._atoms[name]

    def want(self, window: int, name: str, longs: int = 256) -> int:
        """Queue the request for a property, of whatever type, and return its number."""
        return self.send(20, 0, struct.pack("<IIIII", window, self.atom(name), ANY, 0, longs))

    def value(self, number: int) -> bytes | None:
        """Return the property asked for by `want`; None when the window does not have it."""
        data = self.answer(number)
        if data is None:
            return None
        kind, _, items = struct.unpack_from("<III", data, 8)
        return data[32 : 32 + items * data[1] // 8] if kind else None


def _screen(setup: bytes, number: int) -> Screen:
    mask = struct.unpack_from("<I", setup, 16)[0]
    vendor, _, _, formats = struct.unpack_from("<HHBB", setup, 24)
    little_endian = setup[30] == 0
    place = 40 + (vendor + 3) // 4 * 4
    wide = {setup[place + 8 * i]: setup[place + 8 * i + 1] for i in range(formats)}
    place += 8 * formats
    for here in range(number + 1):
        root, width, height = (
            *struct.unpack_from("<I", setup, place),
            *struct.unpack_from("<HH", setup, place + 20),
        )
        visual, depth, depths = (
            *struct.unpack_from("<I", setup, place + 32),
            setup[place + 38],
            setup[place + 39],
        )
        place += 40
        blue_first = False
        for _ in range(depths):
            visuals = struct.unpack_from("<H", setup, place + 2)[0]
            place += 8
            for _ in range(visuals):
                known, masks = (
                    struct.unpack_from("<I", setup, place)[0],
                    struct.unpack_from("<III", setup, place + 8),
                )
                blue_first |= known == visual and masks == (0xFF0000, 0xFF00, 0xFF)
                place += 24
        bgrx = little_endian and blue_first and wide.get(depth) == BITS
        screen = Screen(here, root, width, height, depth, mask, bgrx)
    return screen
