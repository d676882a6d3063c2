"""kill -9 at any moment: what was acknowledged is there, the chain is whole, and the next start says what it found."""

import os
import random
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from sakigake.model import EntryType
from sakigake.timeline.entry import parse_picture
from tests.capture.running import Kept, Recording, configure

FEW, MANY = 10, 100


def drawings(folder: Path, count: int = 40) -> None:
    """Frames of a drawing session; big enough that a write takes a while."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    pixels = np.full((360, 640, 3), 245, np.uint8)
    for number in range(count):
        for _ in range(3):
            start, middle, end = (tuple(int(value) for value in rng.integers(20, 340, 2)) for _ in range(3))
            shade = tuple(int(value) for value in rng.integers(0, 180, 3))
            cv2.ellipse(pixels, start, (60 + middle[0] // 6, 40), end[0] % 180, 0, 250, shade, 9)
        path = folder / f"{number}.png"
        assert cv2.imwrite(str(path), pixels)
        os.utime(path, (1_700_000_000 + number * 60, 1_700_000_000 + number * 60))  # each one saved by hand


def killed_and_started_again(tmp_path: Path, moments: list[tuple[bool, float]]) -> None:
    drawings(tmp_path / "frames")
    home = tmp_path / "home"
    configure(home, "[record]\nheartbeat_s = 0.05\n")
    source = ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.1s")
    acknowledged: dict[int, str] = {}
    for place, (starting, moment) in enumerate(moments):
        with Recording(home, *source) as recording:
            if not place:
                recording.wait_for("session_start")
            elif not starting:
                recording.wait_said("The last recording was cut off.")
            time.sleep(moment)
            recording.process.send_signal(signal.SIGKILL)
            assert recording.ended() == -signal.SIGKILL
            for line in recording.lines:
                assert acknowledged.get(line["seq"], line["leaf"]) == line["leaf"]
                acknowledged[line["seq"]] = line["leaf"]
        with Kept(home) as kept:
            (session,) = kept.sessions
            leaves = [leaf.hex() for leaf in kept.store.leaves(session.id)]
            assert all(leaves[seq] == leaf for seq, leaf in acknowledged.items())
            assert session.ended is None
    with Recording(home, *source, "--once") as recording:
        recording.wait_said("The last recording was cut off.")
        assert recording.ended() == 0
    with Kept(home) as kept:
        kept.check()
        (session,) = kept.sessions
        assert session.ended
        assert len(kept.of(EntryType.RECOVERED)) >= 1 + sum(not starting for starting, _ in moments[1:])
        # A machine that is busy with other things may also make it miss three looks of a tenth of a second.
        assert {"crash"} <= {gap.info["reason"] for gap in kept.of(EntryType.GAP)} <= {"crash", "stall"}
        stages = [entry.opening for entry in kept.stored() if entry.type is EntryType.STAGE]
        assert len(stages) == len({parse_picture(opening).pixels for opening in stages if opening}) == 40


def moments(count: int, seed: int) -> list[tuple[bool, float]]:
    """Half of them while it records, half at any moment from the start of the process on."""
    rng = random.Random(seed)
    return [(starting := place % 2 == 1, rng.uniform(0, 2.5 if starting else 1.2)) for place in range(count)]


def test_ten_times(tmp_path: Path) -> None:
    killed_and_started_again(tmp_path, moments(FEW, 1))


@pytest.mark.slow
def test_a_hundred_times(tmp_path: Path) -> None:
    killed_and_started_again(tmp_path, moments(MANY, 2))


def test_a_crash_of_another_source_is_closed_and_a_new_session_begins(tmp_path: Path) -> None:
    drawings(tmp_path / "one", 3)
    drawings(tmp_path / "two", 3)
    home = tmp_path / "home"
    with Recording(home, "--source", f"folder:{tmp_path / 'one'}") as recording:
        recording.wait_for("stage")
        recording.process.kill()
        recording.ended()
    with Recording(home, "--source", f"folder:{tmp_path / 'two'}", "--once") as recording:
        assert recording.ended() == 0
        assert any("had been cut off and is closed now" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        first, second = kept.sessions
        assert first.ended
        assert second.ended
        assert [entry.type for entry in kept.entries(first)][-2:] == [
            EntryType.RECOVERED,
            EntryType.SESSION_END,
        ]
        assert kept.of(EntryType.SESSION_END, first)[0].info == {"reason": "crash"}
        assert kept.store.checkpoints(first.id)[-1].size == len(kept.entries(first))


@pytest.mark.slow
def test_new_means_a_new_session(tmp_path: Path) -> None:
    drawings(tmp_path / "one", 3)
    source = ("--source", f"folder:{tmp_path / 'one'}", "--once")
    with Recording(tmp_path / "home", *source[:2]) as recording:
        recording.wait_for("stage")
        recording.process.kill()
        recording.ended()
    with Recording(tmp_path / "home", *source, "--new") as recording:
        assert recording.ended() == 0
    with Kept(tmp_path / "home") as kept:
        assert [bool(session.ended) for session in kept.sessions] == [True, True]


def test_after_a_crash_a_folder_is_not_taken_in_twice(tmp_path: Path) -> None:
    drawings(tmp_path / "one", 12)
    source = ("--source", f"folder:{tmp_path / 'one'}")
    with Recording(tmp_path / "clean", *source, "--once") as recording:
        assert recording.ended() == 0
    with Recording(tmp_path / "home", *source) as recording:
        recording.wait_for("stage", 3)
        recording.process.kill()
        recording.ended()
    with Recording(tmp_path / "home", *source, "--once") as recording:
        assert recording.ended() == 0
    with Kept(tmp_path / "clean") as clean, Kept(tmp_path / "home") as home:
        assert len(home.sessions) == 1
        assert len(home.of(EntryType.STAGE)) == len(clean.of(EntryType.STAGE)) >= 4
