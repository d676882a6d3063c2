"""The pixels of one X11 window, also of one that is covered: the server keeps them apart when asked to.

The extension Composite redirects a window into a pixmap of its own. Where a server has none, the window is read off
the screen, and only while nothing lies over it.
"""

import struct

import cv2
import numpy as np

from capture.frame import NoFrame, Pixels, Region
from capture.windows.model import EVERYWHERE, Desktop, Window, overlap
from capture.windows.repaint import Repaint
from capture.windows.settling import SECOND, Settling
from capture.windows.wire import Wire
from capture.windows.x11 import CONFIGURE, DESTROY, GRAVITY, MAP, REPARENT, UNMAP, X11Watcher
from capture.windows.x11facts import VIEWABLE, origin_of, places, title, top_level, word
from sakigake.clock import Clock
from sakigake.errors import SakigakeError

STRUCTURE = 1 << 17
AUTOMATIC = 0
COLORFUL = (24, 32)
ALL_PLANES = 0xFFFFFFFF


class X11Pixels:
    """Reads windows of the screen of `display`. Every method raises WireError once the server is gone."""

    def __init__(self, display: str | None = None, clock: Clock | None = None, settle_s: float = 1.0) -> None:
        self._watcher = X11Watcher(display)
        self._clock = clock or Clock()
        self._settle = int(settle_s * SECOND)
        self._settling = Settling(self._watcher, self._clock, settle_s)
        self._wire = Wire(display)
        self._composite = self._wire.extension("Composite")
        if self._composite is not None:
            self._wire.ask(
                self._composite.opcode, 0, struct.pack("<II", 0, 4)
            )  # QueryVersion comes before all else
        self._repaint = Repaint(self._wire)
        self._window = self._outer = 0
        self._placed: Region | None = None
        self._renew = False
        self._unsettled = False
        self._gone = False
        self._asked = 0

    @property
    def apart(self) -> bool:
        """Say whether covered windows can be read."""
        return self._composite is not None

    def windows(self) -> Desktop:
        """Return what is on the screen, with every title."""
        return self._watcher.look(EVERYWHERE)

    def aim(self, window: Window) -> None:
        """Take this window from now on; raises SakigakeError when its pixels have an unusual form."""
        placed = places(self._wire, [window.outer]).get(window.outer)
        if placed is not None and (placed.depth not in COLORFUL or not self._wire.screen.bgrx):
            raise SakigakeError("window-colors", bits=placed.depth)
        self._window, self._outer = window.id, window.outer
        self._placed = placed.inside if placed is not None else None
        # Before the redirection, so that nothing which spoils the new pixmap goes unseen.
        for each in {self._outer, self._window}:
            self._wire.order(2, 0, struct.pack("<III", each, 1 << 11, STRUCTURE))
        self._gone = places(self._wire, [self._window]) == {}
        if self._composite is not None:
            self._wire.order(self._composite.opcode, 1, struct.pack("<IB3x", self._outer, AUTOMATIC))
        else:
            self._settling.unsure("window-covered", [window.area])
        self._renew = True

    def title(self) -> str | None:
        """Return the window's title now."""
        return title(self._wire, self._window)

    def place(self) -> Region | None:
        """Return where on the screen the inside of the window is; None when it is not there."""
        data, origin = self._wire.ask(14, 0, word(self._window)), origin_of(self._wire, self._window)
        if data is None or origin is None:
            return None
        return Region(*origin, *struct.unpack_from("<HH", data, 16))

    def take(self) -> tuple[Pixels, Region] | NoFrame:
        """Return the window's pixels and its place, or why it cannot be read now."""
        self._wire.ask(43)
        self._happened()
        data, place = self._wire.ask(3, 0, word(self._window)), self.place()
        if data is None or place is None or self._gone:
            return NoFrame("window-closed")
        if data[26] != VIEWABLE:
            return NoFrame("window-minimised")
        outer = top_level(self._wire, self._window)
        if outer is None or outer != self._outer:
            return self._moved_house(outer)
        taken = self._apart(place) if self._composite is not None else self._off_screen(place)
        self._wire.ask(43)
        if self._happened() or self.place() != place:
            return NoFrame("window-changing")
        return taken

    def _moved_house(self, outer: int | None) -> NoFrame:
        """Follow the window into another frame, as when the window manager was started anew."""
        found = self.windows().find(self._window) if outer is not None else None
        if found is not None:
            self.aim(found)
        return NoFrame("window-changing")

    def _happened(self) -> bool:
        """Take in events; returns whether the window moved, was made anew or is gone."""
        changed = False
        for event in self._wire.events():
            if event[0] not in {CONFIGURE, MAP, UNMAP, REPARENT, DESTROY, GRAVITY}:
                continue
            window = struct.unpack_from("<I", event, 8)[0]
            # Its id may be given to another program's window at once; ours is not coming back.
            self._gone |= event[0] == DESTROY and window == self._window
            if window != self._outer:
                continue
            if event[0] == CONFIGURE:
                area = Region(*struct.unpack_from("<hhHH", event, 16))
                known, self._placed = self._placed, area
                if area == known:
                    continue  # only its place in the stack
                moved_only = known is not None and (area.width, area.height) == (known.width, known.height)
                self._renew |= not moved_only or self._unsettled
            else:
                self._renew = True
            changed = True
        return changed or self._gone

    def _apart(self, place: Region) -> NoFrame | tuple[Pixels, Region]:
        """Read the window's own pixmap, once all of it was painted since it was made.

        The server fills a new pixmap with what the screen shows there: a window in front of this one, too.
        """
        if self._renew:
            self._repaint.forget()
            self._repaint.demand([place], [self._outer])
            self._renew, self._unsettled = False, True
            self._asked = self._clock.mono_ns()
        # The server may have painted the background by itself; the program needs a moment for the rest.
        if self._unsettled and not (
            self._repaint.done() and self._clock.mono_ns() - self._asked >= self._settle
        ):
            return NoFrame("window-stale")
        self._unsettled = False
        frame = places(self._wire, [self._outer]).get(self._outer)
        if frame is None or self._composite is None:
            return NoFrame("window-closed")
        pixmap = self._wire.new_id()
        self._wire.order(
            self._composite.opcode, 6, struct.pack("<II", self._outer, pixmap)
        )  # NameWindowPixmap
        # The pixmap begins with the border, as the frame's place does.
        corner = place.left - frame.area.left, place.top - frame.area.top
        pixels = self._read(pixmap, Region(*corner, place.width, place.height))
        self._wire.order(54, 0, word(pixmap))
        return (pixels, place) if pixels is not None else NoFrame("window-changing")

    def _off_screen(self, place: Region) -> NoFrame | tuple[Pixels, Region]:
        """Read the window off the screen, where nothing lies over it."""
        screen = self._wire.screen
        if overlap(place, Region(0, 0, screen.width, screen.height)) != place:
            return NoFrame("window-off-screen")
        before = self._uncovered(place)
        if isinstance(before, NoFrame):
            return before
        pixels = self._read(screen.root, place)
        after = self._uncovered(place)
        if isinstance(after, NoFrame):
            return after
        return (pixels, place) if pixels is not None and before == after else NoFrame("window-changing")

    def _uncovered(self, place: Region) -> int | NoFrame:
        """Return the count of changes so far while nothing lies over the window."""
        desktop = self._watcher.look(place)
        stack = [window.outer for window in desktop.windows]
        mine = desktop.find(self._outer)
        above = desktop.windows[: stack.index(self._outer)] if mine is not None else ()
        over = [part for window in above if (part := overlap(window.area, place)) is not None]
        veiled = over + [stir.area for stir in desktop.stirs]
        if veiled:
            self._settling.unsure("window-covered", veiled)
        if over or mine is None:
            return NoFrame("window-covered")
        reason = self._settling.wait(desktop, [mine])
        return NoFrame("window-stale", reason) if reason else desktop.changes

    def _read(self, drawable: int, area: Region) -> Pixels | None:
        """Read pixels (GetImage, ZPixmap); the fourth byte of each means nothing."""
        data = self._wire.ask(
            73,
            2,
            struct.pack("<IhhHHI", drawable, area.left, area.top, area.width, area.height, ALL_PLANES),
        )
        if data is None:
            return None
        raw = np.frombuffer(data, np.uint8, area.width * area.height * 4, 32)
        bgra = raw.reshape(area.height, area.width, 4)
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR), np.uint8)

    def close(self) -> None:
        """Disconnect; the server ends the redirection."""
        self._watcher.close()
        self._wire.close()
