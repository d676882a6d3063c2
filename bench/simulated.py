"""A recording in simulated time: the real ledger, queue and client, authorities on this machine, clocks led by hand.

Hours pass in seconds and true times are known, so that bounds can be held against the truth.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.elapsed import Elapsed
from capture.writer import Checkpoints
from sakigake.anchor import client, der, queue
from sakigake.anchor.queue import AnchorWorker
from sakigake.anchor.trust import Authority, Trust
from sakigake.clock import Clock, from_ms
from sakigake.model import EntryType, Picture, Session, StoredEntry
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.entry import Info
from sakigake.timeline.ledger import Fingerprint, Ledger
from tests.peers import forge

SECOND = 1_000_000_000
BEGIN = 1_790_000_000 * SECOND
CHECKPOINT_S, STAGE_S = 60.0, 5.0
LATENCY_S = (0.05, 2.0)


@dataclass
class World:
    """The true time, in ns since 1970. It passes when somebody waits: `on`, or a request to an authority."""

    rng: random.Random
    now: int = BEGIN

    def on(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)

    def moment(self) -> datetime:
        """Return the true time, rounded down to a millisecond."""
        return from_ms(self.now // 1_000_000)


@dataclass
class Computer:
    """The clocks of one computer: the wall clock may be wrong, the monotonic one stands still during sleep."""

    world: World
    wrong: int = 0
    asleep: int = 0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(
            wall_ns=lambda: self.world.now + self.wrong,
            mono_ns=lambda: self.world.now - BEGIN + SECOND - self.asleep,
        )

    def sleep(self, seconds: float) -> None:
        """Close the lid for a while."""
        self.world.on(seconds)
        self.asleep += int(seconds * SECOND)


@dataclass
class Authorities:
    """Time authorities that tell the world's time in whole seconds, as most public ones do. `dead` ones refuse."""

    world: World
    trust: Trust
    dead: set[str] = field(default_factory=set)
    asked: dict[str, list[int]] = field(default_factory=dict)


@contextmanager
def authorities(world: World, names: tuple[str, ...] = ("a", "b", "c")) -> Iterator[Authorities]:
    """Run the authorities on loopback."""
    chains = {name: forge.chain(root_name=f"Root {name}", number=index) for index, name in enumerate(names)}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.strip("/")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            world.on(world.rng.uniform(*LATENCY_S) / 2)
            served.asked.setdefault(name, []).append(world.now)
            if name in served.dead:
                self.send_error(503)
                return
            fields = der.Fields(der.parse(body, "request"), "request")
            fields.take(der.INTEGER)
            imprint = fields.take(der.SEQUENCE).children[1].body
            told = world.moment()
            plan = forge.Plan(
                chains[name],
                imprinted=imprint,
                nonce=fields.take(der.INTEGER).integer(),
                serial=world.rng.getrandbits(63),
                time=f"{told:%Y%m%d%H%M%SZ}".encode(),
            )
            answer = forge.forge(plan)
            world.on(world.rng.uniform(*LATENCY_S) / 2)
            self.send_response(200)
            self.send_header("Content-Type", client.REPLY)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{server.server_address[1]}"
    known = tuple(Authority(name, f"{base}/{name}", (chains[name].root,), (), "bench") for name in names)
    served = Authorities(world, Trust(known, names))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Recorder:
    """A recorder's writer and anchor queue in simulated time. `truth` holds the true time of each entry, in ns."""

    def __init__(
        self, folder: Path, computer: Computer, served: Authorities, stage_s: float = STAGE_S
    ) -> None:
        self.computer, self.served = computer, served
        self.key = Ed25519PrivateKey.generate()
        self.store = SqliteStore(folder / "sakigake.db")
        self.ledger = Ledger.start(self.store, self.key, "screen", computer.clock)
        self.truth = [computer.world.now]
        self.worker = AnchorWorker(
            self.store,
            served.trust,
            computer.clock,
            timeout_s=60,  # of real time, which a loaded machine may take without the simulated one passing
            rng=random.Random(computer.world.rng.random()),
        )
        elapsed = Elapsed(computer.clock, lambda: computer.asleep)
        self.checkpoints = Checkpoints(elapsed, CHECKPOINT_S, stage_s)
        self._number = 0
        self.seal(important=True)
        self.turn()

    def entry(
        self,
        kind: EntryType,
        info: Info | None = None,
        picture: Picture | None = None,
        prints: Fingerprint | None = None,
    ) -> StoredEntry:
        """Write an entry about this moment."""
        self.truth.append(self.computer.world.now)
        self.checkpoints.with_stage |= kind is EntryType.STAGE
        return self.ledger.append(kind, info, picture, prints)

    def seal(self, *, important: bool) -> None:
        """Sign what there is."""
        self.ledger.checkpoint(queue.choose(self.served.trust, self._number, important=important))
        self._number += 1
        self.checkpoints.made(self.ledger.size, self._number)

    def turn(self) -> None:
        """Do what the writer and the anchor thread do once a second."""
        if self.checkpoints.due(self.ledger.size):
            self.seal(important=self.checkpoints.with_stage)
        for event in self.worker.run_once().events:
            self.entry(event.kind, event.info())

    def end(self) -> Session:
        """Close the ledger, get its last tokens and return the session as it is kept."""
        self.entry(EntryType.SESSION_END, {"reason": "stop"})
        self.store.end_session(self.ledger.session.id, self.computer.clock.now())
        self.seal(important=True)
        self.turn()
        return next(each for each in self.store.sessions() if each.id == self.ledger.session.id)
