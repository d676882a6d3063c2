"""The first ten minutes of somebody who never saw a terminal, from an empty folder to a package that holds.

A real desk, the recorder that it starts, a real paint program on a screen of its own that is drawn in, a time authority on
this machine, and Chromium: in Japanese at the width of a screen with a mouse, in English at the width of a telephone by
the keyboard alone. axe-core is held against every page.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from desk.demo import drawing, paint, posts, screen
from desk.demo.authority import local_authority
from sakigake import words
from sakigake.settings import Settings, load
from tests.capture.running import Kept, environment, wait_until
from tests.desk.web import leftovers
from tests.desk.web.keyboard import CHROMIUM, chromium, opened
from tests.desk.web.person import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.x11,
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(screen.missing_programs((*paint.PROGRAMS, "openssl"))) or not CHROMIUM.exists(),
        reason="needs Xvfb, xdotool, mtpaint, openssl and chromium",
    ),
]
DOCK, OVERLAY = (300, 200), (400, 220)
SNOWFLAKE_MS = 1_288_834_974_657  # where the clock in the numbers of X begins
# Looks and tokens in quicker succession than a stream needs: the drawing takes half a minute, not three hours.
QUICK = "[record]\ninterval_s = 0.5\n[privacy]\nsettle_s = 0.2\n"
ANCHOR = "[anchor]\ncheckpoint_s = 2.0\nstage_checkpoint_s = 1.0"


@dataclass
class Studio:
    """A computer with a paint program on its screen, and a desk that was just opened on nothing."""

    home: Path
    link: str
    desk: "subprocess.Popen[str]"
    painter: paint.Painter
    drawing: drawing.Drawing

    @property
    def url(self) -> str:
        return self.link.partition("/login")[0]

    @property
    def settings(self) -> Settings:
        return load(self.home)


@contextmanager
def studio(folder: Path, lang: str) -> Iterator[Studio]:
    """Open all of it; ends whatever was started, recorders included."""
    home, scratch = folder / "home", folder / "screen"
    home.mkdir()
    scratch.mkdir()
    picture = drawing.draw(11)
    with ExitStack() as stack:
        authority = stack.enter_context(local_authority(folder / "authority"))
        set_up = QUICK + authority.settings().replace("[anchor]", ANCHOR)
        (home / "sakigake.toml").write_text(set_up, encoding="utf-8")
        env = stack.enter_context(screen.virtual_screen(*paint.SCREEN, scratch))
        painter = stack.enter_context(paint.Painter(picture, env, scratch))
        stack.callback(leftovers.end, home)
        desk = stack.enter_context(desk_of(home, env, lang))
        assert desk.stdout
        link = next(line.strip() for line in desk.stdout if line.startswith("http://"))
        yield Studio(home, link, desk, painter, picture)


@contextmanager
def desk_of(home: Path, env: Mapping[str, str], lang: str) -> "Iterator[subprocess.Popen[str]]":
    """Open a desk as a person does, in the language of their system."""
    process = subprocess.Popen(
        [sys.executable, "-m", "desk", "desk", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment(home, env["DISPLAY"]), "SAKIGAKE_LANG": lang, "SAKIGAKE_OTS": "off"},
    )
    with process:  # waits for it and closes its pipe
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as started:
        yield started


@pytest.mark.parametrize(("lang", "width", "keys"), [("ja", 1280, False), ("en", 390, True)])
def test_from_an_empty_folder_to_a_package_that_holds(
    browser: "Browser", tmp_path: Path, lang: str, width: int, keys: bool
) -> None:
    with studio(tmp_path, lang) as place:
        context, page = opened(browser, place.link, lang, width, locale=lang)
        person = Person(page, keys)
        first_steps(person, place, lang)
        record_and_draw(person, place, lang)
        stage = look_back(person, place)
        check(person, lang, *a_post_of(page, place, stage, tmp_path))
        keep_and_review(person, lang)
        package = make_evidence(person, lang, tmp_path)
        further(person, place)
        assert "VERIFIED" in verified(place.home, package)
        assert not person.wrong
        context.close()


def first_steps(person: Person, place: Studio, lang: str) -> None:
    """Choose the window, mark the canvas, try it, agree to time stamps, see the addresses for OBS."""
    page = person.page
    person.look("welcome")
    person.go('main a[href="/start"]')
    page.locator('input[value="window:mtpaint"]').wait_for()
    person.choose("source", "window:mtpaint")
    person.look("choose")
    person.go("main form button.primary")
    mark(person, place.painter.region)
    person.look("canvas")
    person.go("main form button.primary")
    person.look("place")
    person.go("main .actions a.primary")
    person.look("trial")
    person.go('form[action="/start/trial"] button')
    page.locator('#trial img[src^="/start/trial/picture"]').wait_for()
    assert abs(loaded(page, "#trial img") - place.painter.region[2]) <= 2
    assert say(lang, "desk.wizard.trial-forecast").partition("{")[0] in page.locator("#trial").inner_text()
    person.look("tried")
    person.go('#trial a[href="/start/time"]')
    assert page.locator('input[name="anchor"]').is_checked()
    person.look("time")
    person.go("main form button.primary")
    person.look("obs")
    person.go("main form button.primary")
    person.look("done")
    chosen = place.settings.section("desk")
    assert chosen["source"] == "window:mtpaint"
    near = zip(map(int, chosen["canvas"].split(",")), place.painter.region, strict=True)
    assert all(abs(one - other) <= 2 for one, other in near), chosen["canvas"]


def loaded(page: "Page", selector: str) -> int:
    """Wait until a picture is there; returns its width in pixels."""
    picture = page.locator(selector)
    wait_until(lambda: picture.evaluate("img => img.complete && img.naturalWidth > 0"), 60, lambda: selector)
    return int(picture.evaluate("img => img.naturalWidth"))


def mark(person: Person, region: tuple[int, int, int, int]) -> None:
    """Mark the canvas: with the mouse by a rectangle over the picture of the window, with keys by its numbers."""
    page = person.page
    picture = page.locator("#marking img")
    assert loaded(page, "#marking img")
    if person.keys:
        for name, value in zip("xywh", region, strict=True):
            person.write(f"#mark-{name}", str(value))
        return
    box = picture.bounding_box()
    assert box
    scale = box["width"] / float(page.locator("#marking").get_attribute("data-width") or 0)
    left, top, width, height = (each * scale for each in region)
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.mouse.down()
    page.mouse.move(box["x"] + left + width, box["y"] + top + height, steps=5)
    page.mouse.up()


def record_and_draw(person: Person, place: Studio, lang: str) -> None:
    """Start the recording, draw, see on the page and in the dock of OBS that it goes on, and end it."""
    page = person.page
    person.go('form[action="/do/started"] button')
    page.locator("#live .state.good", has_text=say(lang, "desk.condition.record-running")).wait_for()
    person.look("today")
    addresses = page.context.request.get(f"{place.url}/start/obs").text()
    dock = alone(page, addresses, "dock", DOCK)
    overlay = alone(page, addresses, "overlay", OVERLAY)
    for phase in place.drawing.phases[:3]:  # to the clean lines
        place.painter.draw(phase)
        time.sleep(2.5)  # the hand rests, and a stage is kept
    dock.locator("#state.good").wait_for()
    dock.get_by_text(say(lang, "desk.dock.stamped")).wait_for()
    for each, name in ((dock, "dock"), (overlay, "overlay")):
        other = Person(each, person.keys, person.seen)
        other.look(name)
        assert each.evaluate("document.documentElement.scrollHeight <= innerHeight"), f"the {name} is cut"
        person.wrong += other.wrong
    assert dock.evaluate("document.documentElement.scrollHeight <= innerHeight"), (
        "all of it fits into the dock"
    )
    for each in (dock, overlay):
        each.context.close()
    person.look("recording")
    person.go("#do-stopped")
    page.locator("#live .state.off", has_text=say(lang, "desk.condition.record-off")).wait_for()


def alone(page: "Page", addresses: str, name: str, size: tuple[int, int]) -> "Page":
    """Open an address for OBS where nobody was let in, as OBS's own browser does."""
    from html import unescape

    address = next(part for part in addresses.split('"') if f"/{name}?k=" in part)
    assert page.context.browser
    other = page.context.browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=page.locator("html").get_attribute("lang")
    )
    opened_page = other.new_page()
    opened_page.goto(unescape(address))
    return opened_page


