"""The watcher's store in one SQLite file, `watch.db`.

It is a file of its own beside the recorder's: what it holds of unrelated posts must be deletable, and a busy watcher must
never hold the recorder's write lock.
"""

import secrets
from pathlib import Path

from sakigake.store.values import as_int
from watch.store.findings import FindingTables
from watch.store.posts import SALT
from watch.store.records import NO_PICTURE, Counts
from watch.store.sources import SourceTables

FILE = "watch.db"


class SqliteWatchStore(FindingTables, SourceTables):
    """One connection, usable from several threads one at a time. Several processes may hold one each."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "watch.store")
        if self.state(SALT) is None:
            self.update_state(SALT, lambda known: known or secrets.token_hex(16))

    def counts(self) -> Counts:
        """Return how much there is of what."""
        states = {
            str(row[0]): as_int(row[1])
            for row in self._read("SELECT state, count(*) FROM posts GROUP BY state")
        }
        failed = self._read("SELECT reason, count(*) FROM posts WHERE state = 'failed' GROUP BY reason")
        partly = self._read(
            "SELECT reason, count(*) FROM posts WHERE state IN ('unrelated', 'found') AND reason NOT IN ('', ?)"
            " GROUP BY reason",
            NO_PICTURE,
        )
        fresh = self._read("SELECT count(*) FROM findings WHERE review = 'new'")
        return Counts(
            waiting=states.get("waiting", 0),
            unrelated=states.get("unrelated", 0),
            found=states.get("found", 0),
            unsent=self.unsent(),
            new_findings=as_int(fresh[0][0]),
            failed={str(row[0]): as_int(row[1]) for row in failed},
            partly={str(row[0]): as_int(row[1]) for row in partly},
        )
