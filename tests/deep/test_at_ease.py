"""When the worker stands back: by the recorder's real pulse in a real store, and by what a stream drops."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from capture.lock import RecorderLock
from capture.pulse import Pulse
from desk.at_ease import HOLD_S, Ease
from sakigake.store.sqlite import SqliteStore

NOW = 1_800_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(own_home: Path) -> SqliteStore:
    return SqliteStore(own_home / "sakigake.db")


def pulse(store: SqliteStore, **given: object) -> None:
    good = Pulse("s", "screen", NOW - 60_000, beat_ms=NOW, good_ms=NOW - 500, interval_s=2.0)
    replace(good, **given).put(store)  # type: ignore[arg-type]


def ease(store: SqliteStore, home: Path, clock: Clock, wall: int = NOW) -> Ease:
    return Ease(store, home, monotonic=clock, wall_ms=lambda: wall)


def test_without_a_recorder_it_is_at_ease(store: SqliteStore, own_home: Path) -> None:
    assert ease(store, own_home, Clock())() == ""
    pulse(store, waiting=7, trouble="disk-full")  # left by one that ended
    assert ease(store, own_home, Clock())() == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, ""),
        ({"waiting": 1}, ""),
        ({"waiting": 3}, "late"),
        ({"good_ms": NOW - 5_000}, "late"),
        ({"good_ms": NOW - 5_000, "paused": "asked", "paused_ms": NOW - 9000}, ""),
        ({"good_ms": NOW - 20_000, "trouble": "record-black"}, "trouble"),
        ({"beat_ms": NOW - 60_000, "good_ms": NOW - 60_000}, "late"),
        ({"drops": 4}, ""),  # before the worker came
    ],
)
def test_the_pulse_says_how_the_recorder_is(
    store: SqliteStore, own_home: Path, given: dict[str, object], reason: str
) -> None:
    with RecorderLock(own_home):
        pulse(store, **given)
        assert ease(store, own_home, Clock())() == reason


def test_a_lost_picture_holds_the_worker_for_a_while(store: SqliteStore, own_home: Path) -> None:
    clock = Clock()
    with RecorderLock(own_home):
        pulse(store, drops=2)
        asked = ease(store, own_home, clock)
        assert asked() == ""
        pulse(store, drops=3)
        assert asked() == "dropping"
        clock.now = HOLD_S - 1
        assert asked() == "dropping"
        clock.now = HOLD_S + 1
        assert asked() == ""
        pulse(store, drops=0, session="another")
        assert asked() == ""


def test_frames_that_the_stream_drops_hold_it_too(store: SqliteStore, own_home: Path) -> None:
    clock = Clock()
    counts = iter([5, 5, 9, 9, None, 3, 9])
    asked = Ease(store, own_home, stream=lambda: next(counts), monotonic=clock)
    told = []
    for _ in range(7):
        told.append(asked())
        clock.now += HOLD_S + 1 if told[-1] else 1
    assert told == ["", "", "stream", "", "", "", "stream"], "an OBS that went and came back counts anew"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's way to say it")
def test_the_worker_comes_last_on_the_processor() -> None:
    code = "import os; from watch.deep.worker import lower_priority; lower_priority(); print(os.nice(0))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) == 19


def test_an_obs_that_is_away_is_no_reason() -> None:
    from desk.at_ease import obs_drops
    from sakigake import settings

    asked = obs_drops(settings.load(), "obs://127.0.0.1:1")  # nobody there: no reason to wait
    began = time.monotonic()
    assert asked() is None
    assert time.monotonic() - began < 10
