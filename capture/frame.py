"""A frame: what a source saw at one moment, before anything has been decided about it."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sakigake.errors import UsageError

MIN_SIDE = 32  # below this nothing of a drawing can be told apart
MAX_SIDE = 1 << 16

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels of the screen or of a picture."""

    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"

    @classmethod
    def parse(cls, value: str) -> "Region":
        """Read `X,Y,W,H`; raises UsageError. X and Y may be negative: a screen left of or above the first one."""
        try:
            left, top, width, height = (int(part) for part in value.split(","))
        except ValueError as error:
            raise UsageError("region-unreadable", value=value) from error
        if min(width, height) < MIN_SIDE or max(width, height, abs(left), abs(top)) > MAX_SIDE:
            raise UsageError("region-unreadable", value=value)
        return cls(left, top, width, height)

    def clip(self, outer: "Region") -> "Region | None":
        """Return the part of this rectangle that lies in `outer`; None when that is too small to be a canvas."""
        left, top = max(self.left, outer.left), max(self.top, outer.top)
        width = min(self.left + self.width, outer.left + outer.width) - left
        height = min(self.top + self.height, outer.top + outer.height) - top
        return Region(left, top, width, height) if min(width, height) >= MIN_SIDE else None

    def moved(self, left: int, top: int) -> "Region":
        """Return the same rectangle further right and down."""
        return Region(self.left + left, self.top + top, self.width, self.height)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    `pixels` is height x width x 3, uint8, BGR. `wall_ns` since 1970 UTC as the PC claims, `mono_ns` since boot.
    `seq` counts the frames of this source from 0. `lossy` says that the pixels went through a lossy codec before
    they reached us. `origin` is a slug of the source ("screen", "folder"). `own_window` says whether the program with
    the canvas was in front, `pointer` where the pointer was, in pixels of this frame; None is unknown.
    """

    pixels: Pixels
    wall_ns: int
    mono_ns: int
    seq: int
    origin: str
    region: Region
    scale: float = 1.0
    lossy: bool = False
    info: dict[str, int | str] = field(default_factory=dict)
    own_window: bool | None = None
    pointer: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class NoFrame:
    """Why there is no frame now.

    `reason` is a slug: "nothing-new" (all is well), "exhausted" (and never will be), "at-rest" (the last frame stood
    for long before the next one, which waits), "not-a-picture" and "too-small" (one file was passed over),
    "source-gone" (nothing can be seen). Any other is why nothing may or can be kept just now ("privacy-covered",
    "window-closed", "scene-off-air"). `detail` is for the person at the screen, never for the ledger.
    """

    reason: str
    detail: str = ""


class FrameSource(Protocol):
    """Where frames come from. Owned by one thread from `open` to `close`.

    `live` says that a frame not taken now is gone. The frames of other sources wait for us: none is ever dropped.
    """

    live: bool

    def open(self) -> None:
        """Get ready; raises SakigakeError with what to do when it cannot."""

    def grab(self) -> Frame | NoFrame:
        """Return the picture of this moment, or why there is none. Never raises for a passing fault."""

    def close(self) -> None:
        """Let go of everything that `open` took."""

    def describe(self) -> dict[str, int | str]:
        """Return what this source is, for the ledger: no paths, no titles, no names."""
