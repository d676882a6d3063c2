"""The recorded works as the steps see them: the likest of the frames that a post's file shows."""

from pathlib import Path

from sakigake.model import Finding, Likeness
from sakigake.store.protocol import Store
from watch.compare.own import Own
from watch.index.recorded import Recorded
from watch.pipeline.ports import Frames, Near
from watch.pipeline.verdict import deciding
from watch.post import PostTime

_RANK = {Likeness.STRONG: 3, Likeness.SOME: 2, Likeness.NONE: 1, Likeness.NOT_COMPARABLE: 0}


class RecordedWorks:
    """Compares pictures with what a store holds; usable from several threads."""

    def __init__(self, store: Store, folder: Path, own: Own | None = None) -> None:
        self._recorded = Recorded(store, folder, own)

    def close(self) -> None:
        """Keep what was read of the store for the next time."""
        self._recorded.close()

    @property
    def generation(self) -> int:
        """Return how many stages there are."""
        return self._recorded.generation

    def catch_up(self) -> int:
        """Take in what was recorded since; return how many stages there are."""
        return self._recorded.generation

    @property
    def first_side(self) -> int:
        """Return how long the shorter side of a frame has to be for a first look; 0 when none is taken."""
        return self._recorded.first_side

    def near(self, frames: Frames) -> Near:
        """Return the works that each of some frames may be like at all."""
        return tuple(map(self._recorded.near, frames))

    def compare(
        self, frames: Frames, time: PostTime, digest: str, near: Near | None = None
    ) -> Finding | None:
        """Return the likest of the frames' findings; None when nothing was recorded that could be like one of them."""
        posted = deciding(time)
        found = []
        for number, frame in enumerate(frames):
            works = None if near is None else (near[number] if number < len(near) else ())
            if each := self._recorded.compare(frame, posted, digest, works):
                found.append(each)
        return max(found, key=_value, default=None)


def _value(finding: Finding) -> tuple[int, float]:
    return _RANK[finding.likeness], max((score.normalised for score in finding.scores), default=0.0)
