"""Proof that a rectangle was painted anew, by the X extensions DAMAGE and XFIXES.

Without a compositor all windows share the pixels of the screen. When a window goes away, what it showed stays until
the program below paints over it, and a program that is busy lets it stay for seconds. The same holds for the pixmap
of a redirected window: the server fills it with whatever the screen showed there, other windows included. So the
program is asked to paint, by an Expose event, and the server tells what has been painted since.
"""

import struct
from collections.abc import Iterable, Sequence

from capture.frame import Region
from capture.windows.model import overlap, without
from capture.windows.wire import Wire
from capture.windows.x11facts import origin_of, places, tree, word

NON_EMPTY = 3
MAX_WINDOWS = 200


class Repaint:
    """Keeps account of what is still stale, in coordinates of the screen. Shares the connection of its owner."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._stale: list[Region] = []
        self._watched: dict[int, int] = {}
        self._damage = wire.extension("DAMAGE")
        self._fixes = wire.extension("XFIXES")
        self._scratch = 0
        if self._damage is not None and self._fixes is not None:
            wire.ask(self._damage.opcode, 0, struct.pack("<II", 1, 1))  # QueryVersion comes before all else
            wire.ask(self._fixes.opcode, 0, struct.pack("<II", 2, 0))
            self._scratch = wire.new_id()
            wire.order(self._fixes.opcode, 5, word(self._scratch))  # CreateRegion, empty

    def demand(self, areas: Sequence[Region], windows: Iterable[int]) -> None:
        """Ask for `areas` of `windows` and all windows in them to be painted.

        What belongs to none of them needs no proof: the server paints the root itself, and at once.
        """
        if self._damage is None or not self._scratch:
            return
        # What was painted until now counts for the older demands only.
        self._account()
        outer = list(windows)
        for window, placed in places(self._wire, outer).items():
            shown = [part for area in areas if (part := overlap(area, placed.area)) is not None]
            if not shown or not placed.viewable:
                continue
            if window not in self._watched:
                damage = self._watched[window] = self._wire.new_id()
                self._wire.order(self._damage.opcode, 1, struct.pack("<IIB3x", damage, window, NON_EMPTY))
                # A new account begins with all that can be seen of the window, painted or not: put that aside.
                self._wire.order(self._damage.opcode, 3, struct.pack("<III", damage, 0, 0))
            self._stale = without(self._stale, shown) + shown
            for inner in self._family(window):
                self._expose(inner, shown)
        self._wire.flush()

    def _family(self, window: int) -> list[int]:
        """Return a window and everything in it."""
        found, place = [window], 0
        while place < len(found) < MAX_WINDOWS:
            known = tree(self._wire, found[place])
            found.extend(known[1] if known is not None else ())
            place += 1
        return found

    def _expose(self, window: int, areas: Iterable[Region]) -> None:
        origin = origin_of(self._wire, window)
        if origin is None:
            return
        for area in areas:
            # ClearArea takes a corner inside the window; a width or height of 0 would mean "all the rest".
            left, top = max(0, area.left - origin[0]), max(0, area.top - origin[1])
            width = area.left + area.width - origin[0] - left
            height = area.top + area.height - origin[1] - top
            if width > 0 and height > 0:
                self._wire.order(61, 1, struct.pack("<IhhHH", window, left, top, width, height))

    def done(self) -> bool:
        """Say whether everything demanded has been painted since."""
        self._account()
        if not self._stale:
            self.forget()
        return not self._stale

    def _account(self) -> None:
        for window, damage in self._watched.items():
            origin = origin_of(self._wire, window)
            painted = self._painted(damage)
            if origin is not None:
                self._stale = without(self._stale, [part.moved(*origin) for part in painted])

    def _painted(self, damage: int) -> list[Region]:
        """Return what was painted since the last call, in coordinates of the window, and begin anew."""
        if self._damage is None or self._fixes is None:
            return []
        self._wire.order(self._damage.opcode, 3, struct.pack("<III", damage, 0, self._scratch))  # Subtract
        data = self._wire.ask(self._fixes.opcode, 19, word(self._scratch))  # FetchRegion
        if data is None:
            return []
        count = (len(data) - 32) // 8
        return [Region(*struct.unpack_from("<hhHH", data, 32 + 8 * number)) for number in range(count)]

    def forget(self) -> None:
        """Drop every demand."""
        if self._damage is not None:
            for damage in self._watched.values():
                self._wire.order(self._damage.opcode, 2, word(damage))
        self._watched.clear()
        self._stale.clear()
