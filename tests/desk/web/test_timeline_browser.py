"""The pages of sessions and checks in a real Chromium: dragging, the slider, keys, playing, both widths and languages.

Needs Debian's Chromium and the packages `playwright` and `axe-playwright-python` (it carries axe-core).
"""

import importlib.resources
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sakigake import settings
from tests.desk.web.conftest import Served, served
from tests.desk.web.studio import home_with_a_session, picture_bytes
from tests.watch.studio import drawing, redrawn

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.x11,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason="needs Debian's chromium"),
]
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = home_with_a_session(tmp_path_factory.mktemp("home"))
    (home / "post.png").write_bytes(picture_bytes(redrawn(drawing(11, 7))))
    patch = pytest.MonkeyPatch()
    patch.setenv("SAKIGAKE_HOME", str(home))
    patch.setenv("SAKIGAKE_LANG", "en")
    with served(settings.load()) as running:
        yield running
    patch.undo()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


def entered(browser: Any, place: Served, **more: Any) -> Any:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda line: page.faults.append(line.text) if line.type == "error" else None)
    page.goto(place.link())
    return page


@pytest.fixture
def page(browser: Any, place: Served) -> Iterator[Any]:
    opened = entered(browser, place)
    yield opened
    assert not opened.faults
    opened.context.close()


def speak(page: Any, place: Served, lang: str) -> None:
    page.context.add_cookies([{"name": "sakigake-lang", "value": lang, "url": place.url}])


def test_dragging_over_the_strip_compares_its_two_ends(page: Any, place: Served) -> None:
    page.goto(f"{place.url}/sessions/last")
    box = page.locator(".strip svg").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.12, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=4)
    assert "–" in page.locator(".strip-now").inner_text()
    page.mouse.up()
    page.wait_for_url("**/compare?from=*")
    assert page.locator("figcaption strong").all_inner_texts() == ["Stage 2", "Stage 8"]


def test_two_ticks_and_the_keyboard_compare_as_well(page: Any, place: Served) -> None:
    page.goto(f"{place.url}/sessions/last")
    for seq in (3, 9):
        page.locator(f"#s{seq} input").focus()
        page.keyboard.press("Space")
    page.locator(".toolbar button.primary").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?*")
    assert page.locator("figcaption strong").all_inner_texts() == ["Stage 3", "Stage 9"]


def test_the_slider_follows_keys_and_the_mouse(page: Any, place: Served) -> None:
    page.goto(f"{place.url}/sessions/last/compare?stage=4&stage=11")
    slide, over = page.locator(".slide"), page.locator(".over")
    slide.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slide.input_value() == "503"
    assert "50.3%" in over.evaluate("it => it.style.clipPath")
    box = page.locator(".stack").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=3)
    page.mouse.up()
    assert abs(int(slide.input_value()) - 250) <= 6


def test_in_turn_moves_unless_less_motion_is_wished(browser: Any, page: Any, place: Served) -> None:
    where = f"{place.url}/sessions/last/compare?stage=4&stage=11"
    page.goto(where)
    page.locator("label.blinker").click()
    assert page.locator(".over").evaluate("it => getComputedStyle(it).animationName") == "in-turn"
    calm = entered(browser, place, reduced_motion="reduce")
    calm.goto(where)
    assert not calm.locator("label.blinker").is_visible()
    assert calm.locator(".over").evaluate("it => getComputedStyle(it).animationName") == "none"
    calm.goto(f"{place.url}/sessions/last/play")
    assert calm.locator(".speed").input_value() == "1"
    calm.context.close()


def test_the_drawing_plays_when_asked_and_stops_at_its_end(page: Any, place: Served) -> None:
    page.goto(f"{place.url}/sessions/last/play")
    assert page.locator(".place").input_value() == "0"
    page.locator(".speed").select_option("16")
    page.locator(".go").click()
    sync_api.expect(page.locator(".place")).to_have_value("7", timeout=60_000)
    sync_api.expect(page.locator(".go")).to_have_text("Play", timeout=60_000)
    assert page.locator(".caption").inner_text().startswith("Stage 11")
    page.locator(".place").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".caption").inner_text().startswith("Stage 10")


