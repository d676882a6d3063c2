"""A frame: what a source saw at one moment, before anything has been decided about it."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    `pixels` is height x width x 3, uint8, BGR. `wall_ns` since 1970 UTC as the PC claims, `mono_ns` since boot.
    `seq` counts the frames of this source from 0. `lossy` says that the pixels went through a lossy codec before
    they reached us. `origin` is a slug of the source ("screen", "folder").
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


@dataclass(frozen=True, slots=True)
class NoFrame:
    """Why there is no frame now. `reason` is a slug ("source-gone", "nothing-new", "exhausted")."""

    reason: str
    detail: str = ""


class FrameSource(Protocol):
    """Where frames come from. Owned by one thread from `open` to `close`."""

    def open(self) -> None:
        """Get ready; raises SakigakeError with what to do when it cannot."""

    def grab(self) -> Frame | NoFrame:
        """Return the picture of this moment, or why there is none. Never raises for a passing fault."""

    def close(self) -> None:
        """Let go of everything that `open` took."""

    def describe(self) -> dict[str, int | str]:
        """Return what this source is, for the ledger: no paths, no titles, no names."""
