"""The recorded works as the steps see them: a shortlist of sessions, then every stage of these."""

import threading
from pathlib import Path

from sakigake.errors import NotFoundError
from sakigake.model import Finding, Likeness
from sakigake.store.protocol import Store
from watch.check import Seen
from watch.compare.own import Own
from watch.index.stages import StageIndex
from watch.pipeline.ports import Frames
from watch.pipeline.verdict import deciding
from watch.post import PostTime
from watch.works import Works

SHORTLIST = 8  # sessions that a post is compared with in full
_RANK = {Likeness.STRONG: 3, Likeness.SOME: 2, Likeness.NONE: 1, Likeness.NOT_COMPARABLE: 0}


class RecordedWorks:
    """Compares pictures with what a store holds; usable from several threads."""

    def __init__(self, store: Store, folder: Path, own: Own | None = None) -> None:
        self._index = StageIndex.open(store, folder)
        self._works = Works(store, own)
        self._lock = threading.Lock()
