"""What the source asks OBS for, keeps and refuses, against a scripted OBS whose scene we hold in our hands."""

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Pixels, Region
from capture.obs import wire
from capture.obs.protocol import OddMessageError
from capture.sources import obs as sources
from capture.sources.obs import ObsSource
from sakigake import settings
from sakigake.clock import Clock
from sakigake.errors import NotFoundError, SakigakeError, UsageError
from tests.obs.scripted import Server, Talk, obs


class Stage:
    """An OBS of paper: scenes, the one on air, the picture it shows, and everything that it was asked."""

    def __init__(self) -> None:
        self.scenes = ["Draw", "Break"]
        self.program = "Draw"
        self.studio = False
        self.picture: Pixels = np.full((64, 96, 4), 255, np.uint8)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.frames = 0
        self.sabotage: dict[str, Any] = {}
        self.during: dict[str, Any] = {}  # what becomes different while a picture is taken

    def answer(self, talk: Talk, request: dict[str, Any]) -> None:
        kind, data = request["requestType"], request.get("requestData", {})
        self.asked.append((kind, data))
        self.frames += 10
        answers: dict[str, Any] = {
            "GetStudioModeEnabled": {"studioModeEnabled": self.studio},
            "GetCurrentProgramScene": {"currentProgramSceneName": self.program},
            "GetSceneList": {"scenes": [{"sceneName": name} for name in reversed(self.scenes)]},
            "GetVideoSettings": {"baseWidth": self.picture.shape[1], "baseHeight": self.picture.shape[0]},
            "GetStats": {"renderTotalFrames": self.frames, "renderSkippedFrames": 2},
            "GetStreamStatus": {"outputActive": False, "outputTotalFrames": 7},
        }
        if kind == "GetSourceScreenshot":
            answers[kind] = {"imageData": self.shot(data)}
            for name, value in self.during.items():
                setattr(self, name, value)
        talk.answer(request, self.sabotage.get(kind, answers[kind]))

    def shot(self, how: dict[str, Any]) -> str:
        picture, options = self.picture, []
        if how["imageFormat"] == "jpg":
            width = how["imageWidth"]
            size = (width, width * picture.shape[0] // picture.shape[1])
            picture = np.asarray(
                cv2.resize(picture[:, :, :3], size, interpolation=cv2.INTER_LINEAR), np.uint8
            )
            options = [cv2.IMWRITE_JPEG_QUALITY, how["imageCompressionQuality"]]
        done, data = cv2.imencode("." + how["imageFormat"], picture, options)
        assert done
        return f"data:image/{how['imageFormat']};base64," + base64.b64encode(data.tobytes()).decode()

    def formats(self) -> list[str]:
        """Return the formats of the pictures that were asked for since the last call."""
        wanted = [data["imageFormat"] for kind, data in self.asked if kind == "GetSourceScreenshot"]
        self.asked.clear()
        return wanted


class Hand:
    """Clocks that move when told."""

    def __init__(self) -> None:
        self.mono = 5_000_000_000
        self.wall = 1_800_000_000_000_000_000

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.mono)

    def pass_s(self, seconds: float) -> None:
        self.mono += int(seconds * 1e9)
        self.wall += int(seconds * 1e9)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TICK_S", 0.05)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def server(stage: Stage) -> Iterator[Server]:
    with Server(obs(stage.answer)) as server:
        yield server


@pytest.fixture
def hand() -> Hand:
    return Hand()


def made(server: Server, hand: Hand, scene: str | None = "Draw", canvas: Region | None = None) -> ObsSource:
    where = server.address
    return ObsSource(type(where)(where.host, where.port, scene), None, canvas, hand.clock())


@pytest.fixture
def source(server: Server, hand: Hand) -> Iterator[ObsSource]:
    source = made(server, hand)
    source.open()
    yield source
    source.close()


def grab(source: ObsSource) -> Frame:
    seen = source.grab()
    assert isinstance(seen, Frame), seen
    return seen


def away(source: ObsSource) -> NoFrame:
    seen = source.grab()
    assert isinstance(seen, NoFrame), "a frame"
    return seen


