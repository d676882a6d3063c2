"""The Jetstream source against a server that cuts, slows, repeats, swaps, forgets, refuses and lies."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard

from sakigake.errors import NetworkError, UsageError
from tests.peers.jetstream import Event, Jetstream, event, jetstream, tid
from tests.watch.sources.draining import Kept, net_to
from watch.post import ClockClass
from watch.sources import registry
from watch.sources.bluesky import Bluesky, configure
from watch.sources.options import Options

CID = "bafkreiabc"


def now_us() -> int:
    return time.time_ns() // 1000


def posts(count: int, since_us: int, step_us: int = 1000) -> list[Event]:
    return [event(since_us + n * step_us, f"a{n}", f"{CID}{n}") for n in range(count)]


def ids(events: list[Event]) -> set[str]:
    return {f"at://{each['did']}/app.bsky.feed.post/{each['commit']['rkey']}" for each in events}


@contextmanager
def source(*peers: Jetstream, capacity: int = 2000, **options: Any) -> Iterator[Bluesky]:
    config = configure(Options("bluesky", {"servers": [peer.url for peer in peers], **options}))
    with (
        net_to(*(peer.port for peer in peers)) as net,
        closing(Bluesky(config, net, "sky", capacity)) as made,
    ):
        yield made


def test_a_post_becomes_what_the_pipeline_needs() -> None:
    with jetstream() as peer, source(peer) as sky:
        us = now_us()
        peer.tell(event(us, "maker", CID, f"{CID}2", createdAt="2020-01-01T00:00:00Z"))
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) == 1)
        (post,) = kept.posts.values()
    key = tid(us)
    assert post.post_id == f"at://did:plc:maker/app.bsky.feed.post/{key}"
    assert (post.source, post.platform, post.author_id) == ("sky", "bluesky", "did:plc:maker")
    assert post.url == f"https://bsky.app/profile/did:plc:maker/post/{key}"
    assert [ref.url for ref in post.media] == [
        f"https://cdn.bsky.app/img/feed_thumbnail/plain/did:plc:maker/{cid}@jpeg" for cid in (CID, f"{CID}2")
    ]
    assert json.loads(post.raw)["commit"]["rkey"] == key
    assert post.time.not_before is not None
    assert post.time.not_before.clock is ClockClass.AUTHOR
    assert post.time.not_before.value == datetime(2020, 1, 1, tzinfo=UTC), "of two claims the earlier"
    assert post.time.not_after is not None
    assert (post.time.not_after.clock, post.time.not_after.basis) == (ClockClass.WITNESSED, "jetstream-time")
    assert post.time.not_after.value == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def test_asks_for_posts_alone_and_looks_ten_seconds_back() -> None:
    with jetstream() as peer, source(peer) as sky:
        at = now_us() - 3_600_000_000
        old, new = event(at - 20_000_000, "old", CID), event(at - 9_000_000, "new", CID)
        peer.tell(old, new)
        kept = Kept(cursor=f"{at}~4")
        kept.until(sky, lambda: len(kept.posts) == 1)
        kept.settle(sky)
    assert set(kept.posts) == ids([new])
    assert peer.asked[0]["wantedCollections"] == ["app.bsky.feed.post"]
    assert peer.asked[0]["cursor"] == [str(at - 10_000_000)]


def test_only_posts_with_pictures_that_were_asked_for() -> None:
    us = now_us()
    facet = {"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "イラスト"}]}
    quoted = {
        "$type": "app.bsky.embed.recordWithMedia",
        "media": event(us, "x", CID)["commit"]["record"]["embed"],
    }
    wanted = [
        event(us, "facet", CID, facets=[facet], langs=["ja"]),
        event(us, "tags", CID, tags=["イラスト"], langs=["ja-JP"]),
        event(us, "quote", embed=quoted, facets=[facet], langs=["en", "ja"]),
    ]
    unwanted = [
        event(us, "no-picture", facets=[facet], langs=["ja"]),
        event(us, "other-tag", CID, tags=["猫"], langs=["ja"]),
        event(us, "other-language", CID, facets=[facet], langs=["en"]),
        event(us, "gone", CID, operation="delete", facets=[facet], langs=["ja"]),
        event(us, "odd-cid", "../../etc", facets=[facet], langs=["ja"]),
        {"did": "did:plc:b", "time_us": us, "kind": "identity"},
        {"did": 5, "time_us": "x", "kind": "commit", "commit": {"collection": "app.bsky.feed.post"}},
    ]
    with jetstream() as peer, source(peer, tags="#イラスト", languages=["ja"]) as sky:
        peer.tell(*unwanted, *wanted)
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) >= 3)
        kept.settle(sky)
    assert set(kept.posts) == ids(wanted)


def test_a_changed_post_counts_anew() -> None:
    us = now_us()
    with jetstream() as peer, source(peer) as sky:
        peer.tell(event(us, "a", CID, key="k"), event(us + 1, "a", f"{CID}2", key="k", operation="update"))
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) == 2)
    assert [post.media[0].url.rsplit("/")[-1] for post in kept.posts.values()] == [
        f"{CID}@jpeg",
        f"{CID}2@jpeg",
    ]


@pytest.mark.parametrize("fault", ["cut", "slow", "twice", "swap", "refuse", "two-servers"])
def test_nothing_is_lost_and_there_is_no_hole(fault: str) -> None:
    with jetstream() as peer, jetstream() as other:
        peers = [peer, other] if fault == "two-servers" else [peer]
        peer.cut_after = {"cut": 7, "two-servers": 7}.get(fault, 0)
        peer.delay_s = 0.004 if fault == "slow" else 0.0
        peer.twice, peer.swap, peer.refuse = fault == "twice", fault == "swap", 2 * (fault == "refuse")
        with source(*peers) as sky:
            told = posts(60, now_us())
            for each in peers:
                each.tell(*told[:40])
            kept = Kept()
            kept.until(sky, lambda: len(kept.posts) >= (7 if fault == "cut" else 20))
            if peer.cut_after:
                kept.until(sky, lambda: peer.connections + other.connections > 1)
            peer.cut_after = 0
            for each in peers:
                each.tell(*told[40:])
            kept.until(sky, lambda: len(kept.posts) >= 60)
            kept.settle(sky)
    assert set(kept.posts) == ids(told)
    assert not kept.holes
    if fault == "two-servers":
        assert other.connections, "the next server took over"


def dictionary(number: int) -> bytes:
    samples: list[bytes | bytearray | memoryview[int]] = [
        json.dumps(each).encode() for each in posts(2000, now_us() + number * 10**9)
    ]
    return zstandard.train_dictionary(4096, samples, dict_id=number).as_bytes()


def test_compressed_with_a_dictionary(tmp_path: Any) -> None:
    told = posts(40, now_us())
    words = dictionary(1)
    (tmp_path / "words").write_bytes(words)
    with jetstream(words) as peer, source(peer, dictionary=str(tmp_path / "words")) as sky:
        peer.tell(*told)
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) == 40)
    assert peer.asked[0]["compress"] == ["true"]
    assert json.loads(next(iter(kept.posts.values())).raw)["kind"] == "commit"


def test_another_dictionary_is_no_crash_and_no_post(tmp_path: Any) -> None:
    ours, theirs = dictionary(1), dictionary(2)
    (tmp_path / "words").write_bytes(ours)
    with jetstream(theirs) as peer, source(peer, dictionary=str(tmp_path / "words")) as sky:
        peer.tell(*posts(3, now_us()))
        kept = Kept()
        kept.settle(sky)
        assert sky._run is not None
        failure = sky._run._failure
    assert not kept.posts
    assert isinstance(failure, NetworkError)
    assert failure.code == "source-packed-otherwise"


def test_a_server_that_remembers_too_little_leaves_a_hole() -> None:
    now = now_us()
    with jetstream() as peer, source(peer) as sky:
        peer.forget_before_us = now - 1_000_000
        lost, got = event(now - 3_000_000_000, "lost", CID), event(now, "got", CID)
        peer.tell(lost, got)
        kept = Kept(cursor=f"{now - 3_600_000_000}~1")
        kept.until(sky, lambda: bool(kept.posts))
    assert set(kept.posts) == ids([got])
    (hole,) = kept.holes
    assert hole.reason == "source-replay-too-short"
    assert (hole.ended - hole.began).total_seconds() == pytest.approx(3600)


def test_a_time_from_the_future_moves_no_cursor_and_is_no_time() -> None:
    us = now_us()
    ahead = event(us + 365 * 86_400_000_000, "liar", CID, key=tid(us))
    with jetstream() as peer, source(peer) as sky:
        peer.tell(event(us, "before", CID), ahead)
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) == 2)
        assert kept.cursor is not None
        assert us <= int(kept.cursor.partition("~")[0]) <= now_us()
        time_ = kept.posts[f"at://did:plc:liar/app.bsky.feed.post/{tid(us)}"].time
        assert time_.not_after is not None
        assert time_.not_after.basis == "first-seen"
        assert time_.not_after.value < datetime.now(UTC) + timedelta(seconds=5)
    with jetstream() as again, source(again) as sky:
        again.tell(event(us + 1000, "after", CID))
        kept.until(sky, lambda: len(kept.posts) == 3)


def test_a_batch_that_could_not_be_kept_comes_again() -> None:
    told = posts(30, now_us())
    with jetstream() as peer, source(peer) as sky:
        peer.tell(*told)
        kept = Kept()
        while not kept.poll(sky, 10, commit=False):
            pass
        kept.until(sky, lambda: len(kept.posts) >= 7, limit=7)
        while not kept.poll(sky, 10, commit=False):
            pass
        kept.until(sky, lambda: len(kept.posts) == 30, limit=10)
        kept.settle(sky)
    assert set(kept.posts) == ids(told)


def test_a_restart_goes_on_where_the_store_is() -> None:
    told = posts(60, now_us())
    kept = Kept()
    with jetstream() as peer:
        peer.tell(*told)
        for count in (20, 40, 60):
            with source(peer) as sky:
                kept.until(sky, lambda wanted=count: len(kept.posts) >= wanted, limit=20)  # type: ignore[misc]
    assert set(kept.posts) == ids(told)
    assert not kept.holes


def test_a_full_queue_waits_and_drops_nothing() -> None:
    told = posts(400, now_us(), step_us=10)
    with jetstream() as peer, source(peer, capacity=16) as sky:
        peer.tell(*told)
        kept = Kept()
        kept.until(sky, lambda: len(kept.posts) == 400, limit=9)
        assert sky._run is not None
        assert len(sky._run._queue) <= 16
    assert set(kept.posts) == ids(told)
    assert not kept.holes


def test_the_cursor_moves_on_while_nothing_is_wanted() -> None:
    us = now_us()
    with jetstream() as peer, source(peer, tags=["nothing"]) as sky:
        peer.tell(*posts(20, us))
        kept = Kept()
        kept.until(sky, lambda: (kept.cursor or "").startswith(str(us + 19_000)))
    assert not kept.posts


def test_a_server_that_is_away_is_told_of_after_a_minute_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with jetstream() as peer, source(peer) as sky:
        peer.refuse = 10**6
        kept = Kept()
        kept.settle(sky)
        monkeypatch.setattr("watch.sources.push.PATIENCE", timedelta(0))
        with pytest.raises(NetworkError) as failed:
            kept.settle(sky, 5)
        assert failed.value.code in {"source-no-stream", "source-resting"}
        told = posts(3, now_us())
        monkeypatch.undo()
        peer.refuse = 0
        peer.tell(*told)
        kept.until(sky, lambda: len(kept.posts) == 3)


def test_who_tries_it_out_learns_whether_the_server_is_there() -> None:
    with jetstream() as peer:
        with source(peer) as sky:
            assert not registry.is_ready(sky), "before the first poll nobody is asked"
            Kept().until(sky, lambda: registry.is_ready(sky))
        peer.refuse = 10**6
        with source(peer) as sky, pytest.raises(NetworkError) as failed:
            Kept().until(sky, lambda: registry.is_ready(sky))
    assert failed.value.code == "source-no-stream"


def test_a_server_that_asks_for_peace_gets_it() -> None:
    with jetstream() as peer, net_to(peer.port) as net:
        peer.refuse, peer.retry_after = 1, "3600"
        with closing(registry.make("bluesky", {"servers": peer.url}, net)) as sky:
            kept = Kept()
            kept.settle(sky, 4)
            (rest,) = net.limits.resting()
            assert rest.host == f"127.0.0.1:{peer.port}"
            assert 3500 < (rest.until - datetime.now(UTC)).total_seconds() <= 3600
            assert peer.connections == 0


def test_a_server_that_is_not_public_is_not_reached() -> None:
    with jetstream() as peer, net_to(peer.port + 1) as net:
        with closing(registry.make("bluesky", {"servers": peer.url}, net)) as sky:
            kept = Kept()
            kept.settle(sky)
        assert peer.connections == 0


@pytest.mark.parametrize(
    "options",
    [{"servers": "https://example.com"}, {"servers": ["wss://user@example.com"]}, {"dictionary": "/nowhere"},
     {"pictures": "file:///etc"}, {"tags": [1]}, {"langauges": "ja"}],
)  # fmt: skip
def test_options_that_cannot_be_meant(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        registry.check("bluesky", options)
