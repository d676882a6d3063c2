"""`sakigake watch` as a person types it, against servers on loopback."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.peers.web import Asked, answer
from tests.watch.commands import configure, feed, home, process, sakigake, world
from tests.watch.pipeline import scene

__all__ = ["home", "world"]


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
