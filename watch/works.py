"""The recorded works, kept ready in memory so that one post after another can be compared with them.

Making a session's stages ready costs more than comparing a post with them, so what was made is kept: the sessions used
last, up to a number of bytes. A session that has grown, or whose stages were forgotten, has a longer ledger, and is read
again.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

import numpy as np

from sakigake.errors import NotFoundError
from sakigake.fingerprint.vector import VERSION
from sakigake.model import Finding, Interval, Session
from sakigake.store.protocol import Store
from watch.check import Seen, Timeline, compare, read
from watch.compare.own import Own
from watch.index.closer import Closer

MAX_BYTES = 48 * 2**20


class Works:
    """The sessions of a store, compared by id. Usable from several threads; the store is asked by one at a time."""

    def __init__(self, store: Store, own: Own | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._store, self._own, self._max_bytes = store, own, max_bytes
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._held: OrderedDict[str, tuple[int, Timeline, int]] = OrderedDict()  # length, stages, bytes
        self.bytes = 0

    def compare(
        self, post: Seen, sessions: Sequence[str], posted: Interval, digest: str, *, among: int | None = None
    ) -> Finding:
        """Compare a decoded post with every stage of some sessions; `digest` is the SHA-256 of its file.

        `among` is how many stages there are in all when a shortlist named `sessions`: all are charged for.

        Raises NotFoundError when there is no such session or nothing was recorded in it.
        """
        with self._lock:
            timelines = [self._timeline(session) for session in sessions]
            found = compare(self._store, timelines, post, posted, digest, own=self._own, among=among)
            for session, timeline in zip(sessions, timelines, strict=True):
                self._weigh(session, timeline)
            self._shrink()
        return found

    def within_reach(self, post: Closer, sessions: Sequence[str], among: int) -> list[str]:
        """Return those of some sessions that a comparison with the post could call alike, of `among` stages in all.

        A session with stages of an older fingerprint is always among them; one that is not there, or of which nothing can be
        compared, never.
        """
        found = []
        with self._lock:
            for session in sessions:
                try:
                    timeline = self._timeline(session)
                except NotFoundError:
                    continue
                versions = {each.version for each in timeline.descriptors}
                if versions - {VERSION} or (versions and post.could(timeline.gallery(VERSION), among)):
                    found.append(session)
                self._weigh(session, timeline)
            self._shrink()
        return found

    def _timeline(self, session: str) -> Timeline:
        last = self._store.last_entry(session)
        length = last.seq + 1 if last else 0
        if (held := self._held.get(session)) and held[0] == length:
            self._held.move_to_end(session)
            return held[1]
        self._drop(session)
        timeline = read(self._store, self._known(session))
        self._held[session] = (length, timeline, 0)
        return timeline

    def _known(self, session: str) -> Session:
        if session not in self._sessions:
            self._sessions = {each.id: each for each in self._store.sessions()}
        if session not in self._sessions:
            raise NotFoundError("session-unknown", session=session)
        return self._sessions[session]

    def _weigh(self, session: str, timeline: Timeline) -> None:
        """Count what a session holds now: its galleries are made while comparing."""
        if held := self._held.get(session):
            size = size_of(timeline)
            self.bytes += size - held[2]
            self._held[session] = (held[0], timeline, size)

    def _shrink(self) -> None:
        """Let go of the sessions used longest ago until the rest fits; a single one larger than all of it goes too."""
        while self.bytes > self._max_bytes and self._held:
            self._drop(next(iter(self._held)))

    def _drop(self, session: str) -> None:
        if session in self._held:
            self.bytes -= self._held.pop(session)[2]


def size_of(value: object) -> int:
    """Return the bytes of the arrays that a record holds; an array that is there twice is counted once."""
    found: dict[int, int] = {}
    _collect(value, found)
    return sum(found.values())


def _collect(value: object, found: dict[int, int]) -> None:
    if isinstance(value, np.ndarray):
        owner = value if value.base is None or not isinstance(value.base, np.ndarray) else value.base
        found[id(owner)] = owner.nbytes
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, found)
    elif isinstance(value, list | tuple):
        for each in value:
            _collect(each, found)
    elif is_dataclass(value):
        for each in fields(value):
            _collect(getattr(value, each.name), found)
