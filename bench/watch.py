"""Watching, measured: `python -m bench.watch --stages N --posts M --json FILE`.

A process of its own serves a feed, a picture for each post and takes the alerts (bench/watch_world.py); one in a hundred
posts was made from one of twenty drawings whose fingerprints are among the stages (one in two at most of the second run). The watcher and then the peer, a plain loop
of download and imagehash pHash, go through the same feed, each in a process of its own (bench/watch_side.py).

First all posts are there at once: posts_per_s, cpu_ms_per_post (with the decoders, without the feed's process, which is
given beside it), rss_mb. Then they come at half that pace: alert_p50_s and alert_p95_s, from the moment a post is visible to
the moment its alert has arrived. lost counts posts made from a drawing without an alert, for whatever reason; not_alike those of
them that the comparison with their drawing alone does not call alike when that many stages are charged for.

No collection of a million real stages is at hand: all but the twenty are made by bench/many_works.py; above 100,000 they
stand in the index alone, as rows like those of the others with noise over them. Exits 1 when something was lost or sent twice.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import many_works
from bench.watch_world import WORKS, faint, work
from sakigake.fingerprint.vector import fingerprint_v2
from sakigake.store.sqlite import SqliteStore
from watch.index import cache, coding
from watch.index.stages import StageIndex

IN_STORE = 100_000
EVERY = 100  # one post in so many is made from a drawing
DRAWINGS = 300
LATENCY_S = 30.0  # how long posts come at half the pace
LATENCY_POSTS, LATENCY_ALERTS = 40, 20  # at least
_NOISE = 24  # of a fine row's 127: a cosine of about .9 to the row it was made from
_QUIET = 0.5  # a load above which a figure is an upper bound


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured."""

    stages: int
    posts: int
    size: tuple[int, int]
    kinds: tuple[str, ...]
    database: Path


def prepare(stages: int, folder: Path, drawings: int) -> Path:
    """Return a store with so many stages and its index beside it; one that is there already is used again."""
    database = folder / "sakigake.db"
    if not database.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        many_works.add(database, [[fingerprint_v2(work(number))] for number in range(WORKS)])
        few = min(stages, IN_STORE) // many_works.STAGES
        many_works.fill(database, few, many_works.base(drawings), first=WORKS)
    store = SqliteStore(database)
    with StageIndex.open(store, folder) as index:
        missing = stages - index.stages
    if missing >= many_works.STAGES:
        extend(database, folder, missing // many_works.STAGES)
    store.close()
    return database


def extend(database: Path, folder: Path, works: int) -> None:
    """Add works to the index alone: sessions without entries in the store, rows of others with noise in the cache."""
    path = folder / cache.NAME
    kept = cache.read(path, coding.VERSION, coding.CODE_BYTES, coding.FINE)
    assert kept
    first = len(kept.sessions)
    many_works.add(database, [[] for _ in range(works)], first=first)
    made = np.zeros(works, cache.SESSION)
    for at in range(works):
        made[at] = (many_works.session_id(first + at), 0, 0, many_works.STAGES, many_works.STAGES, 0)
    table = np.concatenate([kept.sessions, made])
    counts = table["rows"].astype(np.int64)
    table["first"] = np.cumsum(counts) - counts
    fine_path = folder / "more.tmp"
    with fine_path.open("wb") as stream:
        rng = np.random.default_rng(many_works.SEED)
        for _ in range(works):
            at = int(rng.integers(0, max(1, len(kept.fine) - many_works.STAGES)))
            rows = kept.fine.run(at, at + many_works.STAGES) + rng.normal(
                0, _NOISE, (many_works.STAGES, coding.FINE)
            )
            stream.write(coding.quantised(rows.astype(np.float32)).tobytes())
    fine = np.memmap(fine_path, np.int8, "r", shape=(works * many_works.STAGES, coding.FINE))
    pieces = [fine[start : start + 65536] for start in range(0, len(fine), 65536)]
    cache.write(
        path,
        coding.VERSION,
        table,
        [kept.codes, *(coding.codes(piece.astype(np.float32)) for piece in pieces)],
        [kept.fine.run(0, len(kept.fine)), *pieces],
    )
    kept.fine.close()
    fine_path.unlink()


class World:
    """The feed's process."""

    def __init__(self, setting: Setting, posts: int, matches: int) -> None:
        size = [str(each) for each in setting.size]
        command = [
            sys.executable,
            "-m",
            "bench.watch_world",
            "--posts",
            str(posts),
            "--matches",
            str(matches),
        ]
        self.matches = matches
        self._process = subprocess.Popen(
            [*command, "--size", *size, "--kinds", *setting.kinds],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        about = json.loads(self._process.stdout.readline())
        self.base, self.median_bytes = f"http://127.0.0.1:{about['port']}", about["median_bytes"]

    def start(self, rate: float) -> None:
        """Let posts become visible, so many a second; 0 is all at once."""
        _ask(f"{self.base}/start", json.dumps({"rate": rate}).encode())

    def told(self) -> dict[str, Any]:
        """Return what happened."""
        return _ask(f"{self.base}/told")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)


def _ask(url: str, body: bytes | None = None) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, body, 60) as answer:
        return dict(json.loads(answer.read()))


