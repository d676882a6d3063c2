"""The story that the pictures of the guides tell, page by page: first steps, a recorded drawing, a check, a package.

Each function walks through a part of the desk as somebody would and keeps pictures on the way (`Room.shoot`).
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from bench import screen_room
from bench.screen_room import Room
from desk.demo import drawing, paint, posts
from desk.web.guard import LANGUAGE_COOKIE
from sakigake import words
from sakigake.labels import STEPS
from watch import postids

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEED = 7
REST_S = 3.0  # a stage is kept when the canvas rests
PAUSED_S = 5.0
DRAFT_AT = 0.6  # how far into the drawing the stage lies that the other picture is made from
FIRST, BEFORE_PAUSE = 1, 3  # phases drawn before recording, and before the pause
WORDS = {
    "title": {"ja": "夜の猫(練習)", "en": "A cat at night (practice)"},
    "note": {"ja": "左右の絵を見比べた。構図が同じ。", "en": "Looked at both: the same composition."},
}


def first_steps(room: Room, painter: paint.Painter) -> None:
    """Go through the first steps with the paint program, as somebody who begins."""
    for lang in room.languages:
        room.go("/", lang)
        room.shoot("today-first", lang)
        room.go("/start", lang)
        room.page.locator('input[value="window:mtpaint"]').wait_for()
        room.settle()
        room.page.locator('input[value="window:mtpaint"]').check()
        room.shoot("wizard-choose", lang)
    room.page.locator('input[value="window:mtpaint"]').check()
    room.press("main form button.primary")
    for lang in room.languages:
        room.go("/start/canvas", lang)
        for name, value in zip("xywh", painter.region, strict=True):
            room.page.fill(f"#mark-{name}", str(value))
        room.shoot("wizard-canvas", lang, tall=1200)
    room.press('form[action="/start/canvas"] button.primary')
    room.go("/start/trial")
    room.press('form[action="/start/trial"] button')
    room.page.locator("#trial figure img").wait_for()
    for lang in room.languages:
        room.go("/start/trial", lang)
        room.shoot("wizard-trial", lang)
        room.go("/start/time", lang)
        room.shoot("wizard-time", lang)
        room.go("/start/obs", lang)
        room.shoot("wizard-obs", lang)


def recorded(
    room: Room, painter: paint.Painter, picture: drawing.Drawing, browser: "Browser"
) -> dict[str, datetime]:
    """Record the drawing with a pause in it; picture what shows while it runs.

    Returns when each phase began.
    """
    begun = {picture.phases[0].name: datetime.now(UTC)}
    room.go("/")
    room.press("#do-started")
    time.sleep(REST_S)
    for number, phase in enumerate(picture.phases[FIRST:], FIRST):
        begun[phase.name] = datetime.now(UTC)
        painter.draw(phase)
        time.sleep(REST_S)
        if number == BEFORE_PAUSE:
            beside_obs(room, browser)
            room.go("/")
            room.press("#do-paused")
            time.sleep(PAUSED_S)
            room.press("#do-resumed")
    for lang in room.languages:
        room.go("/", lang)
        room.shoot("today", lang)
    room.press("#do-stopped")
    for lang in room.languages:
        room.go("/settings", lang)
        room.shoot("settings", lang, tall=screen_room.HEIGHT)
    return begun


def beside_obs(room: Room, browser: "Browser") -> None:
    """Picture the dock and the overlay by the addresses that are pasted into OBS."""
    room.go("/start/obs")
    addresses = {name: room.page.locator(f"#address-{name}").input_value() for name in ("dock", "overlay")}
    for name, (width, height) in {"dock": (300, 200), "overlay": (400, 220)}.items():
        for lang in room.languages:
            context = screen_room.window(browser, width, height)
            context.add_cookies([{"name": LANGUAGE_COOKIE, "value": lang, "url": room.url}])
            page = context.new_page()
            page.goto(addresses[name])
            page.wait_for_function("() => [...document.images].every(it => it.complete)")
            room.keep(name, lang, page.screenshot(), page.title())
            context.close()


def timeline(room: Room, begun: dict[str, datetime]) -> list[int]:
    """Name the steps of the drawing and picture its pages; return the stages."""
    rows = [row for row in room.ask("timeline", "show")["rows"] if row["type"] == "stage"]
    stages = [int(row["seq"]) for row in rows]
    for name, moment in begun.items():
        later = [row["seq"] for row in rows if datetime.fromisoformat(row["claimed"]) > moment]
        if name not in STEPS or not later:
            continue
        room.go("/sessions/last")
        room.page.locator(f"#s{later[0]} input").check()
        room.page.fill("input[name=label]", words.text(f"desk.stage.{name}", room.languages[0]))
        room.press('button[value="name"]')
    for lang in room.languages:
        entitle(room, lang)
        room.go("/sessions", lang)
        room.shoot("timeline-list", lang)
        room.go("/sessions/last", lang)
        room.shoot("timeline-session", lang, tall=1100)
        one, other = stages[len(stages) // 4], stages[-2]
        room.go(f"/sessions/last/compare?stage={one}&stage={other}", lang)
        room.shoot("timeline-compare", lang, tall=1200)
        room.go("/sessions/last/play", lang)
        for _ in range(len(stages) // 2):
            room.page.locator(".on").click()
        room.settle()
        room.shoot("timeline-play", lang)
    return stages


def entitle(room: Room, lang: str) -> None:
    """Give the session its title in this language."""
    room.go("/sessions/last", lang)
    room.page.locator("details summary").last.click()
    room.page.fill("input[name=title]", WORDS["title"][lang])
    room.press('form[action$="/title"] button')


def found_picture(room: Room, stages: list[int]) -> Path:
    """Repaint a stage, as somebody else's picture that looks like it; return the file."""
    stage = stages[int(len(stages) * DRAFT_AT)]
    answer = room.page.request.get(f"{room.url}/sessions/last/stages/{stage}/picture?side=960")
    pixels = cv2.imdecode(np.frombuffer(answer.body(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    path = room.scratch / "found.jpg"
    posts.write_jpeg(path, posts.derived(posts.as_pixels(pixels), SEED))
    return path


def checked(room: Room, picture: Path) -> None:
    """Check the picture, read the answer, and keep it as a finding."""
    posted = datetime.now(UTC) + timedelta(seconds=2)
    link = f"https://x.com/i/status/{x_number(posted)}"
    for lang in room.languages:
        entitle(room, lang)
        room.go("/check", lang)
        room.page.set_input_files("#picture", str(picture))
        room.page.fill("#link", link)
        room.shoot("check-form", lang)
        room.press("form.check-form button.primary")
        room.page.locator("article.result").wait_for()
        room.page.locator("[data-pair=ready]").wait_for()
        room.page.locator("#explained-head").wait_for()
        room.settle()
        room.shoot("check-result", lang, tall=1200)
        explained = room.page.locator("section:has(> #explained-head)")
        first = explained.locator("figure").first.bounding_box()
        whole = explained.bounding_box()
        assert first
        assert whole
        end = round(first["y"] + first["height"] - whole["y"]) + 12
        room.shoot("check-explained", lang, of=explained, tall=end)
    room.press('form:has(input[name="check"]) button')


def x_number(moment: datetime) -> int:
    """Return the number that the platform would give a post of this moment."""
    return (round(moment.timestamp() * 1000) - postids.X_EPOCH_MS) << 22


def handed_over(room: Room) -> None:
    """Look at the finding, say what it is, and export it in each language."""
    for lang in room.languages:
        room.go("/findings?review=all", lang)
        room.shoot("findings", lang)
        room.go("/findings/1", lang)
        room.page.fill("#note", WORDS["note"][lang])
        room.shoot("finding", lang, tall=1200)
        room.go("/export?finding=1", lang)
        room.page.locator('input[value="platform"]').check()
        room.shoot("export", lang, tall=1000)
        room.press("main form button.primary")
        room.shoot("export-stages", lang)
        room.press("main form button.primary")
        room.shoot("export-preview", lang, tall=1200)
        room.page.fill("#folder", str(room.scratch / "Documents"))
        room.page.fill("#name", f"sakigake-{lang}.zip")
        room.press("main form button.primary")
        room.page.locator("#check-title").wait_for()
        room.shoot("export-done", lang, tall=1100)


def watched(room: Room) -> None:
    """Add places to watch and picture them, and the bookmark."""
    for kind, fields in (
        ("rss", {"option-url": "https://example.com/new.xml", "source-name": "example.com"}),
        ("bluesky", {"option-tags": "illustration,イラスト"}),
    ):
        room.go(f"/watch/add/{kind}")
        for name, value in fields.items():
            room.page.fill(f"#{name}", value)
        room.press("main form button.primary")
    for lang in room.languages:
        room.go("/watch", lang)
        room.shoot("watch", lang, tall=1200)
        room.go("/pair", lang)
        room.shoot("bookmark", lang)
