"""Links and files that a person hands in or checks, against servers on loopback."""

import json
from pathlib import Path

import pytest

from tests.peers.web import answer
from tests.watch.commands import configure, home, process, sakigake, world
from tests.watch.pipeline import scene

__all__ = ["home", "world"]


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