def run(side: str, setting: Setting, world: World, posts: int, rate: float) -> dict[str, Any]:
    """Let one side go through the feed once; returns what it and the world say."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            "-m",
            "bench.watch_side",
            "--side",
            side,
            "--base",
            world.base,
            "--home",
            home,
        ]
        command += [
            "--posts",
            str(posts),
            "--stages",
            str(setting.stages),
            "--database",
            str(setting.database),
        ]
        # As `sakigake watch run` has it before numpy is loaded; it makes the peer no slower.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdin
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{side} did not start")
            about = json.loads(line)
            before = world.told()["cpu_s"]
            world.start(rate)
            process.stdin.write("\n")
            process.stdin.flush()
            done: dict[str, Any] = json.loads(process.stdout.readline())
            told = world.told()
    keys = [key for key, _ in told["told"]]
    return done | {
        "opened": about,
        "feed_cpu_s": told["cpu_s"] - before,
        "lost": max(0, world.matches - len(set(keys))),
        "alerts": len(set(keys)),
        "duplicates": len(keys) - len(set(keys)),
        "latency": _latencies(told),
    }


def _latencies(told: dict[str, Any]) -> list[float]:
    """Return from the moment a post was visible to its alert: alerts keep the order of the posts they are about."""
    published = sorted(told["published"].values())
    first: dict[str, float] = {}
    for key, when in told["told"]:
        first.setdefault(key, when)
    return [max(0.0, when - shown) for shown, when in zip(published, sorted(first.values()), strict=False)]


def measure(side: str, setting: Setting) -> dict[str, Any]:
    """Measure one side, first with all posts at once, then at half that pace."""
    some = max(1, setting.posts // EVERY)
    world = World(setting, setting.posts, some)
    quick = run(side, setting, world, setting.posts, 0)
    world.close()
    pace = setting.posts / quick["seconds"]
    print(
        f"{side}: {pace:.1f} posts/s, {1000 * quick['cpu_s'] / setting.posts:.1f} ms CPU a post",
        file=sys.stderr,
    )
    posts = max(LATENCY_POSTS, int(LATENCY_S * pace / 2))
    more = max(LATENCY_ALERTS, posts // EVERY)
    world = World(setting, posts, more)
    slow = run(side, setting, world, posts, pace / 2)
    world.close()
    latency = sorted(slow["latency"]) or [float("nan")]
    return {
        "posts_per_s": round(pace, 1),
        "cpu_ms_per_post": round(1000 * quick["cpu_s"] / setting.posts, 2),
        "feed_cpu_ms_per_post": round(1000 * quick["feed_cpu_s"] / setting.posts, 2),
        "rss_mb": quick["rss_mb"],
        "rss_with_decoders_mb": quick["tree_mb"],
        "alert_p50_s": round(statistics.median(latency), 2),
        "alert_p95_s": round(latency[min(len(latency) - 1, int(0.95 * len(latency)))], 2),
        "lost": quick["lost"] + slow["lost"],
        "not_alike": sum(
            faint(setting.stages, setting.size, setting.kinds, matches) for matches in (some, more)
        )
        if side == "sakigake"
        else 0,
        "duplicates": quick["duplicates"] + slow["duplicates"],
        "alerts": quick["alerts"] + slow["alerts"],
        "stages": quick["opened"]["stages"],
        "opened_cpu_s": quick["opened"]["opened_cpu_s"],
        "failed": quick.get("failed", {}),
    }


def main() -> int:
    """Measure both sides and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stages", type=int, default=10_000)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--size", type=int, nargs=2, default=(900, 1200), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--kinds", nargs="+", choices=["jpeg", "png", "webp"], default=["jpeg"])
    parser.add_argument(
        "--drawings", type=int, default=DRAWINGS, help="that the made works are put together of"
    )
    parser.add_argument("--folder", type=Path, help="keep the store here and use it again")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load = os.getloadavg()
    if load[0] > _QUIET:
        print(f"load {load[0]:.1f}: times by the clock below are upper bounds", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        database = prepare(options.stages, options.folder or Path(folder), options.drawings)
        size = (options.size[0], options.size[1])
        setting = Setting(options.stages, options.posts, size, tuple(options.kinds), database)
        result: dict[str, Any] = {"load_before": load, "search": _engine(), **measure("sakigake", setting)}
        if not options.no_peer:
            result["peer"] = {"load_before": os.getloadavg(), **measure("peer", setting)}
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if result["lost"] or result["duplicates"] else 0


def _engine() -> str:
    from watch.index.search import engine  # noqa: PLC0415 - asks for faiss

    return engine()


if __name__ == "__main__":
    sys.exit(main())
