"""The steps of one post, against real servers on loopback and a real recording."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sakigake.model import Finding, Order
from sakigake.store.sqlite import SqliteStore
from tests.peers.web import answer, redirect
from tests.watch.pipeline import scene
from tests.watch.studio import START
from watch.decoding import DecoderPool
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.fetch.records import Fetched
from watch.index import recorded
from watch.index.look import LEAST_SIDE
from watch.pipeline.retries import GONE
from watch.pipeline.steps import PutOff, Steps
from watch.pipeline.works import RecordedWorks
from watch.post import Batch, ClockClass, MediaRef, Post, PostTime, Stamp
from watch.store.records import Outcome, OwnAccount, PostState, Review, Waiting
from watch.store.sqlite import SqliteWatchStore

LATER = PostTime(
    Stamp(START.replace(hour=20), ClockClass.PLATFORM, "x-status-id"),
    Stamp(START.replace(hour=20, second=1), ClockClass.PLATFORM, "x-status-id"),
)


class Kept:
    """Counts what is kept."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []
        self.failing: Exception | None = None

    def keep(
        self, post: Post, fetched: Sequence[Fetched], finding: Finding, *, pictures: Sequence[bytes] = ()
    ) -> str:
        assert bool(fetched) is not bool(pictures)
        if self.failing:
            raise self.failing
        assert all(isinstance(each, Fetched) for each in fetched)
        self.kept.append((post.post_id, len(fetched)))
        return finding.post_digest


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def store(home: Path) -> Iterator[SqliteWatchStore]:
    opened = SqliteWatchStore(home / "watch.db")
    opened.add_source("feed", "rss", {}, START)
    yield opened
    opened.close()


@pytest.fixture
def steps(home: Path, world: scene.World, store: SqliteWatchStore, kept: Kept) -> Iterator[Steps]:
    records = SqliteStore(home / "sakigake.db")
    with (
        Fetcher(Guard.of([world.site.place])) as fetcher,
        closing(RecordedWorks(records, home)) as works,
        DecoderPool(1) as pool,
    ):
        yield Steps(store, fetcher, pool, works, kept)
    records.close()


def waiting(
    store: SqliteWatchStore, *urls: str, time: PostTime = LATER, post_id: str = "1", url: str = ""
) -> Waiting:
    media = tuple(MediaRef(url=each) for each in urls)
    post = Post("feed", "x", post_id, url, "author-1", "Name", media, time)
    store.take_batch("feed", Batch((post,), None), START)
    return next(each for each in store.due(START, 100) if each.post.post_id == post_id)


def test_a_derived_picture_is_a_finding_with_evidence(
    world: scene.World, store: SqliteWatchStore, steps: Steps, kept: Kept
) -> None:
    looked = steps.look(waiting(store, world.picture("/a.jpg", scene.derived())))
    assert isinstance(looked, Outcome)
    assert looked.state is PostState.FOUND
    (finding,) = looked.findings
    assert finding.order is Order.DRAFT_FIRST
    assert finding.review is Review.NEW
    assert kept.kept == [("1", 1)]
    assert json.loads(finding.detail)["post_sha256"] == finding.digest == looked.digests[0]
    assert steps.look(waiting(store, world.site.url("/a.jpg"), post_id="1")) == looked, (
        "doing it again changes nothing"
    )


def test_an_unrelated_picture_is_none(
    world: scene.World, store: SqliteWatchStore, steps: Steps, kept: Kept
) -> None:
    looked = steps.look(waiting(store, world.picture("/a.jpg", scene.unrelated(1))))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.findings, kept.kept) == (PostState.UNRELATED, (), [])
    assert looked.digests[0]


def test_one_picture_of_several_is_enough(world: scene.World, store: SqliteWatchStore, steps: Steps) -> None:
    urls = [world.picture(f"/{n}.jpg", scene.unrelated(n)) for n in range(2)]
    looked = steps.look(waiting(store, urls[0], world.picture("/d.jpg", scene.derived()), urls[1]))
    assert isinstance(looked, Outcome)
    assert [finding.media for finding in looked.findings] == [1]


