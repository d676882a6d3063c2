"""Temporary: replaced when the evidence room is merged."""

from collections.abc import Sequence

from sakigake.model import Finding
from sakigake.settings import Settings
from sakigake.store.protocol import Store
from watch.fetch.records import Fetched
from watch.post import Post
from watch.store.protocol import WatchStore


class EvidenceKeeper:
    """Keeps nothing yet."""

    def __init__(self, settings: Settings, records: Store, store: WatchStore) -> None:
        self._parts = (settings, records, store)

    def keep(self, post: Post, fetched: Sequence[Fetched], finding: Finding) -> str:
        """Keep nothing."""
        assert post, fetched
        return ""

    def seal(self) -> int:
        """Seal nothing."""
        return 0

    def close(self) -> None:
        """Nothing is held."""
