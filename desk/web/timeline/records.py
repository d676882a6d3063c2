"""The records that the pages of one desk read: one store, opened when it is first there, and what was made of it."""

import threading
from contextlib import suppress

from desk.sessions import find, open_store
from desk.web.app import Desk
from desk.web.timeline.reel import Reel, Reels
from desk.web.timeline.strip import Block, Tile, blocks, tiles
from desk.web.timeline.thumbs import Copies
from sakigake.errors import NotFoundError, SakigakeError
from sakigake.labels import shown
from sakigake.model import EntryType, Session
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import parse_picture

KEPT = "timeline"
_MAKING = threading.Lock()


class Records:
    """Sessions of a home, as pages show them. Thread-safe."""

    def __init__(self, desk: Desk) -> None:
        self._settings = desk.settings
        self._lock = threading.Lock()
        self._store: SqliteStore | None = None
        self._reels = Reels()
        self.copies = Copies(desk.settings.home)

    @property
    def store(self) -> SqliteStore:
        """Return the store; raises NotFoundError while nothing was recorded."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self._settings)
            return self._store

    @property
    def writable(self) -> SqliteStore:
        """Return the store for writing names; raises SakigakeError when the home cannot be written."""
        if self.store.frozen:
            raise SakigakeError("store-frozen", path=self._settings.home)
        return self.store

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def sessions(self) -> list[Session]:
        """Return all sessions, the newest first; none when nothing was recorded."""
        with suppress(NotFoundError):
            return self.store.sessions()[::-1]
        return []

    def session(self, wanted: str) -> Session:
        """Return the session of this id, or "last"; raises NotFoundError."""
        found = find(self.store, wanted)
        if wanted not in {found.id, "last"}:  # the beginning of an id is for the command line
            raise NotFoundError("session-unknown", session=wanted)
        return found

    def reel(self, session: Session) -> Reel:
        """Return what there is to show of a session."""
        return self._reels.of(self.store, session)

    def rows(self, reel: Reel) -> tuple[list[Tile], list[Block]]:
        """Return a session's stages as they are shown: tiles, and the blocks that names make of them."""
        session = reel.session.id
        made = tiles(reel.shots, shown(self.store.labels(session)), self.store.joined(session))
        return made, blocks(made)

    def picture(self, session: str, seq: int, side: int) -> tuple[str, bytes]:
        """Return a stage's picture as a JPEG and the digest of its file; raises NotFoundError."""
        stored = self.store.entry(session, seq)
        if stored is None or stored.type is not EntryType.STAGE or stored.opening is None:
            raise NotFoundError("copy-gone")
        file = parse_picture(stored.opening).file
        return file, self.copies.get(file, side)


def records_of(desk: Desk) -> Records:
    """Return the records of a desk, made when first asked for."""
    with _MAKING:
        made = desk.kept.get(KEPT)
        if not isinstance(made, Records):
            made = desk.kept[KEPT] = Records(desk)
        return made
