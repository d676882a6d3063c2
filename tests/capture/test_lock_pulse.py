import errno
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capture.disk import Limits, Room, is_full
from capture.lock import RecorderLock, is_held
from capture.pulse import PULSE, Pulse, State
from sakigake.errors import ConfigError, SakigakeError
from sakigake.settings import load
from sakigake.store.sqlite import SqliteStore
from tests.capture.running import ROOT

PROGRAM = """
import sys, time
from pathlib import Path
from capture.lock import RecorderLock
with RecorderLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_recorder_is_turned_away_and_status_sees_the_first(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with RecorderLock(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(SakigakeError) as refused, RecorderLock(tmp_path):
            pass
        assert refused.value.code == "record-running"
    assert not is_held(tmp_path)
    with RecorderLock(tmp_path):
        pass


def test_the_kernel_lets_go_when_the_process_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    with process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"held"
        assert is_held(tmp_path)
        process.kill()
        process.wait()
        assert not is_held(tmp_path)


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SakigakeError) as refused, RecorderLock(tmp_path / "file" / "home"):
        pass
    assert refused.value.code == "record-home-unwritable"


PULSE_NOW = Pulse("s", "screen", 0, beat_ms=100_000, good_ms=99_000, interval_s=2)


@pytest.mark.parametrize(
    ("pulse", "now", "running", "state"),
    [
        (PULSE_NOW, 101_000, True, State.RECORDING),
        (PULSE_NOW, 101_000, False, State.NOT_RECORDING),
        (PULSE_NOW, 140_000, True, State.STALE),  # the process hangs
        (replace(PULSE_NOW, good_ms=50_000), 101_000, True, State.STALE),  # it lives but sees nothing
        (replace(PULSE_NOW, trouble="disk-full"), 101_000, True, State.STALE),
        (replace(PULSE_NOW, interval_s=15, good_ms=60_000), 101_000, True, State.RECORDING),
        (
            replace(PULSE_NOW, paused="asked", good_ms=0),
            101_000,
            True,
            State.PAUSED,
        ),  # of course it sees nothing
        (replace(PULSE_NOW, paused="asked"), 140_000, True, State.STALE),
        (replace(PULSE_NOW, paused="asked", trouble="disk-full"), 101_000, True, State.STALE),
        (replace(PULSE_NOW, paused="asked"), 101_000, False, State.NOT_RECORDING),
        (PULSE_NOW, 100_000 - 3_600_000, True, State.STALE),  # the clock was set back: nothing can be said
    ],
)
def test_what_a_pulse_means(pulse: Pulse, now: int, running: bool, state: State) -> None:
    assert pulse.judge(now, running=running) is state


def test_a_pulse_travels_through_the_store_and_an_unknown_one_is_none(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db")
    assert Pulse.read(store) is None
    PULSE_NOW.put(store)
    assert Pulse.read(store) == PULSE_NOW
    for strange in ("", "{", json.dumps({"session": "s", "mood": 1})):
        store.put_state(PULSE, strange)
        assert Pulse.read(store) is None
    store.close()


@pytest.mark.parametrize(
    ("free", "room"),
    [(5000, Room.ENOUGH), (1999, Room.LOW), (499, Room.SMALL), (99, Room.NONE), (0, Room.NONE)],
)
def test_how_much_room_means_what(free: int, room: Room) -> None:
    assert Limits(low_mb=2000, small_mb=500, none_mb=100).room(free) is room


def test_the_shipped_limits_are_those(tmp_path: Path) -> None:
    assert Limits.of(load(tmp_path)) == Limits(2000, 500, 100)


@pytest.mark.parametrize("value", ['"much"', "true", "-1", "nan", "[1]"])
def test_a_setting_that_is_no_number_is_named(tmp_path: Path, value: str) -> None:
    (tmp_path / "sakigake.toml").write_text(f"[record]\ndisk_low_mb = {value}\n")
    with pytest.raises(ConfigError) as refused:
        Limits.of(load(tmp_path))
    assert refused.value.params["name"] == "record.disk_low_mb"


def test_a_full_disk_is_recognised_through_what_it_caused() -> None:
    error = SakigakeError("store-write-failed", why="")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_full(error)
    assert not is_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_full(None)
