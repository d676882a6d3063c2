"""What a watcher compares posts with: everything while there is little, a shortlist and honest charges when there is much."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bench import many_works
from sakigake.fingerprint.vector import fingerprint_v1, fingerprint_v2
from sakigake.model import Interval, Likeness
from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import START, drawing, framed, pictures, record, redrawn
from watch.check import SHORTLISTED, Seen
from watch.finding import to_json, to_text
from watch.index import recorded
from watch.index.look import LEAST_SIDE, first_look, shrunk
from watch.index.recorded import Recorded
from watch.works import Works, size_of

LATER = Interval(START + timedelta(hours=2), START + timedelta(hours=3))
FOUND = {Likeness.SOME, Likeness.STRONG}
UNRELATED = range(300, 312)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with 3,000 made stages and one drawing among them."""
    folder = tmp_path_factory.mktemp("many")
    base = many_works.base(16)
    many_works.fill(folder / "sakigake.db", 150, base)
    timeline = [fingerprint_v2(drawing(11, stage)) for stage in range(1, 8)]
    many_works.add(folder / "sakigake.db", [timeline], first=150)
    many_works.fill(folder / "sakigake.db", 149, base, first=151)
    return folder


def test_of_many_stages_the_right_work_is_found_and_all_are_charged_for(many: Path) -> None:
    store = SqliteStore(many / "sakigake.db")
    with Recorded(store, many) as works:
        assert works.generation > 2900
        for pixels in (
            redrawn(drawing(11, 7)),
            redrawn(drawing(11, 7))[:, ::-1],
            framed(redrawn(drawing(11, 7))),
        ):
            finding = works.compare(np.ascontiguousarray(pixels), LATER, "0" * 64)
            assert finding
            assert finding.likeness in FOUND
            assert finding.session == many_works.session_id(150)
            assert finding.compared == works.generation
            assert finding.notes == (SHORTLISTED,)
            assert to_json(finding)["notes"] == [SHORTLISTED]
            assert "shortlist" in to_text(finding, "en")
    store.close()


def test_most_unrelated_posts_cost_no_comparison(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = list[int]()
    whole = Works.compare

    def counted(self: Works, *given: object, **named: object) -> object:
        compared.append(1)
        return whole(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Works, "compare", counted)
    store = SqliteStore(many / "sakigake.db")
    with Recorded(store, many) as works:
        for seed in UNRELATED:
            finding = works.compare(redrawn(drawing(seed, 7), seed), LATER, "0" * 64)
            assert finding is None or finding.likeness not in FOUND
    assert len(compared) <= len(UNRELATED) // 2
    store.close()


def test_the_charge_is_for_all_stages_and_not_for_those_read(many: Path) -> None:
    """The same comparison, once as if the work were all there is: its level may only fall with the number of stages."""
    store = SqliteStore(many / "sakigake.db")
    works, session = Works(store), many_works.session_id(150)
    post = Seen(redrawn(drawing(11, 7)))
    alone = works.compare(post, [session], LATER, "0" * 64)
    among = works.compare(post, [session], LATER, "0" * 64, among=10**40)
    assert alone.likeness is Likeness.STRONG
    assert alone.notes == ()
    assert among.compared == 10**40
    assert among.likeness is not Likeness.STRONG
    assert [score.raw for score in among.scores] == [score.raw for score in alone.scores]
    store.close()


def test_few_stages_are_all_compared(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    studio = record(store, pictures())
    with Recorded(store, tmp_path) as works:
        finding = works.compare(redrawn(drawing(11, 7)), LATER, "0" * 64)
        assert finding
        assert (finding.session, finding.notes) == (studio.session.id, ())
        assert finding.compared == len(studio.seqs)
        unlike = works.compare(redrawn(drawing(300, 7)), LATER, "0" * 64)
        assert unlike
        assert unlike.likeness is Likeness.NONE


def test_works_of_an_older_fingerprint_are_always_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "FEW", 3)
    store = SqliteStore(tmp_path / "sakigake.db")
    older = record(store, pictures(), fingerprint=fingerprint_v1)
    record(store, [drawing(50, stage) for stage in range(8)], start=START + timedelta(days=1))
    with Recorded(store, tmp_path) as works:
        finding = works.compare(redrawn(drawing(11, 7)), LATER, "0" * 64)
    assert finding
    assert finding.session == older.session.id
    assert finding.likeness in FOUND


def test_nothing_recorded_and_nothing_shown_are_no_findings(tmp_path: Path, many: Path) -> None:
    empty = SqliteStore(tmp_path / "sakigake.db")
    with Recorded(empty, tmp_path) as works:
        assert works.compare(drawing(11, 7), LATER, "0" * 64) is None
    store = SqliteStore(many / "sakigake.db")
    with Recorded(store, many) as works:
        assert works.compare(np.full((200, 300, 3), 255, np.uint8), LATER, "0" * 64) is None
    store.close()


def test_a_drawing_that_grows_is_seen_within_a_second(tmp_path: Path) -> None:
    store, now = SqliteStore(tmp_path / "sakigake.db"), [100.0]
    with Recorded(store, tmp_path, monotonic=lambda: now[0]) as works:
        assert works.generation == 0
        studio = record(store, pictures())
        assert works.generation == 0
        now[0] += 1
        assert works.generation == len(studio.seqs)


def test_a_first_look_sees_what_the_whole_picture_shows() -> None:
    """Shrinking by a whole factor first may change little: the views point the same way."""
    large = np.repeat(np.repeat(redrawn(drawing(11, 7)), 4, axis=0), 4, axis=1)
    odd = np.ascontiguousarray(large[3:, 5:])
    assert LEAST_SIDE <= min(shrunk(odd).shape[:2]) < 2 * LEAST_SIDE
    one, other = first_look(redrawn(drawing(11, 7))).values, first_look(odd).values
    assert float((one * other).sum(axis=1).min()) > 0.97
    small = shrunk(odd)
    assert shrunk(small) is small


def test_works_keep_the_galleries_used_last_within_their_bytes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    sessions = [
        record(store, [drawing(seed, 7)] * 3, start=START + timedelta(hours=seed)).session.id
        for seed in (20, 21, 22)
    ]
    works = Works(store, max_bytes=220_000)
    post = Seen(redrawn(drawing(20, 7)))
    for session in sessions:
        works.compare(post, [session], LATER, "0" * 64)
    assert 0 < works.bytes <= 220_000
    assert 0 < len(works._held) < 3
    assert list(works._held)[-1] == sessions[2]
    held = works._held[sessions[2]][1]
    works.compare(post, [sessions[2]], LATER, "0" * 64)
    assert works._held[sessions[2]][1] is held  # not read again
    assert size_of(held) == works._held[sessions[2]][2] > 3 * 3072 * 8
