"""The bookmarklet: what it hands over is read strictly, its key opens one page only, and nothing is kept without a click."""

import json
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk import pairing
from desk.watching import open_watch
from sakigake.errors import NotFoundError, UsageError
from tests.desk.web.conftest import Served

LINK = "https://x.com/somebody/status/1700000000000000001"
PICTURE = "https://pbs.twimg.com/media/abc.jpg"


def note(**more: object) -> str:
    return json.dumps({"url": LINK, "title": "t", "pictures": [PICTURE], **more})


def test_what_is_handed_over_is_read() -> None:
    told = pairing.read(
        note(pictures=[PICTURE, PICTURE, "javascript:x", "data:image/png,x", 7, "https://a.example/b.png"])
    )
    assert told == pairing.Told(LINK, "t", (PICTURE, "https://a.example/b.png"))
    assert len(pairing.read(note(pictures=[f"https://a.example/{n}.png" for n in range(50)])).pictures) == 8
    assert pairing.read(note(title="a\u202eb\nc" + "x" * 500)).title.startswith("a\ufffdb")
    assert pairing.read(note(title=["x"], pictures="x")) == pairing.Told(LINK, "", ())


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", "null", "7", '"x"', "{", "[" * 5000),
        *(
            note(url=url)
            for url in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", 7, "https://", "")
        ),
        note(title="x" * 50_000),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        pairing.read(text)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_no_text_gets_past_the_reader_as_anything_but_a_link(text: str) -> None:
    try:
        told = pairing.read(text)
    except UsageError:
        return
    assert told.url.lower().startswith(("http://", "https://", "at://"))


def test_the_pace_is_counted_by_the_minute() -> None:
    now = [0.0]
    pace = pairing.Pace(2, lambda: now[0])
    pace.take()
    pace.take()
    with pytest.raises(UsageError):
        pace.take()
    now[0] = 60.0
    pace.take()


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here to run it")
def test_the_script_hands_over_the_page_and_its_large_pictures() -> None:
    address = pairing.bookmarklet("127.0.0.1:47611", "the-key")
    assert address.startswith("javascript:")
    assert not set(address) & set(' "<>\n')
    page = """
const img = (src, w, h, currentSrc) => ({src, currentSrc: currentSrc || '', naturalWidth: w, naturalHeight: h});
globalThis.document = {title: 'タイトル"<b>'.repeat(60), images: [img('https://a.example/s.png', 100, 900),
  img('https://a.example/m.png', 300, 300), img('https://a.example/l.png', 900, 900, 'https://a.example/l2.png'),
  img('https://a.example/m.png', 300, 300), img('data:image/png,x', 999, 999), img('blob:x', 999, 999)]};
globalThis.location = {href: 'https://x.com/a?b=c#d'};
globalThis.window = {open: (...all) => console.log(JSON.stringify(all))};
"""
    script = unquote(address.removeprefix("javascript:"))
    ran = subprocess.run(
        ["node", "-e", page + script], capture_output=True, encoding="utf-8", check=True, timeout=60
    )
    opened, target, features = json.loads(ran.stdout)
    where, _, fragment = opened.partition("#")
    assert where == "http://127.0.0.1:47611/hand-in?k=the-key"
    assert (target, "noopener" in features) == ("_blank", True)
    told = pairing.read(unquote(fragment))
    assert told.url == "https://x.com/a?b=c#d"
    assert told.pictures == ("https://a.example/l2.png", "https://a.example/m.png")
    assert len(told.title) == 200


@pytest.fixture
def key(desk: Served) -> str:
    return str(desk.app.state.desk.entrance.key(pairing.KIND))


def waiting(desk: Served) -> int:
    try:
        with closing(open_watch(desk.settings)) as store:
            return store.waiting()
    except NotFoundError:
        return 0


def test_asking_keeps_nothing_and_the_button_does(desk: Served, key: str) -> None:
    with desk.stranger(origin=desk.url) as browser:
        page = browser.get(f"/hand-in?k={key}")
        assert page.status_code == 200
        assert f'action="/hand-in/ask?k={key}"' in page.text
        title = "</title><script>document.title='owned'</script>\u202e"
        asked = browser.post(f"/hand-in/ask?k={key}", data={"told": note(title=title)})
        assert LINK in asked.text
        assert "<script>document" not in asked.text
        assert "\u202e" not in asked.text
        assert waiting(desk) == 0
        done = browser.post(f"/hand-in/add?k={key}", data={"url": LINK, "picture": [PICTURE]})
        assert "Handed in." in done.text
        assert waiting(desk) == 1
        assert (
            "handed in before"
            in browser.post(f"/hand-in/add?k={key}", data={"url": LINK, "picture": [PICTURE]}).text
        )
    with closing(open_watch(desk.settings)) as store:
        (row,) = store.due(datetime.now(UTC) + timedelta(days=1), 10)
    assert row.post.url == LINK
    assert [each.url for each in row.post.media] == [PICTURE]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "", "x", "data:text/html,x"])