def test_the_same_unrelated_file_is_not_opened_twice(
    world: scene.World, store: SqliteWatchStore, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = world.picture("/a.jpg", scene.unrelated(1))
    first = steps.look(waiting(store, url))
    assert isinstance(first, Outcome)
    store.settle([first], (), START)
    opened: list[str] = []
    monkeypatch.setattr(DecoderPool, "decode", lambda _self, _data, name, **_: opened.append(name))
    again = steps.look(waiting(store, url, post_id="2"))
    assert isinstance(again, Outcome)
    assert (again.state, again.digests, opened) == (PostState.UNRELATED, first.digests, [])


def test_of_many_stages_only_what_a_first_look_lets_through_is_opened_whole(
    world: scene.World, store: SqliteWatchStore, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = steps.look(waiting(store, world.picture("/a.jpg", scene.derived()), post_id="1"))
    opened: list[tuple[int, bool]] = []
    real = DecoderPool.decode

    def decode(
        pool: DecoderPool, data: bytes, name: str, *, alone: bool = False, least: int = 0
    ) -> tuple[NDArray[np.uint8], ...]:
        opened.append((least, alone))
        return real(pool, data, name, alone=alone, least=least)

    monkeypatch.setattr(DecoderPool, "decode", decode)
    monkeypatch.setattr(recorded, "FEW", 0)
    unrelated = steps.look(waiting(store, world.picture("/u.jpg", scene.unrelated(1)), post_id="2"))
    assert isinstance(unrelated, Outcome)
    assert unrelated.state is PostState.UNRELATED
    assert opened == [(LEAST_SIDE, False)]
    opened.clear()
    found = steps.look(waiting(store, world.site.url("/a.jpg"), post_id="3"))
    assert opened == [(LEAST_SIDE, False), (0, False), (0, True)]
    assert isinstance(few, Outcome)
    assert isinstance(found, Outcome)
    assert json.loads(found.findings[0].detail) == json.loads(few.findings[0].detail), (
        "from the whole picture"
    )


@pytest.mark.parametrize("meddled", [False, True])
def test_what_a_child_that_met_others_showed_is_no_finding_by_itself(
    world: scene.World,
    store: SqliteWatchStore,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    meddled: bool,
) -> None:
    """A child that an earlier picture took over could show what it likes: the one that is alone decides."""
    compared = list[int]()
    real, compare = DecoderPool.decode, RecordedWorks.compare
    other = scene.derived()

    def decode(
        pool: DecoderPool, data: bytes, name: str, *, alone: bool = False, least: int = 0
    ) -> tuple[NDArray[np.uint8], ...]:
        return real(pool, other if meddled and not alone else data, name, alone=alone, least=least)

    def counted(*given: Any, **named: Any) -> Any:
        compared.append(1)
        return compare(*given, **named)

    monkeypatch.setattr(DecoderPool, "decode", decode)
    monkeypatch.setattr(RecordedWorks, "compare", counted)
    file = scene.unrelated(1) if meddled else scene.derived()
    looked = steps.look(waiting(store, world.picture("/z.jpg", file)))
    assert isinstance(looked, Outcome)
    assert bool(looked.findings) is not meddled
    assert len(compared) == 1 + meddled, "the same pixels are compared once"


def test_an_own_account_is_no_finding_to_review(
    world: scene.World, store: SqliteWatchStore, steps: Steps, kept: Kept
) -> None:
    own = frozenset({OwnAccount("x", "author-1")})
    looked = steps.look(waiting(store, world.picture("/a.jpg", scene.derived())), own)
    assert isinstance(looked, Outcome)
    assert [finding.review for finding in looked.findings] == [Review.OWN_POST]
    assert kept.kept == []


def test_a_lie_about_time_decides_nothing(world: scene.World, store: SqliteWatchStore, steps: Steps) -> None:
    lie = Stamp(START.replace(year=2020), ClockClass.AUTHOR, "feed-date")
    seen = Stamp(START.replace(hour=22), ClockClass.WITNESSED, "first-seen")
    looked = steps.look(waiting(store, world.picture("/a.jpg", scene.derived()), time=PostTime(lie, seen)))
    assert isinstance(looked, Outcome)
    (finding,) = looked.findings
    assert finding.order is Order.UNCLEAR
    assert finding.order_reason == "post-time-claimed-only"
    assert finding.notes == ("claimed-time-earlier",)


@pytest.mark.parametrize(
    ("status", "reason", "again"),
    [("404 Not Found", GONE, True), ("503 Busy", "fetch-status", True), ("403 No", "fetch-status", False)],
)
def test_what_a_server_refuses(  # noqa: PLR0917 - fixtures
    world: scene.World, store: SqliteWatchStore, steps: Steps, status: str, reason: str, again: bool
) -> None:
    world.site.pages["/a.jpg"] = answer(b"", status)
    looked = steps.look(waiting(store, world.site.url("/a.jpg")))
    assert isinstance(looked, PutOff) is again
    assert looked.reason == reason


def test_too_much_and_too_odd_are_final(world: scene.World, store: SqliteWatchStore, steps: Steps) -> None:
    big = world.picture("/big.jpg", b"\xff\xd8\xff" + bytes(21 * 2**20))
    odd = world.picture("/odd.jpg", b"\xff\xd8\xff" + b"x" * 400)
    elsewhere = "http://169.254.169.254/latest"
    for number, (url, reason) in enumerate(
        [(big, "fetch-too-large"), (odd, "picture-damaged"), (elsewhere, "fetch-address-refused")]
    ):
        looked = steps.look(waiting(store, url, post_id=f"bad-{number}"))
        assert isinstance(looked, Outcome)
        assert (looked.state, looked.reason) == (PostState.FAILED, reason)


def test_a_redirect_to_this_computer_is_refused(
    world: scene.World, store: SqliteWatchStore, steps: Steps
) -> None:
    world.site.pages["/r"] = redirect("http://127.0.0.1/a.jpg")
    looked = steps.look(waiting(store, world.site.url("/r")))
    assert isinstance(looked, Outcome)
    assert looked.reason == "fetch-address-refused"


def test_a_page_is_asked_which_picture_it_means(
    world: scene.World, store: SqliteWatchStore, steps: Steps, kept: Kept
) -> None:
    world.picture("/a.jpg", scene.derived())
    page = world.page("/works/1", '<meta property="og:image" content="/a.jpg">')
    looked = steps.look(waiting(store, url=page))
    assert isinstance(looked, Outcome)
    assert looked.state is PostState.FOUND
    assert kept.kept == [("1", 2)], "the page and the picture"
    assert [each.path for each in world.site.asked] == ["/works/1", "/a.jpg"], "one request more and no other"


def test_a_page_that_leads_to_a_page_ends_there(
    world: scene.World, store: SqliteWatchStore, steps: Steps
) -> None:
    page = world.page("/1", '<meta property="og:image" content="/2">')
    world.page("/2", '<meta property="og:image" content="/1">')
    looked = steps.look(waiting(store, url=page))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.reason) == (PostState.FAILED, "watch-no-picture-in-page")
    assert len(world.site.asked) == 2


def test_a_finding_is_not_lost_with_its_evidence(
    world: scene.World, store: SqliteWatchStore, steps: Steps, kept: Kept
) -> None:
    kept.failing = OSError(28, "No space left on device")
    looked = steps.look(waiting(store, world.picture("/a.jpg", scene.derived())))
    assert isinstance(looked, Outcome)
    (finding,) = looked.findings
    assert (finding.bundle, finding.bundle_reason) == ("", "output-full")


def test_a_post_without_anything_to_look_at(store: SqliteWatchStore, steps: Steps) -> None:
    looked = steps.look(waiting(store))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.reason) == (PostState.UNRELATED, "no-picture")


