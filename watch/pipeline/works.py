"""The recorded works as the steps see them: a shortlist of sessions, then every stage of these."""

from sakigake.model import EntryType, Finding, Likeness
from sakigake.store.protocol import Store
from watch.check import Seen
from watch.compare.own import Own
from watch.pipeline.ports import Frames
from watch.pipeline.verdict import deciding
from watch.post import PostTime
from watch.works import Works

_RANK = {Likeness.STRONG: 3, Likeness.SOME: 2, Likeness.NONE: 1, Likeness.NOT_COMPARABLE: 0}


class RecordedWorks:
    """Compares pictures with what a store holds; usable from several threads."""

    def __init__(self, store: Store, own: Own | None = None) -> None:
        self._store = store
        self._works = Works(store, own)
        self._stages: dict[
            str, tuple[int, int]
        ] = {}  # of each session the length of its ledger and its stages
        self.catch_up()

    @property
    def generation(self) -> int:
        """Return how many stages there are."""
        return sum(stages for _, stages in self._stages.values())

    def catch_up(self) -> int:
        """Take in what was recorded since; return how many stages there are."""
        for session in self._store.sessions():
            last = self._store.last_entry(session.id)
            length = last.seq + 1 if last else 0
            if self._stages.get(session.id, (0, 0))[0] != length:
                counted = sum(1 for _ in self._store.entries(session.id, EntryType.STAGE))
                self._stages = {**self._stages, session.id: (length, counted)}
        return self.generation

    def compare(self, frames: Frames, time: PostTime, digest: str) -> Finding | None:
        """Return the likest of the frames' findings; None when nothing was recorded that can be compared."""
        sessions = [session for session, (_, stages) in self._stages.items() if stages]
        if not sessions:
            return None
        found = [self._works.compare(Seen(frame), sessions, deciding(time), digest) for frame in frames]
        return max(found, key=_value, default=None)


def _value(finding: Finding) -> tuple[int, float]:
    return _RANK[finding.likeness], max((score.normalised for score in finding.scores), default=0.0)
