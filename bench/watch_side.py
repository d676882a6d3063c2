"""One side of `python -m bench.watch`, in a process of its own: this program, or the plain loop it is measured against.

`--side sakigake` runs the watcher as it ships: poller, guarded fetcher, decoders, works, store, sender. Only the source and the
receiver are the bench's own, and no evidence is kept. `--side peer` downloads with requests, opens with Pillow, and compares
imagehash's pHash with those of the same number of stages, as people do by hand; it needs `pip install imagehash requests`.

Prints one line of JSON when it is ready, begins when a line comes in, and prints one more when every post was looked at.
"""

import argparse
import importlib
import io
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.watch_world import WORKS, work
from capture.memory import give_back_loaded, keep_small
from desk.commands.watch import HEAP_LARGE, HEAP_UNUSED
from sakigake.store.sqlite import SqliteStore
from watch.alerts.message import Message
from watch.decoding import DecoderPool
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.pipeline.steps import Steps
from watch.pipeline.works import RecordedWorks
from watch.post import Batch, ClockClass, MediaRef, Post, PostTime, SourceInfo, Stamp
from watch.sources import PostSource
from watch.store.records import SourceRow
from watch.store.sqlite import FILE, SqliteWatchStore
from watch.watcher import Plan, Watcher

NEAR_BITS = 10  # of 64: what people allow for pHash
LOOK_S = 0.05


class Feed:
    """The bench's feed as a source."""

    def __init__(self, base: str, fetcher: Fetcher) -> None:
        self._base, self._fetcher = base, fetcher

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo("bench", "bench", ClockClass.PLATFORM, "nothing", "none", 0.1, tried_live=False)

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Return the next posts."""
        after = int(cursor or 0)
        answer = json.loads(self._fetcher.get(f"{self._base}/feed?after={after}").body)
        now = Stamp(datetime.now(UTC), ClockClass.PLATFORM, "bench")
        posts = tuple(
            Post(
                source="bench",
                platform="bench",
                post_id=str(number),
                url=f"{self._base}/post/{number}",
                author_id=f"author-{number % 97}",
                author_name="",
                media=(MediaRef(url=f"{self._base}/picture/{number}"),),
                time=PostTime(now, now),
            )
            for number in answer["posts"][:limit]
        )
        return Batch(posts, str(after + len(posts)))

    def close(self) -> None:
        """Nothing is held."""


class Hook:
    """The bench's receiver of alerts."""

    id = shown = "bench"

    def __init__(self, base: str, fetcher: Fetcher) -> None:
        self._base, self._fetcher = base, fetcher

    def send(self, message: Message) -> None:
        """Hand a message over."""
        body = json.dumps({"title": message.title, "text": message.text}).encode()
        self._fetcher.post(f"{self._base}/alert", body, headers={"Idempotency-Key": message.key})


def sakigake(base: str, database: Path, home: Path, posts: int, threads: int) -> dict[str, Any]:
    """Run the watcher until every post was looked at."""
    place = base.removeprefix("http://")
    with ExitStack() as stack:
        records = stack.enter_context(closing(SqliteStore(database)))
        store = stack.enter_context(closing(SqliteWatchStore(home / FILE)))
        settled: list[None] = []
        store.add_source("bench", "bench", {}, datetime.now(UTC))
        fetcher = stack.enter_context(Fetcher(Guard.of([place])))
        pool = stack.enter_context(DecoderPool(threads))
        began = time.process_time()
        works = stack.enter_context(closing(RecordedWorks(records, database.parent)))
        stages = works.generation
        opened_s = time.process_time() - began

        def make(_: SourceRow) -> PostSource:
            return Feed(base, fetcher)

        plan = Plan(
            store=store,
            steps=Steps(store, fetcher, pool, works, None),
            make=make,
            receivers=(Hook(base, fetcher),),
            catch_up=works.catch_up,
            seal=lambda: 0,
            say=lambda *_, **__: None,
            found=lambda _: None,
            settled=lambda *_: settled.append(None),
            threads=threads,
        )
        watcher = Watcher(plan)
        give_back_loaded()
        announce(stages=stages, opened_cpu_s=round(opened_s, 2), rss_mb=resident_mb())

        thread = threading.Thread(target=watcher.run)
        thread.start()
        # Asking the store twenty times a second would cost more than some of what is measured.
        took = until(lambda: len(settled) >= posts and not store.unsent())
        result = took | {
            "rss_mb": resident_mb(),
            "tree_mb": resident_mb() + children_mb(),
            "failed": dict(store.counts().failed),
        }
        watcher.stop("interrupt")
        thread.join()
    # Children count once they have ended.
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result | {"cpu_s": took["cpu_s"] + ended.ru_utime + ended.ru_stime}


def peer(base: str, stages: int, posts: int) -> dict[str, Any]:
    """Download, open, hash and compare in one loop, until every post was looked at."""
    imagehash: Any = importlib.import_module("imagehash")
    requests: Any = importlib.import_module("requests")
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, stages, dtype=np.uint64) * 2 + rng.integers(0, 2, stages, dtype=np.uint64)
    own = [_bits(imagehash.phash(Image.fromarray(work(number)[:, :, ::-1]))) for number in range(WORKS)]
    hashes[: len(own)] = own
    client = requests.Session()
    client.trust_env = False
    announce(stages=stages, opened_cpu_s=0.0, rss_mb=resident_mb())

    def run() -> None:
        done = 0
        while done < posts:
            page = client.get(f"{base}/feed?after={done}").json()["posts"]
            if not page:
                time.sleep(LOOK_S)
            for number in page:
                body = client.get(f"{base}/picture/{number}").content
                found = _bits(imagehash.phash(Image.open(io.BytesIO(body))))
                if np.bitwise_count(hashes ^ np.uint64(found)).min() <= NEAR_BITS:
                    client.post(f"{base}/alert", json={}, headers={"Idempotency-Key": str(number)})
            done += len(page)

    thread = threading.Thread(target=run)
    thread.start()
    return until(lambda: not thread.is_alive()) | {"rss_mb": resident_mb(), "tree_mb": resident_mb()}


def _bits(found: Any) -> int:
    return int("".join("1" if bit else "0" for bit in found.hash.ravel()), 2)


def until(done: Callable[[], bool]) -> dict[str, float]:
    """Wait until it is done; return the seconds and those of CPU that this process used."""
    began, used = time.monotonic(), time.process_time()
    while not done():
        time.sleep(LOOK_S)
    return {"seconds": time.monotonic() - began, "cpu_s": time.process_time() - used}


def announce(**values: object) -> None:
    """Say that all is ready and wait for the word to begin."""
    print(json.dumps(values), flush=True)
    sys.stdin.readline()


def resident_mb() -> float:
    """Return the most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def children_mb() -> float:
    """Return the memory that the processes started by this one have now, in MB; 0 where /proc does not tell."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid():
                total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        except OSError:
            continue
    return round(total, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", choices=["sakigake", "peer"], required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--posts", type=int, required=True)
    parser.add_argument("--stages", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    keep_small(HEAP_UNUSED, HEAP_LARGE)  # both sides alike
    if options.side == "sakigake":
        found = sakigake(options.base, options.database, options.home, options.posts, options.threads)
    else:
        found = peer(options.base, options.stages, options.posts)
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