def test_a_picture_too_large_beside_a_decoy_is_told(
    world: scene.World, store: SqliteWatchStore, steps: Steps
) -> None:
    decoy = world.picture("/decoy.jpg", scene.unrelated(1))
    padded = world.picture("/padded.jpg", scene.derived() + bytes(22 * 2**20))
    looked = steps.look(waiting(store, decoy, padded))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.reason) == (PostState.UNRELATED, "fetch-too-large")
    store.settle([looked], (), START)
    assert store.counts().partly == {"fetch-too-large": 1}


def test_pictures_beyond_those_that_are_looked_at_are_told(
    world: scene.World, store: SqliteWatchStore, steps: Steps
) -> None:
    decoy = world.picture("/decoy.jpg", scene.unrelated(1))
    copy = world.picture("/copy.jpg", scene.derived())
    looked = steps.look(waiting(store, *[decoy] * 16, copy))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.reason) == (PostState.UNRELATED, "too-many-pictures")
    looked = steps.look(waiting(store, copy, *[decoy] * 16, post_id="2"))
    assert isinstance(looked, Outcome)
    assert (looked.state, looked.reason) == (PostState.FOUND, "too-many-pictures")
    looked = steps.look(waiting(store, *[decoy] * 16, post_id="3"))
    assert isinstance(looked, Outcome)
    assert looked.reason == ""
