"""The field of the desk with a model behind it: the same answer as the command's, in a real process and a real browser."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from desk.cli import cli
from desk.web.routes import sought
from sakigake import settings, words
from sakigake.errors import NotFoundError
from tests.capture.running import wait_until
from tests.deep import tiny
from tests.deep.studio import Studio, drawing
from tests.desk.web.conftest import CONFIG, Served, served
from tests.desk.web.keyboard import chromium, faults, fits, opened, tab_to
from watch.deep import running, shelf
from watch.deep.manifest import WEIGHTS
from watch.deep.vectors import Vectors

pytestmark = pytest.mark.deep
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def studio(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(
        "watch.deep.worker.lower_priority", lambda: None
    )  # of the whole test process, for good
    (own_home / "sakigake.toml").write_text(CONFIG, encoding="utf-8")
    tiny.put_in_place(own_home, tmp_path, languages=("en",))
    made = Studio(own_home)
    session = made.session()
    made.draw(session, *(drawing(n) for n in range(1, 5)))
    made.seal(session)
    return made


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(cli, list(arguments))
    if ran.exception and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def read_all() -> None:
    run("deep", "run", "--once")


@pytest.fixture
def place(studio: Studio) -> Iterator[Served]:
    with served(settings.load()) as running:
        assert running.home == studio.home
        yield running
        begun = sought.reading_of(running.app.state.desk)._begun
        if begun is not None:  # the desk leaves it alone; here it has to end with the test
            begun[0].kill()
            begun[0].wait()


def found(place: Served, text: str) -> Any:
    page = place.client.post("/find", data={"words": text})
    until = time.monotonic() + 120
    steps = []
    while 'id="state"' in page.text:
        assert time.monotonic() < until
        steps.append(page.text)
        time.sleep(0.1)
        page = place.client.get(page.url.path)
    return page, steps


def test_it_finds_what_the_command_finds(place: Served, studio: Studio) -> None:
    page, _ = found(place, "赤い帽子")
    assert "No stage was read with this model yet; 4 are waiting." in page.text
    read_all()
    session = studio.store.sessions()[0]
    studio.draw(session, drawing(2, 9))
    page, steps = found(place, "赤い帽子")
    wanted = json.loads(run("timeline", "find", "赤い帽子", "--json"))
    places = [
        page.text.find(f">{words.text('desk.timeline.stage', 'en', seq=row['stage'])}<")
        for row in wanted["stages"]
    ]
    assert -1 not in places
    assert places == sorted(places), "the nearest come first"
    assert words.text("desk.find.searched", "en", count=4, model="tiny") in page.text
    assert words.text("desk.find.unread", "en", count=1) in page.text
    assert words.text("deep.find.foreign", "en", model="tiny") in page.text
    assert any(words.text("desk.find.step.load", "en") in step for step in steps)
    gone = wanted["stages"][0]["stage"]
    studio.forget(session, [gone])
    number = page.url.path
    page = place.client.get(number)
    assert f">{words.text('desk.timeline.stage', 'en', seq=gone)}<" not in page.text, (
        "what was forgotten is not shown"
    )


def test_the_desk_itself_loads_no_model(place: Served) -> None:
    """What the desk's own process maps, held against what a search in it would map."""
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, str(place.home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=ROOT,
        env={**os.environ, "SAKIGAKE_HOME": str(place.home)},
    )
    assert ran.stdout.split() == ["ended", "light"], ran.stderr[-3000:]


ALONE = """
import sys, time
from pathlib import Path
from desk.web.sought.jobs import Searches
import desk.web.routes.sought
made = Searches(Path(sys.argv[1]))
search = made.start("red hat")
until = time.monotonic() + 200
while not search.ended and time.monotonic() < until:
    time.sleep(0.1)
assert search.error == "deep-nothing-read", search
print("ended")
maps = Path("/proc/self/maps").read_text()
assert "libtorch" not in maps and "torch" not in sys.modules
print("light")
made.close()
"""


