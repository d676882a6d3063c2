"""What the steps need of the rest of the room, each as small as it can be."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sakigake.model import Finding
from watch.fetch.records import Fetched
from watch.post import Post, PostTime

Frames = tuple[NDArray[np.uint8], ...]
Near = tuple[tuple[str, ...], ...]  # of each frame the ids of the works that it may be like at all


class Net(Protocol):
    """Gets what is at an address, guarded."""

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        max_bytes: int | None = None,
        pictures_only: bool = False,
    ) -> Fetched:
        """Return what is there; raises NetworkError."""


class Decoder(Protocol):
    """Opens pictures from strangers, in processes that can do little harm."""

    def decode(self, data: bytes, name: str, *, alone: bool = False, least: int = 0) -> Frames:
        """Return the first frame and up to eight of an animation, BGR; raises UsageError, SakigakeError.

        With `alone` in a child that has met no other picture. Unless `least` is 0 they come smaller, the shorter side
        that long at least.
        """


class Comparer(Protocol):
    """Compares a picture with what was recorded."""

    @property
    def generation(self) -> int:
        """Return how many stages there are: an answer about the same file holds until there are more."""

    @property
    def first_side(self) -> int:
        """Return how long the shorter side of a frame has to be for a first look; 0 when none is taken."""

    def near(self, frames: Frames) -> Near:
        """Return, by small frames, which works a post may be like at all."""

    def compare(
        self, frames: Frames, time: PostTime, digest: str, near: Near | None = None
    ) -> Finding | None:
        """Return the best likeness, to those of `near` if that was looked for; None when nothing could be compared."""


class Keeper(Protocol):
    """Keeps the evidence of a match."""

    def keep(
        self, post: Post, fetched: Sequence[Fetched], finding: Finding, *, pictures: Sequence[bytes] = ()
    ) -> str:
        """Keep it and return the name of the bundle; raises SakigakeError, OSError. Doing it twice does no harm.

        `pictures` are files that a person gave.
        """
