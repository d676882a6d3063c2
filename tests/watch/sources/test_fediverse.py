"""Mastodon (through the real Mastodon.py) and Misskey against servers that cut, repeat, come late, refuse and lie."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sakigake.clock import to_ms
from sakigake.errors import NetworkError, UsageError
from tests.peers.fediverse import TAG, Mastodon, Misskey, Record, Timeline, mastodon, misskey, note, status
from tests.watch.sources.draining import Kept, net_to
from watch import postids
from watch.post import ClockClass
from watch.sources import PostSource, registry

Peer = Mastodon | Misskey


@dataclass(frozen=True)
class Side:
    """One of the two kinds of servers, so that one test speaks of both."""

    kind: str
    run: Callable[[], AbstractContextManager[Peer]]
    make: Callable[..., Record]
    number: Callable[[int], Any]

    def record(self, ms: int, *pictures: str, **more: Any) -> Record:
        return self.make(self.number(ms), *pictures, **more)


def aid(ms: int) -> str:
    return postids._digits(ms - postids.MISSKEY_EPOCH_MS, postids.BASE36, 8) + "01"


SIDES = [Side("mastodon", mastodon, status, lambda ms: ms << 16), Side("misskey", misskey, note, aid)]
both = pytest.mark.parametrize("side", SIDES, ids=lambda side: side.kind)


def port(peer: Peer) -> int:
    return peer.site.port if isinstance(peer, Mastodon) else peer.port


@contextmanager
def source(side: Side, peer: Peer, **options: Any) -> Iterator[PostSource]:
    given = {"server": peer.url, "tag": TAG, **options}
    with net_to(port(peer)) as net, closing(registry.make(side.kind, given, net, source="fedi")) as made:
        yield made


def now_ms() -> int:
    return to_ms(datetime.now(UTC))


def streaming(kept: Kept, made: PostSource, timeline: Timeline, count: int = 1) -> None:
    kept.until(made, lambda: timeline.streams >= count)
    pages = timeline.pages
    kept.until(made, lambda: timeline.pages >= max(pages, count))


def names(kept: Kept) -> set[str]:
    return {post.media[0].url.rpartition("/")[2].removesuffix(".png") for post in kept.posts.values()}


@both
def test_a_post_of_the_servers_own_member_and_one_from_elsewhere(side: Side) -> None:
    ms = now_ms() - 60_000
    away = {"acct": "maker@far.example"} if side.kind == "mastodon" else {"host": "far.example"}
    with side.run() as peer:
        peer.timeline.tell(side.record(ms, "own"), side.record(ms + 5, "far", **away), side.record(ms + 9))
        with source(side, peer) as made:
            kept = Kept()
            kept.until(made, lambda: len(kept.posts) == 2)
            kept.settle(made)
    assert names(kept) == {"own", "far"}
    own, far = sorted(kept.posts.values(), key=lambda post: "far" in post.media[0].url)
    assert own.post_id == f"127.0.0.1:{port(peer)}/{side.number(ms)}"
    assert own.time.not_before is not None
    assert (to_ms(own.time.not_before.value), own.time.not_before.clock) == (ms, ClockClass.SERVER)
    assert far.time.not_before is not None
    assert far.time.not_before.clock is ClockClass.AUTHOR, (
        "elsewhere the time is what the other server claims"
    )
    assert far.time.not_before.value == datetime(2026, 11, 1, tzinfo=UTC)
    assert far.time.not_after is not None
    assert far.time.not_after.clock is ClockClass.WITNESSED
    assert (own.source, own.platform) == ("fedi", side.kind)
    assert own.author_id
    assert own.author_id != own.author_name


@both
@pytest.mark.parametrize("fault", ["cut", "twice", "slow", "refuse"])
def test_nothing_is_lost_and_there_is_no_hole(side: Side, fault: str) -> None:
    with side.run() as peer:
        line, kept, ms = peer.timeline, Kept(), now_ms()
        line.twice, line.delay_s = fault == "twice", 0.01 if fault == "slow" else 0.0
        line.refuse_streams = 2 if fault == "refuse" else 0
        line.tell(*(side.record(ms - 5000 + n, f"before{n}") for n in range(45)))
        with source(side, peer) as made:
            streaming(kept, made, line)
            line.cut_after = 7 if fault == "cut" else 0
            line.tell(*(side.record(ms + n, f"during{n}") for n in range(20)))
            if fault == "cut":
                streaming(kept, made, line, 2)
                line.cut_after = 0
            line.tell(*(side.record(ms + 100 + n, f"after{n}") for n in range(5)))
            kept.until(made, lambda: sum("before" not in name for name in names(kept)) >= 25)
            kept.settle(made)
    # Without a cursor it begins with the newest page; who was cut off looks back further.
    newest = 40 if side.kind == "mastodon" and fault != "cut" else 45
    wanted = {f"before{n}" for n in range(45 - newest, 45)}
    wanted |= {f"during{n}" for n in range(20)} | {f"after{n}" for n in range(5)}
    assert names(kept) == wanted
    assert not kept.holes


@both
def test_what_was_told_while_nobody_listened_is_asked_for(side: Side) -> None:
    with side.run() as peer:
        kept, ms = Kept(), now_ms()
        peer.timeline.tell(side.record(ms, "first"))
        with source(side, peer) as made:
            kept.until(made, lambda: names(kept) == {"first"})
        peer.timeline.tell(*(side.record(ms + 1 + n, f"away{n}") for n in range(230)))
        with source(side, peer) as made:
            kept.until(made, lambda: len(kept.posts) == 231, limit=40)
    assert names(kept) == {"first"} | {f"away{n}" for n in range(230)}
    assert not kept.holes
    assert peer.timeline.pages > 230 // (40 if side.kind == "mastodon" else 100)


@both
def test_a_post_that_is_filed_behind_others_is_found(side: Side) -> None:
    with side.run() as peer:
        line, kept, ms = peer.timeline, Kept(), now_ms()
        line.tell(side.record(ms, "new"))
        with source(side, peer) as made:
            kept.until(made, lambda: names(kept) == {"new"})
        # It reached the server late and bears an earlier id than what is known.
        line.tell(side.record(ms - 300_000, "late"), streamed=False)
        with source(side, peer) as made:
            kept.until(made, lambda: names(kept) == {"new", "late"})


@both
def test_an_id_from_the_future_does_not_hide_what_comes(side: Side) -> None:
    with side.run() as peer:
        line, kept, ms = peer.timeline, Kept(), now_ms()
        line.tell(side.record(ms, "now"), side.record(ms + 400 * 86_400_000, "future"))
        with source(side, peer) as made:
            kept.until(made, lambda: len(kept.posts) == 2)
        future = next(post for post in kept.posts.values() if "future" in post.media[0].url)
        assert future.time.not_after is not None
        assert future.time.not_after.value < datetime.now(UTC) + timedelta(seconds=5)
        assert future.time.not_before is None or future.time.not_before.value <= future.time.not_after.value
        line.tell(side.record(ms + 1, "next"), streamed=False)
        with source(side, peer) as made:
            kept.until(made, lambda: "next" in names(kept))


@both
def test_a_server_that_gives_nothing_back_leaves_a_hole(side: Side) -> None:
    with side.run() as peer:
        line, kept, ms = peer.timeline, Kept(), now_ms()
        line.tell(side.record(ms, "before"))
        with source(side, peer) as made:
            streaming(kept, made, line)
            kept.until(made, lambda: names(kept) == {"before"})
            assert not kept.holes
            line.refuse_pages, line.cut_after = (404, ""), 1
            line.tell(side.record(ms + 1, "last"))
            kept.until(made, lambda: "last" in names(kept))
            streaming(kept, made, line, 2)
            line.cut_after = 0
            kept.until(made, lambda: bool(kept.holes))
            line.tell(side.record(ms + 2, "again"))
            kept.until(made, lambda: "again" in names(kept))
    assert {hole.reason for hole in kept.holes} == {"source-no-replay"}
    assert all(hole.began < hole.ended for hole in kept.holes)


@both
def test_asked_now_and_then_instead_of_streamed(side: Side) -> None:
    with side.run() as peer:
        kept, ms = Kept(), now_ms()
        peer.timeline.tell(side.record(ms, "a"))
        with source(side, peer, stream=False) as made:
            assert made.describe().min_interval_s == 60.0
            kept.until(made, lambda: names(kept) == {"a"})
        assert peer.timeline.streams == 0


@both
def test_a_server_that_asks_for_peace_gets_it(side: Side) -> None:
    with side.run() as peer, net_to(port(peer)) as net:
        peer.timeline.refuse_pages = (429, "1800")
        options = {"server": peer.url, "tag": TAG, "stream": False}
        with closing(registry.make(side.kind, options, net)) as made:
            kept = Kept()
            kept.settle(made)
            (rest,) = net.limits.resting()
            pages = peer.timeline.pages
            kept.settle(made, 4)
    assert rest.reason == "retry-after"
    assert 1700 < (rest.until - datetime.now(UTC)).total_seconds() <= 1800
    assert pages == peer.timeline.pages == 1


@both
def test_a_token_is_sent_and_shown_to_nobody(
    side: Side, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "sesame-ひらけごま" if side.kind == "misskey" else "sesame-open"
    with side.run() as peer:
        peer.timeline.token = secret
        peer.timeline.tell(side.record(now_ms(), "a"))
        monkeypatch.setenv("SAKIGAKE_TOKEN_127_0_0_1", secret)
        with source(side, peer) as made:
            kept = Kept()
            kept.until(made, lambda: names(kept) == {"a"})
            told = repr(made.describe()) + repr(kept) + repr(vars(made))
        monkeypatch.setenv("SAKIGAKE_TOKEN_127_0_0_1", "wrong")
        monkeypatch.setattr("watch.sources.push.PATIENCE", timedelta(0))
        with source(side, peer, stream=False) as made:
            with pytest.raises(NetworkError) as refused:
                Kept().settle(made, 5)
            told += str(refused.value) + repr(refused.value.params)
    assert secret not in told + "".join(capsys.readouterr())
    assert "wrong" not in told


def test_an_edit_may_bring_another_picture() -> None:
    ms = now_ms()
    with mastodon() as peer, source(SIDES[0], peer) as made:
        kept = Kept()
        streaming(kept, made, peer.timeline)
        peer.timeline.tell(status(ms << 16, "one"))
        peer.timeline.tell(status(ms << 16, "two", edited_at="2026-11-01T01:00:00.000Z"))
        kept.until(made, lambda: names(kept) == {"one", "two"})


def test_a_boost_is_the_post_that_it_shows() -> None:
    ms = now_ms()
    boosted = status((ms - 86_400_000) << 16, "inner")
    with mastodon() as peer:
        peer.timeline.tell(status(ms << 16, reblog=boosted))
        with source(SIDES[0], peer, list="7", tag="") as made:
            kept = Kept()
            kept.until(made, lambda: names(kept) == {"inner"})
            streaming(kept, made, peer.timeline)
        assert any("list=7" in asked.path for asked in peer.site.asked)
    (post,) = kept.posts.values()
    assert post.post_id.endswith(f"/{boosted['id']}")


def test_misskey_enters_the_channel_that_was_asked_for() -> None:
    ms = now_ms()
    with misskey() as peer:
        peer.timeline.tell(note(aid(ms), "here"), note(aid(ms + 1), "far", host="far.example"))
        with source(SIDES[1], peer, timeline="local", tag="") as made:
            kept = Kept()
            streaming(kept, made, peer.timeline)
            kept.until(made, lambda: bool(peer.connects) and names(kept) == {"here"})
        with source(SIDES[1], peer) as made:
            Kept().until(made, lambda: len(peer.connects) == 2)
    assert [each["channel"] for each in peer.connects] == ["localTimeline", "hashtag"]
    assert peer.connects[1]["params"] == {"q": [[TAG]]}
    assert peer.asked[0]["withFiles"] is True


@both
def test_odd_answers_are_no_crash(side: Side) -> None:
    ms = now_ms()
    odd: list[Any] = [
        side.record(ms + 3, "ok"),
        {**side.record(ms + 1, "odd-id"), "id": str(side.number(ms + 1)), "media_attachments": 5, "files": 5},
        {**side.record(ms + 2, "odd-user"), "account": None, "user": None},
        {**side.record(ms + 4, "odd-date"), "created_at": "yesterday", "createdAt": None},
    ]
    with side.run() as peer, source(side, peer) as made:
        kept = Kept()
        streaming(kept, made, peer.timeline)
        peer.timeline.tell(*odd)
        kept.until(made, lambda: "odd-date" in names(kept))
        kept.settle(made)
    assert names(kept) == {"ok", "odd-date"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mastodon", {"server": "https://a.example"}),
        ("mastodon", {"tag": "a"}),
        ("mastodon", {"server": "https://a.example/path", "tag": "a"}),
        ("mastodon", {"server": "https://me:pass@a.example", "tag": "a"}),
        ("mastodon", {"server": "a.example", "tag": "a", "every_s": 1}),
        ("misskey", {"server": "a.example"}),
        ("misskey", {"server": "a.example", "tag": "a", "timeline": "global"}),
        ("misskey", {"server": "a.example", "tag": "a", "stream": "maybe"}),
        ("misskey", {"server": "http://[::", "tag": "a"}),
    ],
)
def test_options_that_cannot_be_meant(kind: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        registry.check(kind, options)


def test_waiting_is_short() -> None:
    with misskey() as peer, source(SIDES[1], peer) as made:
        kept = Kept()
        streaming(kept, made, peer.timeline)
        began = time.monotonic()
        kept.poll(made)
        assert time.monotonic() - began < 1.0
