"""Orders from several windows at once, and on a disk that takes nothing any more."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from capture import orders
from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from tests.capture.here import recorder_here
from tests.capture.running import command, configure, wait_until
from tests.capture.test_record_disk import NO_LEVELS, small_disk
from tests.capture.test_record_pause import Counted, status

linux = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "a.db")) as opened:
        yield opened


def test_orders_given_at_the_same_time_are_all_carried_out(tmp_path: Path) -> None:
    configure(tmp_path)
    with recorder_here(tmp_path, Counted()) as here:
        here.wait_told(EntryType.STAGE)
        told: dict[str, int] = {}

        def give(name: str, *arguments: str) -> None:
            told[name] = command(tmp_path, *arguments).returncode

        windows = [
            threading.Thread(target=give, args=("pause", "pause")),
            threading.Thread(target=give, args=("forget", "forget", "--last", "1s")),
            threading.Thread(target=give, args=("again", "pause", "--for", "1h")),
        ]
        for window in windows:
            window.start()
        for window in windows:
            window.join()
        assert sorted((told["pause"], told["again"])) == [0, 1]  # one of them finds it paused already
        assert told["forget"] in {0, 4}  # forgotten, or nothing that young
        assert status(tmp_path)["state"] == "paused"


def test_an_order_whose_giver_went_away_is_not_lost_to_the_next_one(store: SqliteStore) -> None:
    for order in (orders.Order(orders.PAUSE), orders.Order(orders.FORGET, 5.0)):
        with pytest.raises(SakigakeError):
            orders.ask(store, order, lambda: True, 0.0)
    raw = store.take_state(orders.ORDER)
    assert raw is not None
    assert [order.do for order in orders._read(raw)] == ["pause", "forget"]


@pytest.mark.parametrize(
    "raw", ["", "{}", "[1]", '[{"do": "dance"}]', '[{"do": "pause", "more": 1}]', "nonsense"]
)
def test_a_line_that_cannot_be_read_is_no_order(raw: str) -> None:
    assert orders._read(raw) == []


def test_flags_say_what_and_for_how_long_and_nothing_else_is_touched(tmp_path: Path) -> None:
    orders.raise_flag(tmp_path, orders.Order(orders.PAUSE, 600.0))
    others = [tmp_path / name for name in ("dance-0.order", "pause-x.order", "pause.order", "stop-0.txt")]
    for other in others:
        other.touch()
    assert [(order.do, order.seconds) for _, order in orders.flags(tmp_path)] == [("pause", 600.0)]
    orders.clear_flags(tmp_path)
    assert orders.flags(tmp_path) == []
    assert all(other.exists() for other in others)


def test_a_flag_that_cannot_be_raised_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SakigakeError) as caught:
        orders.raise_flag(tmp_path / "missing", orders.Order(orders.HALT))
    assert caught.value.code == "record-home-unwritable"


def fill(path: Path) -> None:
    """Write until the disk takes no more."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)


@linux
def test_on_a_full_disk_it_can_still_be_paused_and_stopped(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with small_disk(home, 6):
        configure(home, NO_LEVELS)
        with recorder_here(home, Counted()) as here:
            here.wait_told(EntryType.STAGE)
            fill(home / "fill")
            paused = command(home, "pause", "--for", "1h")
            assert (paused.returncode, paused.stderr) == (0, "")
            pause = here.recorder.looker.pauses.current  # it has taken hold when the command answers
            assert pause is not None
            assert pause.until_ns is not None
            told = command(home, "status")
            assert told.returncode == 1
            assert "disk is full" in told.stdout
            stopped = command(home, "stop")
            (home / "fill").unlink()
            assert stopped.returncode in {0, 1}, stopped.stderr
            wait_until(lambda: here.recorder.stopping, 20)
