"""A real OBS from end to end: what is recorded of it, what must not be, and what happens when it goes."""

import base64
import struct
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Pixels
from capture.obs.client import Client
from capture.obs.protocol import Address
from capture.obs.stream import StreamChange, StreamWatch
from capture.sources.obs import ObsSource
from sakigake.errors import ConfigError, NetworkError, NotFoundError
from tests.peers.obs import PASSWORD, PORT, SCENE, Obs, Screen, sink, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.x11]

PLANTED = (0xF1, 0x2B, 0xD9)  # BGR, and nothing else in these tests has it
PLANTED_BGR = 0xF12BD9
INK = (30, 20, 200)


@pytest.fixture
def source(obs: Obs) -> Iterator[ObsSource]:
    source = ObsSource(obs.address, PASSWORD)
    source.open()
    yield source
    source.close()


def planted(pixels: Pixels) -> int:
    """Return how many pixels have the planted colour, or nearly."""
    return int((np.abs(pixels.astype(int) - PLANTED).max(axis=2) < 24).sum())


def look(source: ObsSource) -> Frame:
    """Return the next frame; while there is nothing new, try again."""
    found: list[Frame] = []

    def one() -> bool:
        seen = source.grab()
        if isinstance(seen, Frame):
            found.append(seen)
        return bool(found)

    wait_for("no frame", one)
    return found[0]


def rest(source: ObsSource) -> list[Frame]:
    """Look until nothing is new; returns the frames on the way."""
    frames: list[Frame] = []

    def still() -> bool:
        frames.append(look(source))
        return "repeat_ms" in frames[-1].info

    wait_for("the picture does not come to rest", still)
    return frames


def reason(source: ObsSource) -> str:
    seen = source.grab()
    return seen.reason if isinstance(seen, NoFrame) else "a frame"


def test_what_is_drawn_on_a_screen_comes_back_pixel_by_pixel(
    obs: Obs, source: ObsSource, drawing: Screen
) -> None:
    obs.add_screen("Canvas", drawing.display)
    wait_for("OBS shows no paper", lambda: look(source).pixels.mean() > 254)
    rest(source)
    for number in range(4):
        line = np.array(drawing.pixels)
        cv2.line(line, (100, 80 + 150 * number), (1100, 140 + 150 * number), (*INK, 0), 5, cv2.LINE_AA)
        drawing.pixels[:] = line
        time.sleep(0.5)  # two frames of OBS
        frames = rest(source)
        # The change and then the same again, as the sign that the hand rests.
        assert [list(frame.info) for frame in frames] == [[], [], ["repeat_ms"]]
        for frame in frames:
            off = np.abs(frame.pixels.astype(int) - drawing.pixels[:, :, :3])
            assert off.max() <= 1, "OBS scales in floating point and may round"
        assert (frames[0].origin, frames[0].lossy, frames[0].scale) == ("obs", False, 1.0)
        assert frames[0].mono_ns < frames[1].mono_ns < frames[2].mono_ns
        assert frames[0].seq + 2 == frames[1].seq + 1 == frames[2].seq


def test_a_thin_faint_stroke_is_seen_at_once(obs: Obs, source: ObsSource, drawing: Screen) -> None:
    obs.add_screen("Canvas", drawing.display)
    wait_for("OBS shows no paper", lambda: look(source).pixels.mean() > 254)
    for row in range(1, 8):
        rest(source)
        drawing.pixels[row * 83, 400:460] = 215  # one pixel high, grey on white
        time.sleep(0.5)
        assert not look(source).info, row


def test_a_hidden_item_is_never_recorded(obs: Obs, source: ObsSource, drawing: Screen) -> None:
    obs.add_screen("Canvas", drawing.display)
    item = obs.add_colour("Private", PLANTED_BGR, 500, 500, shown=False)
    seen = 0
    for step in range(12):
        drawing.pixels[step * 40 : step * 40 + 20, 600:700] = 0
        frame = look(source)
        assert planted(frame.pixels) == 0
        seen += 1
    assert seen == 12
    # The same look finds it once it is shown: so it was looked for rightly.
    obs.show(item, shown=True)
    wait_for("the item does not show", lambda: planted(look(source).pixels) == 500 * 500)
    obs.show(item, shown=False)
    wait_for("the item does not go", lambda: planted(look(source).pixels) == 0)


