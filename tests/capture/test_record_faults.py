import datetime as dt
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval
import numpy as np
import pytest

from capture.backlog import Item
from capture.elapsed import Elapsed
from capture.frame import Frame, Pixels
from capture.spool import Spool
from capture.writer import Writer
from sakigake.clock import Clock
from sakigake.model import EntryType, Picture
from tests.capture.here import Scripted, frame, recorder_here
from tests.capture.running import Kept, command, wait_until


@pytest.mark.parametrize("error", [AssertionError, SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_whatever_ends_a_look_is_counted_told_and_followed_by_the_next(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def step(number: int) -> None:
        if 4 <= number <= 6:
            raise error("planted")

    with recorder_here(tmp_path, Scripted(step)) as here:
        wait_until(lambda: here.looks > 15, 20)
        assert here.recorder.looker.errors == 3
    (ending,) = here.endings
    assert not ending.failed
    told = [values for key, values in here.said if key == "record.tick-failed"]
    assert told == [{"what": error.__name__}]
    with Kept(tmp_path) as kept:
        kept.check()
        first = kept.of(EntryType.GAP)[0].info
        assert (first["reason"], first["what"]) == ("error", error.__name__)
        assert kept.of(EntryType.SESSION_END)[0].info == {"reason": "stop"}


def test_status_says_that_looking_fails(tmp_path: Path) -> None:
    def step(number: int) -> None:
        if number > 3:
            raise ValueError("planted")

    with recorder_here(tmp_path, Scripted(step)):
        wait_until(lambda: status(tmp_path).get("trouble") == "error", 20)
        told = status(tmp_path)
        assert told["state"] == "stale"
        assert told["errors"] > 0
        assert command(tmp_path, "status").returncode == 1


def status(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(command(home, "status", "--json").stdout)
    return told


@pytest.mark.parametrize("by_s", [-3600, 3600, 30 * 86400, -5])
def test_a_clock_that_is_set_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_s: int
) -> None:
    offset = [0.0]

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.now(tz) + dt.timedelta(seconds=offset[0])

    for module in (apscheduler.executors.base, apscheduler.schedulers.base, apscheduler.triggers.interval):
        monkeypatch.setattr(module, "datetime", Shifted)
    elapsed = Elapsed(Clock(lambda: time.time_ns() + int(offset[0] * 1e9)))
    with recorder_here(tmp_path, Scripted(), elapsed) as here:
        here.wait_looks(5)
        offset[0] = by_s
        began = time.monotonic()
        here.wait_told(EntryType.CLOCK_JUMP)
        here.wait_looks(15)
        assert time.monotonic() - began < 15
    with Kept(tmp_path) as kept:
        (jump,) = kept.of(EntryType.CLOCK_JUMP)
        assert abs(int(jump.info["by_ms"]) - by_s * 1000) < 1500
        assert sum(int(gap.info["ms"]) for gap in kept.of(EntryType.GAP)) < 5000


def test_sleep_of_the_machine_is_a_gap_and_no_clock_jump(tmp_path: Path) -> None:
    slept = [0]
    elapsed = Elapsed(Clock(lambda: time.time_ns() + slept[0]), lambda: slept[0])
    with recorder_here(tmp_path, Scripted(), elapsed) as here:
        here.wait_looks(3)
        slept[0] = 7200 * 10**9
        here.wait_told(EntryType.GAP)
    with Kept(tmp_path) as kept:
        gaps = kept.of(EntryType.GAP)
        assert gaps[0].info["reason"] == "sleep"
        assert 7_199_000 <= sum(int(gap.info["ms"]) for gap in gaps) <= 7_205_000
        assert not kept.of(EntryType.CLOCK_JUMP)


def test_a_ticker_that_goes_quiet_is_revived(tmp_path: Path) -> None:
    with recorder_here(tmp_path, Scripted()) as here:
        here.wait_looks(3)
        # As if APScheduler had forgotten its job.
        here.recorder.ticker._scheduler.modify_job("look", next_run_time=None)
        here.wait_looks(5)
    with Kept(tmp_path) as kept:
        assert kept.of(EntryType.GAP)[0].info["reason"] == "stall"


@pytest.mark.slow
def test_a_slow_disk_costs_counted_drops_and_never_the_first_or_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Spool.keep

    def slow(self: Spool, pixels: Pixels) -> Picture:
        time.sleep(1.0)
        return keep(self, pixels)

    monkeypatch.setattr(Spool, "keep", slow)
    with recorder_here(tmp_path, Scripted(), interval_s=0.05) as here:
        wait_until(lambda: here.recorder.backlog.dropped >= 3, 60)
    (ending,) = here.endings
    assert ending.drops == here.recorder.backlog.dropped
    with Kept(tmp_path) as kept:
        kept.check()
        drops = kept.of(EntryType.DROP)
        assert {drop.info["reason"] for drop in drops} == {"queue"}
        assert sum(int(drop.info["frames"]) for drop in drops) == ending.drops
        assert len(kept.of(EntryType.STAGE)) == ending.stages


def test_a_picture_that_cannot_be_encoded_is_a_drop_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, calls = Spool.keep, []

    def odd(self: Spool, pixels: Pixels) -> Picture:
        calls.append(pixels.shape)
        if len(calls) == 2:
            raise ValueError("planted")
        return keep(self, pixels)

    monkeypatch.setattr(Spool, "keep", odd)
    with recorder_here(tmp_path, Scripted()) as here:
        here.wait_told(EntryType.STAGE, 3)
    with Kept(tmp_path) as kept:
        (drop,) = kept.of(EntryType.DROP)
        assert drop.info == {"reason": "error", "frames": 1, "what": "ValueError"}


def test_a_writer_that_dies_ends_the_recording_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_self: Writer, _item: Item) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(Writer, "_write", die)
    with recorder_here(tmp_path, Scripted()) as here:
        wait_until(lambda: here.endings, 30)
    (ending,) = here.endings
    assert ending.failed
    assert ending.reason == "error"
    assert ("record.writer-failed", {"what": "RuntimeError"}) in here.said


def test_a_picture_that_stays_black_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.look.BLACK_NS", 10**9)
    black = np.zeros((240, 320, 3), np.uint8)

    def step(number: int) -> Frame | None:
        return frame(black, number) if 10 <= number <= 40 else None

    with recorder_here(tmp_path, Scripted(step)) as here:
        wait_until(lambda: here.looks > 30, 20)
        assert here.recorder.coverage.reason == "blank"
        wait_until(lambda: here.looks > 45, 20)
        assert here.recorder.coverage.reason == ""
    assert [key for key in here.spoken() if key in {"record.blank", "record.back"}] == [
        "record.blank",
        "record.back",
    ]
    with Kept(tmp_path) as kept:
        assert {gap.info["reason"] for gap in kept.of(EntryType.GAP)} == {"blank"}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_threads_and_files_are_given_back(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    counts = []
    for place in range(3):
        with recorder_here(tmp_path / str(place), Scripted()) as here:
            here.wait_looks(3)
        wait_until(lambda: not any("sakigake" in thread.name for thread in threading.enumerate()), 10)
        counts.append(open_files())
    assert counts[2] <= counts[0]
