"""Start and stop of a stream, as a scripted OBS tells it or fails to."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from capture.obs import wire
from capture.obs.stream import STARTED, STOPPED, StreamChange, StreamWatch
from sakigake.clock import Clock
from sakigake.errors import ConfigError
from tests.obs.scripted import Server, Talk, obs


class Streaming:
    """An OBS of paper with a stream that runs or does not."""

    def __init__(self) -> None:
        self.active = False
        self.frames = 0
        self.talk: Talk | None = None
        self.asked = threading.Event()
        self.mute = False

    def answer(self, talk: Talk, request: dict[str, Any]) -> None:
        self.talk = talk
        self.frames += 100
        if self.mute and request["requestType"] == "GetStats":
            return
        if request["requestType"] == "GetStats":
            talk.answer(request, {"renderTotalFrames": self.frames, "renderSkippedFrames": 1})
        else:
            talk.answer(
                request, {"outputActive": self.active, "outputTotalFrames": 5, "outputSkippedFrames": 0}
            )
        self.asked.set()

    def tell(self, state: str) -> None:
        assert self.talk is not None
        self.talk.event("StreamStateChanged", outputActive=state == STARTED, outputState=state)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TICK_S", 0.05)


@pytest.fixture
def stream() -> Streaming:
    return Streaming()


@pytest.fixture
def server(stream: Streaming) -> Iterator[Server]:
    with Server(obs(stream.answer)) as server:
        yield server


class Heard:
    """A watch, what it told, and a clock that can be pushed forward."""

    def __init__(self, server: Server, secret: str | None = None) -> None:
        self.changes: list[StreamChange] = []
        self.ahead_ns = 0
        clock = Clock(time.time_ns, lambda: time.monotonic_ns() + self.ahead_ns)
        self.watch = StreamWatch(server.address, secret, self.changes.append, clock)

    def wait(self, count: int) -> list[tuple[str, str]]:
        until = time.monotonic() + 5
        while len(self.changes) < count and time.monotonic() < until:
            time.sleep(0.01)
        return [(change.state, change.how) for change in self.changes]


@pytest.fixture
def heard(server: Server, stream: Streaming) -> Iterator[Heard]:
    heard = Heard(server)
    heard.watch.start()
    assert stream.asked.wait(5)
    while heard.watch.streaming is None:
        time.sleep(0.01)
    yield heard
    heard.watch.close()


def test_start_and_stop_are_told_once_each_with_statistics(heard: Heard, stream: Streaming) -> None:
    before = time.time_ns()
    for state in ("OBS_WEBSOCKET_OUTPUT_STARTING", STARTED, STARTED):
        stream.tell(state)
    assert heard.wait(1) == [("started", "event")]
    running = heard.watch.streaming
    assert running is True
    for state in ("OBS_WEBSOCKET_OUTPUT_RECONNECTING", "OBS_WEBSOCKET_OUTPUT_STOPPING", STOPPED, STOPPED):
        stream.tell(state)
    assert heard.wait(2) == [("started", "event"), ("stopped", "event")]
    running = heard.watch.streaming
    assert running is False
    start, stop = heard.changes
    assert before <= start.wall_ns <= stop.wall_ns <= time.time_ns()
    assert start.mono_ns <= stop.mono_ns
    assert start.statistics is not None
    assert stop.statistics is not None
    assert stop.statistics.render_total > start.statistics.render_total
    assert stop.info() == {
        "state": "stopped",
        "how": "event",
        "render_total": stop.statistics.render_total,
        "render_skipped": 1,
        "output_total": 0,
        "output_skipped": 0,
        "stream_total": 5,
        "stream_skipped": 0,
    }


def test_other_events_say_nothing(heard: Heard, stream: Streaming) -> None:
    assert stream.talk is not None
    stream.talk.event("RecordStateChanged", outputState=STARTED)
    stream.talk.event("StreamStateChanged")
    stream.tell(STARTED)
    assert heard.wait(1) == [("started", "event")]


def test_a_stream_that_runs_already_is_told_as_asked(server: Server, stream: Streaming) -> None:
    stream.active = True
    heard = Heard(server)
    heard.watch.open()
    heard.watch.start()
    assert heard.wait(1) == [("started", "asked")]
    heard.watch.close()


def test_without_a_stream_a_lost_obs_is_no_news(heard: Heard, server: Server) -> None:
    server.stop_listening()
    server.talks[0].end.close()
    until = time.monotonic() + 5
    while heard.watch.trouble is None and time.monotonic() < until:
        time.sleep(0.01)
    assert heard.watch.trouble is not None
    assert heard.watch.trouble.code == "obs-closed"
    assert not heard.changes


@pytest.mark.parametrize(("still", "after"), [(True, ("back", "asked")), (False, ("stopped", "asked"))])
def test_a_lost_obs_is_told_and_what_it_is_found_doing(
    heard: Heard, stream: Streaming, server: Server, still: bool, after: tuple[str, str]
) -> None:
    stream.tell(STARTED)
    heard.wait(1)
    stream.active = still
    server.talks[0].end.close()
    assert heard.wait(2)[1] == ("lost", "asked")
    assert heard.changes[1].statistics is None
    assert heard.changes[1].info() == {"state": "lost", "how": "asked"}
    heard.ahead_ns += 2_000_000_000  # the time until it is tried again
    assert heard.wait(3)[2] == after
    assert heard.watch.streaming is still


def test_a_stream_whose_obs_stays_away_is_over_after_a_minute(
    heard: Heard, stream: Streaming, server: Server
) -> None:
    stream.tell(STARTED)
    heard.wait(1)
    server.stop_listening()
    server.talks[0].end.close()
    assert heard.wait(2)[1] == ("lost", "asked")
    heard.ahead_ns += 59_000_000_000
    time.sleep(0.7)
    assert len(heard.changes) == 2
    heard.ahead_ns += 2_000_000_000
    assert heard.wait(3)[2] == ("stopped", "lost")
    assert heard.watch.streaming is False


def test_a_change_is_told_even_when_obs_gives_no_statistics(
    heard: Heard, stream: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capture.obs.stream.STATISTICS_TIMEOUT_S", 0.1)
    stream.mute = True
    stream.tell(STARTED)
    assert heard.wait(1) == [("started", "event")]
    assert heard.changes[0].statistics is None


def test_a_wrong_password_is_known_before_the_watch_begins() -> None:
    with Server(obs(Streaming().answer, "right")) as server:
        heard = Heard(server, "wrong")
        with pytest.raises(ConfigError) as wrong:
            heard.watch.open()
        assert wrong.value.code == "obs-password-wrong"
        heard.watch.close()