def test_an_input_is_no_scene(obs: Obs) -> None:
    obs.add_colour("Private", PLANTED_BGR, 500, 500, shown=False)
    shot = obs.ask("GetSourceScreenshot", sourceName="Private", imageFormat="png")["imageData"]
    data = np.frombuffer(base64.b64decode(shot.partition(",")[2]), np.uint8)
    hidden = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert hidden is not None
    # OBS would have given it away.
    assert planted(np.asarray(hidden, np.uint8)) > 0
    with pytest.raises(NotFoundError) as refused:
        ObsSource(Address(port=PORT, scene="Private"), PASSWORD).open()
    assert refused.value.code == "obs-scene-missing"
    assert SCENE in str(refused.value)


def test_nothing_is_taken_in_studio_mode(obs: Obs, source: ObsSource) -> None:
    item = obs.add_colour("Private", PLANTED_BGR, 500, 500, shown=False)
    rest(source)
    obs.ask("SetStudioModeEnabled", studioModeEnabled=True)
    wait_for("no studio mode", lambda: obs.ask("GetStudioModeEnabled")["studioModeEnabled"])
    # Shown to the artist, not to the viewers.
    obs.show(item, shown=True)
    time.sleep(0.5)
    assert {reason(source) for _ in range(4)} == {"studio-mode"}
    obs.show(item, shown=False)
    obs.ask("SetStudioModeEnabled", studioModeEnabled=False)
    wait_for("studio mode stays", lambda: reason(source) == "a frame")


def test_a_scene_that_is_not_on_air_is_not_recorded(obs: Obs, source: ObsSource) -> None:
    obs.add_colour("Paper", 0xFFFFFF, 1280, 720)
    follower = ObsSource(Address(port=PORT), PASSWORD)
    follower.open()
    try:
        rest(source)
        obs.ask("CreateScene", sceneName="Back soon")
        obs.add("Curtain", "color_source_v3", scene="Back soon", color=0xFF400000, width=1280, height=720)
        obs.ask("SetCurrentProgramScene", sceneName="Back soon")
        wait_for("OBS does not switch", lambda: reason(source) == "scene-off-air")
        away = source.grab()
        assert isinstance(away, NoFrame)
        assert SCENE in away.detail
        assert "Back soon" in away.detail
        wait_for("the other scene", lambda: look(follower).pixels[5, 5].tolist() == [0x40, 0, 0])
        obs.ask("SetCurrentProgramScene", sceneName=SCENE)
        wait_for("OBS does not switch back", lambda: reason(source) == "a frame")
    finally:
        follower.close()


def test_renaming_the_scene_stops_the_record_and_renaming_an_input_does_not(
    obs: Obs, source: ObsSource
) -> None:
    obs.add_colour("Paper", 0xFFFFFF, 1280, 720)
    rest(source)
    obs.ask("SetInputName", inputName="Paper", newInputName="Sheet")
    assert reason(source) == "a frame"
    obs.ask("SetSceneName", sceneName=SCENE, newSceneName="Other")
    gone = source.grab()
    assert isinstance(gone, NoFrame)
    assert gone.reason == "scene-missing"
    assert "Other" in gone.detail
    obs.ask("SetSceneName", sceneName="Other", newSceneName=SCENE)
    assert reason(source) == "a frame"


def test_a_killed_obs_is_missed_and_found_again(obs: Obs, source: ObsSource) -> None:
    rest(source)
    obs.kill()
    wait_for("the loss is not noticed", lambda: reason(source) == "source-gone")
    gone = source.grab()
    assert isinstance(gone, NoFrame)
    assert "No OBS is listening" in gone.detail
    obs.start()
    frame = look(source)
    assert frame.pixels.shape == (720, 1280, 3)


def test_a_frozen_obs_is_noticed_and_found_again(obs: Obs, source: ObsSource) -> None:
    rest(source)
    obs.freeze()
    began = time.monotonic()
    try:
        for _ in range(4):
            seen = source.grab()
            assert isinstance(seen, NoFrame)
            assert seen.reason == "source-gone"
            assert "does not answer" in seen.detail
            time.sleep(1)
        assert time.monotonic() - began < 25
    finally:
        obs.thaw()
    wait_for("OBS is not found again", lambda: isinstance(source.grab(), Frame), 30.0)
    assert source._client is not None


def test_a_wrong_password_and_a_closed_port_say_so(obs: Obs) -> None:
    with pytest.raises(ConfigError) as wrong:
        ObsSource(obs.address, "not-the-password").open()
    assert wrong.value.code == "obs-password-wrong"
    with pytest.raises(ConfigError) as none:
        ObsSource(obs.address).open()
    assert none.value.code == "obs-password-missing"
    with pytest.raises(NetworkError) as closed:
        ObsSource(Address(port=PORT + 1), PASSWORD).open()
    assert closed.value.code == "obs-closed"


