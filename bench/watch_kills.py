"""Kill a watcher again and again, a third of the times while a message is on its way, and count what is lost or doubled.

    python -m bench.watch_kills [--kills 200] [--posts 4000] [--seed N] [--json FILE]

The real command reads a Jetstream server on loopback, fetches pictures, compares them with a recorded drawing and sends
messages to a web hook, each in the way it always does. Before each life some more posts are told. Two thirds of the kills
(SIGKILL) come after a random number of pictures; the others when the receiver has the message and has not answered: the hook
holds its answer until the watcher is dead. At the end a last life works off the rest. Exits 1 when a post or a finding is
lost, a row is there twice, or the receiver lacks a message. Messages that came more than once are counted: they bear the
same Idempotency-Key.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2

from sakigake.errors import VerificationError
from sakigake.store.sqlite import SqliteStore
from tests.peers.jetstream import Jetstream, event, jetstream, tid
from tests.watch import studio
from watch.evidence import bundle
from watch.pipeline.verdict import idempotency

SOURCE = "stream"
EVERY = 20  # of so many posts one is made from the recorded drawing
PICTURES = 12  # unrelated drawings that the posts take turns with
# A life is killed after so many requests for pictures, and so many seconds: by what it did, not by how fast the machine is.
MOST_ASKED, MOST_IN_WINDOW, LIFE_S = 40, 10, 0.3
IDLE_S = 5.0  # a life that asks for nothing more has done all there is
WINDOW_S = 90.0  # how long a message is waited for
START_S = 120.0


@dataclass(slots=True)
class World:
    """Serves the pictures and takes the messages. With `hold` set, a message is taken and not answered."""

    derived: bytes
    unrelated: list[bytes]
    keys: Counter[str] = field(default_factory=Counter)
    asked: int = 0  # pictures, in this life
    ever: set[str] = field(default_factory=set)  # asked for, in any life
    asking: threading.Condition = field(default_factory=threading.Condition)
    hold: threading.Event = field(default_factory=threading.Event)
    inside: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait_asked(self, number: int) -> None:
        """Wait until so many pictures were asked for, or no more is for a while."""
        with self.asking:
            while self.asked < number and self.asking.wait(IDLE_S):
                continue

    def picture(self, name: str) -> bytes:
        """Return the picture of post `b…n`: a file of its own, since what follows a JPEG's end differs."""
        number = int(name.removeprefix("bafk"))
        drawn = self.derived if number % EVERY == EVERY - 1 else self.unrelated[number % PICTURES]
        return drawn + f"\n{number}".encode()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return the request handler of a server."""
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[1].partition("@")[0]
                with world.asking:
                    world.asked += 1
                    world.ever.add(name)
                    world.asking.notify_all()
                self._answer(world.picture(name))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                world.keys[self.headers["Idempotency-Key"]] += 1
                if world.hold.is_set():
                    world.inside.set()
                    world.released.wait(WINDOW_S)
                    return  # whoever asked is dead
                self._answer(b"{}")

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    return  # killed in the middle of a request

        return Handler


def coded(pixels: studio.Pixels) -> bytes:
    """Return a picture as a JPEG."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return bytes(data)


class Life:
    """One process of the watcher."""

    def __init__(self, home: Path, *options: str) -> None:
        environment = {**os.environ, "SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": "en", "SAKIGAKE_OTS": "off"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "desk", "watch", "run", "--json", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun = threading.Event()
        self.said: list[str] = []
        self._readers = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._drain)]
        for each in self._readers:
            each.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.said.append(line)
                if "Watching" in line:
                    self.begun.set()
        self.begun.set()

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for _ in lines:
                continue

    def kill(self) -> None:
        """Kill it as nothing else can be killed."""
        self.process.send_signal(signal.SIGKILL)
        self.end(30)

    def end(self, timeout_s: float) -> None:
        """Wait for its end, and for all that it said."""
        self.process.wait(timeout_s)
        for each in self._readers:
            each.join(5)


