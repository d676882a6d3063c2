"""Where posts come from: one protocol, one module for each kind of source."""

from typing import Protocol

from watch.post import Batch, SourceInfo


class PostSource(Protocol):
    """A source of posts. One instance belongs to one thread; `close` may be called from another."""

    def describe(self) -> SourceInfo:
        """Say what the source is, what it sends out and what its times are worth."""

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Return at most `limit` posts from `cursor` on, without waiting longer than a second for new ones.

        Asking again with the same cursor may repeat posts and never skips one. Raises NetworkError when the service
        does not answer as it should; the caller waits, tries again and records the hole.
        """

    def close(self) -> None:
        """Let go of connections."""