def test_answers_of_five_megabytes_cost_little(obs: Obs, drawing: Screen) -> None:
    drawing.pixels[:, :, :3] = np.random.default_rng(5).integers(0, 256, (720, 1280, 3), np.uint8)
    obs.add_screen("Noise", drawing.display)
    time.sleep(1)
    client = Client(Address(port=PORT), PASSWORD)
    try:
        cpu = time.process_time()
        # Quality 100 is no compression at all: four bytes for each pixel, and a third more in base64.
        answer = client.request(
            "GetSourceScreenshot",
            {"sourceName": SCENE, "imageFormat": "png", "imageWidth": 1600, "imageCompressionQuality": 100},
            30.0,
        )
        assert len(answer["imageData"]) > 5_000_000
        # The library's own check of the UTF-8 takes seconds for this.
        assert time.process_time() - cpu < 0.5
        assert client.request("GetVersion")["rpcVersion"] == 1
    finally:
        client.close()


def test_two_threads_that_ask_at_once_get_their_own_answers(obs: Obs) -> None:
    obs.add_colour("Paper", 0xFFFFFF, 1280, 720)
    client = Client(Address(port=PORT), PASSWORD)
    mixed: list[tuple[int, int]] = []

    def ask(first: int) -> None:
        for width in range(first, first + 40, 2):
            data = client.request(
                "GetSourceScreenshot", {"sourceName": SCENE, "imageFormat": "png", "imageWidth": width}
            )["imageData"]
            (got,) = struct.unpack_from(">I", base64.b64decode(data.partition(",")[2]), 16)
            if got != width:
                mixed.append((width, got))

    threads = [threading.Thread(target=ask, args=(first,)) for first in (200, 300, 401)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.failure is None
    client.close()
    assert not mixed
    assert client.late == 0


def test_start_and_stop_of_the_stream_are_told_with_statistics(obs: Obs, source: ObsSource) -> None:
    changes: list[StreamChange] = []
    watch = StreamWatch(Address(port=PORT), PASSWORD, changes.append)
    watch.open()
    watch.start()
    try:
        wait_for("the watch does not ask", lambda: watch.streaming is False)
        with sink():
            began = time.time_ns()
            obs.stream()
            wait_for("no start", lambda: len(changes) == 1)
            for _ in range(6):
                source.grab()
                time.sleep(0.5)
            obs.ask("StopStream")
            wait_for("no stop", lambda: len(changes) == 2)
        start, stop = changes
        assert (start.state, start.how) == ("started", "event")
        assert (stop.state, stop.how) == ("stopped", "event")
        assert began < start.wall_ns < stop.wall_ns
        assert stop.mono_ns - start.mono_ns > 2_000_000_000
        assert start.statistics is not None
        assert stop.statistics is not None
        assert stop.statistics.stream_total > 5
        assert stop.statistics.render_total > start.statistics.render_total
        assert stop.statistics.stream_skipped == 0
        info = stop.info()
        assert info["state"] == "stopped"
        assert all(isinstance(value, int | str) for value in info.values())
    finally:
        watch.close()


def test_a_stream_that_ends_with_its_obs_is_lost_and_then_over(obs: Obs) -> None:
    changes: list[StreamChange] = []
    with sink():
        obs.stream()
        wait_for("no stream", lambda: obs.ask("GetStreamStatus")["outputTotalFrames"] > 3)
        watch = StreamWatch(Address(port=PORT), PASSWORD, changes.append)
        watch.start()
        try:
            wait_for("a running stream is not noticed", lambda: len(changes) == 1)
            assert (changes[0].state, changes[0].how) == ("started", "asked")
            obs.kill()
            wait_for("the loss is not noticed", lambda: len(changes) == 2)
            assert (changes[1].state, changes[1].statistics) == ("lost", None)
            obs.start()
            wait_for("OBS is not found again", lambda: len(changes) == 3)
            assert (changes[2].state, changes[2].how) == ("stopped", "asked")
        finally:
            watch.close()


def test_statistics_are_read_before_and_after(obs: Obs) -> None:
    source = ObsSource(obs.address, PASSWORD)
    source.open()
    for _ in range(3):
        source.grab()
        time.sleep(0.4)
    source.close()
    assert source.before is not None
    assert source.after is not None
    assert source.after.render_total > source.before.render_total > 0
    assert source.after.fps_milli == pytest.approx(5000, abs=1000)
