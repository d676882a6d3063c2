"""The pages of what is watched: forms made from the options themselves, secrets never shown back, nothing added unasked."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from desk import sources
from desk.watching import open_watch
from desk.web.watched import views
from sakigake import words
from sakigake.errors import UsageError
from sakigake.settings import Settings
from tests.desk.web import finds
from tests.desk.web.conftest import Served, served
from tests.watch.sources.draining import net_to
from tests.watch.sources.test_registry import EXAMPLES
from watch.post import Post
from watch.sources import registry, tokens
from watch.store.records import HoleRow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FEED = "https://feeds.example/feed.xml"
SECRET = "canary-secret-7f3a9b2c1d8e"  # noqa: S105 - of nothing


def kept(desk: Served) -> list[str]:
    with closing(open_watch(desk.settings, make=True)) as store:
        return [row.id for row in store.sources()]


def handed_in(desk: Served) -> list[Post]:
    with closing(open_watch(desk.settings, make=True)) as store:
        return [row.post for row in store.due(datetime.now(UTC) + timedelta(days=1), 100)]


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_every_option_and_kind_has_its_words(lang: str) -> None:
    table = words.table(lang)
    for kind in registry.KINDS:
        assert f"desk.watching.kind.{kind}" in table
        assert f"desk.watching.kind-about.{kind}" in table
        for field in registry.fields(kind):
            assert f"desk.watching.option.{field.name}" in table
            for choice in field.choices:
                assert f"desk.watching.choice.{choice}" in table
        with words.speaking(lang):
            assert all(each.label for each in views.inputs(registry.fields(kind), {}))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_the_form_of_each_kind_asks_for_its_options(desk: Served, kind: str) -> None:
    page = desk.client.get(f"/watch/add/{kind}")
    assert page.status_code == 200
    for field in registry.fields(kind):
        assert f'name="{field.name}"' in page.text
    assert f"/watch/add/{kind}" in desk.client.get("/watch/add").text


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_is_said_before_is_what_the_source_itself_says(kind: str) -> None:
    with net_to() as net, closing(registry.make(kind, EXAMPLES[kind], net)) as made:
        itself = sources.described(made.describe())
    assert set(views.beforehand(kind)) <= set(itself)


@pytest.mark.parametrize("kind", ["inbox", "twitter", "rss%2F..", "<script>"])
def test_a_kind_that_there_is_not(desk: Served, kind: str) -> None:
    assert desk.client.get(f"/watch/add/{kind}").status_code == 404
    assert desk.client.post(f"/watch/add/{kind}", data={"url": FEED}).status_code in {404, 405}


def test_a_source_is_added_and_said_what_it_sends(desk: Served) -> None:
    page = desk.client.post("/watch/add/rss", data={"url": FEED, "every_s": "900", "name": "  "})
    assert "What leaves the computer" in page.text
    assert kept(desk) == ["rss"]
    with closing(open_watch(desk.settings)) as store:
        assert dict(store.source("rss").config) == {"url": FEED}
    twice = desk.client.post("/watch/add/rss", data={"url": FEED, "every_s": "1200"})
    assert twice.status_code == 400
    assert kept(desk) == ["rss"]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({}, "url"),
        ({"url": "javascript:x"}, "url"),
        ({"url": FEED, "every_s": "1"}, "every_s"),
        ({"url": FEED, "every_s": "x" * 5000}, "every_s"),
        ({"url": FEED, "name": "a\u202eb"}, ""),
        ({"url": FEED, "name": "x" * 101}, ""),
    ],
)
def test_what_cannot_be_is_shown_again_with_what_is_wrong(
    desk: Served, data: dict[str, str], wrong: str
) -> None:
    page = desk.client.post("/watch/add/rss", data=data)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    if wrong:
        before = page.text.split(f'name="{wrong}"', 1)[1].split(">", 1)[0]
        assert 'aria-invalid="true"' in before
    assert kept(desk) == []


def test_a_field_that_no_form_has_is_left_alone(desk: Served) -> None:
    page = desk.client.post("/watch/add/rss", data={"url": FEED, "trusted_hosts": "127.0.0.1:1", "id": "x"})
    assert page.status_code == 200
    with closing(open_watch(desk.settings)) as store:
        assert dict(store.source("rss").config) == {"url": FEED}


def test_what_opens_an_account_is_never_shown_back(desk: Served) -> None:
    with closing(open_watch(desk.settings, make=True)) as store:
        url = f"https://user:{SECRET}@feeds.example/f?token={SECRET}&x=1"
        store.add_source("f", "rss", {"url": url}, NOW)
    page = desk.client.get("/watch").text
    assert SECRET not in page
    assert "feeds.example" in page
    alerts = [f"ntfys://:{SECRET}@push.example/{SECRET}", "desktop"]
    told = Settings(
        desk.home, {**desk.settings.tables, "watch": {**desk.settings.section("watch"), "alerts": alerts}}
    )
    shown = views.alerts(told)
    assert shown.shown == ("ntfys://…", "a notification on this computer")
    odd = Settings(
        desk.home, {**desk.settings.tables, "watch": {**desk.settings.section("watch"), "alerts": ["x y"]}}
    )
    assert views.alerts(odd).trouble


def test_a_token_goes_into_the_keyring_and_nowhere_else(
    desk: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring = pytest.importorskip("keyring")
    from tests.timeline.keyring_backend import FileKeyring

    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "keyring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    try:
        _tokens_are_kept(desk)
    finally:
        keyring.set_keyring(before)


def _tokens_are_kept(desk: Served) -> None:
    desk.client.post("/watch/add/mastodon", data={"server": "social.example", "tag": "art", "stream": "true"})
    page = desk.client.post("/watch/token", data={"server": "social.example", "token": SECRET})
    assert "The token is kept" in page.text
    assert tokens.token("social.example") == SECRET
    shown = desk.client.get("/watch").text
    assert SECRET not in shown
    assert "kept (never shown)" in shown
    assert not [
        path for path in desk.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert "The token was removed" in desk.client.post("/watch/token", data={"server": "social.example"}).text
    assert tokens.token("social.example") == ""


@pytest.mark.parametrize("server", ["", "a b", "-x", "a/../b", "x" * 300, "a\nb", "ホスト"])
def test_an_odd_host_gets_no_token(desk: Served, server: str) -> None:
    answer = desk.client.post("/watch/token", data={"server": server, "token": SECRET})
    assert answer.status_code == 400
    assert SECRET not in answer.text


@pytest.mark.parametrize("given", ["x" * 1001, "あ", "a\tb"])
def test_an_odd_token_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        tokens.keep("social.example", given)


def test_without_a_keyring_it_says_which_variable(desk: Served) -> None:
    answer = desk.client.post("/watch/token", data={"server": "social.example", "token": SECRET})
    assert answer.status_code == 400
    assert "SAKIGAKE_TOKEN_SOCIAL_EXAMPLE" in answer.text


def test_pausing_resuming_and_removing(desk: Served) -> None:
    name = '"><script>document.title=1</script>/../x'
    with closing(open_watch(desk.settings, make=True)) as store:
        store.add_source(name, "rss", {"url": FEED}, NOW)
    assert "<script>document" not in desk.client.get("/watch").text
    assert "counts as not watched" in desk.client.post("/watch/sources/pause", data={"source": name}).text
    assert "still going on" in desk.client.get("/watch").text
    desk.client.post("/watch/sources/resume", data={"source": name})
    with closing(open_watch(desk.settings)) as store:
        assert not store.source(name).paused
    assert desk.client.post("/watch/sources/erase-all", data={"source": name}).status_code == 404
    assert desk.client.post("/watch/sources/pause", data={"source": "nobody"}).status_code == 404
    desk.client.post("/watch/sources/remove", data={"source": name})
    assert kept(desk) == []


def test_trouble_and_holes_are_said_in_words(desk: Served) -> None:
    with closing(open_watch(desk.settings, make=True)) as store:
        store.add_source("f", "rss", {"url": FEED}, NOW)
        store.note_trouble("f", "fetch-too-slow", NOW + timedelta(minutes=5))
    page = desk.client.get("/watch").text
    assert "does not answer as it should" in page
    assert "the server took too long" in page
    rows = [
        HoleRow("f", NOW - timedelta(hours=n), NOW - timedelta(hours=n - 1), "paused") for n in range(1, 60)
    ]
    shown = views.holes([*rows, HoleRow("f", NOW - timedelta(days=9), None, "not-running")])
    assert shown[0].ended is None
    assert len(shown) == views.MOST_HOLES


def test_links_and_pictures_are_handed_in(desk: Served, tmp_path: Path) -> None:
    text = "見て https://x.com/a/status/1700000000000000001 と https://example.com/p.png javascript:alert(1)"
    assert "Handed in." in desk.client.post("/watch/inbox", data={"links": text}).text
    assert [post.url for post in handed_in(desk)] == [
        "https://x.com/a/status/1700000000000000001",
        "https://example.com/p.png",
    ]
    assert "handed in before" in desk.client.post("/watch/inbox", data={"links": text}).text
    upload = {"picture": ("../../etc/x.png", finds.shown_picture(), "image/png")}
    assert "Handed in." in desk.client.post("/watch/inbox", files=upload).text
    (media,) = handed_in(desk)[-1].media
    assert Path(media.path).parent == desk.home / "inbox"
    assert not tmp_path.joinpath("x.png").exists()


@pytest.mark.parametrize(
    "text", ["", "no link here", "/etc/passwd", "file:///etc/passwd", "javascript:alert(1)"]
)
def test_what_is_no_link_is_refused_and_no_file_of_the_computer_is_read(desk: Served, text: str) -> None:
    answer = desk.client.post("/watch/inbox", data={"links": text})
    assert answer.status_code == 400
    assert handed_in(desk) == []


def test_what_is_no_picture_is_refused(desk: Served) -> None:
    upload = {"picture": ("x.png", b"<svg onload=alert(1)>", "image/png")}
    assert desk.client.post("/watch/inbox", files=upload).status_code == 400
    assert not list((desk.home / "inbox").glob("*"))


BUTTONS = (
    "/watch/add/rss",
    "/watch/sources/pause",
    "/watch/sources/remove",
    "/watch/inbox",
    "/watch/token",
    "/watch/run/start",
    "/watch/run/stop",
    "/pair/renew",
)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("buttons")
    (home / "sakigake.toml").write_text(finds.CONFIG, encoding="utf-8")
    from sakigake import settings

    with served(settings.load(home)) as running:
        yield running


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://127.0.0.1:1"])
def test_no_button_can_be_pressed_from_elsewhere(standing: Served, path: str, origin: str) -> None:
    cookies = dict(standing.client.cookies)
    with httpx.Client(base_url=standing.url, cookies=cookies, trust_env=False, timeout=20) as browser:
        answer = browser.post(
            path, data={"url": FEED, "links": FEED, "source": "x"}, headers={"origin": origin}
        )
    assert answer.status_code == 403
    with standing.stranger(origin=standing.url) as stranger:
        assert stranger.post(path, data={"url": FEED, "links": FEED}).status_code == 403
    assert kept(standing) == []
    assert handed_in(standing) == []


def test_a_state_line_says_each_state() -> None:
    os.environ["SAKIGAKE_LANG"] = "en"
    from watch.store.records import SourceRow

    row = SourceRow("f", "rss", {}, NOW)
    assert sources.state_line(row) == "not asked yet"
    assert views.done("nonsense") == ""
    assert views.kind_words("later-kind") == "later-kind"


@pytest.mark.slow
def test_the_watcher_is_started_and_stopped_from_the_page(tmp_path: Path) -> None:
    home = finds.recorded(tmp_path / "home")
    with served(home.settings) as desk:
        desk.client.timeout = httpx.Timeout(90)
        page = desk.client.post("/watch/run/start")
        assert page.status_code == 200, page.text
        assert "Stop watching" in page.text
        assert desk.app.state.desk.supervisor.watcher().runs
        page = desk.client.post("/watch/run/stop")
        assert page.status_code == 200
        assert "Start watching" in page.text
        assert not desk.app.state.desk.supervisor.watcher().runs