def test_a_change_is_fetched_whole_twice_and_then_only_probed(
    source: ObsSource, stage: Stage, hand: Hand
) -> None:
    stage.formats()
    frames = []
    for formats in (["jpg", "png"], ["jpg", "png"], ["jpg"], ["jpg"]):
        frames.append(grab(source))
        assert stage.formats() == formats
        hand.pass_s(2)
    assert [frame.info for frame in frames] == [{}, {}, {"repeat_ms": 2000}, {"repeat_ms": 4000}]
    assert [frame.seq for frame in frames] == [0, 1, 2, 3]
    assert len({frame.mono_ns for frame in frames}) == 4
    stage.picture[10:20, 10:20, :3] = 0
    changed = grab(source)
    assert stage.formats() == ["jpg", "png"]
    assert changed.pixels[15, 15].tolist() == [0, 0, 0]
    assert not grab(source).info
    assert stage.formats() == ["jpg", "png"]
    assert grab(source).info
    # Frames that were handed out do not change under their holder.
    assert frames[-1].pixels[15, 15].tolist() == [255, 255, 255]


def test_what_a_probe_cannot_see_is_seen_within_half_a_minute(
    source: ObsSource, stage: Stage, hand: Hand
) -> None:
    for _ in range(3):
        grab(source)
    stage.picture[33, 33, 0] = 254
    seen = []
    for _ in range(20):
        hand.pass_s(2)
        seen.append((int(grab(source).pixels[33, 33, 0]), stage.formats()[-1]))
    late = seen.index((254, "png"))
    assert late * 2 <= sources.WHOLE_EVERY_S
    assert all(kind == "jpg" for _, kind in seen[:late])


def test_only_the_scene_on_air_is_ever_asked_for(source: ObsSource, stage: Stage) -> None:
    for _ in range(4):
        grab(source)
    shots = [data["sourceName"] for kind, data in stage.asked if kind == "GetSourceScreenshot"]
    assert set(shots) == {"Draw"}
    assert {kind for kind, _ in stage.asked} == {
        "GetSceneList",
        "GetVideoSettings",
        "GetStats",
        "GetStreamStatus",
        "GetStudioModeEnabled",
        "GetCurrentProgramScene",
        "GetSourceScreenshot",
    }
    kinds = [kind for kind, _ in stage.asked]
    first = kinds.index("GetSourceScreenshot")
    assert kinds[first - 2 : first + 4] == [
        "GetStudioModeEnabled",
        "GetCurrentProgramScene",
        "GetSourceScreenshot",
        "GetSourceScreenshot",
        "GetStudioModeEnabled",
        "GetCurrentProgramScene",
    ]


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"program": "Break"}, "scene-off-air"),
        ({"studio": True}, "studio-mode"),
        ({"program": "Sketch", "scenes": ["Sketch", "Break"]}, "scene-missing"),
    ],
)
def test_a_picture_is_thrown_away_when_the_scene_changes_during_the_look(
    source: ObsSource, stage: Stage, change: dict[str, Any], reason: str, settled: bool
) -> None:
    for _ in range(4 if settled else 0):
        grab(source)
    stage.during = change
    assert away(source).reason == reason
    stage.during = {}
    assert away(source).reason == reason


def test_following_the_program_throws_away_what_straddles_a_switch(
    server: Server, stage: Stage, hand: Hand
) -> None:
    source = made(server, hand, scene=None)
    source.open()
    grab(source)
    stage.during = {"program": "Break"}
    seen = away(source)
    assert seen.reason == "scene-changed"
    grab(source)
    assert stage.asked[-4][1]["sourceName"] == "Break"
    source.close()


