"""Sessions for the queue's tests: clocks led by hand, checkpoints on demand."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.anchor.queue import AnchorWorker
from sakigake.anchor.trust import Authority, Trust
from sakigake.clock import Clock
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger

SECOND = 1_000_000_000
NOWHERE = "http://127.0.0.1:9/"


@dataclass
class Time:
    """Both clocks, moved by hand."""

    wall: int = 1_780_000_000 * SECOND
    mono: int = 5 * SECOND
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(wall_ns=lambda: self.wall, mono_ns=lambda: self.mono)

    def on(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.mono += int(seconds * SECOND)


def trust(folder: Path, **urls: str) -> Trust:
    roots = Trust().with_roots((folder / "root.pem").read_bytes()).authorities[0].roots
    return Trust(tuple(Authority(name, url, roots, (), "test") for name, url in urls.items()), tuple(urls))


class Drawing:
    """A session whose checkpoints are made one after another."""

    def __init__(self, store: SqliteStore, moment: Time) -> None:
        self.ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "test", moment.clock)
        self.id = self.ledger.session.id
        self.store, self.moment, self.made = store, moment, 0

    def checkpoint(self, *authorities: str) -> None:
        self.ledger.append(EntryType.HEARTBEAT)
        assert self.ledger.checkpoint(list(authorities)) is not None
        self.made += 1

    def waiting(self) -> list[tuple[int, str]]:
        return [(job.checkpoint, job.authority) for job in self.store.pending_jobs(self.id)]

    def stamped(self) -> list[tuple[int, str, bool]]:
        return [(token.checkpoint, token.authority, token.trusted) for token in self.store.tokens(self.id)]


def worker(store: SqliteStore, believed: Trust, moment: Time) -> AnchorWorker:
    return AnchorWorker(store, believed, moment.clock, timeout_s=2, rng=random.Random(1))
