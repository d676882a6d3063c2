"""gallery-dl as a program of its own: what it prints is read, and it is ended when it should be.

The real one is installed into pytest's cache for the slow test, never into the environment of the project (GPL-2.0-only).
"""

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import NetworkError, SakigakeError, UsageError
from tests.peers.elsewhere import program
from tests.peers.fediverse import mastodon, status
from tests.watch.sources.draining import Kept, net_to
from watch.post import ClockClass
from watch.sources import gallerydl, registry
from watch.sources.gallerydl import GalleryDl, parse

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ASKED = "https://x.com/search?q=a"
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in programs are shell scripts")


def tweet(number: int, file: str, **more: Any) -> list[Any]:
    told = {
        "category": "twitter",
        "tweet_id": number,
        "date": "2020-02-27 22:46:45",
        "extension": "jpg",
        "author": {"id": 42, "name": "maker"},
        **more,
    }
    return [3, f"https://pbs.twimg.com/media/{file}?format=jpg&name=orig", told]


def test_files_of_one_post_are_one_post_with_the_platforms_clock() -> None:
    number = 1233161576649121792
    messages = [
        [2, {"category": "twitter"}],
        tweet(number, "D5tPa7vUIAAePq2"),
        tweet(number, "D5tPa7vUIAAePq3"),
        [6, "x", {}],
    ]
    (post,) = parse(json.dumps(messages).encode(), "g", ASKED, NOW)
    assert (post.source, post.platform, post.post_id) == ("g", "twitter", f"twitter:{number}")
    assert post.url == f"https://x.com/i/web/status/{number}"
    assert (post.author_id, post.author_name) == ("42", "maker")
    assert len(post.media) == 2
    assert post.time.not_before is not None
    assert post.time.not_before.clock is ClockClass.PLATFORM
    assert post.time.not_before.basis == "x-status-id"
    assert post.time.not_after is not None
    assert post.time.not_after.basis == "x-status-id"


def test_what_is_not_understood_is_passed_over() -> None:
    odd: list[Any] = [
        1, "x", None, [], [3], [3, 5, {}], [99, "https://a.example/x.png", {}], [8, {}], {"a": 1},
        [3, "file:///etc/passwd", {"extension": "png"}], [3, "https://a.example/x.mp4", {"extension": "mp4"}],
        [3, "https://a.example/x.png", {"extension": "PNG", "date": "soon", "author": "name", "id": ""}],
    ]  # fmt: skip
    (post,) = parse(json.dumps(odd).encode(), "g", ASKED, NOW)
    assert post.post_id == "https://a.example/x.png"
    assert post.url == ASKED
    assert post.time.not_before is None


def test_a_failure_is_said_unless_something_was_listed() -> None:
    failed = [-1, {"error": "AuthorizationError", "message": "login required"}]
    with pytest.raises(NetworkError, match="AuthorizationError: login required"):
        parse(json.dumps([failed]).encode(), "g", ASKED, NOW)
    assert len(parse(json.dumps([tweet(1233161576649121792, "a"), failed]).encode(), "g", ASKED, NOW)) == 1
    assert parse(b"[]", "g", ASKED, NOW) == []


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ).map(lambda each: json.dumps(each).encode())
)
def test_no_output_is_a_crash(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "g", ASKED, NOW), list)
    except NetworkError:
        return


@contextmanager
def listing(path: Path, script: str, **options: Any) -> Iterator[GalleryDl]:
    """Run a small program in the place of gallery-dl."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    with net_to() as net:
        made = registry.make("gallery-dl", {"url": ASKED, "program": str(path), **options}, net, source="g")
        assert isinstance(made, GalleryDl)
        with closing(made):
            yield made


def gone(number: int, within_s: float = 10.0) -> bool:
    """Whether a killed process is no more: the kernel may still be about it, and nobody may have collected it."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


@posix
def test_it_gets_a_home_of_its_own_and_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("SAKIGAKE_PASSPHRASE", "secret")
    script = f'printf "%s\\n" "$@" > {tmp_path}/said; env > {tmp_path}/env; touch "$HOME/x"; echo "[]"'
    url = "https://a.example/?q=$(touch /tmp/never);#`x`"
    with listing(tmp_path / "gallery-dl", script, url=url) as made:
        kept = Kept()
        kept.until(made, lambda: (tmp_path / "env").exists() and made._process is None)
    said = (tmp_path / "said").read_text().splitlines()
    assert said[-2:] == ["--", url]
    assert {"--config-ignore", "--no-input", "--dump-json", "--no-download"} <= set(said)
    environment = dict(
        line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line
    )
    assert not {"HTTPS_PROXY", "SAKIGAKE_PASSPHRASE", "SAKIGAKE_HOME"} & set(environment)
    assert environment["HOME"] != os.environ.get("HOME")
    assert not Path(environment["HOME"]).exists(), "nothing is left of it"


