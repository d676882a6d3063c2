"""A recorder that has only just been started: an interrupt, an order, and a home that is none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.lock import START_FILE, Starting, is_held, is_recording_or_about_to
from capture.orders import ANSWER, ORDER, Order, ask
from capture.pulse import STOP
from desk.cli import main
from sakigake.errors import SakigakeError
from sakigake.settings import load
from sakigake.store.sqlite import SqliteStore
from tests.capture.running import COMMAND, Recording, command, configure, environment, wait_until


def source(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "frames").mkdir()
    pixels = np.random.default_rng(2).integers(0, 256, (240, 320, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "frames" / "1.png"), pixels)
    return ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.2s")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupt_while_it_is_loaded_is_quiet(tmp_path: Path) -> None:
    """What comes before our first line, while Python itself starts, is not ours to mend."""
    home = tmp_path / "home"
    configure(home)
    arguments = [*COMMAND, "start", *source(tmp_path)]
    codes = set()
    for hundredths in range(6, 60, 4):
        with subprocess.Popen(
            arguments, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            time.sleep(hundredths / 100)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=40)
        assert not any(part in said for part in ("/desk/", "/capture/", "/sakigake/", "click"))
        codes.add(process.returncode)
    assert codes <= {130, 0, -signal.SIGINT, 1}
    assert 130 in codes


def test_stop_reaches_a_recorder_that_is_still_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    configure(home)
    monkeypatch.setenv("SAKIGAKE_HOME", str(home))
    arguments = source(tmp_path)
    with Recording(home, *arguments) as recording:
        wait_until(lambda: is_held(home, START_FILE), 20)
        early = not is_held(home)
        assert main(["record", "stop"]) == 0
        assert recording.ended() == 0
        assert any("Stopped from another window" in line for line in recording.sentences)
    assert early  # else this machine is too quick for the test to mean anything
    assert capsys.readouterr().out == "The recording has ended.\n"
    assert not is_recording_or_about_to(home)


def test_an_order_to_an_earlier_recorder_is_not_for_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    configure(home)
    store = SqliteStore(load(home).database)
    for name in (STOP, ORDER, ANSWER):
        store.put_state(name, '{"do":"pause","id":"1"}')
    with Recording(home, *source(tmp_path), "--for", "3s") as recording:
        recording.wait_for("stage")
        assert all(store.state(name) is None for name in (STOP, ORDER, ANSWER))
        assert recording.ended() == 0
        assert recording.kinds()["pause"] == 0
        assert any("The time is over" in line for line in recording.sentences)
    store.close()


def test_a_start_that_fails_makes_no_home_and_holds_nothing(tmp_path: Path) -> None:
    home = tmp_path / "none"
    with Starting(home) as starting:
        assert not starting.first
    assert not home.exists()
    home.mkdir()
    with Starting(home) as first, Starting(home) as second:
        assert (first.first, second.first) == (True, False)
        assert is_recording_or_about_to(home)
    assert not is_recording_or_about_to(home)


def test_an_order_that_nobody_understands_stops_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    configure(home)
    with Recording(home, *source(tmp_path)) as recording:
        recording.wait_for("stage")
        store = SqliteStore(load(home).database)
        for raw in ("{", "[]", '{"do":"dance"}', '{"do":"pause","more":1}'):
            store.put_state(ORDER, raw)
            wait_until(lambda: store.state(ORDER) is None, 10)
        assert command(home, "status").returncode == 0
        answer = ask(store, Order("pause"), lambda: True, 20)
        assert answer
        assert answer.said == "done"
        store.close()
        assert recording.end() == 0


def test_an_order_without_an_answer_ends_in_one_sentence(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    with pytest.raises(SakigakeError, match="has not answered"):
        ask(store, Order("pause"), lambda: True, 0.3)
    assert ask(store, Order("pause"), lambda: False, 5) is None
    assert store.state(ORDER) is None
    store.close()


@pytest.mark.parametrize(
    "arguments", [("status",), ("stop",), ("forget",), ("pause",), ("start", "--source", "screen")]
)
def test_a_home_that_is_a_file_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    told = command(home, *arguments)
    assert told.returncode == 3
    assert told.stderr.startswith(f"sakigake: The place for the records, {home}, is not a folder.")
    assert len(told.stderr.splitlines()) == 2
    assert sys.platform == "win32" or home.read_text() == "not a folder"
