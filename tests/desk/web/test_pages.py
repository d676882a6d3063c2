"""The first steps, the settings, the dock and the overlay, with real recordings of a folder."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sakigake import settings, words
from sakigake.settings import Settings
from tests.capture.running import wait_until
from tests.capture.test_kill import drawings
from tests.desk.web import leftovers
from tests.desk.web.conftest import CONFIG, Served, served
from tests.desk.web.studio import Recorder
from tests.watch.studio import START, drawing

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


@pytest.fixture
def over(own_home: Path, tmp_path: Path) -> Settings:
    (own_home / "sakigake.toml").write_text(f"# my own words\n{CONFIG}", encoding="utf-8")
    drawings(tmp_path / "frames", 6)
    return settings.load()


@pytest.fixture
def working(over: Settings) -> Iterator[Served]:
    with served(over) as running:
        try:
            yield running
        finally:
            leftovers.end(running.home)
            for child in running.app.state.desk.supervisor._children.values():
                child.process.wait()


def own(desk: Served) -> str:
    return (desk.home / "sakigake.toml").read_text(encoding="utf-8")


def test_a_folder_is_chosen_tried_and_recorded(working: Served, tmp_path: Path) -> None:
    page = working.client.post("/start", data={"folder": str(tmp_path / "frames")})
    assert page.url.path == "/start/place"
    assert str(working.home) in page.text
    assert "# my own words" in own(working)
    assert tomllib.loads(own(working))["desk"]["source"] == f"folder:{tmp_path / 'frames'}"
    page = working.client.post("/start/trial")
    assert page.url.path == "/start/trial"
    wait_until(lambda: "It works" in working.client.get("/start/trial/live").text, 120)
    picture = working.client.get("/start/trial/picture.jpg")
    assert picture.content.startswith(b"\xff\xd8")
    assert not (working.home / "sakigake.db").exists(), "a trial is no record"
    (left,) = (working.home / "cache").glob("trial-*")
    assert working.client.get("/start/done").status_code == 200
    assert not left.exists(), "and nothing of it stays"


def test_a_trial_that_fails_says_why(working: Served) -> None:
    working.client.post("/start", data={"folder": f"/nowhere/{HOSTILE}"})
    working.client.post("/start/trial")
    wait_until(lambda: "Nothing was recorded" in working.client.get("/start/trial/live").text, 120)
    page = working.client.get("/start/trial").text
    assert "/nowhere/" in page
    assert "<img src=x" not in page
    assert working.client.get("/start/trial/picture.jpg").status_code == 404


def test_time_stamps_are_explained_and_chosen(working: Served) -> None:
    page = working.client.get("/start/time").text
    assert "Your pictures are never sent" in page
    assert "timestamp.digicert.com" in page
    working.client.post("/start/time", data={"anchor": "on"})
    assert settings.load().section("anchor")["enabled"] is True
    assert settings.load().section("ots")["enabled"] is False
    working.client.post("/start/time", data={})
    assert settings.load().section("anchor")["enabled"] is False
    assert "# my own words" in own(working)


def test_the_stream_is_followed_when_asked(working: Served) -> None:
    page = working.client.get("/start/obs").text
    assert f"{working.url}/dock?k=" in page
    assert f"{working.url}/overlay?k=" in page
    working.client.post("/start/obs", data={"with_stream": "on", "password": 'a "b" \\ c'})
    loaded = settings.load()
    assert loaded.section("desk")["with_stream"] is True
    assert loaded.section("obs") == {"password": 'a "b" \\ c'}
    assert 'a "b"' not in working.client.get("/start/obs").text, "a password is not shown again"


def test_a_canvas_that_is_no_rectangle_is_refused(working: Served) -> None:
    bad = working.client.post("/start/canvas", data={"x": "1", "y": "2", "w": "-3", "h": "x"})
    assert bad.status_code == 400
    working.client.post("/start/canvas", data={"x": "1", "y": "2", "w": "300", "h": "200"})
    assert settings.load().section("desk")["canvas"] == "1,2,300,200"
    working.client.post("/start/canvas", data={"whole": "1"})
    assert settings.load().section("desk")["canvas"] == ""


def test_a_window_that_is_not_there_cannot_be_chosen(
    working: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    page = working.client.get("/start")
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert working.client.post("/start", data={"source": "window:nothing"}).status_code in {404, 500}
    assert working.client.get("/start/small/window-nothing.jpg").status_code in {404, 500}


def test_settings_are_shown_with_their_origin_and_kept(
    working: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = working.client.get("/settings").text
    assert "record.interval_s" in page
    assert "from your settings file" in page
    filled = {
        "has:record.interval_s": "1",
        "record.interval_s": "3.5",
        "has:privacy.programs": "1",
        "privacy.programs": f"krita\n{HOSTILE}\n",
    }
    page = working.client.post("/settings", data=filled).text
    assert "Saved." in page
    assert "<img src=x" not in page
    loaded = settings.load()
    assert loaded.section("record")["interval_s"] == 3.5
    assert loaded.section("privacy")["programs"] == ["krita", HOSTILE]
    assert loaded.section("watch")["alert_names"] is False, "what was not in the form stays"
    before = own(working)
    bad = working.client.post("/settings", data={"has:record.interval_s": "1", "record.interval_s": "-1"})
    assert bad.status_code == 400
    assert "record.interval_s" in bad.text
    assert (
        working.client.post(
            "/settings", data={"has:record.interval_s": "1", "record.interval_s": "two"}
        ).status_code
        == 400
    )
    assert own(working) == before
    working.client.post("/settings", data={"has:record.interval_s": "1", "record.interval_s": "2.0"})
    assert "interval_s" not in tomllib.loads(own(working)).get("record", {}), "the default needs no line"
    monkeypatch.setenv("SAKIGAKE_RECORD_INTERVAL_S", "7")
    page = working.client.get("/settings").text
    assert "from a variable" in page
    assert "has:record.interval_s" not in page, "nor can it be changed here"


def test_new_addresses_close_the_old_ones(working: Served) -> None:
    entrance = working.app.state.desk.entrance
    before = entrance.key("dock")
    overlay = entrance.key("overlay")
    working.client.post("/settings/revoke", data={"kind": "dock"})
    assert entrance.key("dock") != before
    assert entrance.key("overlay") == overlay


def test_dock_and_overlay_show_the_recording(working: Served, tmp_path: Path) -> None:
    working.client.post("/start", data={"folder": str(tmp_path / "frames")})
    desk = working.app.state.desk
    with working.stranger(origin=working.url) as obs:
        dock, overlay = ({"k": desk.entrance.key(kind)} for kind in ("dock", "overlay"))
        assert "Not recording" in obs.get("/dock", params=dock).text
        assert "<img" not in obs.get("/overlay", params=overlay).text
        assert obs.get("/overlay/code.png", params=overlay).status_code == 404
        working.client.post("/do/started")
        wait_until(
            lambda: (
                'state good big" id="state" data-alarm="no">Recording'
                in obs.get("/dock/live", params=dock).text
            ),
            60,
        )
        wait_until(lambda: obs.get("/overlay/code.png", params=overlay).status_code == 200, 60)
        assert obs.get("/overlay/code.png", params=overlay).content.startswith(b"\x89PNG")
        page = obs.get("/overlay", params=overlay).text
        assert "Drawing stages are recorded" in page
        assert "time-stamped" not in page, "no stamps are asked for here"
        paused = obs.post("/dock/pause", params=dock)
        assert paused.status_code == 303
        assert paused.headers["location"] == f"/dock?k={dock['k']}"
        assert "Paused" in obs.get("/dock/live", params=dock).text
        assert obs.post("/dock/resume", params=dock).status_code == 303
        assert obs.post("/do/stopped", params=dock).status_code == 403
        working.client.post("/do/stopped")


class Page(HTMLParser):
    """Collects what a page must not have, and whether its fields have names."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.fields: list[str] = []
        self.labels: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.faults += [f"{tag} {name}" for name in named if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in named:
            self.faults.append("inline script")
        if tag == "img" and "alt" not in named:
            self.faults.append("picture without words")
        if tag == "label":
            self.depth += 1
            self.labels.add(named.get("for") or "")
        if tag in {"input", "select", "textarea"} and named.get("type") != "hidden" and not self.depth:
            self.fields.append(named.get("id") or "?")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "label"


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_every_page_speaks_one_language_and_names_its_fields(working: Served, lang: str) -> None:
    working.client.post("/language", data={"lang": lang, "back": "/"})
    other = words.table("ja" if lang == "en" else "en")
    for path in (
        "/",
        "/start/place",
        "/start/trial",
        "/start/time",
        "/start/obs",
        "/start/done",
        "/settings",
        "/dock",
    ):
        answer = working.client.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{lang}">' in answer.text
        assert other["report.limits"] not in answer.text
        page = Page()
        page.feed(answer.text)
        assert not page.faults, path
        assert not set(page.fields) - page.labels, path


def test_forgetting_is_offered_while_there_is_something_to_forget(own_home: Path) -> None:
    def offered() -> bool:
        return 'id="do-forgot"' in desk.client.get("/").text

    recorder = Recorder(own_home)
    now = (datetime.now(UTC) - START).total_seconds()
    with served(settings.load()) as desk:
        assert not offered()
        recorder.stage(now - 400, drawing(1, 2))
        assert not offered(), "too long ago"
        recorder.stage(now - 60, drawing(2, 2))
        assert offered()
        recorder.token(now)
        assert not offered(), "a time token covers it"
        recorder.stage(now, drawing(3, 2))
        assert offered()
        recorder.end(now)
        assert offered(), "what was recorded a minute ago can be forgotten when the recording has ended"
        told = desk.client.post("/do/forgot")
        assert "Forgotten: 1 pictures." in told.text
        assert "1 pictures of that time stay" in told.text
        assert not offered()
        odd = "/?told=forgot&count=²&stays=99999999999999999999"
        assert "Forgotten: 0 pictures." in desk.client.get(odd).text
        assert "of that time stay" not in desk.client.get(odd).text
