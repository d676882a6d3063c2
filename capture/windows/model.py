"""What a watcher reports: the windows on the screen and which of them can be seen in a rectangle. No I/O here."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from capture.frame import Region

Kin = frozenset[tuple[str, int]]
EVERYWHERE = Region(-32768, -32768, 65536, 65536)


@dataclass(frozen=True, slots=True)
class Window:
    """A top-level window as it stands on the screen.

    `kin` names what it belongs to (a process; else a connection and a group leader): two windows that share one of
    these are of the same program. `names` are the program's names in lower case. `title` is None when the window
    system does not tell it; it serves to decide and is never stored, which is why it does not show in the repr.
    `solid` are the parts through which nothing below can be seen. `popup` marks menus, tips and notifications that
    no window manager places. `id` is that of the program's own window, `outer` that of the frame around it.
    """

    id: int
    outer: int
    kin: Kin
    names: tuple[str, ...]
    area: Region
    solid: tuple[Region, ...]
    popup: bool = False
    title: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stir:
    """A window that appeared, went, moved or changed its place in the stack, and where."""

    kin: Kin
    area: Region
    popup: bool = False


@dataclass(frozen=True, slots=True)
class Desktop:
    """The screen at one moment.

    `windows` has the topmost first. `front` is the foreground window; `fronted` is False where the system knows no
    such thing (X11 without a window manager, nothing focused). `stirs` is what happened in the rectangle since the
    look before and `changes` the count of it since the beginning. `composited` says that a compositor paints the
    screen, so each window's pixels are its own. `pointer` is where the pointer is.
    """

    windows: tuple[Window, ...]
    front: Window | None
    fronted: bool = True
    locked: bool = False
    composited: bool = True
    pointer: tuple[int, int] | None = None
    changes: int = 0
    stirs: tuple[Stir, ...] = ()

    def seen_in(self, region: Region) -> list[tuple[Window, list[Region]]]:
        """Return the windows of which something can be seen in `region`, topmost first, with those parts."""
        left, found = [region], []
        for window in self.windows:
            parts = [part for piece in left if (part := overlap(window.area, piece)) is not None]
            if parts:
                found.append((window, parts))
                left = without(left, window.solid)
        return found

    def find(self, window_id: int) -> Window | None:
        """Return the window with that id, its own or its frame's; None when it is not on the screen."""
        return next((window for window in self.windows if window_id in {window.id, window.outer}), None)


class Watcher(Protocol):
    """Looks at the screen's windows. Owned by one thread; everything may raise OSError when it cannot look."""

    def look(self, region: Region, window: int | None = None) -> Desktop:
        """Return what is on the screen now.

        `region` is where changes count and titles are wanted; that of `window` is wanted wherever it is.
        """

    def demand(self, areas: Sequence[Region], windows: Iterable[Window]) -> None:
        """Have `windows` painted anew in `areas`: something stood there that may still show."""

    def repainted(self) -> bool:
        """Say whether everything that was demanded has been painted since."""

    def caveats(self) -> tuple[str, ...]:
        """Return slugs of what this desktop may show without a window of its own."""

    def close(self) -> None:
        """Let go of the window system."""


def choose(windows: Iterable[Window], wanted: str) -> list[Window]:
    """Return the windows that `wanted` may mean, largest first.

    It is a window's id (a number, `0x…` as other X tools write it), a program's name, or a title, each with `*` and
    `?`; only if nothing bears it as a name, a part of a title will do. Menus and tips are never meant.
    """
    proper = sorted((window for window in windows if not window.popup), key=_size, reverse=True)
    if (number := number_of(wanted)) is not None:
        return [window for window in proper if number in {window.id, window.outer}]
    wish = wanted.strip().casefold()
    named = [window for window in proper if any(fnmatchcase(name, wish) for name in window.names)]
    return named or [window for window in proper if bears(window.title, wish)]


def number_of(wanted: str) -> int | None:
    """Return the id that `wanted` is; None when it is a name or a title."""
    try:
        return int(wanted, 0)
    except ValueError:
        return None


def bears(title: str | None, wish: str) -> bool:
    """Say whether a title is the one wished for, in lower case: it fits the pattern or holds the words."""
    return title is not None and (fnmatchcase(title.casefold(), wish) or wish in title.casefold())


def _size(window: Window) -> int:
    return window.area.width * window.area.height


def overlap(one: Region, other: Region) -> Region | None:
    """Return what two rectangles share, however small; None when that is nothing."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    width = min(one.left + one.width, other.left + other.width) - left
    height = min(one.top + one.height, other.top + other.height) - top
    return Region(left, top, width, height) if width > 0 and height > 0 else None


def without(areas: Iterable[Region], holes: Iterable[Region]) -> list[Region]:
    """Return `areas` less `holes`, as rectangles that do not overlap where the areas did not."""
    left = list(areas)
    for hole in holes:
        left = [piece for area in left for piece in _cut(area, hole)]
    return left


def hull(areas: Sequence[Region]) -> Region:
    """Return the smallest rectangle around some."""
    left, top = min(area.left for area in areas), min(area.top for area in areas)
    right = max(area.left + area.width for area in areas)
    return Region(left, top, right - left, max(area.top + area.height for area in areas) - top)


def _cut(area: Region, hole: Region) -> list[Region]:
    shared = overlap(area, hole)
    if shared is None:
        return [area]
    right, bottom = area.left + area.width, area.top + area.height
    shared_right, shared_bottom = shared.left + shared.width, shared.top + shared.height
    pieces = (
        Region(area.left, area.top, area.width, shared.top - area.top),
        Region(area.left, shared_bottom, area.width, bottom - shared_bottom),
        Region(area.left, shared.top, shared.left - area.left, shared.height),
        Region(shared_right, shared.top, right - shared_right, shared.height),
    )
    return [piece for piece in pieces if piece.width > 0 and piece.height > 0]


def process_id(process: int) -> int:
    """Return a number that no later process has: the system's own is given away again after some time."""
    try:
        return process + (int(_status(process)[19]) << 32)  # with the time it was started
    except (OSError, IndexError, ValueError):
        return process  # no /proc here, or it is not ours to see


def own_processes() -> Kin:
    """Return what names this process and those it was started from: the terminal is one of them."""
    found, process = {os.getpid(), os.getppid()}, os.getppid()
    while process > 1:
        try:
            process = int(_status(process)[1])
        except (OSError, IndexError, ValueError):
            break
        found.add(process)
    return frozenset(("process", process_id(process)) for process in found - {0, 1})


def _status(process: int) -> list[str]:
    """Return the fields after the name, which stands in brackets and may hold anything (proc(5))."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()
