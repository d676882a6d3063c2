"""What the tests of sources share: a guarded network that may reach the peers, and polling as the watcher does it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sakigake.clock import Clock
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.limits import Limits, Rate
from watch.post import Hole, Post
from watch.sources import PostSource
from watch.sources.net import Net

QUICK = Rate(per_s=1000.0, burst=1000.0)


@contextmanager
def net_to(*ports: int, clock: Clock | None = None, rate: Rate = QUICK) -> Iterator[Net]:
    """Give a network that reaches these ports of loopback and nothing else that is not public."""
    with Fetcher(Guard.of([f"127.0.0.1:{port}" for port in ports])) as fetcher:
        yield Net.over(fetcher, Limits(default=rate, clock=clock), clock)


@dataclass(slots=True)
class Kept:
    """A store in small: posts by id, as its UNIQUE keeps them, holes, and the cursor."""

    posts: dict[str, Post] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    cursor: str | None = None
    repeats: int = 0

    def poll(self, source: PostSource, limit: int = 50, *, commit: bool = True) -> int:
        """Poll once; without `commit` the batch is lost, as when the store could not keep it."""
        batch = source.poll(self.cursor, limit)
        assert len(batch.posts) <= limit
        if commit:
            for post in batch.posts:
                self.repeats += post.post_id in self.posts
                self.posts.setdefault(post.post_id, post)
            self.holes.extend(batch.holes)
            self.cursor = batch.cursor
        return len(batch.posts)

    def until(
        self, source: PostSource, done: Callable[[], bool], limit: int = 50, timeout_s: float = 20.0
    ) -> None:
        """Poll until `done`; fails when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, f"{len(self.posts)} posts, {self.holes}"
            self.poll(source, limit)

    def settle(self, source: PostSource, polls: int = 3) -> None:
        """Poll a little more, to see whether anything comes that should not."""
        for _ in range(polls):
            self.poll(source)
