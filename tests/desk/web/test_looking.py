"""The first steps before real windows: a paint program first, live pictures, hostile titles inert, a real trial."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sakigake import settings
from tests.capture.running import wait_until
from tests.desk.web.conftest import CONFIG, Served, served
from tests.peers.windows import Window, program, server

pytestmark = [
    pytest.mark.x11,
    pytest.mark.skipif(
        not (shutil.which("Xvfb") and shutil.which("mtpaint")), reason="needs Xvfb and mtpaint"
    ),
]
HOSTILE = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def desk(own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    (own_home / "sakigake.toml").write_text(f"{CONFIG}[privacy]\nsettle_s = 0.1\n", encoding="utf-8")
    picture = tmp_path / "picture.png"
    Image.new("RGB", (200, 150), (180, 60, 30)).save(picture)
    with (
        server(size="900x700") as display,
        program(display, "mtpaint", "-v", str(picture)),
        Window(display, "600,400,200,200", "--title", HOSTILE, "--program", "chat"),
    ):
        monkeypatch.setenv("DISPLAY", display)
        with served(settings.load()) as running:
            yield running


def picture_of(desk: Served, path: str) -> Image.Image:
    wait_until(lambda: desk.client.get(path).status_code == 200, 60)
    return Image.open(io.BytesIO(desk.client.get(path).content)).convert("RGB")


def test_a_window_is_seen_chosen_marked_and_tried(desk: Served) -> None:
    wait_until(lambda: 'value="window:mtpaint"' in desk.client.get("/start/targets").text, 60)
    page = desk.client.get("/start").text
    assert page.index('value="window:mtpaint"') < page.index('value="screen:1"'), "paint programs come first"
    assert "to draw with" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    for lang, name in (("ja", "画面 1"), ("en", "Screen 1")):
        desk.client.cookies.set("sakigake-lang", lang)
        assert name in desk.client.get("/start/targets").text, (
            "in the page's language, though another thread looks"
        )
    small = picture_of(desk, "/start/small/window-mtpaint.jpg")
    assert max(small.size) == 320
    dots = np.asarray(small, np.int16)
    red = int(((dots[..., 0] > 150) & (dots[..., 1] < 90) & (dots[..., 2] < 70)).sum())
    assert red > 200, "the drawing shows"
    page = desk.client.post("/start", data={"source": "window:mtpaint"}).text
    assert 'id="marking"' in page
    assert picture_of(desk, "/start/still/window-mtpaint.jpg").size[0] > 320
    marked = desk.client.post("/start/canvas", data={"x": "20", "y": "30", "w": "300", "h": "200"})
    assert marked.url.path == "/start/place"
    chosen = settings.load().section("desk")
    assert (chosen["source"], chosen["canvas"]) == ("window:mtpaint", "20,30,300,200")
    desk.client.post("/start/trial")
    wait_until(
        lambda: "It works" in desk.client.get("/start/trial/live").text,
        120,
        lambda: desk.client.get("/start/trial/live").text,
    )
    assert picture_of(desk, "/start/trial/picture.jpg").size == (300, 200)


def test_only_what_is_there_can_be_chosen(desk: Served) -> None:
    for source in ("window:*", "window:0x1", "screen:9", "folder:/etc", "obs://", HOSTILE):
        assert desk.client.post("/start", data={"source": source}).status_code == 404, source
    assert settings.load().section("desk")["source"] == ""
