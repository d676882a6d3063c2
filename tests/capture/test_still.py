"""What is known of the canvas before it changed: the token that was there while it was still as at the last stage."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.frame import Frame, NoFrame
from capture.stages import Decision
from capture.still import Rest, Still, named
from desk.demo.authority import local_authority
from sakigake.model import EntryType, StoredEntry
from sakigake.timeline.entry import ZERO_LEAF, write_entry
from sakigake.timeline.reading import entry_bounds, kept_picture_bounds, picture_bounds
from tests.capture.easel import Easel
from tests.capture.here import SIZE, Here, frame, recorder_here
from tests.capture.running import Kept, wait_until

OLD, NEW = b"\1" * 32, b"\2" * 32
STAGE = Decision("draw", stage=True, changed=0.1, reverts_to=None, why="settled", metrics={})


@pytest.fixture
def easel() -> Easel:
    """Return an easel at rest just after a stage."""
    easel = Easel()
    easel.show()
    easel.scribble()
    while not easel.stages[-1:] or easel.show().stage:
        easel.show()
    return easel


def test_a_canvas_at_rest_is_as_at_the_last_stage(easel: Easel) -> None:
    assert [easel.show().still for _ in range(3)] == [easel.kept] * 3


def test_the_look_of_a_stage_is_not_yet_a_look_after_it() -> None:
    easel = Easel()
    easel.show()
    easel.scribble()
    decisions = [easel.show() for _ in range(4)]
    (at,) = [number for number, each in enumerate(decisions) if each.stage]
    assert decisions[at].still is None
    assert decisions[at + 1].still == easel.kept


def test_a_stage_that_is_not_durable_yet_has_no_number(easel: Easel) -> None:
    easel.detector.forget([easel.kept])  # as before the writer has said which number it has
    assert easel.show().still is None


@pytest.mark.parametrize("length", [6, 30, 160])
def test_a_stroke_ends_it_however_small(easel: Easel, length: int) -> None:
    easel.line(300, 300, length)
    assert [easel.show().still for _ in range(2)] == [None, None]


def test_what_was_drawn_and_taken_back_is_remembered(easel: Easel) -> None:
    page, kept = easel.page.copy(), easel.kept
    easel.line(300, 300, 30)
    easel.show()
    easel.page = page
    assert [easel.show().still for _ in range(6)] == [None] * 6
    assert easel.kept == kept, "too little for a stage"
    easel.scribble(6)
    while not easel.show().stage:
        pass
    assert easel.show().still == easel.kept


def test_pale_strokes_that_add_up_end_it_before_they_make_a_stage(easel: Easel) -> None:
    page, kept = easel.page.copy(), easel.kept
    for level in range(1, 30):
        easel.page = page.copy()
        easel.page[400:600, 300:700] = np.minimum(page[400:600, 300:700], 255 - level)
        if easel.show().still is None:
            break
    assert 8 < level <= 12, "seen against the stage, not against the look before"
    assert easel.kept == kept


@pytest.mark.parametrize(
    "elsewhere", [Easel.fit(0.8, shift=(60, 0)), Easel.fit(1.1), Easel.fit(0.8, mirror=True)]
)
def test_another_view_ends_it_even_when_the_old_one_comes_back(
    easel: Easel, elsewhere: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> None:
    before, easel.pose = easel.pose, elsewhere
    assert easel.show().still is None
    easel.pose = before
    assert {easel.show().still for _ in range(5)} == {None}


def test_another_window_in_front_ends_it(easel: Easel) -> None:
    easel.show(own=False)
    assert {easel.show().still for _ in range(4)} == {None}


def test_a_pop_up_ends_it(easel: Easel) -> None:
    covered = easel.view()
    covered[100:300, 200:420] = (200, 180, 190)
    easel.show(covered)
    assert {easel.show().still for _ in range(8)} == {None}


def entry(seq: int, after: bytes | None) -> StoredEntry:
    raw = write_entry(
        seq=seq,
        kind=EntryType.STAGE,
        wall=1,
        mono=1,
        boot="0" * 16,
        prev=ZERO_LEAF,
        after=after.hex() if after else None,
    )
    return StoredEntry(seq, EntryType.STAGE, raw, b"")


def test_only_a_token_known_before_the_look_counts_for_it() -> None:
    rest = Rest()
    rest.take()
    rest.learn(OLD)
    rest.begin()
    rest.learn(NEW)
    rest.looked(4)
    assert rest.take() == Still(4, OLD)
    assert rest.take() is None


def test_nothing_counts_after_something_was_missed_but_what_was_known_stays() -> None:
    rest = Rest()
    rest.learn(OLD)
    rest.begin()
    rest.looked(4)
    assert rest.take() is None, "there was no stage before"
    rest.looked(4)
    rest.broken()
    rest.learn(NEW)
    rest.begin()
    rest.looked(4)
    assert rest.take() == Still(4, OLD)


def test_an_order_to_forget_lets_go_of_it() -> None:
    rest = Rest()
    rest.take()
    rest.learn(OLD)
    rest.begin()
    rest.looked(4)
    rest.forget()
    assert rest.take() is None


def test_a_token_is_named_for_the_very_stage_before_and_when_it_says_more() -> None:
    assert named(Still(4, NEW), entry(4, OLD), STAGE) == NEW.hex()
    assert named(Still(4, NEW), entry(4, None), STAGE) == NEW.hex()
    assert named(Still(4, NEW), entry(4, NEW), STAGE) is None, (
        "the record of the stage before names it already"
    )
    assert named(Still(4, NEW), entry(7, OLD), STAGE) is None, "a stage lies between"
    assert named(Still(4, NEW), None, STAGE) is None, "written by an earlier recorder"
    assert named(None, entry(4, OLD), STAGE) is None


@pytest.mark.parametrize(
    ("label", "reverts_to"), [("draw", 2), ("new_canvas", None), ("first", None), ("idle", 3)]
)
def test_a_picture_that_may_be_older_names_none(label: str, reverts_to: int | None) -> None:
    decision = Decision(label, stage=True, changed=0.1, reverts_to=reverts_to, why="settled", metrics={})
    assert named(Still(4, NEW), entry(4, OLD), decision) is None


class Resting:
    """A canvas that is drawn on when it is told to; `gone_after` looks that find a stroke nothing is seen."""

    live = True

    def __init__(self) -> None:
        self.strokes = 0
        self.gone_after: int | None = None
        self._shown = self._looks = self._since = 0
        self._pixels = np.full((SIZE.height, SIZE.width, 3), 250, np.uint8)

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def describe(self) -> dict[str, int | str]:
        return {"origin": "screen"}

    def grab(self) -> Frame | NoFrame:
        self._looks += 1
        self._since += 1
        if self._shown < self.strokes:
            self._shown, self._since = self._shown + 1, 0
            y = 20 + self._shown * 45
            cv2.ellipse(self._pixels, (160, y), (120, 12), 10, 0, 300, (20, 30, 90), 6)
        if self.gone_after is not None and self._since > self.gone_after:
            return NoFrame("source-gone")
        return frame(self._pixels.copy(), self._looks)


@contextmanager
def resting(home: Path, keys: Path) -> Iterator[tuple[Resting, Here]]:
    """Record a canvas at rest beside a real time authority that is asked every second, up to its second stage."""
    home.mkdir()
    with local_authority(keys) as authority:
        often = "[record]\nheartbeat_s = 0.5\n[anchor]\ncheckpoint_s = 1\nstage_checkpoint_s = 1"
        text = authority.settings().replace("[anchor]", often)
        (home / "sakigake.toml").write_text(text, encoding="utf-8")
        source = Resting()
        with recorder_here(home, source) as here:
            here.wait_told(EntryType.STAGE, 1)
            yield source, here
    assert here.endings


def covered(home: Path, count: int) -> bool:
    """Say whether a token covers the stage that was the `count`th."""
    with Kept(home) as kept:
        stages = kept.of(EntryType.STAGE)
        sizes = {each.number: each.size for each in kept.store.checkpoints(kept.sessions[0].id)}
        tokens = kept.store.tokens(kept.sessions[0].id)
        return len(stages) >= count and any(sizes[each.checkpoint] > stages[count - 1].seq for each in tokens)


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@needs_openssl
def test_a_recording_names_the_token_that_came_while_the_canvas_was_at_rest(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with resting(home, tmp_path / "keys") as (source, here):
        source.strokes = 1
        here.wait_told(EntryType.STAGE, 2)
        wait_until(lambda: covered(home, 2), 30)
        here.wait_looks(25)  # the writer passes on the newest token once a second
        source.strokes = 2
        here.wait_told(EntryType.STAGE, 3)
    with Kept(home) as kept:
        kept.check()
        session = kept.sessions[0]
        _, second, third = kept.of(EntryType.STAGE)
        tokens = {token.digest.hex(): token for token in kept.store.tokens(session.id)}
        sizes = {each.number: each.size for each in kept.store.checkpoints(session.id)}
        assert "still" not in second.info
        still = tokens[str(third.info["still"])]
        assert second.seq < sizes[still.checkpoint] <= third.seq
        assert third.after is not None
        assert still.time_low <= tokens[third.after].time_low
        record, picture = (
            entry_bounds(kept.store, session.id, [third.seq])[third.seq],
            kept_picture_bounds(kept.store, session.id, third.seq),
        )
        assert picture.not_before == still.time_low
        assert picture.not_after == record.not_after
        before = picture_bounds(kept.store, session.id, third.seq, third.seq, third.seq)
        assert before.not_before is None or before.not_before <= still.time_low


@needs_openssl
def test_what_comes_after_a_gap_names_no_token_from_behind_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with resting(home, tmp_path / "keys") as (source, here):
        source.gone_after = 1  # the look that finds the stroke, the quiet one that keeps it, and no more
        source.strokes = 1
        here.wait_told(EntryType.STAGE, 2)
        wait_until(lambda: covered(home, 2), 30)
        source.gone_after = None
        here.wait_looks(25)
        source.strokes = 2
        here.wait_told(EntryType.STAGE, 3)
    with Kept(home) as kept:
        kept.check()
        assert kept.of(EntryType.GAP)
        assert not any("still" in stage.info for stage in kept.of(EntryType.STAGE))
