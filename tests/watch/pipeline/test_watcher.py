"""The watcher as a process: it follows a stream, is stopped, dies, and tells nobody but the configured receivers."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from bench import watch_kills
from sakigake.lock import FileLock
from tests.peers.jetstream import Jetstream, event, jetstream, tid
from tests.watch.pipeline import scene
from watch.pulse import LOCK_FILE
from watch.store.records import Review
from watch.store.sqlite import SqliteWatchStore

# Writes down whom the process connects to and asks for, then is the command line.
HOOKED = """
import sys
log = open(sys.argv.pop(1), "a", buffering=1)
def hook(event, arguments):
    if event in {"socket.connect", "socket.sendto"}:
        print(repr(arguments[-1]), file=log)
    elif event == "socket.getaddrinfo":
        print(repr(tuple(arguments[:2])), file=log)
sys.addaudithook(hook)
from desk.cli import main
sys.exit(main(sys.argv[1:]))
"""
PATIENCE_S = 120.0


@pytest.fixture
def stream() -> Iterator[Jetstream]:
    with jetstream() as made:
        yield made


@pytest.fixture
def ready(home: Path, world: scene.World, stream: Jetstream) -> Path:
    """Return a home whose settings and one source lead to the servers of the test."""
    trusted = json.dumps([world.site.place, f"127.0.0.1:{stream.port}"])
    (home / "sakigake.toml").write_text(
        f"[anchor]\nenabled = false\n[watch]\nalerts = [{json.dumps(world.hook)}]\ntrusted_hosts = {trusted}\n",
        encoding="utf-8",
    )
    store = SqliteWatchStore(home / "watch.db")
    options: dict[str, object] = {"servers": stream.url, "pictures": world.site.url("/pictures")}
    store.add_source("stream", "bluesky", options, datetime.now(UTC))
    store.close()
    return home


def tell(stream: Jetstream, world: scene.World, number: int, picture: bytes, **record: str) -> str:
    """Tell a post with a picture; return its id."""
    us, did, cid = time.time_ns() // 1000, f"did:plc:canary{number}", f"bafk{number}"
    world.picture(f"/pictures/{quote(did, safe=':')}/{cid}@jpeg", picture)
    key = tid(us, number)
    stream.tell(event(us, did.removeprefix("did:plc:"), cid, key=key, **record))
    return f"at://{did}/app.bsky.feed.post/{key}"


def start(*options: str, log: Path | None = None) -> "subprocess.Popen[str]":
    begin = ["-c", HOOKED, str(log)] if log else ["-m", "desk"]
    return subprocess.Popen(
        [sys.executable, *begin, "watch", "run", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def wait_until(what: str, happens: "object") -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if callable(happens) and happens():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def status(home: Path, code: int) -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-m", "desk", "watch", "status", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SAKIGAKE_HOME": str(home)},
    )
    assert ran.returncode == code, ran.stderr
    told: dict[str, object] = json.loads(ran.stdout)
    return told


def test_a_stream_is_followed_until_it_is_stopped(
    ready: Path, world: scene.World, stream: Jetstream, tmp_path: Path
) -> None:
    """Repeats, changes of order and a false date make no difference; nobody else hears of it; the end is a clean one."""
    stream.twice = stream.swap = True
    log = tmp_path / "connects"
    running = start(log=log)
    wait_until("it connects", lambda: stream.connections)
    expected = []
    for number in range(8):
        derived = number in {2, 5}
        picture = scene.derived(number) if derived else scene.unrelated(number)
        told = tell(stream, world, number, picture, createdAt="2001-01-01T00:00:00Z")
        expected += [told] if derived else []
    wait_until("both are told", lambda: len(world.receiver.got) == 2)
    wait_until("all is done", lambda: _states(ready) == {"found": 2, "unrelated": 6})
    assert status(ready, 0)["state"] == "running"
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-m", "desk", "watch", "run"], check=True, capture_output=True)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["reason"] == "terminate"
    assert "canary" not in out + err + json.dumps(world.receiver.got)

    store = SqliteWatchStore(ready / "watch.db")
    findings = store.findings()
    assert sorted(each.post.post_id for each in findings) == sorted(expected)
    assert {each.new.order_reason for each in findings} == {"post-time-claimed-only"}
    assert {each.review for each in findings} == {Review.NEW}
    assert store.holes() == []
    assert len(set(world.receiver.keys)) == len(world.receiver.keys) == 2
    store.close()
    pulse = status(ready, 4)["pulse"]
    assert isinstance(pulse, dict)
    assert pulse["ended_ms"]

    allowed = {("127.0.0.1", stream.port), ("127.0.0.1", world.site.port)}
    reached = {ast.literal_eval(line)[:2] for line in log.read_text().splitlines()}
    assert reached, "the hook sees connections"
    assert {(str(host), int(port)) for host, port in reached} <= allowed
    posted = [each.path for each in world.site.asked if each.method != "GET"]
    assert posted == [scene.HOOK, scene.HOOK]


def _states(home: Path) -> dict[str, int]:
    store = SqliteWatchStore(home / "watch.db")
    try:
        counts = store.counts()
        return {"found": counts.found, "unrelated": counts.unrelated}
    finally:
        store.close()


def test_a_death_in_the_send_window_repeats_the_message_under_the_same_key(
    ready: Path, world: scene.World, stream: Jetstream
) -> None:
    running = start()
    wait_until("it connects", lambda: stream.connections)
    world.receiver.gate.clear()  # the receiver takes the message and does not answer
    tell(stream, world, 1, scene.derived())
    assert world.receiver.begun.wait(PATIENCE_S)
    running.kill()
    running.communicate()
    pulse = status(ready, 4)["pulse"]
    assert isinstance(pulse, dict)
    assert pulse["ended_ms"] == 0, "it could not say that it ended"
    world.receiver.gate.set()
    again = start("--once")
    assert again.communicate(timeout=PATIENCE_S)[0]
    keys = [each.header("idempotency-key") for each in world.site.asked if each.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    store = SqliteWatchStore(ready / "watch.db")
    assert (len(store.findings()), store.unsent(), store.waiting()) == (1, 0, 0)
    store.close()


def test_only_one_runs_on_a_home(home: Path) -> None:
    with FileLock(home / LOCK_FILE, "watch-running", "record-home-unwritable"):
        ran = subprocess.run(
            [sys.executable, "-m", "desk", "watch", "run"], capture_output=True, text=True, check=False
        )
    assert ran.returncode == 1
    assert "already" in ran.stderr


@pytest.mark.slow
def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    figures = watch_kills.run(kills=20, posts=400, seed=7, home=tmp_path / "home")
    assert not {name: figures[name] for name in watch_kills.GOOD if figures[name]}
    assert figures["kills_in_send_window"] == 6
    assert figures["messages_repeated"] >= 1
    assert figures["ended_by_itself"] == 0