def test_what_is_no_link_is_not_kept(desk: Served, key: str, url: str) -> None:
    with desk.stranger(origin=desk.url) as browser:
        assert browser.post(f"/hand-in/add?k={key}", data={"url": url}).status_code == 400
    assert waiting(desk) == 0


def test_the_key_opens_this_page_and_no_other(desk: Served, key: str) -> None:
    with desk.stranger(origin=desk.url) as browser:
        for path in (
            "/",
            "/findings",
            "/watch",
            "/pair",
            "/export",
            "/hand-inx",
            "/timeline",
            "/hand-in/../watch",
        ):
            assert browser.get(f"{path}?k={key}").status_code == 403, path
        for path in ("/watch/inbox", "/pair/renew", "/watch/run/start"):
            assert browser.post(f"{path}?k={key}", data={"links": LINK}).status_code == 403, path
    assert waiting(desk) == 0


@pytest.mark.parametrize("wrong", ["", "?k=", "?k=wrong", "?k=wrong&k=worse"])
def test_without_the_key_nothing_opens(desk: Served, key: str, wrong: str) -> None:
    with desk.stranger(origin=desk.url) as browser:
        assert browser.get(f"/hand-in{wrong}").status_code == 403
        assert browser.post(f"/hand-in/ask{wrong}", data={"told": note()}).status_code == 403
        assert browser.post(f"/hand-in/add{wrong}", data={"url": LINK}).status_code == 403
    assert key
    assert waiting(desk) == 0


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
def test_another_page_cannot_press_the_button_even_with_the_key(desk: Served, key: str, origin: str) -> None:
    with desk.stranger(origin=origin) as browser:
        assert browser.post(f"/hand-in/add?k={key}", data={"url": LINK}).status_code == 403
        assert browser.post(f"/hand-in/ask?k={key}", data={"told": note()}).status_code == 403
    assert waiting(desk) == 0


def test_a_new_key_makes_old_bookmarks_useless(desk: Served, key: str) -> None:
    assert key in desk.client.get("/pair").text
    page = desk.client.post("/pair/renew")
    assert "There is a new key." in page.text
    assert key not in page.text
    with desk.stranger(origin=desk.url) as browser:
        assert browser.get(f"/hand-in?k={key}").status_code == 403


def test_too_many_at_once_are_put_off(desk: Served, key: str) -> None:
    with desk.stranger(origin=desk.url) as browser:
        answers = [browser.post(f"/hand-in/ask?k={key}", data={"told": note()}) for _ in range(25)]
    assert [each.status_code for each in answers].count(400) == 5
    assert "Too many links" in answers[-1].text


def test_what_is_kept_is_shown_by_no_page_that_the_key_opens(desk: Served, key: str) -> None:
    desk.client.post("/watch/inbox", data={"links": LINK})
    with desk.stranger(origin=desk.url) as browser:
        assert LINK not in browser.get(f"/hand-in?k={key}").text