def look_back(person: Person, place: Studio) -> int:
    """Look at what was recorded; returns the stage that somebody else will have used."""
    page = person.page
    person.go('nav a[href="/sessions"]')
    person.look("sessions")
    person.go("main h2 a")
    seqs = [int((each.get_attribute("id") or "")[1:]) for each in page.locator(".tile").all()]
    assert len(seqs) >= 4, seqs
    person.look("session")
    person.go('main a[href$="/play"]')
    person.look("play")
    with Kept(place.home) as kept:
        kept.check()
        assert not kept.store.pending_jobs(kept.sessions[-1].id)
    return seqs[len(seqs) * 3 // 5]


def a_post_of(page: "Page", place: Studio, stage: int, folder: Path) -> tuple[Path, str]:
    """Make what a follower saved: a picture repainted from a stage, and the link of a post of a moment ago."""
    with Kept(place.home) as kept:
        session = kept.sessions[-1].id
        until = max(token.time_high for token in kept.store.tokens(session))
    wait_until(lambda: datetime.now(UTC) > until, 30)
    shown = page.context.request.get(f"{place.url}/sessions/{session}/stages/{stage}/picture?side=960")
    pixels = cv2.imdecode(np.frombuffer(shown.body(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    file = folder / "保存した絵.jpg"
    posts.write_jpeg(file, posts.derived(posts.as_pixels(pixels), 11))
    number = (time.time_ns() // 1_000_000 - SNOWFLAKE_MS) << 22
    return file, f"https://x.com/somebody/status/{number}"


def check(person: Person, lang: str, file: Path, link: str) -> None:
    """Check the picture with its link: the answer names both, the order and the likeness."""
    page = person.page
    person.go('nav a[href="/check"]')
    person.look("check")
    person.hand_in("#picture", file)
    person.write("#link", link)
    person.go("main form button.primary")
    page.locator("article.result").wait_for()
    person.look("checked")
    assert page.locator(".order .answer").inner_text() == say(lang, "finding.order.draft_first")
    alike = {say(lang, f"finding.likeness.{each}") for each in ("strong", "some")}
    assert page.locator(".likeness .answer").inner_text() in alike
    assert page.locator(".limits").inner_text().endswith(say(lang, "report.limits"))


def keep_and_review(person: Person, lang: str) -> None:
    """Keep the check as a finding and say what one thinks of it; asked for evidence, the check leads to the same one."""
    page, checked = person.page, person.page.url
    person.go('form[action="/findings/from-check"] button:not([name])')
    assert page.url.endswith("/findings/1")
    person.look("finding")
    person.write("#note", "同じポーズ")
    person.go('button[value="confirmed"]')
    told = say(lang, "desk.findings.kept", review=say(lang, "findings.review.confirmed"))
    assert told in page.locator('[role="status"]').inner_text()
    page.goto(checked)
    person.go('button[name="then"][value="export"]')
    assert page.url.endswith("/export?finding=1"), "no second finding of the same check"


def make_evidence(person: Person, lang: str, folder: Path) -> Path:
    """Make a package for the platform: who it is for, which stages, what is in it, and its check."""
    page = person.page
    person.choose("kind", "both")
    person.choose("audience", "platform")
    person.look("export")
    person.go("main form button.primary")
    person.look("stages")
    person.go("main form button.primary")
    assert page.locator('input[name="stamp"]').is_checked()
    person.write("#folder", str(folder))
    person.look("preview")
    person.go("main form button.primary")
    page.locator(".state", has_text=say(lang, "desk.export.verdict.verified")).wait_for()
    person.look("package")
    (package,) = folder.glob("*.zip")
    return package


def further(person: Person, place: Studio) -> None:
    """See the pages that the story does not lead to."""
    for path in ("/findings?review=all", "/watch", "/settings"):
        person.page.goto(place.url + path)
        person.look(path)


def verified(home: Path, package: Path) -> str:
    """Check the package with the command."""
    ran = subprocess.run(
        [sys.executable, "-m", "desk", "verify", str(package)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def say(lang: str, key: str, **values: object) -> str:
    return words.text(key, lang, **values)
