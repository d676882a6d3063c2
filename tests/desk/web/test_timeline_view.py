"""What a session's page is made from: reading a ledger into a reel, and laying it out as a strip."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from desk.web.timeline.reel import FORGOTTEN, Air, Hole, Reel, Reels, Shot, Witnesses
from desk.web.timeline.strip import (
    BUCKETS,
    PICTURES,
    Block,
    Scale,
    Tile,
    blocks,
    nearest,
    strip,
    tiles,
    window,
)
from sakigake.clock import Clock, to_ms
from sakigake.labels import ESTIMATE, PERSON, StageLabel
from sakigake.model import EntryType, Picture, Session
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.ledger import Ledger
from sakigake.timeline.reading import entry_bounds
from tests.watch.studio import START, Ticking, drawing, record

T0 = to_ms(START)


class Book:
    """A ledger that is written by hand, at moments given in seconds."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.ticking, self._next = store, Ticking(), 0
        self.ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "screen", self.clock())

    def clock(self) -> Clock:
        return self.ticking.clock()

    def add(self, seconds: float, kind: EntryType, picture: bool = False, **info: int | str) -> int:
        wall = int((START + timedelta(seconds=seconds)).timestamp() * 1000) * 1_000_000
        self._next += 1
        name = f"{self._next:064x}"
        shown = Picture(name, name, 640, 480) if picture else None
        return self.ledger.append(kind, info=info or None, picture=shown, wall_ns=wall).seq

    def stage(self, seconds: float) -> int:
        return self.add(seconds, EntryType.STAGE, picture=True)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    store = SqliteStore(tmp_path / "sakigake.db")
    yield Book(store)
    store.close()


def reel_of(book: Book) -> Reel:
    return Reels().of(book.store, book.store.sessions()[-1])


