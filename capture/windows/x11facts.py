"""What X11 tells of one window: its program, its title, its shape. Sources: ICCCM 2.0, EWMH 1.5, X-Resource 1.2."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from capture.frame import Region
from capture.windows.model import Kin, process_id
from capture.windows.wire import Wire

VIEWABLE = 2
INPUT_ONLY = 2
OPAQUE = 0xFFFFFFFF
# A window cut into more pieces than this is taken to hide nothing.
MAX_PIECES = 64
ALPHA_DEPTH, ALPHA_PLANES, ALPHA_LINES = 32, 0xFF000000, 16
ALPHA_FULL = b"\0\0\0\xff"
# How deep the program's window lies in its frame, at most, and any window below the root.
FRAME_DEPTH = 3
TREE_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a window is, relative to its parent and with its border, and whether it shows."""

    area: Region
    border: int
    depth: int
    viewable: bool
    input_only: bool
    popup: bool

    @property
    def inside(self) -> Region:
        """Return the place as ConfigureNotify tells it: corner with, size without the border."""
        area = self.area
        return Region(area.left, area.top, area.width - 2 * self.border, area.height - 2 * self.border)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose window it is.

    `client` is the program's own window inside the frame; until a window manager has marked it, the answer is not
    `sure`.
    """

    client: int
    kin: Kin
    names: tuple[str, ...]
    sure: bool


def word(value: int) -> bytes:
    """Return a number as a request carries it."""
    return struct.pack("<I", value)


def numbers(value: bytes | None) -> tuple[int, ...]:
    """Read a property of 32-bit numbers."""
    return struct.unpack(f"<{len(value) // 4}I", value[: len(value) // 4 * 4]) if value else ()


def places(wire: Wire, windows: list[int]) -> dict[int, Placed]:
    """Ask for many windows at once; those that are gone are left out."""
    asked = [(window, wire.send(3, 0, word(window)), wire.send(14, 0, word(window))) for window in windows]
    found = {}
    for window, attributes_number, geometry_number in asked:
        attributes, geometry = wire.answer(attributes_number), wire.answer(geometry_number)
        if attributes is None or geometry is None:
            continue
        left, top, width, height, border = struct.unpack_from("<hhHHH", geometry, 12)
        found[window] = Placed(
            area=Region(left, top, width + 2 * border, height + 2 * border),
            border=border,
            depth=geometry[1],
            viewable=attributes[26] == VIEWABLE,
            input_only=struct.unpack_from("<H", attributes, 12)[0] == INPUT_ONLY,
            popup=attributes[27] != 0,
        )
    return found


def tree(wire: Wire, window: int) -> tuple[int, list[int]] | None:
    """Return the parent and the children, lowest first; None when the window is gone."""
    data = wire.ask(15, 0, word(window))
    if data is None:
        return None
    _, parent, count = struct.unpack_from("<IIH", data, 8)
    return parent, list(struct.unpack_from(f"<{count}I", data, 32))


def top_level(wire: Wire, window: int) -> int | None:
    """Return the child of the root that holds `window`."""
    for _ in range(TREE_DEPTH):
        found = tree(wire, window)
        if found is None or found[0] == 0:
            return None
        if found[0] == wire.screen.root:
            return window
        window = found[0]
    return None


def owner(wire: Wire, outer: int, *, framed: bool) -> Owner:
    """Find out whose window a child of the root is; `framed` when a window manager may have put it there."""
    marked = _client(wire, outer) if framed else outer
    client = marked or outer
    asked = {name: wire.want(client, name) for name in ("WM_CLASS", "_NET_WM_PID", "WM_CLIENT_LEADER")}
    values = {name: wire.value(number) for name, number in asked.items()}
    process = _process(wire, client)
    if process is None:
        # Without X-Resource there is only what the program says of itself.
        process = next(iter(numbers(values["_NET_WM_PID"])), 0)
    # The number of a connection and the ids made in it are given away again when a program ends, so they count
    # only where no process is known: for programs on other machines.
    kin = {("process", process_id(process))} if process else {("connection", client & ~wire.screen.mask)}
    if not process and (leader := next(iter(numbers(values["WM_CLIENT_LEADER"])), 0)):
        kin.add(("leader", leader))
    # The class before the instance, and the file last: behind it there may be no more than "python" or "wine".
    stated = reversed((values["WM_CLASS"] or b"").decode("utf-8", "replace").split("\0"))
    names = dict.fromkeys(name.casefold() for name in (*stated, *_executable(process)) if name)
    return Owner(client, frozenset(kin), tuple(names), sure=marked is not None)


def _client(wire: Wire, outer: int) -> int | None:
    """Return the window in the frame `outer` that a program made: the one a window manager marks by WM_STATE."""
    level = [outer]
    for _ in range(FRAME_DEPTH):
        asked = [(window, wire.want(window, "WM_STATE", 2)) for window in level]
        marked = [window for window, number in asked if wire.value(number) is not None]
        if marked:
            return marked[0]
        trees = [tree(wire, window) for window in level]
        level = [child for found in trees if found is not None for child in found[1]]
        if not level:
            break
    return None


def _process(wire: Wire, window: int) -> int | None:
    """Return the process the server knows behind a window; 0 when it is not on this machine, None when unknown."""
    place = wire.extension("X-Resource")
    if place is None:
        return None
    data = wire.ask(place.opcode, 4, struct.pack("<III", 1, window, 2))  # QueryClientIds, LocalClientPID
    if data is None:
        return None
    at, count = 32, struct.unpack_from("<I", data, 8)[0]
    for _ in range(count):
        _, mask, length = struct.unpack_from("<III", data, at)
        if mask == 2 and length:  # noqa: PLR2004 - LocalClientPID
            return int(struct.unpack_from("<I", data, at + 12)[0])
        at += 12 + length
    return 0


def _executable(process: int) -> list[str]:
    try:
        return [Path(f"/proc/{process}/exe").readlink().name] if process else []
    except OSError:
        return []  # another user's, in another container, or it has ended


def title(wire: Wire, window: int) -> str | None:
    """Return the title; None when there is none or it cannot be read."""
    modern, old = wire.want(window, "_NET_WM_NAME", 1024), wire.want(window, "WM_NAME", 1024)
    for value, coding in ((wire.value(modern), "utf-8"), (wire.value(old), "latin-1")):
        if value is not None:
            try:
                return value.decode(coding)
            except UnicodeDecodeError:
                return None
    return None


def solid(
    wire: Wire, outer: int, client: int, placed: Placed, *, composited: bool, opaque: Callable[[], bool]
) -> tuple[Region, ...]:
    """Return the parts of a window, in its parent's coordinates, that hide what is below.

    Under a compositor a window may let things shine through: by its opacity, or pixel by pixel where it has an alpha
    channel. Of the latter counts what the program declares opaque; many declare nothing and fill every pixel all the
    same (Qt programs that draw by OpenGL), so then `opaque` is asked.
    """
    pieces = _shape(wire, outer, placed)
    if not composited:
        return pieces
    asked = [wire.want(window, "_NET_WM_WINDOW_OPACITY", 1) for window in (outer, client)]
    stated = wire.want(client, "_NET_WM_OPAQUE_REGION", 4 * MAX_PIECES)
    values, region = [numbers(wire.value(number)) for number in asked], wire.value(stated)
    if any(min(value or (OPAQUE,)) < OPAQUE for value in values):
        return ()
    if placed.depth < ALPHA_DEPTH:
        return pieces
    if region is None:
        return pieces if opaque() else ()
    origin = origin_of(wire, client) or (placed.area.left, placed.area.top)
    return tuple(
        Region(origin[0] + left, origin[1] + top, width, height)
        for left, top, width, height in zip(*[iter(numbers(region))] * 4, strict=False)
    )


def all_opaque(wire: Wire, outer: int, placed: Placed) -> bool:
    """Look at every so many lines of a window's own pixels and say whether none lets anything through."""
    place, area = wire.extension("Composite"), placed.area
    if place is None:
        return False
    wire.ask(place.opcode, 0, struct.pack("<II", 0, 4))  # QueryVersion comes before all else
    pixmap = wire.new_id()
    wire.order(place.opcode, 6, struct.pack("<II", outer, pixmap))  # NameWindowPixmap
    asked = [
        wire.send(73, 2, struct.pack("<IhhHHI", pixmap, 0, line, area.width, 1, ALPHA_PLANES))
        for line in range(0, area.height, ALPHA_LINES)
    ]
    wire.order(54, 0, word(pixmap))
    found = [wire.answer(number) for number in asked]
    return all(
        data is not None and data[32 : 32 + 4 * area.width] == ALPHA_FULL * area.width for data in found
    )


def origin_of(wire: Wire, window: int) -> tuple[int, int] | None:
    """Return where on the screen the inside of a window begins."""
    data = wire.ask(40, 0, struct.pack("<IIhh", window, wire.screen.root, 0, 0))
    return None if data is None else struct.unpack_from("<hh", data, 12)


def _shape(wire: Wire, outer: int, placed: Placed) -> tuple[Region, ...]:
    place, area = wire.extension("SHAPE"), placed.area
    if place is None:
        return (area,)
    extents = wire.ask(place.opcode, 5, word(outer))  # ShapeQueryExtents
    if extents is None:
        return ()
    if not extents[8]:
        return (area,)
    data = wire.ask(place.opcode, 8, word(outer) + bytes(4))  # ShapeGetRectangles, the bounding shape
    count = struct.unpack_from("<I", data, 8)[0] if data is not None else MAX_PIECES + 1
    if data is None or count > MAX_PIECES:
        return ()
    pieces = [struct.unpack_from("<hhHH", data, 32 + 8 * number) for number in range(count)]
    corner = area.left + placed.border, area.top + placed.border
    return tuple(
        Region(corner[0] + left, corner[1] + top, width, height) for left, top, width, height in pieces
    )
