import threading
import time

import numpy as np
import pytest

from capture.backlog import Backlog, ForgetItem, NoteItem, StageItem
from capture.frame import Frame, Region
from capture.stages import Decision
from sakigake.model import EntryType


def stage(number: int, side: int = 10) -> StageItem:
    pixels = np.zeros((side, side, 3), np.uint8)
    frame = Frame(pixels, number, number, number, "screen", Region(0, 0, side, side))
    return StageItem(
        frame, Decision("draw", stage=True, changed=0.1, reverts_to=None, why="settled", metrics={})
    )


def note(number: int) -> NoteItem:
    return NoteItem(EntryType.HEARTBEAT, {"looks": number}, number, number)


def drain(backlog: Backlog) -> list[str]:
    backlog.close()
    came = []
    while (item := backlog.first(0)) is not None:
        if isinstance(item, StageItem):
            came.append(f"s{item.frame.seq}")
        elif isinstance(item, ForgetItem):
            came.append(f"forget {item.discarded}")
        else:
            came.append(f"{item.kind.value} {item.info.get('frames', item.info.get('looks'))}")
        backlog.done()
    return came


def test_what_goes_in_comes_out_in_order() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.put(stage(number))
        backlog.put(note(number))
    assert drain(backlog) == ["s0", "heartbeat 0", "s1", "heartbeat 1", "s2", "heartbeat 2"]
    assert backlog.finished


def test_an_item_stays_until_it_is_done() -> None:
    backlog = Backlog()
    backlog.put(stage(0))
    assert backlog.first(0) is backlog.first(0)
    assert backlog.waiting() == 1
    backlog.done()
    assert backlog.first(0.01) is None


def test_the_middle_goes_first_and_the_oldest_and_the_newest_stay() -> None:
    backlog = Backlog(max_frames=4)
    for number in range(10):
        backlog.put(stage(number))
    came = drain(backlog)
    assert came[0] == "s0"
    assert came[-1] == "s9"
    stages = [item for item in came if item.startswith("s")]
    dropped = sum(int(item.split()[1]) for item in came if item.startswith("drop"))
    assert len(stages) == 4
    assert dropped == backlog.dropped == 6


def test_neighbouring_drops_are_one_entry() -> None:
    backlog = Backlog(max_frames=2)
    for number in range(20):
        backlog.put(stage(number))
    assert drain(backlog) == ["s0", "drop 18", "s19"]


def test_notes_are_never_dropped_and_keep_their_place() -> None:
    backlog = Backlog(max_frames=2)
    backlog.put(stage(0))
    backlog.put(note(1))
    backlog.put(stage(2))
    backlog.put(note(3))
    backlog.put(stage(4))
    assert drain(backlog) == ["s0", "heartbeat 1", "drop 1", "heartbeat 3", "s4"]


def test_bytes_are_bounded_but_one_written_and_one_new_picture_always_fit() -> None:
    backlog = Backlog(max_bytes=1000)
    for number in range(5):
        backlog.put(stage(number, side=40))
    assert backlog.waiting() == 2
    assert drain(backlog) == ["s0", "drop 3", "s4"]


def test_waiting_ends_when_the_writer_is_done_or_when_told_to() -> None:
    backlog = Backlog()
    backlog.put(stage(0))
    threading.Timer(0.1, backlog.done).start()
    assert backlog.wait_empty(lambda: True)
    backlog.put(stage(1))
    assert not backlog.wait_empty(lambda: False)


@pytest.mark.parametrize("limit", [2, 3, 8])
def test_two_threads_lose_nothing_but_what_is_counted(limit: int) -> None:
    backlog, came = Backlog(max_frames=limit), []

    def write() -> None:
        while not backlog.finished:
            item = backlog.first(0.1)
            if item is not None:
                time.sleep(0.0005)
                came.append(item)
                backlog.done()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for number in range(300):
        backlog.put(stage(number))
    backlog.close()
    writer.join(30)
    kept = [item.frame.seq for item in came if isinstance(item, StageItem)]
    dropped = sum(int(item.info["frames"]) for item in came if isinstance(item, NoteItem))
    assert kept == sorted(kept)
    assert len(kept) + dropped == 300
    assert backlog.dropped == dropped > 0