def test_stages_and_their_intervals_are_those_of_the_command_line(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    studio = record(store, [drawing(3, stage, (96, 128)) for stage in range(4)])
    reel = Reels().of(store, studio.session)
    assert [shot.seq for shot in reel.shots] == studio.seqs
    assert reel.intervals == entry_bounds(store, studio.session.id, studio.seqs)
    assert reel.witnesses.tokens == 5
    assert [shot.at for shot in reel.shots] == [T0 + 60_000 * n for n in (1, 2, 3, 4)]
    assert all(shot.file == "" for shot in reel.shots)  # this studio keeps fingerprints only
    store.close()


def test_pauses_and_gaps_have_their_lengths(book: Book) -> None:
    book.stage(10)
    book.add(20, EntryType.PAUSE, reason="asked")
    book.add(80, EntryType.RESUME, ms=60_000)
    book.add(200, EntryType.GAP, reason="sleep", ms=90_000)
    book.add(210, EntryType.GAP, reason="blank", ms=400)  # too short to be a word
    reel = reel_of(book)
    assert [(hole.kind, hole.reason, hole.begin - T0, hole.ms) for hole in reel.holes] == [
        ("pause", "asked", 20_000, 60_000),
        ("gap", "sleep", 110_000, 90_000),
    ]


def test_a_gap_that_is_told_of_again_and_again_is_one(book: Book) -> None:
    for second in (30, 60, 90):
        book.add(second, EntryType.GAP, reason="source-gone", ms=30_000)
    assert [(hole.begin - T0, hole.end - T0) for hole in reel_of(book).holes] == [(0, 90_000)]


def test_a_pause_that_goes_on_is_open(book: Book) -> None:
    book.add(20, EntryType.PAUSE, reason="privacy-locked")
    book.add(90, EntryType.HEARTBEAT, looks=3)
    (hole,) = reel_of(book).holes
    assert (hole.open, hole.end - T0) == (True, 90_000)
    book.add(100, EntryType.SESSION_END, reason="stop")
    (hole,) = reel_of(book).holes
    assert (hole.open, hole.end - T0) == (False, 100_000)


def test_a_pause_with_a_new_reason_is_two(book: Book) -> None:
    book.add(20, EntryType.PAUSE, reason="privacy-locked")
    book.add(50, EntryType.PAUSE, reason="asked", ms=30_000)
    book.add(70, EntryType.RESUME, ms=20_000)
    assert [(hole.reason, hole.ms) for hole in reel_of(book).holes] == [
        ("privacy-locked", 30_000),
        ("asked", 20_000),
    ]


def test_the_stream_is_on_air_from_start_to_stop(book: Book) -> None:
    book.add(5, EntryType.STREAM_STATE, state="started", how="event")
    book.add(50, EntryType.STREAM_STATE, state="stopped", how="event")
    book.add(60, EntryType.STREAM_STATE, state="started", how="asked")
    book.stage(70)
    assert reel_of(book).airs == (Air(T0 + 5_000, T0 + 50_000), Air(T0 + 60_000, T0 + 70_000))


def test_what_is_forgotten_is_a_hole_and_its_pictures_are_gone(book: Book) -> None:
    reels, session = Reels(), book.store.sessions()[0]
    seqs = [book.stage(10 * n) for n in range(1, 5)]
    assert all(shot.file for shot in reels.of(book.store, session).shots)
    book.ticking.now = START + timedelta(seconds=60)
    info: dict[str, int | str] = {
        "reason": FORGOTTEN,
        "ms": 40_000,
        "stages": 2,
        "first": seqs[1],
        "last": seqs[2],
    }
    assert book.ledger.forget(seqs[1:3], info, [])
    reel = reels.of(book.store, session)
    assert [bool(shot.file) for shot in reel.shots] == [True, False, False, True]
    assert [(hole.reason, hole.begin - T0, hole.end - T0) for hole in reel.holes] == [
        (FORGOTTEN, 20_000, 30_000)
    ]
    assert reel.forgot == 2


def test_a_session_that_grows_is_read_on(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    reels, session = Reels(), book.store.sessions()[0]
    book.stage(10)
    first = reels.of(book.store, session)
    assert reels.of(book.store, session) is first
    asked: list[int] = []
    entries = book.store.entries

    def listen(session: str, kind: EntryType | None = None, *, after: int = -1) -> object:
        asked.append(after)
        return entries(session, kind, after=after)

    monkeypatch.setattr(book.store, "entries", listen)
    new = book.stage(20)
    again = reels.of(book.store, session)
    assert [shot.seq for shot in again.shots] == [first.shots[0].seq, new]
    assert asked == [first.shots[0].seq]
    assert again.index(new) == 1
    assert again.index(new + 1) is None


def shots(*seconds: float) -> list[Shot]:
    return [Shot(n + 5, T0 + round(second * 1000), f"{n:064x}", 64, 48) for n, second in enumerate(seconds)]


def said(seq: int, label: str, source: str = PERSON) -> StageLabel:
    return StageLabel(seq, label, source, START)


def test_a_name_holds_until_the_next_one() -> None:
    made = tiles(
        shots(*range(6)),
        {6: said(6, "rough"), 8: said(8, "rough"), 9: said(9, "lineart", ESTIMATE)},
        frozenset(),
    )
    found = blocks(made)
    assert [(block.first, block.last, block.label and block.label.label) for block in found] == [
        (0, 0, None),
        (1, 3, "rough"),
        (4, 5, "lineart"),
    ]
    assert [block.estimated for block in found] == [False, False, True]


def test_merged_stages_are_one_tile_under_the_first_name() -> None:
    made = tiles(shots(*range(5)), {7: said(7, "flats"), 8: said(8, "final")}, frozenset({7, 8}))
    assert made == [Tile(0, 0), Tile(1, 3, said(7, "flats")), Tile(4, 4)]
    assert [tile.count for tile in made] == [1, 3, 1]
    assert blocks(made) == [Block(0, 0), Block(1, 4, said(7, "flats"))]


def test_a_merge_of_the_first_stage_changes_nothing() -> None:
    assert tiles(shots(0, 1), {}, frozenset({5})) == [Tile(0, 0), Tile(1, 1)]


def a_reel(taken: list[Shot], **more: object) -> Reel:
    session = Session("s", "l" * 32, START, "screen")
    ends = [shot.at for shot in taken] or [T0]
    values: dict[str, object] = {
        "holes": (),
        "airs": (),
        "witnesses": Witnesses(),
        "intervals": {},
        "entries": len(taken),
        "closed": True,
    }
    return Reel(session, min(ends), max(ends), tuple(taken), **(values | more))  # type: ignore[arg-type]


def test_places_are_linear_in_time() -> None:
    reel = a_reel(
        shots(0, 50, 100),
        holes=(Hole(T0 + 25_000, T0 + 75_000, "gap", "sleep"),),
        witnesses=Witnesses(tokens_at=(T0, T0 + 50_000, T0 + 50_010)),
    )
    drawn = strip(reel, blocks(tiles(reel.shots, {6: said(6, "rough")}, frozenset())))
    assert [(span.x, span.width) for span in drawn.blocks] == [(0, 0.5), (0.5, 0.5)]
    assert (drawn.holes[0].x, drawn.holes[0].width) == (0.25, 0.5)
    assert drawn.ticks == (0.0, 0.5)


@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_whatever_the_clock_did_everything_lies_on_the_strip(seconds: list[int]) -> None:
    reel = a_reel(shots(*seconds))
    drawn = strip(reel, blocks(tiles(reel.shots, {}, frozenset())))
    for span in (*drawn.blocks, *drawn.pictures):
        assert 0 <= span.x <= 1
        assert span.width >= 0
        assert span.x + span.width <= 1.000001
    assert len(drawn.curve) == BUCKETS
    assert len(drawn.pictures) <= PICTURES
    if seconds:
        assert max(drawn.curve) == 1


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(-10, 110))
def test_the_nearest_stage_is_the_nearest(seconds: list[int], second: int) -> None:
    taken = shots(*seconds)
    place = nearest(taken, T0 + second * 1000)
    assert place is not None
    best = min(abs(each - second) for each in seconds)
    assert abs(seconds[place] - second) == best
    assert nearest([], 0) is None


def test_a_place_and_back() -> None:
    scale = Scale(T0, T0 + 8000)
    assert scale.ms(scale.at(T0 + 2000)) == T0 + 2000
    assert scale.ms(7.0) == T0 + 8000
    assert Scale(T0, T0).at(T0) == 0


def test_a_window_begins_at_a_shot_and_ends_with_the_list() -> None:
    made = [Tile(0, 0), Tile(1, 4), Tile(5, 5), Tile(6, 6)]
    assert window(made, 3, 2) == (1, 3)
    assert window(made, 0, 60) == (0, 4)
    assert window(made, 999, 60) == (3, 4)
    assert window([], 0, 60) == (0, 0)
