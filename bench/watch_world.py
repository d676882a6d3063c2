"""The other side of `python -m bench.watch`, in a process of its own: a feed, the pictures of its posts, a receiver of alerts.

    GET /feed?after=N   posts from number N on that are visible by now, at most 50
    GET /picture/N      the picture of post N
    POST /alert         an alert; noted with its Idempotency-Key and the time
    POST /start         {"rate": posts a second, 0 for all at once}
    GET /told           what was published and told, and the CPU this process has used

Every post has a file of its own: the pictures repeat, the bytes after their end do not.
"""

import argparse
import io
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from PIL import Image

from bench.cohort_art import Pixels
from bench.make_cohort import drawn
from sakigake.fingerprint.vector import fingerprint_v2, unpack
from sakigake.model import Likeness

DIFFERENT = 20  # pictures that the unrelated posts take turns with
WORKS = 20  # drawings of which posts are made
PAGE = 50
FIRST_WORK = 2000  # numbers of drawings; those before are the unrelated ones and the cohort's


def work(number: int) -> Pixels:
    """Return the drawing of a work: one that no cohort picture and no unrelated post is made of."""
    return drawn(FIRST_WORK + 7 * number)[1]


def unrelated(number: int) -> Pixels:
    """Return a drawing that belongs to nobody here."""
    return drawn(FIRST_WORK + 1000 + 7 * number)[1]


def posted(pixels: Pixels, size: tuple[int, int], seed: int) -> Pixels:
    """Return a drawing as a post of a size (width, height): stretched, recoloured, with texture over it."""
    rng = np.random.default_rng([20273, seed])
    large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    changed = large @ (np.eye(3) + rng.normal(0, 0.08, (3, 3))).astype(np.float32) + rng.normal(0, 8, 3)
    texture = cv2.resize(rng.normal(0, 7, (size[1] // 2, size[0] // 2, 3)).astype(np.float32), size)
    return np.clip(changed + texture, 0, 255).astype(np.uint8)


def encoded(pixels: Pixels, kind: str) -> bytes:
    """Return a picture as a file of a kind: jpeg, png or webp."""
    held = io.BytesIO()
    options: dict[str, Any] = {"jpeg": {"quality": 85}, "png": {"compress_level": 4}, "webp": {"quality": 85}}
    Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).save(held, kind, **options[kind])
    return held.getvalue()


@dataclass(slots=True)
class World:
    """What was made before anything is measured, and what happened since."""

    posts: int
    matches: frozenset[int]
    files: list[bytes]
    own: list[bytes]
    began: float = 0.0
    rate: float = 0.0
    told: list[tuple[str, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def visible(self) -> int:
        """Return how many posts are visible by now."""
        if not self.began:
            return 0
        if not self.rate:
            return self.posts
        return min(self.posts, int((time.time() - self.began) * self.rate))

    def published(self, number: int) -> float:
        """Return when a post became visible."""
        return self.began + ((number + 1) / self.rate if self.rate else 0)

    def file(self, number: int) -> bytes:
        """Return the file of a post."""
        if number in self.matches:
            at = sorted(self.matches).index(number)
            return self.own[at % len(self.own)] + number.to_bytes(8, "big")
        return self.files[number % len(self.files)] + number.to_bytes(8, "big")


class Handler(BaseHTTPRequestHandler):
    """Answers; the world is an attribute of the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def world(self) -> World:
        """Return what is served."""
        return self.server.world  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        """Serve the feed, a picture, or what happened."""
        path = urlsplit(self.path)
        if path.path == "/feed":
            after = int(parse_qs(path.query)["after"][0])
            numbers = range(after, min(self.world.visible(), after + PAGE))
            self._json({"posts": list(numbers), "more": self.world.visible() > after + PAGE})
        elif path.path.startswith("/picture/"):
            self._answer(self.world.file(int(path.path.rsplit("/", 1)[1])), "image/jpeg")
        else:
            with self.world.lock:
                told = list(self.world.told)
            self._json(
                {
                    "visible": self.world.visible(),
                    "published": {str(each): self.world.published(each) for each in self.world.matches},
                    "told": told,
                    "cpu_s": time.process_time(),
                }
            )

    def do_POST(self) -> None:
        """Take an alert or begin."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = time.time()
        with self.world.lock:
            if self.path == "/start":
                self.world.rate, self.world.began, self.world.told = float(json.loads(body)["rate"]), now, []
            else:
                self.world.told.append((self.headers["Idempotency-Key"] or "", now))
        self._json({})

    def _json(self, value: object) -> None:
        self._answer(json.dumps(value).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def faint(stages: int, size: tuple[int, int], kinds: Sequence[str], matches: int) -> int:
    """Return how many of the posts made from a drawing are not alike enough when so many stages are charged for.

    Each is compared with its drawing alone, in full: what is not called alike then leads to no alert, whatever a watcher does.
    """
    from watch.compare import calibration, cohort, engine  # noqa: PLC0415 - the feed's process needs none of it

    others, known, found = cohort.load(), calibration.load(), set[int]()
    different = min(WORKS, matches)
    for number in range(different):
        file = encoded(posted(work(number), size, 1000 + number), kinds[number % len(kinds)])
        pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))[:, :, ::-1]
        views, _ = engine.comparable(engine.post_views(np.ascontiguousarray(pixels)))
        gallery = engine.gallery([unpack(fingerprint_v2(work(number)))], others)
        value = float(engine.match(views, gallery, others, known).surprise.max()) if views else 0.0
        if known.level(value, stages) is Likeness.NONE:
            found.add(number)
    return sum(at % different in found for at in range(matches))


def main() -> int:
    """Make the pictures, serve, print the port; ends when its input does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--posts", type=int, required=True)
    parser.add_argument("--matches", type=int, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(900, 1200))
    parser.add_argument("--kinds", nargs="+", default=["jpeg"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    size, kinds = (options.size[0], options.size[1]), options.kinds
    different = min(DIFFERENT, options.posts)
    files = [encoded(posted(unrelated(at), size, at), kinds[at % len(kinds)]) for at in range(different)]
    own = [
        encoded(posted(work(at), size, 1000 + at), kinds[at % len(kinds)])
        for at in range(min(WORKS, options.matches))
    ]
    step = options.posts / max(1, options.matches)
    matches = frozenset(int((at + 0.5) * step) for at in range(options.matches))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.world = World(options.posts, matches, files, own)  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sizes = sorted(map(len, files))
    print(
        json.dumps({"port": server.server_address[1], "median_bytes": sizes[len(sizes) // 2]}),
        flush=True,
    )
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