@posix
def test_what_it_lists_is_given_bit_by_bit_and_asked_again_only_when_it_is_time(tmp_path: Path) -> None:
    data = json.dumps([tweet(1233161576649121792 + n, f"a{n}") for n in range(7)])
    (tmp_path / "list").write_text(data)
    script = f"echo x >> {tmp_path}/runs; cat {tmp_path}/list"
    with listing(tmp_path / "gallery-dl", script) as made:
        kept = Kept()
        kept.until(made, lambda: len(kept.posts) == 3, limit=3)
        assert kept.poll(made, 3, commit=False) == 3
        kept.until(made, lambda: len(kept.posts) == 7, limit=3)
        runs = (tmp_path / "runs").read_text().count("x")
        kept.settle(made)
        assert (tmp_path / "runs").read_text().count("x") == runs == 2, "once more for the lost batch"
    since = datetime.fromisoformat((kept.cursor or "").partition("~")[0])
    assert datetime.now(UTC) - since < timedelta(minutes=1)
    with listing(tmp_path / "gallery-dl", script) as made:
        made.poll(kept.cursor, 3)
        command = made.command()
    after = datetime.fromisoformat(command[command.index("--date-after") + 1]).replace(tzinfo=UTC)
    assert timedelta(0) <= since - after - gallerydl.OVERLAP < timedelta(seconds=1)


@posix
def test_one_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; sleep 600"
    with listing(tmp_path / "gallery-dl", script, timeout_s=5) as made:
        kept = Kept()
        kept.until(made, lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()))
        assert made._process is not None
        number, child = made._process.pid, int((tmp_path / "child").read_text())
        monkeypatch.setattr(made, "_began_s", time.monotonic() - 6)
        with pytest.raises(NetworkError) as slow:
            kept.settle(made)
        assert slow.value.code == "source-program-slow"
    assert gone(number)
    assert gone(child)


@posix
def test_closing_ends_it(tmp_path: Path) -> None:
    with listing(tmp_path / "gallery-dl", "exec sleep 600") as made:
        made.poll(None, 5)
        assert made._process is not None
        number = made._process.pid
    assert gone(number)


@posix
@pytest.mark.parametrize("script", ["exit 3", "echo '{'", "echo no", "kill -9 $$"])
def test_one_that_fails_is_said(tmp_path: Path, script: str) -> None:
    with listing(tmp_path / "gallery-dl", script) as made, pytest.raises(SakigakeError) as failed:
        Kept().settle(made, 10)
    assert failed.value.code == "source-program-failed"


@posix
def test_one_that_prints_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallerydl, "MAX_OUTPUT", 2**20)
    script = "exec yes '[1,2,3]' | head -c 50000000"
    with listing(tmp_path / "gallery-dl", script) as made, pytest.raises(SakigakeError) as failed:
        Kept().settle(made, 40)
    assert failed.value.code == "source-program-failed"


def test_without_the_program_it_says_how_to_get_it() -> None:
    with pytest.raises(UsageError, match="pipx install gallery-dl"):
        registry.check("gallery-dl", {"url": ASKED, "program": "no-such-program"})


@pytest.mark.parametrize(
    "options", [{}, {"url": "--exec=x"}, {"url": ASKED, "cookies": "/nowhere"}, {"url": ASKED, "every_s": 1}]
)
def test_options_that_cannot_be_meant(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        registry.check("gallery-dl", {"program": sys.executable, **options})


@pytest.mark.slow
def test_the_real_program_lists_a_loopback_server_and_downloads_nothing(pytestconfig: pytest.Config) -> None:
    command = program(pytestconfig.cache.mkdir("gallery-dl"), "gallery-dl==1.32.18", "gallery-dl")
    with mastodon(tag="art") as peer, net_to() as net:
        peer.timeline.tell(status(117691150069137408, "one", "two"), status(117691150069137409, "three"))
        options = {"url": f"mastodon:{peer.url}/tags/art", "program": str(command), "pause_s": 0}
        with closing(registry.make("gallery-dl", options, net, source="g")) as made:
            kept = Kept()
            kept.until(made, lambda: len(kept.posts) == 2, timeout_s=60)
        # What lies before the time of the cursor is not listed again.
        late = Kept(cursor="2026-11-20T00:00:00Z~5")
        with closing(registry.make("gallery-dl", options, net, source="g")) as made:
            late.until(made, lambda: (late.cursor or "") > "2026-11-21", timeout_s=60)
        gone_wrong = {**options, "url": f"mastodon:{peer.url}/tags/none"}
        with (
            closing(registry.make("gallery-dl", gone_wrong, net)) as made,
            pytest.raises(NetworkError) as failed,
        ):
            Kept().until(made, lambda: False, timeout_s=60)
        paths = {asked.path.partition("?")[0] for asked in peer.site.asked}
    assert sorted(len(post.media) for post in kept.posts.values()) == [1, 2]
    assert {post.url for post in kept.posts.values()} == {
        f"https://here.example/@maker/11769115006913740{n}" for n in (8, 9)
    }
    assert {post.author_id for post in kept.posts.values()} == {"5"}
    assert not late.posts
    assert failed.value.code == "source-program-failed"
    assert paths == {"/api/v1/timelines/tag/art", "/api/v1/timelines/tag/none"}