@pytest.mark.browser
@pytest.mark.slow
def test_by_keyboard_in_both_languages_and_at_both_widths(place: Served, tmp_path: Path) -> None:
    read_all()
    shots = Path(os.environ.get("SAKIGAKE_SHOTS", str(tmp_path)))
    with chromium() as browser:
        for lang, width in (("ja", 1280), ("en", 390)):
            context, page = opened(browser, place.link(), lang, width)
            wrong: list[str] = []
            page.goto(f"{place.url}/sessions")
            wrong += faults(page)
            assert fits(page)
            page.screenshot(path=shots / f"sessions-{lang}.png")
            tab_to(page, "#find-words")
            page.keyboard.type("<b>赤い帽子</b>")
            with page.expect_navigation():
                page.keyboard.press("Enter")
            if page.locator("#state").count():
                wrong += faults(page)
            page.locator("ol.tiles").wait_for()
            wrong += faults(page)
            assert fits(page)
            assert page.locator("main b").count() == 0
            assert page.locator("ol.tiles > li").count() == 4
            assert page.get_by_role("heading", name="<b>赤い帽子</b>").is_visible()
            assert "帽子" not in page.url
            page.screenshot(path=shots / f"found-{lang}.png", full_page=True)
            tab_to(page, 'ol.tiles a[href*="/stages/"]')
            with page.expect_navigation():
                page.keyboard.press("Enter")
            assert page.locator("main img").count()
            assert not wrong
            context.close()
        context, page = opened(browser, place.link(), "en", 1280, java_script_enabled=False)
        page.goto(f"{place.url}/sessions")
        page.locator("#find-words").fill("hat")
        page.locator(".find button").click()
        page.locator("ol.tiles").wait_for()  # the page loads itself anew without scripts
        context.close()


def test_the_rest_is_read_from_the_page_and_that_can_be_stopped(place: Served, studio: Studio) -> None:
    """The real worker, in a process of its own that the desk did not come with."""
    page = place.client.get("/find").text
    assert words.text("desk.find.reading.counts", "en", read=0, sealed=4) in page
    assert words.text("desk.find.reading.off", "en") in page
    assert place.client.post("/find/reading/stop").status_code == 404, "none runs"
    assert place.client.post("/find/reading/other").status_code == 404
    page = place.client.post("/find/reading/start").text
    wait_until(lambda: "read=4" in page_counts(place), 120, lambda: page_counts(place))
    wait_until(lambda: not running.runs(studio.home), 60)
    assert "/find/reading/start" not in place.client.get("/find").text, "there is nothing left to read"
    vectors = Vectors(studio.home)
    assert len(vectors.known(shelf.get(studio.home, "tiny").key, studio.store.sessions()[0].id)) == 4
    vectors.close()


def page_counts(place: Served) -> str:
    page = place.client.get("/find").text
    return next(
        f"read={n}"
        for n in range(5)
        if words.text("desk.find.reading.counts", "en", read=n, sealed=4) in page
    )


def test_a_worker_of_the_terminal_is_shown_and_ended_by_the_desk_and_by_the_command(
    place: Served, studio: Studio
) -> None:
    for end in ("desk", "command"):
        with subprocess.Popen(
            [sys.executable, "-m", "desk", "deep", "run"],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "SAKIGAKE_HOME": str(studio.home)},
        ) as process:
            try:
                wait_until(lambda: running.runs(studio.home), 120)
                page = place.client.get("/find").text
                assert words.text("desk.find.reading.on", "en") in page
                assert "already" in place.client.post("/find/reading/start").text
                if end == "desk":
                    page = place.client.post("/find/reading/stop").text
                    assert words.text("desk.find.reading.off", "en") in page
                else:
                    assert words.text("deep.worker.stopped", "en") in run("deep", "stop")
                assert process.wait(60) == 0
            finally:
                process.kill()
    assert not (studio.home / running.STOP).exists()
    with pytest.raises(NotFoundError) as none:
        run("deep", "stop")
    assert none.value.code == "deep-not-running"


def test_a_worker_that_cannot_work_says_why_on_the_page(place: Served, studio: Studio) -> None:
    (shelf.folder_of(studio.home, "tiny") / WEIGHTS).write_bytes(b"something else")
    page = place.client.post("/find/reading/start").text
    wait_until(lambda: "state bad" in place.client.get("/find").text, 120, lambda: page)
    assert "models verify" in place.client.get("/find").text or WEIGHTS in place.client.get("/find").text


def test_an_order_to_stop_that_nobody_took_does_not_stop_the_next(studio: Studio) -> None:
    (studio.home / running.STOP).touch()
    assert "Read 4 stages" in run("deep", "run", "--once")
