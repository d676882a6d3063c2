import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capture.alarms import MOVES, Alarms
from capture.frame import Frame
from capture.pacer import SECOND
from tests.capture.here import SIZE, Scripted, frame, recorder_here
from tests.capture.running import command, wait_until

Spot = tuple[int, int] | None


class Watch:
    """Feeds an alarm with looks, 15 s apart."""

    def __init__(self) -> None:
        self.alarms = Alarms()
        self.now = 0
        self.raised: list[str] = []

    def look(self, label: str, pointers: list[Spot]) -> None:
        for pointer in pointers:
            if raised := self.alarms.look(self.now, label, pointer):
                self.raised.append(raised)
            self.now += 15 * SECOND


def moving(count: int) -> list[Spot]:
    return [(place, 3) for place in range(count)]


def test_a_still_picture_under_a_moving_pointer_is_an_alarm_after_ten_minutes_once() -> None:
    watch = Watch()
    watch.look("idle", moving(40))
    assert watch.raised == []
    watch.look("idle", moving(60))
    assert watch.raised == ["still"]
    assert watch.alarms.reason == "still"
    watch.look("draw", [(1, 1)])
    assert watch.alarms.reason == ""


@pytest.mark.parametrize(
    "pointers", [[None] * 400, [(4, 4)] * 400, [(4, 4), None] * 200, moving(MOVES) + [None] * 400]
)
def test_a_still_picture_alone_is_none(pointers: list[Spot]) -> None:
    watch = Watch()
    watch.look("idle", pointers)
    assert watch.raised == []


@pytest.mark.parametrize("label", ["draw", "view", "cursor", "overlay", "unknown", "foreign"])
def test_anything_that_changes_begins_anew(label: str) -> None:
    watch = Watch()
    for _ in range(10):
        watch.look("idle", moving(39))
        watch.look(label, [(0, 0)])
    assert watch.raised == []


def test_black_for_ten_minutes_is_an_alarm_whatever_the_pointer_does() -> None:
    watch = Watch()
    watch.look("blank", [None] * 40)
    assert watch.raised == []
    watch.look("blank", [None])
    assert watch.raised == ["black"]


def test_black_and_still_do_not_add_up_and_a_pause_begins_anew() -> None:
    watch = Watch()
    watch.look("blank", [None] * 39)
    watch.look("idle", moving(39))
    watch.alarms.reset()
    watch.look("idle", moving(39))
    assert watch.raised == []


@pytest.mark.parametrize(("value", "slug"), [(0, "black"), (200, "still")])
def test_a_recorder_says_it_once_and_status_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: int, slug: str
) -> None:
    monkeypatch.setattr("capture.alarms.ALARM_NS", 2 * SECOND)
    pixels = np.full((SIZE.height, SIZE.width, 3), value, np.uint8)
    if value:
        pixels[50:90, 60:200] = 20

    def step(number: int) -> Frame:
        return replace(frame(pixels, number), pointer=(number % 300, 7))

    with recorder_here(tmp_path, Scripted(step)) as here:
        wait_until(lambda: f"record.alarm-{slug}" in here.spoken(), 30)
        here.wait_looks(5)
        wait_until(lambda: command(tmp_path, "status").returncode == 1, 10)
        said = command(tmp_path, "status").stdout
        assert "for more than ten minutes" in said
        assert "last good look" in said
        assert json.loads(command(tmp_path, "status", "--json").stdout)["trouble"] == slug
    assert here.spoken().count(f"record.alarm-{slug}") == 1
