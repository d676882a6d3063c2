"""One walk through every command on real records: what each printed, and how it ended.

Commands run in this process one after the other, since starting one takes longer than all they do; those that go on for
a while get a process of their own.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import pytest

from desk.cli import main
from tests.peers.web import answer
from tests.watch import studio
from tests.watch.pipeline import scene

ROOT = Path(__file__).resolve().parents[2]
RUNNING_S = 40.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What one call printed. `schema` is the name of the form its answer must have, empty where there is none."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    schema: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(slots=True)
class Walk:
    """The calls so far, and what is still to be walked on."""

    home: Path
    calls: list[Ran] = field(default_factory=list)

    def go(self, *arguments: str, code: int = 0, schema: str | None = None) -> Ran:
        """Run a command in this process and hold its exit code against `code`."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of libraries, as outside of tests
                ended = main(list(arguments))
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        said = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            said.append(stream.read())
        return self._keep(arguments, (ended, said[0], said[1]), code, schema)

    def process(self, *arguments: str, code: int = 0, schema: str | None = None) -> Ran:
        """Run a command as a person does."""
        with self.running(*arguments) as started:
            out, err = started.communicate(timeout=RUNNING_S)
        return self._keep(arguments, (started.returncode, out, err), code, schema)

    @contextmanager
    def running(self, *arguments: str, **variables: str) -> "Iterator[subprocess.Popen[str]]":
        """Start a command in a session of its own and make sure that it ends."""
        started = subprocess.Popen(
            [sys.executable, "-m", "desk", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", **variables},
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()
                started.communicate()

    def _keep(
        self, arguments: tuple[str, ...], told: tuple[int, str, str], code: int, schema: str | None
    ) -> Ran:
        ended, out, err = told
        assert ended == code, (arguments, ended, out, err)
        assert "Traceback" not in err
        known = schema if schema is not None else _named(arguments) if code in {0, 7, 8, 10} else "error"
        ran = Ran(arguments, ended, out, err, known if "--json" in arguments else "")
        self.calls.append(ran)
        return ran


def _named(arguments: tuple[str, ...]) -> str:
    from tests.desk.tree import path_of

    return "-".join(path_of(arguments))


def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens within seconds."""
    end = time.monotonic() + RUNNING_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def walk(base: Path, patch: pytest.MonkeyPatch) -> Walk:
    """Go the whole way once."""
    home = base / "home"
    for name, value in {"SAKIGAKE_HOME": str(home), "SAKIGAKE_LANG": "en", "SAKIGAKE_OTS": "off"}.items():
        patch.setenv(name, value)
    patch.delenv("DISPLAY", raising=False)
    patch.delenv("SAKIGAKE_CONFIG", raising=False)
    way = Walk(home)
    with scene.world() as world:
        _settings(way, base, patch)
        _configure(home, world)
        _record(way, base)
        _compare(way, base)
        _hand_over(way, base)
        _watch(way, base, world)
        _look_after(way, base, patch)
    return way


def _configure(home: Path, world: scene.World) -> None:
    text = (
        "[anchor]\nenabled = false\n[ots]\nenabled = false\n[watch]\n"
        f"alerts = {json.dumps([world.hook])}\ntrusted_hosts = {json.dumps([world.site.place])}\n"
    )
    (home / "sakigake.toml").write_text(text, encoding="utf-8")


def _settings(way: Walk, base: Path, patch: pytest.MonkeyPatch) -> None:
    way.go("config", "path", "--json")
    way.go("doctor", "--json")
    way.go("logs", "--json", code=4)
    way.go("record", "status", "--json", code=4, schema="record-status")
    way.go("init", "--json")
    way.go("init", "--json")
    way.go("config", "show", "--json")
    way.go("config", "show", "nonsense", "--json", code=4)
    way.go("config", "check", "--json")
    way.go("targets", "--json", code=4, schema="targets")
    way.process("record", "start", "--json", "--source", "screen", code=1)
    with patch.context() as other:
        (base / "bad.toml").write_text('[record]\ninterval_s = "x"\n', encoding="utf-8")
        other.setenv("SAKIGAKE_CONFIG", str(base / "bad.toml"))
        way.go("config", "check", "--json", code=3, schema="config-check")
        way.go("doctor", "--json", code=1, schema="doctor")
        way.go("timeline", "list", "--json", code=3)
    way.go("--set", "nonsense", "config", "show", "--json", code=2)


def _record(way: Walk, base: Path) -> None:
    (base / "in").mkdir()
    for number, pixels in enumerate(studio.pictures()):
        assert cv2.imwrite(str(base / "in" / f"{number}.png"), pixels)
    way.process("record", "start", "--source", f"folder:{base / 'in'}", "--once", "--json")
    way.go("record", "stop", "--json", code=4)
    (base / "more").mkdir()
    source = ("--source", f"folder:{base / 'more'}", "--new", "--json")
    with way.running("record", "start", *source, "--interval", "0.2s") as recorder:
        assert recorder.stdout is not None
        recorder.stdout.readline()
        (base / "more" / "1.png").write_bytes((base / "in" / "3.png").read_bytes())
        assert '"stage"' in recorder.stdout.readline()
        way.go("record", "status", "--json")
        with way.running("record", "status", "--follow", "--json") as follower:
            assert follower.stdout is not None
            assert json.loads(follower.stdout.readline())["state"] == "recording"
            way.go("record", "pause", "--json")
            # Numbers may change once more before the pause is there: each change is a line.
            states = (json.loads(line)["state"] for line in follower.stdout)
            assert next(state for state in states if state != "recording") == "paused"
            way.go("record", "status", "--json", code=8, schema="record-status")
            way.go("record", "resume", "--json")
            way.go("record", "forget", "--json")
            way.go("record", "stop", "--json")
            rest, _ = follower.communicate(timeout=RUNNING_S)
            assert json.loads(rest.splitlines()[-1])["state"] == "not_recording"
        recorder.communicate(timeout=RUNNING_S)
    way.go("record", "forget", "--json", code=4)
    way.go("session", "close", "--json")
    first = way.go("timeline", "list", "--json").lines[0]["sessions"][0]["id"]
    way.go("timeline", "show", first, "--json")
    stages = way.go("timeline", "name", first, "--json").lines[0]["stages"]
    one, two = (row["stage"] for row in stages[:2])
    way.go("timeline", "rename", first, str(one), "rough", "--json")
    way.go("timeline", "merge", first, f"{one}-{two}", "--json")
    way.go("timeline", "labels", first, "--json")
    way.go("models", "list", "--json")
    way.go("timeline", "find", "a red hat", "--json", code=4, schema="timeline-find")
    way.go("timeline", "show", first, "--bounds", "--all", "--json")
    way.go("timeline", "show", "no-such-session", "--json", code=4)
    way.go("timeline", "head", first, "--json", "-o", str(base / "code.png"))
    way.go("timeline", "anchor", "--json")
    way.go("timeline", "lapse", first, "--json", "-o", str(base / "film.gif"))
    way.go("timeline", "hashes", "export", str(base / "list.jsonl"), "--session", first, "--json")
    way.go("timeline", "hashes", "import", str(base / "list.jsonl"), "--json")
    way.go("timeline", "hashes", "list", "--json")


def _compare(way: Walk, base: Path) -> None:
    (base / "post.jpg").write_bytes(scene.derived())
    (base / "other.jpg").write_bytes(scene.unrelated(1))
    way.go("check", str(base / "post.jpg"), "--session", "all", "--json")
    way.go("check", str(base / "post.jpg"), "--session", "all", "--json", "--exit-code", code=10)
    way.go("check", str(base / "other.jpg"), "--session", "all", "--json", "--exit-code")
    way.go("check", "--json", code=2)
    way.go("check", str(base / "nothing.jpg"), "--json", code=4)
    way.go("check", "http://127.0.0.1/", "--json", code=5)
    (base / "works").mkdir()
    for number in range(3):
        (base / "works" / f"{number}.jpg").write_bytes(scene.unrelated(20 + number))
    way.go("timeline", "hashes", "remove", "list", "--json")
    way.go("calibrate", str(base / "works"), "--json")
    way.go("calibrate", "--forget", "--json")


def _hand_over(way: Walk, base: Path) -> None:
    first = way.go("timeline", "list", "--json").lines[0]["sessions"][0]["id"]
    pack = base / "pack.zip"
    way.go("export", first, "--no-stamp", "-o", str(pack), "--json")
    way.go("verify", str(pack), "--json", code=7)
    way.go("verify", str(pack), "--against", str(pack), "--json", code=7)
    raw = bytearray(pack.read_bytes())
    raw[len(raw) // 2] ^= 255
    (base / "changed.zip").write_bytes(raw)
    way.go("verify", str(base / "changed.zip"), "--json", code=6, schema="verify")
    way.go("verify", str(base / "nothing.zip"), "--json", code=4)
    way.go("witness", str(base / "code.png"), "--json")
    way.go("witness", str(base / "other.jpg"), "--json", code=4, schema="witness")


def _watch(way: Walk, base: Path, world: scene.World) -> None:
    way.go("watch", "status", "--json", code=4, schema="error")
    items = "".join(
        f"<item><guid>{n}</guid><link>{world.site.url(f'/{n}')}</link><title>t</title>"
        "<pubDate>Sun, 22 Nov 2020 10:00:00 GMT</pubDate>"
        f"<enclosure url='{world.picture(f'/{n}.jpg', data)}' type='image/jpeg' length='1'/></item>"
        for n, data in enumerate((scene.derived(), scene.unrelated(5)))
    )
    feed = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>"
    world.site.pages["/feed.xml"] = answer(feed.encode(), headers=("Content-Type: application/rss+xml",))
    way.go("watch", "add", "rss", f"url={world.site.url('/feed.xml')}", "--json")
    way.go("watch", "list", "--json")
    way.go("watch", "pause", "rss", "--json")
    way.go("watch", "list", "--json")
    way.go("watch", "resume", "rss", "--json")
    way.go("watch", "test", "rss", "--alerts", "--json")
    way.go("watch", "inbox", str(base / "other.jpg"), "--json")
    way.process("watch", "run", "--once", "--json")
    way.go("watch", "status", "--json", code=4, schema="watch-status")
    way.go("findings", "list", "--json")
    way.go("findings", "show", "1", "--json")
    way.go("findings", "show", "1", "--names", "--json")
    way.go("findings", "verify", "1", "--json")
    way.go("findings", "review", "1", "--as", "confirmed", "--json")
    way.go("findings", "accounts", "--json", "--own", "bluesky:did:plc:x")
    way.go("findings", "forget", "1", "--json")
    way.go("watch", "remove", "rss", "--json")
    world.site.pages["/gone.xml"] = answer(b"", "500 Internal Server Error")
    way.go("watch", "add", "rss", f"url={world.site.url('/gone.xml')}", "--name", "gone", "--json")
    way.go("watch", "run", "--once", "--json", code=1, schema="watch-run")


def _look_after(way: Walk, base: Path, patch: pytest.MonkeyPatch) -> None:
    way.go("key", "show", "--json")
    way.go("key", "rotate", "--json")
    way.go("key", "show", "--json")
    with patch.context() as typed:
        typed.setattr(sys, "stdin", io.StringIO("a passphrase\n"))
        way.go("key", "passphrase", "--json")
    with patch.context() as typed:
        typed.setattr(sys, "stdin", io.StringIO("a passphrase\n"))
        way.go("key", "passphrase", "--remove", "--json")
    way.go("selftest", "--json")
    way.go("completion", "bash", "--json")
    way.go("doctor", "--json")
    way.go("logs", "--json")
    with patch.context() as other:
        other.setenv("VISUAL", "false")
        way.go("config", "edit", code=1)
    with way.running("config", "edit", VISUAL=f"sh -c 'touch {base / 'open'}; sleep 30'") as editing:
        until((base / "open").exists)
        os.killpg(editing.pid, signal.SIGINT)
        editing.communicate(timeout=RUNNING_S)
    way.calls.append(Ran(("config", "edit"), editing.returncode, "", "", ""))
    way.go("--no-such-option", "--json", code=2)
    way.go("no-such-command", "--json", code=2)
    way.go("--version", schema="")