def test_reasons_are_slugs_and_their_sentences_speak_the_language(
    source: ObsSource, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.program = "Break"
    assert away(source).detail.startswith("The scene “Draw” is not the one on air; “Break” is.")
    monkeypatch.setenv("SAKIGAKE_LANG", "ja")
    assert "配信画面" in away(source).detail
    stage.studio = True
    assert (away(source).reason, "スタジオモード" in away(source).detail) == ("studio-mode", True)


def test_a_scene_that_is_not_there_is_refused_with_those_that_are(server: Server, hand: Hand) -> None:
    with pytest.raises(NotFoundError) as missing:
        made(server, hand, "Drow").open()
    assert missing.value.code == "obs-scene-missing"
    assert "Draw / Break" in str(missing.value)


def test_a_scene_off_air_may_be_waited_for(server: Server, stage: Stage, hand: Hand) -> None:
    source = made(server, hand, "Break")
    source.open()
    assert away(source).reason == "scene-off-air"
    stage.program = "Break"
    grab(source)
    source.close()


def test_a_canvas_is_cut_out_and_clipped(server: Server, stage: Stage, hand: Hand) -> None:
    stage.picture[20:60, 40:90, :3] = (9, 8, 7)
    source = made(server, hand, canvas=Region(40, 20, 50, 40))
    source.open()
    for _ in range(3):
        frame = grab(source)
        assert frame.region == Region(40, 20, 50, 40)
        assert frame.pixels.shape == (40, 50, 3)
        assert (frame.pixels == (9, 8, 7)).all()
    stage.picture = np.full((48, 48, 4), 255, np.uint8)  # OBS was given a smaller canvas
    assert away(source).reason == "source-gone"
    source.close()
    with pytest.raises(UsageError) as outside:
        made(server, hand, canvas=Region(500, 500, 50, 50)).open()
    assert outside.value.code == "region-canvas-outside"


def test_what_is_see_through_is_shown_on_black_as_viewers_see_it(source: ObsSource, stage: Stage) -> None:
    stage.picture[:] = 0
    stage.picture[:20] = (188, 0, 188, 128)  # half of magenta, multiplied already
    frame = grab(source)
    assert frame.pixels[5, 5].tolist() == [188, 0, 188]
    assert frame.pixels[50, 50].tolist() == [0, 0, 0]


def bomb(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return sources.PNG_START + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", sources.PNG_START, bomb(0, 5), bomb(1 << 16, 1 << 16), bomb(640, 480)],
    ids=["empty", "gif", "cut", "flat", "bomb", "hollow"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(OddMessageError):
        sources.decode(data)


@pytest.mark.parametrize("answer", [{}, {"imageData": None}, {"imageData": "data:image/png;base64,AAAA"}])
def test_a_broken_picture_is_no_frame_and_the_next_one_is(
    source: ObsSource, stage: Stage, answer: dict[str, Any]
) -> None:
    stage.sabotage["GetSourceScreenshot"] = answer
    seen = away(source)
    assert seen.reason == "source-gone"
    assert "cannot be read" in seen.detail
    del stage.sabotage["GetSourceScreenshot"]
    grab(source)


def test_no_answer_about_studio_mode_counts_as_yes(source: ObsSource, stage: Stage) -> None:
    stage.sabotage["GetStudioModeEnabled"] = {}
    assert away(source).reason == "studio-mode"


def test_a_lost_obs_is_found_again_and_looked_at_anew(
    source: ObsSource, stage: Stage, server: Server, hand: Hand
) -> None:
    for _ in range(4):
        grab(source)
    server.talks[0].end.close()
    seen = away(source)
    assert seen.reason == "source-gone"
    assert "No OBS is listening" in seen.detail
    assert away(source).reason == "source-gone"
    stage.formats()
    hand.pass_s(1.5)
    assert not grab(source).info
    assert stage.formats() == ["jpg", "png"]


def test_statistics_are_read_before_and_after(server: Server, stage: Stage, hand: Hand) -> None:
    source = made(server, hand)
    source.open()
    assert source.before is not None
    grab(source)
    source.close()
    assert source.after is not None
    assert source.before.render_total < source.after.render_total
    assert (source.after.render_skipped, source.after.stream_total) == (2, 7)
    kinds = [kind for kind, _ in stage.asked]
    assert kinds[-2:] == ["GetStats", "GetStreamStatus"]


def test_closing_after_obs_went_is_no_error(server: Server, hand: Hand) -> None:
    source = made(server, hand)
    source.open()
    server.stop_listening()
    server.talks[0].end.close()
    source.close()
    assert source.after is None
    source.close()


def test_a_failed_open_leaves_nothing_open(server: Server, stage: Stage, hand: Hand) -> None:
    stage.sabotage["GetStats"] = {}
    source = made(server, hand, "Nowhere")
    with pytest.raises(SakigakeError):
        source.open()
    assert source._link._client is None


def test_nothing_in_the_ledger_names_a_scene(source: ObsSource) -> None:
    assert source.describe() == {"origin": "obs"}
    assert source.live is True
    frame = grab(source)
    assert frame.origin == "obs"
    assert "Draw" not in str(frame.info)


def test_the_password_comes_from_the_variable_and_then_from_the_settings(
    monkeypatch: pytest.MonkeyPatch, own_home: Any
) -> None:
    monkeypatch.delenv(sources.PASSWORD, raising=False)
    assert sources.password(settings.load()) is None
    (own_home / "sakigake.toml").write_text('[obs]\npassword = "from the file"\n', encoding="utf-8")
    assert sources.password(settings.load()) == "from the file"
    monkeypatch.setenv(sources.PASSWORD, "from the variable")
    assert sources.password(settings.load()) == "from the variable"
