"""`sakigake watch` and `findings` as a person types them, against servers on loopback."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from desk.cli import main
from tests.peers.web import Asked, answer
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


def on_disk(home: Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "sakigake.toml"
    )


def test_a_feed_is_watched_once_and_the_artist_is_told(home: Path, world: scene.World) -> None:
    pictures = [world.picture(f"/{number}.jpg", scene.unrelated(number)) for number in range(3)]
    pictures.insert(1, world.picture("/d.jpg", scene.derived()))
    configure(home, world)
    added = sakigake("watch", "add", "rss", f"url={feed(world, *pictures)}").stdout
    assert "What leaves the computer" in added
    ran = process("watch", "run", "--once", "--json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["finding", "end"]
    assert (lines[1]["posts"], lines[1]["findings"], lines[1]["unsent"]) == (4, 1, 0)
    (message,), (key,) = world.receiver.got, world.receiver.keys
    assert message["message"] == (
        "There is a post with a similar composition. Please have a look.\nTo see it: sakigake findings show 1"
    )
    assert len(key) == 64
    for said in (ran.stdout, ran.stderr, json.dumps(world.receiver.got)):
        assert "canary" not in said

    again = sakigake("watch", "run", "--once", "--json")
    assert json.loads(again.stdout.splitlines()[-1])["posts"] == 0
    assert len(world.receiver.got) == 1

    listed = sakigake("findings", "list").stdout
    assert "canary" not in listed
    shown = process("findings", "show", "1").stdout
    assert "/canary-handle/1" in shown, "whoever asks for one finding gets its address"
    assert "class C" in shown
    assert "decides nothing" in shown
    told = json.loads(sakigake("findings", "show", "1", "--json").stdout)
    assert told["order_reason"] == "post-time-claimed-only"
    assert told["sealed"]
    assert (home / "evidence" / told["bundle"] / "1.jpg").read_bytes() == scene.derived()
    sakigake("findings", "review", "1", "--as", "licensed", "--note", "agreed by mail")
    assert "licensed" in sakigake("findings", "list").stdout
    for unknown in ("show", "review"):
        more = ("--as", "confirmed") if unknown == "review" else ()
        assert "Traceback" not in sakigake("findings", unknown, "9", *more, code=4).stderr


def test_nothing_of_unrelated_posts_is_left_anywhere(home: Path, world: scene.World) -> None:
    picture = scene.unrelated(1)
    configure(home, world)
    sakigake("watch", "add", "rss", f"url={feed(world, world.picture('/canary-media.jpg', picture))}")
    ran = process("watch", "run", "--once")
    kept = on_disk(home)
    assert b"canary" not in kept
    assert not (home / "evidence").exists()
    assert picture not in kept
    assert picture[100:400] not in kept
    assert "canary" not in ran.stdout + ran.stderr
    status = json.loads(sakigake("watch", "status", "--json", code=4).stdout)
    assert status["unrelated"] == 1
    assert status["state"] == "not_running"


def test_names_stand_in_a_message_only_when_asked_for(home: Path, world: scene.World) -> None:
    configure(home, world, "alert_names = true\n")
    sakigake("watch", "add", "rss", f"url={feed(world, world.picture('/d.jpg', scene.derived()))}")
    process("watch", "run", "--once", lang="ja")
    (message,) = world.receiver.got
    assert str(message["message"]).startswith("似た構図の投稿があります。ご確認ください。\n")
    assert "/canary-handle/0" in str(message["message"])


def test_a_link_and_a_file_are_handed_in(home: Path, world: scene.World, tmp_path: Path) -> None:
    configure(home, world)
    world.picture("/d.jpg", scene.derived())
    page = world.page("/works/1", '<meta property="og:image" content="/d.jpg">')
    (tmp_path / "u.jpg").write_bytes(scene.unrelated(3))
    sakigake("watch", "inbox", page)
    assert "before" in sakigake("watch", "inbox", page).stdout
    sakigake("watch", "inbox", str(tmp_path / "u.jpg"))
    ran = sakigake("watch", "run", "--once", "--json")
    assert json.loads(ran.stdout.splitlines()[-1])["findings"] == 1
    assert page in sakigake("findings", "show", "1").stdout
    for wrong in (("nothing.jpg",), (), ("x", "--clipboard")):
        assert (
            "Traceback"
            not in sakigake("watch", "inbox", *wrong, code=4 if wrong == ("nothing.jpg",) else 2).stderr
        )


def test_a_link_is_checked(home: Path, world: scene.World) -> None:
    configure(home, world)
    world.picture("/d.jpg", scene.derived())
    page = world.page("/i/status/1", '<meta name="twitter:image" content="/d.jpg">')
    ran = process("check", page, "--json")
    told = json.loads(ran.stdout)
    assert told["likeness"] in {"some", "strong"}
    assert told["posted"]["not_after"]["class"] == "W"
    text = sakigake("check", page).stdout
    assert "class W" in text
    stated = json.loads(
        sakigake("check", page, "--json", "--posted-not-before", "2026-11-23T00:00:00Z").stdout
    )
    assert stated["order"] == "draft_first"
    assert "posted" not in stated
    world.site.pages["/none"] = answer(b"<html></html>")
    assert "names no picture" in sakigake("check", world.site.url("/none"), code=2).stderr
    assert "not asked" in sakigake("check", "http://127.0.0.1/", code=5).stderr


@pytest.mark.parametrize(("path", "lang"), [("/copy.jpg", "en"), ("/@me/100000000000000000", "ja")])
def test_a_servers_own_word_never_makes_its_post_the_earlier_one(
    home: Path, world: scene.World, path: str, lang: str
) -> None:
    # A server that dates its answers to 2001, and by a path that looks like Mastodon's its post to 2018.
    configure(home, world)
    world.site.pages[path] = answer(
        scene.derived(), headers=("Content-Type: image/jpeg", "Date: Mon, 01 Jan 2001 00:00:00 GMT")
    )
    told = json.loads(sakigake("check", world.site.url(path), "--json").stdout)
    assert told["likeness"] in {"some", "strong"}
    assert told["order"] != "post_first"
    assert told["post"]["not_before"] is None
    assert told["posted"]["not_after"]["basis"] == "first-seen"
    assert told["posted"]["not_after"]["class"] == "W"
    text = sakigake("check", world.site.url(path), lang=lang).stdout
    assert "first-seen" in text.split("Post: " if lang == "en" else "投稿: ")[1].splitlines()[0]
    for stated in ("as stated", "申告のまま"):
        assert stated not in text
    if "@" not in path:
        by_hand = sakigake(
            "check", world.site.url(path), "--posted-not-before", "2026-11-23T00:00:00Z"
        ).stdout
        assert "as stated, not checked" in by_hand
        return
    assert told["posted"]["not_before"]["basis"] == "mastodon-id-by-path"
    sakigake("watch", "inbox", world.site.url(path))
    sakigake("watch", "run", "--once")
    assert json.loads(sakigake("findings", "show", "1", "--json").stdout)["order"] != "post_first"


HOSTILE = "\x1b[2J\x9b31m\u202e"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_that_strangers_wrote_reaches_the_terminal_as_it_is(home: Path, lang: str) -> None:
    from tests.watch.store.conformance import a_finding, a_post, settled, with_feed
    from watch.store.records import PostState
    from watch.store.sqlite import SqliteWatchStore

    long = "https://example.com/" + "a" * 300_000
    store = SqliteWatchStore(home / "watch.db")
    post = dataclasses.replace(
        a_post(1), url=f"{long}{HOSTILE}", author_name=f"name{HOSTILE}", author_id=f"id{HOSTILE}"
    )
    with_feed(store, post)
    settled(store, 1, PostState.FOUND, a_finding())
    store.close()
    sakigake("findings", "review", "1", "--as", "confirmed", "--note", f"note{HOSTILE}")
    for words in (("findings", "show", "1", "--names"), ("findings", "accounts"), ("findings", "list")):
        ran = sakigake(*words, lang=lang)
        assert not set(ran.stdout + ran.stderr) & set(HOSTILE.replace("[2J", "").replace("31m", "")), words
        assert len(ran.stdout) < 10_000
    assert sakigake("findings", "show", "1", "--names", "--json").stdout.isascii()
    assert sakigake("watch", "list", "--json").stdout.isascii()
    refused = sakigake("watch", "add", "folder", f"path={home}", "--name", f"a{HOSTILE}", code=2, lang=lang)
    assert not set(refused.stderr) & {"\x1b", "\x9b", "\u202e"}


def test_a_source_is_known_by_what_it_reads_and_added_once(
    home: Path, world: scene.World, tmp_path: Path
) -> None:
    configure(home, world)
    url = world.site.url("/feed.xml?tag=art&token=hunter2")
    (tmp_path / "in").mkdir()
    sakigake("watch", "add", "rss", f"url={url}", "--name", "news")
    sakigake("watch", "add", "folder", f"path={tmp_path / 'in'}")
    for lang, said in (("en", "“news” reads the same"), ("ja", "「news」がすでに読んでいます")):
        refused = sakigake("watch", "add", "rss", f"url={url}", "every_s=400", code=2, lang=lang)
        assert said in refused.stderr
    sakigake("watch", "add", "folder", f"path={tmp_path / 'in'}/../in/", code=2)
    sakigake("watch", "add", "rss", f"url={world.site.url('/other.xml')}")
    for shown in (sakigake("watch", "list").stdout, sakigake("watch", "list", "--json").stdout):
        assert "/feed.xml?tag=art" in shown
        assert "hunter2" not in shown
        assert str(tmp_path / "in") in shown


def test_a_file_that_was_handed_in_is_known_by_its_name(
    home: Path, world: scene.World, tmp_path: Path
) -> None:
    configure(home, world, "alert_names = true\n")
    path = tmp_path / "from-a-fan.jpg"
    path.write_bytes(scene.derived())
    sakigake("watch", "inbox", str(path))
    sakigake("watch", "run", "--once")
    for lang in ("en", "ja"):
        shown = sakigake("findings", "show", "1", lang=lang).stdout
        assert "from-a-fan.jpg" in shown
        assert "inbox" in shown
        assert str(tmp_path) not in shown
    assert json.loads(sakigake("findings", "show", "1", "--json").stdout)["file"] == path.name
    assert "from-a-fan" not in json.dumps(world.receiver.got), "what the file is called stays here"
    assert len(world.receiver.got) == 1


def test_sources_are_kept_paused_and_removed(home: Path, world: scene.World) -> None:
    configure(home, world)
    url = feed(world, world.picture("/u.jpg", scene.unrelated(1)))
    assert "Nothing is watched" in sakigake("watch", "list", code=4).stderr
    sakigake("watch", "add", "rss", f"url={url}", "--name", "news")
    sakigake("watch", "add", "rss", f"url={url}", "--name", "news", code=2)
    sakigake("watch", "add", "rss", "ur1=x", code=2)
    sakigake("watch", "add", "nonsense", code=2)
    assert "1 posts and 1 pictures" in sakigake("watch", "test", "news").stdout
    sakigake("watch", "pause", "news")
    assert "paused" in sakigake("watch", "list").stdout
    assert json.loads(sakigake("watch", "run", "--once", "--json").stdout)["posts"] == 0
    sakigake("watch", "resume", "news")
    assert json.loads(sakigake("watch", "run", "--once", "--json").stdout)["posts"] == 1
    (hole,) = json.loads(sakigake("watch", "list", "--json").stdout)["holes"]
    assert hole["reason"] == "paused"
    assert hole["ended"]
    sakigake("watch", "remove", "news")
    sakigake("watch", "pause", "news", code=4)


def test_a_trial_message_is_sent_and_a_refusal_told(home: Path, world: scene.World) -> None:
    configure(home, world)
    sakigake("watch", "test", "--alerts")
    assert "trial" in str(world.receiver.got[0]["message"])
    world.receiver.answers = ["500 No"]
    assert "did not take" in sakigake("watch", "test", "--alerts", code=5).stderr
    sakigake("watch", "test", code=2)
    (home / "sakigake.toml").write_text("[watch]\nalerts = ['nobody']\n", encoding="utf-8")
    assert "nobody who can be told" in sakigake("watch", "test", "--alerts", code=3).stderr


def test_a_single_run_says_which_source_failed(home: Path, world: scene.World) -> None:
    configure(home, world)
    world.site.pages["/gone.xml"] = answer(b"", "404 Not Found")
    sakigake("watch", "add", "rss", f"url={world.site.url('/gone.xml')}", "--name", "news")
    ran = sakigake("watch", "run", "--once", "--json", code=1)
    assert json.loads(ran.stdout.splitlines()[-1])["failed"] == ["news"]
    assert "news" in sakigake("watch", "run", "--once", code=1, lang="ja").stdout


def test_the_pace_of_a_source_holds_across_starts(home: Path, world: scene.World) -> None:
    configure(home, world)
    asked: list[int] = []
    url = feed(world, world.picture("/u.jpg", scene.unrelated(1)))
    told = world.site.pages["/feed.xml"]

    def counted(request: Asked, connection: object) -> bool:
        asked.append(1)
        return told(request, connection)  # type: ignore[arg-type]

    world.site.pages["/feed.xml"] = counted
    sakigake("watch", "add", "rss", f"url={url}", "--name", "news")
    sakigake("watch", "run", "--once")
    assert "its pace allows" in sakigake("watch", "run", "--once").stdout
    assert len(asked) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="ends by signal")
def test_ending_is_said_while_a_server_keeps_it_waiting(home: Path, world: scene.World) -> None:
    configure(home, world)
    url = feed(world)
    gate, begun = threading.Event(), threading.Event()

    def held(request: Asked, connection: object) -> bool:
        begun.set()
        gate.wait(25)
        return answer(b"", "404 Not Found")(request, connection)  # type: ignore[arg-type]

    world.site.pages["/feed.xml"] = held
    sakigake("watch", "add", "rss", f"url={url}")
    command = [sys.executable, "-m", "desk", "watch", "run", "--once"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as running:
        assert begun.wait(60)
        running.send_signal(signal.SIGINT)
        assert running.stdout
        assert any("Ending." in line for line in running.stdout)
        assert not gate.is_set()
        assert running.poll() is None, "it was said before the server let go"
        gate.set()
        assert running.wait(60) == 0


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_missing_extra_is_said_by_every_command(
    home: Path, world: scene.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    configure(home, world)
    sakigake("watch", "add", "rss", f"url={feed(world)}", "--name", "news")
    missing = "raise ModuleNotFoundError(\"No module named 'httpcore'\", name='httpcore')\n"
    (tmp_path / "httpcore.py").write_text(missing, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for command in (
        ("add", "rss", "url=https://example.com/"),
        ("test", "news"),
        ("run", "--once"),
        ("inbox", "x.jpg"),
    ):
        said = process("watch", *command, code=2, lang=lang).stderr
        assert "httpcore" in said
        assert 'pip install "sakigake[watch]"' in said


def test_accounts_count_confirmed_findings_only(home: Path) -> None:
    from tests.watch.store.conformance import a_finding, a_post, settled, with_feed
    from watch.store.records import PostState
    from watch.store.sqlite import SqliteWatchStore

    store = SqliteWatchStore(home / "watch.db")
    with_feed(store, *(a_post(number, author="did:plc:x") for number in range(3)))
    for number in range(3):
        settled(store, number, PostState.FOUND, a_finding(str(number) * 64))
    store.close()
    assert "No account" in sakigake("findings", "accounts").stdout
    sakigake("findings", "review", "1", "--as", "confirmed")
    sakigake("findings", "review", "2", "--as", "dismissed")
    told = json.loads(sakigake("findings", "accounts", "--own", "bluesky:did:plc:me", "--json").stdout)
    assert told["own"] == [{"platform": "bluesky", "author_id": "did:plc:me"}]
    (account,) = told["accounts"]
    assert (account["author_id"], account["works"], account["posts"], account["dismissed"]) == (
        "did:plc:x",
        1,
        1,
        1,
    )
    sakigake("findings", "accounts", "--not-own", "bluesky:did:plc:me")
    sakigake("findings", "accounts", "--not-own", "bluesky:did:plc:me", code=4)
    sakigake("findings", "accounts", "--own", "odd", code=2)