def test_without_scripts_everything_is_still_said(browser: Any, place: Served) -> None:
    bare = entered(browser, place, java_script_enabled=False)
    bare.goto(f"{place.url}/sessions/last")
    assert bare.locator(".tile").count() == 8
    assert not bare.locator(".needs-script").first.is_visible()
    bare.goto(f"{place.url}/sessions/last/compare?stage=4&stage=11")
    bare.locator("label[for=two-one]").click()
    assert bare.locator(".over").evaluate("it => getComputedStyle(it).visibility") == "hidden"
    bare.goto(f"{place.url}/sessions/last/play")
    assert bare.locator("text=Make the film").first.is_visible()
    bare.goto(f"{place.url}/check")
    bare.set_input_files("#picture", str(place.home / "post.png"))
    bare.locator("button.primary").click()
    bare.wait_for_selector("article.result", timeout=240_000)  # the page comes again by itself
    bare.context.close()


DROP = """async () => {
  const list = new DataTransfer();
  const answer = await fetch('/sessions/last/stages/11/picture?side=320');
  list.items.add(new File([await answer.blob()], 'dropped.jpg', {type: 'image/jpeg'}));
  const place = document.querySelector('[data-drop]');
  place.dispatchEvent(new DragEvent('drop', {dataTransfer: list, bubbles: true, cancelable: true}));
}"""
PASTE = """() => {
  const list = new DataTransfer();
  list.setData('text', 'https://x.com/a/status/1');
  document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: list, bubbles: true}));
}"""


def test_a_picture_is_dropped_compared_and_explained(page: Any, place: Served) -> None:
    page.goto(f"{place.url}/check")
    page.evaluate(PASTE)
    assert page.locator("#link").input_value() == "https://x.com/a/status/1"
    page.locator("#link").fill("")
    page.evaluate(DROP)
    assert "dropped.jpg" in page.locator(".dropped").inner_text()
    page.locator("button.primary").click()
    page.wait_for_selector("article.result", timeout=240_000)
    sizes = page.locator(".answer").evaluate_all("all => all.map(it => getComputedStyle(it).fontSize)")
    assert len(set(sizes)) == 1
    page.wait_for_selector("[data-pair=ready]", timeout=400_000)  # drawn meanwhile, and came in by itself
    assert page.locator(".explained figure").count() >= 4
    sizes = page.locator("article *").evaluate_all(
        "all => all.map(it => parseFloat(getComputedStyle(it).fontSize))"
    )
    assert max(sizes) <= 20
    assert not re.search(r"\d\s?%", page.locator("article.result").inner_text())


PATHS = (
    "/sessions",
    "/sessions/last",
    "/sessions/last/stages/4",
    "/sessions/last/compare?stage=4&stage=11",
    "/sessions/last/compare",
    "/sessions/last/play",
    "/check",
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_pages_fit_and_axe_finds_nothing_serious(browser: Any, place: Served, width: int, lang: str) -> None:
    script = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
    opened = entered(browser, place, viewport={"width": width, "height": 900}, bypass_csp=True)
    speak(opened, place, lang)
    checked = place.client.post(
        "/check", files={"picture": ("a.png", (place.home / "post.png").read_bytes())}
    )
    found: dict[str, list[str]] = {}
    for path in [*PATHS, checked.url.path]:
        opened.goto(f"{place.url}{path}")
        if path == checked.url.path:
            opened.wait_for_selector("article.result", timeout=240_000)
        assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        opened.add_script_tag(content=script.read_text(encoding="utf-8"))
        report = opened.evaluate("axe.run()")
        serious = [
            f"{each['id']}: {each['nodes'][0]['html'][:120]}"
            for each in report["violations"]
            if each["impact"] in {"serious", "critical"}
        ]
        if serious:
            found[path] = serious
    assert not found
    opened.context.close()
