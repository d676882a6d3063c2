"""Commands of the watcher run as a person types them, and a feed for them to read; fixtures for the tests beside."""

import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from desk.cli import main
from tests.peers.web import answer
from tests.watch.pipeline import scene

ITEM = (
    "<item><guid>{url}</guid><link>{url}</link><title>canary-title</title><author>canary-author</author>"
    "<pubDate>Sun, 22 Nov 2020 10:00:00 GMT</pubDate><enclosure url='{picture}' type='image/jpeg' length='1'/></item>"
)


@pytest.fixture
def world() -> Iterator[scene.World]:
    with scene.world() as made:
        yield made


@pytest.fixture
def home(own_home: Path) -> Path:
    scene.recorded(own_home).store.close()
    return own_home


def feed(world: scene.World, *pictures: str, path: str = "/feed.xml") -> str:
    items = [
        ITEM.format(url=world.site.url(f"/canary-handle/{number}"), picture=picture)
        for number, picture in enumerate(pictures)
    ]
    xml = f"<rss version='2.0'><channel><title>t</title>{''.join(items)}</channel></rss>"
    world.site.pages[path] = answer(xml.encode(), headers=("Content-Type: application/rss+xml",))
    return world.site.url(path)


def configure(home: Path, world: scene.World, more: str = "") -> None:
    alerts = json.dumps([world.hook])
    trusted = json.dumps([world.site.place])
    settings = f"[anchor]\nenabled = false\n[watch]\nalerts = {alerts}\ntrusted_hosts = {trusted}\n{more}"
    (home / "sakigake.toml").write_text(settings, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command wrote."""

    stdout: str
    stderr: str


def sakigake(*arguments: str, code: int = 0, lang: str = "en") -> Ran:
    """Run a command in this process: starting one for each takes longer than all they do."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            warnings.catch_warnings(),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("SAKIGAKE_LANG", lang)
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # as outside of tests: that of a library loaded here
            ended = main(list(arguments))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    told = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        told.append(stream.read())
    return checked(Ran(*told), ended, code)


def process(*arguments: str, code: int = 0, lang: str = "en") -> Ran:
    """Run a command as a person does."""
    ran = subprocess.run(
        [sys.executable, "-m", "desk", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        env={**os.environ, "SAKIGAKE_LANG": lang, "PYTHONUTF8": "1"},
    )
    return checked(Ran(ran.stdout, ran.stderr), ran.returncode, code)


def checked(ran: Ran, ended: int, code: int) -> Ran:
    assert ended == code, (ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
    return ran
