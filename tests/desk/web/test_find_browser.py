"""Findings, export, watching and the bookmarklet in a real Chromium: by keyboard, in both languages, at both widths."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest

from desk import pairing
from desk.watching import open_watch
from sakigake import words
from sakigake.errors import NotFoundError
from tests.desk.web import finds
from tests.desk.web.conftest import Served, served
from tests.desk.web.keyboard import chromium, faults, fits, opened, press, tab_to
from tests.peers.web import Site, answer, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIZES = [("ja", 1280), ("en", 390)]
LINK = "https://x.com/somebody/status/1700000000000000001"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> finds.Home:
    made = finds.recorded(tmp_path_factory.mktemp("browser") / "home", tokens=False)
    finds.found(made)
    hostile = f"\u202e{finds.SCRIPT}" * 50
    told = finds.post(2, url=f"javascript:{finds.SCRIPT}", author_name=hostile, author_id=hostile)
    finds.found(made, 1, told)
    return made


@pytest.fixture(scope="module")
def desk(home: finds.Home) -> Iterator[Served]:
    with served(home.settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as started:
        yield started


def say(lang: str, key: str, **values: object) -> str:
    return words.text(key, lang, **values)


@pytest.mark.parametrize(("lang", "width"), SIZES)
def test_a_finding_is_reviewed_and_exported_by_keyboard_alone(
    desk: Served, browser: "Browser", tmp_path: Path, lang: str, width: int
) -> None:
    context, page = opened(browser, desk.link(), lang, width)
    wrong: list[str] = []

    def looked_at() -> None:
        wrong.extend(faults(page))
        assert fits(page), page.url

    page.goto(f"{desk.url}/findings?review=all")
    looked_at()
    press(page, 'a[href="/findings/1"]')
    looked_at()
    tab_to(page, "#note")
    page.keyboard.type("looked at both")
    press(page, 'button[value="confirmed"]')
    assert (
        page.locator('[role="status"]')
        .inner_text()
        .startswith(say(lang, "desk.findings.kept", review=say(lang, "findings.review.confirmed")))
    )
    assert page.locator("#note").input_value() == "looked at both"
    press(page, 'form[action="/findings/1/undo"] button')
    assert not page.locator("#note").input_value()
    press(page, 'a[href="/findings/1?names=1#evidence-title"]')
    assert "canary-name" in page.content()
    press(page, 'a[href="/findings/1/visit"]')
    looked_at()
    page.go_back()
    press(page, 'a[href="/findings/1/erase"]')
    looked_at()
    press(page, 'main .actions a[href="/findings/1"]')
    press(page, 'a[href="/export?finding=1"]')
    looked_at()
    tab_to(page, 'input[name="audience"]')
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert page.locator('input[name="audience"]:checked').get_attribute("value") == "public"
    press(page, "main form button.primary")
    looked_at()
    press(page, "main form button.primary")
    looked_at()
    assert page.get_by_role("heading", name=say(lang, "desk.export.before-title")).is_visible()
    tab_to(page, 'input[name="read"]')
    page.keyboard.press("Space")
    tab_to(page, 'input[name="folder"]')
    page.keyboard.press("Control+a")
    page.keyboard.type(str(tmp_path))
    press(page, "main form button.primary")
    page.get_by_text(say(lang, "desk.export.verdict.integrity-only")).wait_for()
    looked_at()
    tab_to(page, 'a[href$="/package"]')
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    (out,) = tmp_path.iterdir()
    assert Path(download.value.path()).read_bytes() == out.read_bytes()
    assert not wrong
    context.close()


def test_the_whole_export_works_without_scripts(desk: Served, browser: "Browser", tmp_path: Path) -> None:
    context, page = opened(browser, desk.link(), "en", 1280, java_script_enabled=False)
    page.goto(f"{desk.url}/export?finding=1")
    for _ in range(2):
        page.locator("main form button.primary").click()
    page.locator("#folder").fill(str(tmp_path))
    page.locator("main form button.primary").click()
    page.get_by_text(say("en", "desk.export.verdict.integrity-only")).wait_for()
    assert len(list(tmp_path.iterdir())) == 1
    context.close()


@pytest.mark.parametrize(("lang", "width"), SIZES)
def test_what_is_watched_is_looked_after_by_keyboard(
    desk: Served, browser: "Browser", lang: str, width: int
) -> None:
    context, page = opened(browser, desk.link(), lang, width)
    wrong: list[str] = []
    page.goto(f"{desk.url}/watch")
    press(page, 'a[href="/watch/add"]')
    wrong += faults(page)
    press(page, 'a[href="/watch/add/rss"]')
    wrong += faults(page)
    tab_to(page, "#option-url")
    page.keyboard.type(f"https://feeds.example/{lang}.xml")
    press(page, "main form button.primary")
    wrong += faults(page)
    assert fits(page)
    press(page, 'main a[href="/watch"]')
    wrong += faults(page)
    assert fits(page)
    assert f"https://feeds.example/{lang}.xml" in page.content()
    tab_to(page, "#links")
    page.keyboard.type(f"https://example.com/{lang}.png")
    press(page, 'form[action="/watch/inbox"] button.primary')
    assert page.locator('p[role="status"]').inner_text() == say(lang, "desk.watching.done.handed")
    page.goto(f"{desk.url}/pair")
    wrong += faults(page)
    assert fits(page)
    assert not wrong
    context.close()


def test_a_hostile_post_stays_text(desk: Served, browser: "Browser") -> None:
    context, page = opened(browser, desk.link(), "en", 1280)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/findings?review=all", "/findings/2?names=1", "/findings/2/visit", "/export?finding=2"):
        page.goto(desk.url + path)
        assert "owned" not in page.title()
        assert page.locator("main script, main img[onerror]").count() == 0
        assert page.locator('main a[href^="javascript:"], main a[href^="data:"]').count() == 0
    assert all(url.startswith(desk.url) for url in asked)
    context.close()


FOREIGN = """<!doctype html><title>&lt;script&gt;alert(1)&lt;/script&gt; a picture</title>
<img src="/big.png" width="600" height="600"><img src="/small.png">"""


@pytest.fixture
def foreign() -> Iterator[Site]:
    """A page of another site: `localhost` is another one than 127.0.0.1."""
    png = finds.shown_picture()
    pages = {
        "/": answer(FOREIGN.encode(), headers=("Content-Type: text/html",)),
        "/big.png": answer(png, headers=("Content-Type: image/png",)),
    }
    with serving(pages) as site:
        yield site


def elsewhere(site: Site) -> str:
    return f"http://localhost:{site.port}/"


def handed(desk: Served) -> int:
    try:
        with closing(open_watch(desk.settings)) as store:
            return store.waiting()
    except NotFoundError:
        return 0


def key_of(desk: Served) -> str:
    return str(desk.app.state.desk.entrance.key(pairing.KIND))


@pytest.mark.parametrize("let_in", [True, False])
def test_the_bookmark_hands_in_after_a_click_and_not_before(
    desk: Served, browser: "Browser", foreign: Site, let_in: bool
) -> None:
    before = handed(desk)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    if let_in:
        page.goto(desk.link())
    page.goto(elsewhere(foreign) + f"?let-in={let_in}")
    script = unquote(pairing.bookmarklet(f"127.0.0.1:{desk.port}", key_of(desk)).removeprefix("javascript:"))
    with context.expect_page() as opening:
        page.evaluate(script)
    window = opening.value
    button = window.locator("button.primary")
    button.wait_for()
    assert window.evaluate("window.opener") is None
    assert "#" not in window.url
    assert "<script>alert(1)</script> a picture" in window.locator("main").inner_text()
    assert window.locator('input[name="picture"]').count() == 1
    assert handed(desk) == before
    assert faults(window) == []
    window.bring_to_front()
    window.locator("button.primary:enabled").wait_for()
    with window.expect_navigation():
        button.press("Enter")
    assert say("en", "desk.pairing.done") in window.content()
    assert handed(desk) == before + 1
    context.close()


def test_no_page_can_hand_in_by_itself(desk: Served, browser: "Browser", foreign: Site) -> None:
    """A page that knows the key tries every way there is, in a browser that was let in."""
    before, key = handed(desk), key_of(desk)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(desk.link())
    page.goto(elsewhere(foreign))
    told = quote(json.dumps({"url": LINK, "title": "t", "pictures": []}))
    window_url = f"{desk.url}/hand-in?k={key}#{told}"
    # A hand on the window, to put another link under the click at the last moment.
    with context.expect_page() as opening:
        page.evaluate(
            "url => { window.held = window.open(url, 'held', 'width=500,height=500'); }", window_url
        )
    window = opening.value
    window.locator("button.primary").wait_for()
    assert page.evaluate("() => { try { return window.held.closed } catch (e) { return 'cut' } }") in {
        True,
        "cut",
    }
    assert window.evaluate("window.opener") is None
    other = quote(json.dumps({"url": "https://evil.example/", "title": "", "pictures": []}))
    page.evaluate(
        "url => { try { window.held.location = url } catch (e) {} }", f"{desk.url}/hand-in?k={key}#{other}"
    )
    assert "evil.example" not in window.locator("main").inner_text()
    # Forms, fetches and frames of its own.
    fields = {"url": LINK, "told": unquote(told), "links": LINK}
    for path in (f"/hand-in/add?k={key}", f"/hand-in/ask?k={key}", "/watch/inbox"):
        page.evaluate(
            """([url, fields]) => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include',
                 body: new URLSearchParams(fields)}).catch(() => 0)""",
            [desk.url + path, fields],
        )
        page.goto(elsewhere(foreign))
        with page.expect_navigation():
            page.evaluate(
                """([url, fields]) => { const form = document.createElement('form'); form.method = 'POST'; form.action = url;
                 for (const [name, value] of Object.entries(fields)) { const input = document.createElement('input');
                 input.name = name; input.value = value; form.append(input); } document.body.append(form); form.submit(); }""",
                [desk.url + path, fields],
            )
        assert "Nothing was done" in page.content()
        page.goto(elsewhere(foreign))
    page.evaluate(
        "url => { const frame = document.createElement('iframe'); frame.src = url; document.body.append(frame); }",
        window_url,
    )
    page.wait_for_timeout(500)
    assert not [frame for frame in page.frames if frame.url.startswith(desk.url) and _shows(frame)]
    assert handed(desk) == before
    context.close()


def _shows(frame: object) -> bool:
    try:
        return bool(frame.locator("form").count())  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - a frame that was refused has no document of ours
        return False


def test_a_second_click_does_not_land_on_the_button(desk: Served, browser: "Browser") -> None:
    context = browser.new_context()
    window: Page = context.new_page()
    told = quote(json.dumps({"url": LINK, "title": "t", "pictures": []}))
    window.goto(f"{desk.url}/hand-in?k={key_of(desk)}#{told}")
    window.locator("button.primary").wait_for()
    late = window.evaluate(
        """() => new Promise(done => { window.dispatchEvent(new Event('focus'));
             const button = document.querySelector('button.primary'); const at = button.disabled;
             setTimeout(() => done([at, button.disabled]), 1500); })"""
    )
    assert late == [True, False]
    context.close()


def test_an_old_form_from_the_history_asks_again(desk: Served, browser: "Browser") -> None:
    context = browser.new_context()
    window = context.new_page()
    window.goto(f"{desk.url}/hand-in?k={key_of(desk)}")
    assert window.locator("#nothing").is_visible()
    context.close()