def set_up(home: Path, site: str, stream: Jetstream) -> str:
    """Record a drawing, add the source; return the session's id."""
    studio_of = studio.record(SqliteStore(home / "sakigake.db"), studio.pictures())
    session = studio_of.session.id
    studio_of.store.close()
    settings = (
        f'[anchor]\nenabled = false\n[watch]\nalerts = ["json://{site}/hook"]\n'
        f'trusted_hosts = ["{site}", "127.0.0.1:{stream.port}"]\n'
    )
    (home / "sakigake.toml").write_text(settings, encoding="utf-8")
    options = (f"servers={stream.url}", f"pictures=http://{site}/pictures")
    subprocess.run(
        [sys.executable, "-m", "desk", "watch", "add", "bluesky", *options, "--name", SOURCE],
        env={**os.environ, "SAKIGAKE_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    return session


def tell(stream: Jetstream, first: int, last: int) -> list[str]:
    """Tell posts `first` to `last` - 1 and return their ids."""
    ids = []
    for number in range(first, last):
        us = time.time_ns() // 1000
        author, key = f"author{number % 97}", tid(us, number % 1024)
        stream.tell(event(us, author, f"bafk{number}", key=key))
        ids.append(f"at://did:plc:{author}/app.bsky.feed.post/{key}")
        time.sleep(0.0001)
    return ids


def run(kills: int, posts: int, seed: int, home: Path) -> dict[str, Any]:
    """Do it all and return the figures."""
    rng = random.Random(seed)
    world = World(
        coded(studio.redrawn(studio.drawing(11, 6))),
        [coded(studio.drawing(1000 + number, 7)) for number in range(PICTURES)],
    )
    began, load = time.monotonic(), os.getloadavg()[0]
    with ExitStack() as stack:
        stream = stack.enter_context(jetstream())
        server = ThreadingHTTPServer(("127.0.0.1", 0), world.handler())
        server.daemon_threads = True
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        session = set_up(home, f"127.0.0.1:{server.server_port}", stream)
        ids: list[str] = []
        window = early = 0
        first_life = Life(
            home, "--once"
        )  # from here on the stream is followed: what is told later is not missed
        first_life.end(START_S)
        for kill in range(kills):
            ids += tell(stream, len(ids), posts * (kill + 1) // kills)
            in_window = kill % 3 == 2
            world.inside.clear()
            world.released.clear()
            world.asked, left = 0, len(ids) - len(world.ever)
            life = Life(home)
            assert life.begun.wait(START_S), "the watcher does not start"
            most = rng.randint(0, MOST_IN_WINDOW if in_window else MOST_ASKED)
            # No more than will be asked for: what was in work at the last kill may be asked again, the rest will be.
            world.wait_asked(min(most, left))
            if in_window:
                world.hold.set()
                window += world.inside.wait(WINDOW_S)
            else:
                time.sleep(rng.uniform(0, LIFE_S))
            early += life.process.poll() is not None
            life.kill()
            world.hold.clear()
            world.released.set()
            if (kill + 1) % 20 == 0:
                print(
                    f"{kill + 1} kills, {window} in the send window, {sum(world.keys.values())} messages",
                    flush=True,
                )
        endings = last_lives(home, len(ids), world, len(ids) // EVERY)
        counted = count(home / "watch.db", ids, session, world)
    return {
        "kills": kills,
        "kills_in_send_window": window,
        "ended_by_itself": early,
        "last_lives": endings,
        **counted,
        "seconds": round(time.monotonic() - began, 1),
        "load_before": round(load, 2),
        "seed": seed,
    }


def last_lives(home: Path, posts: int, world: World, findings: int) -> int:
    """Let the watcher work off the rest; returns how many lives that took (messages put off wait for their time)."""
    for life in range(1, 6):
        last = Life(home, "--once")
        last.end(600)
        with closing(sqlite3.connect(home / "watch.db")) as db:
            left = db.execute("SELECT count(*) FROM posts WHERE state = 'waiting'").fetchone()[0]
            there = db.execute("SELECT count(*) FROM posts").fetchone()[0]
        if not left and there == posts and len(world.keys) == findings:
            return life
        time.sleep(2)
    return 5


def check_bundle(home: Path, name: str) -> bool:
    """Say whether the evidence of that name is there and whole."""
    try:
        bundle.check(bundle.read(home / bundle.FOLDER / name))
    except VerificationError:
        return False
    return True


def count(path: Path, ids: list[str], session: str, world: World) -> dict[str, Any]:
    """Hold the store and the receiver against what was told."""
    expected = {idempotency(SOURCE, ids[number], 0, session) for number in range(EVERY - 1, len(ids), EVERY)}
    with closing(sqlite3.connect(path)) as db:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return db.execute(query).fetchall()

        posts = rows("SELECT source, key, state FROM posts")
        found = [str(row[0]) for row in rows("SELECT idempotency FROM findings")]
        sent = [str(row[0]) for row in rows("SELECT idempotency FROM outbox WHERE state = 'sent'")]
        bundles = [str(row[0]) for row in rows("SELECT bundle FROM findings WHERE sealed = 1")]
        unsent = rows("SELECT count(*) FROM outbox WHERE state = 'waiting'")[0][0]
    states = Counter(str(row[2]) for row in posts)
    doubled = len(posts) - len({row[:2] for row in posts})
    return {
        "posts": len(ids),
        "rows": len(posts),
        "states": dict(states),
        "lost": len(ids) - len(posts) + states["waiting"] + states["failed"] + len(expected - set(found)),
        "duplicates": doubled + len(found) - len(set(found)) + len(sent) - len(set(sent)),
        "findings_expected": len(expected),
        "findings": len(found),
        "findings_beyond": len(set(found) - expected),
        "evidence_missing": len(found) - len({each for each in bundles if check_bundle(path.parent, each)}),
        "evidence_beyond": len({each.name for each in bundle.bundles(path.parent)} - set(bundles)),
        "unsent": unsent,
        "messages_missing": len(expected - set(world.keys)),
        "messages_beyond": len(set(world.keys) - expected),
        "messages": sum(world.keys.values()),
        "messages_repeated": sum(world.keys.values()) - len(world.keys),
    }


GOOD = (
    "lost",
    "duplicates",
    "findings_beyond",
    "evidence_missing",
    "evidence_beyond",
    "unsent",
    "messages_missing",
    "messages_beyond",
)


def main() -> int:
    """Run and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--posts", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sakigake-kills-") as folder:
        figures = run(arguments.kills, arguments.posts, arguments.seed, Path(folder))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 1 if any(figures[name] for name in GOOD) else 0


if __name__ == "__main__":
    sys.exit(main())
