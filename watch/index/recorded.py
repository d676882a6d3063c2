"""All that was recorded, as a watcher compares posts with it: a first look, a shortlist, then every stage of a few works."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from sakigake.errors import NotFoundError
from sakigake.fingerprint.vector import VERSION
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding, Interval
from sakigake.store.protocol import Store
from watch import pdqlist
from watch.check import Seen
from watch.compare.own import Own
from watch.index.closer import Closer
from watch.index.look import LEAST_SIDE, first_look
from watch.index.stages import StageIndex
from watch.works import Works

FEW = 1000  # stages: up to so many a post is compared with all of them, and nothing can be missed
SHORTLIST = 8  # works that a post is compared with in full
# How many deviations above the cohort a work has to be among 10,000 stages for the comparison to be made at all, and how
# many more for each tenfold number: a comparison charges for the number too, and what it cannot call a likeness need not be
# made. docs/index-and-scale.md says which share of true pairs lies below and which share of unrelated posts above.
NEAR, NEAR_MORE, NEAR_STAGES = 6.8, 0.9, 10_000
# How old what is known of the store may be, and how many times as long as catching up takes it rests: asking how long a hundred
# thousand ledgers are takes most of a second.
_LOOK_AGAIN_S, _RESTS = 1.0, 20


def least(stages: int) -> float:
    """Return how many deviations above the cohort a work among so many stages has to be."""
    return NEAR + NEAR_MORE * math.log10(stages / NEAR_STAGES)


class Recorded:
    """Compares decoded posts with the sessions of a store; usable from several threads."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        own: Own | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = StageIndex.open(store, folder)
        self._works = Works(store, own)
        self._lists = pdqlist.load(folder)
        self._monotonic = monotonic
        self._next = monotonic() + _LOOK_AGAIN_S
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was read of the store for the next time."""
        self._index.close()

    @property
    def index(self) -> StageIndex:
        """Return the index, about a second behind the store at most, longer when there are very many sessions."""
        with self._lock:
            now = self._monotonic()
            if now >= self._next:
                self._index.catch_up()
                self._next = now + max(_LOOK_AGAIN_S, _RESTS * (self._monotonic() - now))
        return self._index

    @property
    def generation(self) -> int:
        """Return how many stages can be compared: an answer about the same file holds until there are more."""
        return self.index.stages

    @property
    def first_side(self) -> int:
        """Return how long the shorter side of a picture has to be for a first look; 0 when none is taken."""
        return LEAST_SIDE if self.index.stages > FEW else 0

    def near(self, small: Pixels) -> tuple[str, ...]:
        """Return the sessions that a post may be like at all, by a picture of it (BGR) with sides of `first_side` or more."""
        index = self.index
        if not (stages := index.stages):
            return ()
        look = first_look(small)
        found = index.candidates(look, SHORTLIST)
        near = [each.session for each in found if each.above >= least(stages)]
        if near:
            near = self._works.within_reach(Closer(look), near, stages)
        return (*near, *(each for each in index.others() if each not in near))

    def compare(
        self, pixels: Pixels, posted: Interval, digest: str, near: Sequence[str] | None = None
    ) -> Finding | None:
        """Return the finding of a decoded post (BGR); None when no work is near it or nothing was recorded.

        `digest` is the SHA-256 of its file. Of more than `FEW` stages only the works on the shortlist are read, and the
        finding counts and charges for all. The shortlist is `near` when a first look was taken already.
        """
        index = self.index
        stages = index.stages
        if not stages:
            return None
        if stages <= FEW:
            return self._compare(Seen(pixels), index.sessions(), posted, digest, None)
        sessions = self.near(pixels) if near is None else near
        return self._compare(Seen(pixels), list(sessions), posted, digest, stages) if sessions else None

    def _compare(
        self, post: Seen, sessions: list[str], posted: Interval, digest: str, among: int | None
    ) -> Finding | None:
        if not post.comparable(VERSION)[1]:  # here, and not while others wait for the works
            post.beside(VERSION)
        try:
            found = self._works.compare(post, sessions, posted, digest, among=among)
        except NotFoundError:  # its stages were forgotten since the index looked
            return None
        return pdqlist.with_lists(found, self._lists, post)
