"""The windows of an X11 screen: the stacking order is the server's own, with or without a window manager.

Whatever happens to a top-level window between two looks comes as an event, so nothing that lasts shorter than the
time between them goes unseen. The server works on one request at a time and puts events before later answers;
therefore a change that can be in a screenshot is always known after a round trip that follows it.
"""

import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from capture.frame import Region
from capture.windows import x11facts as facts
from capture.windows.model import EVERYWHERE, Desktop, Kin, Stir, Window, overlap
from capture.windows.repaint import Repaint
from capture.windows.wire import Wire
from capture.windows.x11facts import Owner, Placed, word

SUBSTRUCTURE, PROPERTY = 1 << 19, 1 << 22
CREATE, DESTROY, UNMAP, MAP, REPARENT, CONFIGURE, GRAVITY, CIRCULATE, CHANGED = (
    16,
    17,
    18,
    19,
    21,
    22,
    24,
    26,
    28,
)
SAVER_ON = 1
OPAQUE_S = 30.0
NO_FOCUS = (0, 1)  # None and PointerRoot
# These draw notifications and their lock screen themselves, in no window of the screen.
SHELLS = ("gnome shell", "mutter", "muffin", "budgie")


class X11Watcher:
    """Watches the screen of `display` (None: the one in DISPLAY). Connects at the first look and again after a loss."""

    def __init__(self, display: str | None = None) -> None:
        self._display = display
        self._wire: Wire | None = None
        self._repaint: Repaint | None = None
        self._placed: dict[int, Placed] = {}
        self._order: list[int] = []
        self._owners: dict[int, Owner] = {}
        self._opaque: dict[int, float] = {}
        self._fresh = False
        self._changes = 0

    def look(self, region: Region, window: int | None = None) -> Desktop:
        """Return what is on the screen now; raises WireError."""
        try:
            desktop = self._look(wire := self._connected(), region)
            found = desktop.find(window) if window is not None else None
            if found is None or found.title is not None:
                return desktop
            titled = replace(found, title=facts.title(wire, found.id))
            return replace(desktop, windows=tuple(titled if one is found else one for one in desktop.windows))
        except OSError:
            self.close()
            raise

    def _connected(self) -> Wire:
        if self._wire is None:
            wire = self._wire = Wire(self._display)
            # Told of all that happens before the first question, so that nothing falls between.
            wire.order(2, 0, struct.pack("<III", wire.screen.root, 1 << 11, SUBSTRUCTURE | PROPERTY))
            self._repaint = Repaint(wire)
            self._fresh = False
            self._changes += 1
        return self._wire

    def close(self) -> None:
        """Disconnect."""
        wire, self._wire, self._repaint = self._wire, None, None
        self._placed.clear()
        self._owners.clear()
        self._opaque.clear()
        if wire is not None:
            wire.close()

    def demand(self, areas: Sequence[Region], windows: Iterable[Window]) -> None:
        """Have `windows` painted anew in `areas`."""
        if self._repaint is not None:
            self._repaint.demand(areas, [window.outer for window in windows])

    def repainted(self) -> bool:
        """Say whether that has been done."""
        return self._repaint is None or self._repaint.done()

    def caveats(self) -> tuple[str, ...]:
        """Return "shell-draws" where the desktop shows notifications that are no windows."""
        wire = self._connected()
        name = (
            facts.title(wire, next(iter(self._root("_NET_SUPPORTING_WM_CHECK", wire)), wire.screen.root))
            or ""
        )
        return ("shell-draws",) if name.casefold().startswith(SHELLS) else ()

    def _root(self, name: str, wire: Wire) -> tuple[int, ...]:
        return facts.numbers(wire.value(wire.want(wire.screen.root, name, 1)))

    def _look(self, wire: Wire, region: Region) -> Desktop:
        wire.ask(43)  # a round trip: every event of the past is here now
        stirs = self._happened(wire, wire.events(), region)
        changes = self._changes
        managed = bool(self._root("_NET_SUPPORTING_WM_CHECK", wire))
        selection = wire.atom(f"_NET_WM_CM_S{wire.screen.number}")
        composited = facts.numbers((wire.ask(23, 0, word(selection)) or bytes(12))[8:12]) != (0,)
        if not self._fresh:
            self._refresh(wire)
        windows = tuple(self._windows(wire, region, managed=managed, composited=composited))
        fronted, front = self._front(wire, windows, managed=managed)
        return Desktop(
            windows=windows,
            front=front,
            fronted=fronted,
            locked=self._locked(wire),
            composited=composited,
            pointer=_pointer(wire),
            changes=changes,
            stirs=tuple(stirs),
        )

    def _happened(self, wire: Wire, events: list[bytes], region: Region) -> list[Stir]:
        """Take in events; return those that may have shown in `region`."""
        found = []
        for event in events:
            if event[0] == CHANGED:
                # Another window came to the front, if only for a moment.
                self._changes += struct.unpack_from("<I", event, 8)[0] == wire.atom("_NET_ACTIVE_WINDOW")
            elif event[0] in {CREATE, DESTROY, UNMAP, MAP, REPARENT, CONFIGURE, GRAVITY, CIRCULATE}:
                window = struct.unpack_from("<I", event, 8)[0]
                before = self._placed.get(window)
                after = _after(wire, event, before)
                kin = self._kin(wire, window)
                stirred = [
                    Stir(kin, part, placed.popup)
                    for placed in (before, after)
                    if placed is not None and placed.viewable and not placed.input_only
                    if (part := overlap(placed.area, region)) is not None
                ]
                found.extend(stirred)
                self._changes += bool(stirred)
                self._fresh = False
                self._opaque.pop(window, None)
                if after is None:
                    self._placed.pop(window, None)
                else:
                    self._placed[window] = after
                if after is None or not after.viewable:
                    self._owners.pop(window, None)
        return found

    def _kin(self, wire: Wire, window: int) -> Kin:
        """Return whose a window is or was: what another window of the same connection says holds for it too."""
        mask = wire.screen.mask
        same = (known for known in self._owners.values() if (known.client ^ window) & ~mask == 0)
        known = self._owners.get(window) or next(same, None)
        return known.kin if known is not None else frozenset({("connection", window & ~mask)})

    def _refresh(self, wire: Wire) -> None:
        """Read the stack and the place of every window."""
        found = facts.tree(wire, wire.screen.root)
        # An id without a client's number is the server's own: the overlay a compositor paints on.
        self._order = [window for window in (found[1] if found else []) if window & ~wire.screen.mask]
        self._placed = facts.places(wire, self._order)
        self._owners = {window: known for window, known in self._owners.items() if window in self._placed}
        self._fresh = True

    def _windows(self, wire: Wire, region: Region, *, managed: bool, composited: bool) -> Iterable[Window]:
        for outer in reversed(self._order):
            placed = self._placed.get(outer)
            if placed is None or not placed.viewable or placed.input_only:
                continue
            yield self._window(wire, outer, placed, region, managed=managed, composited=composited)

    def _window(
        self, wire: Wire, outer: int, placed: Placed, region: Region, *, managed: bool, composited: bool
    ) -> Window:
        known = self._owners.get(outer)
        if known is None:
            known = facts.owner(wire, outer, framed=managed and not placed.popup)
            if known.sure:
                self._owners[outer] = known
        near = overlap(placed.area, region) is not None

        def opaque() -> bool:
            return self._is_opaque(wire, outer, placed)

        return Window(
            id=known.client,
            outer=outer,
            kin=known.kin,
            names=known.names,
            area=placed.area,
            solid=facts.solid(wire, outer, known.client, placed, composited=composited, opaque=opaque)
            if near
            else (),
            popup=placed.popup,
            title=facts.title(wire, known.client) if near else None,
        )

    def _is_opaque(self, wire: Wire, outer: int, placed: Placed) -> bool:
        """Say whether a window hides all that is below; that is not looked at each time."""
        if time.monotonic() - self._opaque.get(outer, -OPAQUE_S) >= OPAQUE_S:
            self._opaque.pop(outer, None)
            if facts.all_opaque(wire, outer, placed):
                self._opaque[outer] = time.monotonic()
        return outer in self._opaque

    def _front(self, wire: Wire, windows: tuple[Window, ...], *, managed: bool) -> tuple[bool, Window | None]:
        """Return whether there is such a thing as a foreground window, and which it is."""
        active = self._root("_NET_ACTIVE_WINDOW", wire) if managed else ()
        if active:
            focus = active[0]
        else:
            data = wire.ask(43)
            focus = struct.unpack_from("<I", data, 8)[0] if data is not None else 0
            if focus in NO_FOCUS or focus == wire.screen.root:
                return managed, None
        outer = facts.top_level(wire, focus)
        found = next((window for window in windows if outer in {window.outer, window.id}), None)
        if found is None:
            return True, None
        return True, replace(found, title=facts.title(wire, found.id))

    def _locked(self, wire: Wire) -> bool:
        place = wire.extension("MIT-SCREEN-SAVER")
        data = wire.ask(place.opcode, 1, word(wire.screen.root)) if place is not None else None  # QueryInfo
        return data is not None and data[1] == SAVER_ON


def _after(wire: Wire, event: bytes, before: Placed | None) -> Placed | None:
    """Return how a window stands after an event; None when it is no top-level window any more.

    Of a window that is not known yet, an event without a place says that it may be anywhere.
    """
    kind = event[0]
    known = before or Placed(EVERYWHERE, border=0, depth=0, viewable=True, input_only=False, popup=False)
    if kind == DESTROY or (kind == REPARENT and struct.unpack_from("<I", event, 12)[0] != wire.screen.root):
        return None
    if kind in {CREATE, CONFIGURE}:
        left, top, width, height, border = struct.unpack_from("<hhHHH", event, 12 if kind == CREATE else 16)
        area = Region(left, top, width + 2 * border, height + 2 * border)
        popup = event[22 if kind == CREATE else 26] != 0
        return replace(
            known, area=area, border=border, viewable=known.viewable and kind == CONFIGURE, popup=popup
        )
    return replace(known, viewable=kind == MAP or (kind != UNMAP and known.viewable))


def _pointer(wire: Wire) -> tuple[int, int] | None:
    data = wire.ask(38, 0, word(wire.screen.root))
    return struct.unpack_from("<hh", data, 16) if data is not None and data[1] else None
