"""Tags of Danbooru and e621 against a server that keeps a strict door."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from sakigake.errors import NetworkError, UsageError
from tests.peers.booru import Booru, booru, danbooru_post, e621_post
from tests.watch.sources.draining import Kept, net_to
from watch.limits import Rate
from watch.post import ClockClass
from watch.sources import booru as product
from watch.sources import registry
from watch.sources.net import Net

CONTACT = "https://artist.example/"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "RATE", Rate(1000.0, 1000.0))


def make(peer: Booru, net: Net, **more: Any) -> Any:
    options = {"server": peer.url, "tags": "ai-generated,solo", "contact": CONTACT, **more}
    return registry.make("booru", options, net, source="b")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("flavour", ["danbooru", "e621"])
def test_what_is_new_is_found_once_and_nothing_is_passed_over(flavour: str) -> None:
    post = e621_post if flavour == "e621" else danbooru_post
    kept = Kept()
    with booru(nested=flavour == "e621") as peer, net_to(peer.site.port) as net:
        peer.posts = [post(n) for n in range(1, 31)]
        with closing(make(peer, net, flavour=flavour)) as made:
            kept.poll(made, 10)
            assert {int(each.rpartition("/")[2]) for each in kept.posts} == set(range(21, 31)), (
                "the newest first"
            )
            peer.posts += [post(n) for n in range(31, 56)]
            assert kept.poll(made, 10, commit=False) == 10
        with closing(make(peer, net, flavour=flavour)) as made:
            assert [kept.poll(made, 10) for _ in range(4)] == [10, 10, 5, 0]
        agents = {asked.header("user-agent") for asked in peer.site.asked}
    assert {int(each.rpartition("/")[2]) for each in kept.posts} == set(range(21, 56))
    assert not kept.repeats
    (agent,) = agents
    assert agent.startswith("sakigake/")
    assert CONTACT in agent
    one = kept.posts[f"{peer.site.place}/40"]
    assert one.media[0].url == "https://cdn.example/sample/40.jpg", "the reduced picture first"
    assert one.time.not_before is not None
    assert (one.time.not_before.value, one.time.not_before.clock) == (
        datetime(2026, 11, 1, 3, tzinfo=UTC),
        ClockClass.SERVER,
    )
    assert one.url == f"{peer.url}/posts/40"


def test_no_more_than_one_request_a_second() -> None:
    with booru() as peer, net_to(peer.site.port) as net, closing(make(peer, net)) as made:
        for _ in range(3):
            made.poll("5", 10)
        gaps = [after - before for before, after in zip(peer.at, peer.at[1:], strict=False)]
    assert min(gaps) > 0.95


@pytest.mark.usefixtures("quick")
def test_refusals_and_odd_answers() -> None:
    with booru() as peer, net_to(peer.site.port) as net, closing(make(peer, net)) as made:
        peer.posts = [
            {"id": "x"}, {"id": True}, {}, danbooru_post(7, large_file_url=None, file_url=None),
            danbooru_post(8, created_at=None, large_file_url="file:///etc/passwd", file_url=5), danbooru_post(9, created_at="soon"),
        ]  # fmt: skip
        peer.posts = [each for each in peer.posts if isinstance(each.get("id"), int)]
        kept = Kept()
        kept.poll(made)
        assert [post.post_id.rpartition("/")[2] for post in kept.posts.values()] == ["9"]
        peer.refuse = (429, "60")
        with pytest.raises(NetworkError) as refused:
            kept.poll(made)
        assert refused.value.code == "source-refused"
        with pytest.raises(NetworkError) as resting:
            kept.poll(made)
        assert resting.value.code == "source-resting"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("body", [b"<html>", b"5", b'{"posts": 5}', b"[" * 100_000])
def test_what_is_no_list_is_said(body: bytes) -> None:
    from tests.peers.web import answer

    with booru() as peer, net_to(peer.site.port) as net, closing(make(peer, net)) as made:
        peer.site.pages["/posts.json"] = answer(body)
        with pytest.raises(NetworkError) as odd:
            made.poll(None, 10)
    assert odd.value.code == "source-odd-answer"


@pytest.mark.usefixtures("quick")
def test_an_answer_without_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.peers.web import answer

    monkeypatch.setattr("watch.sources.session.MAX_ANSWER", 100_000)
    with booru() as peer, net_to(peer.site.port) as net, closing(make(peer, net)) as made:
        peer.site.pages["/posts.json"] = answer(b"[" + b" " * 10_000_000 + b"]")
        with pytest.raises(NetworkError) as large:
            made.poll(None, 10)
    assert large.value.code == "source-answer-too-large"


def test_a_redirect_to_this_computer_is_not_followed() -> None:
    from tests.peers.web import redirect, serving

    with (
        serving({}) as secret,
        booru() as peer,
        net_to(peer.site.port) as net,
        closing(make(peer, net)) as made,
    ):
        peer.site.pages["/posts.json"] = redirect(secret.url("/posts.json"))
        with pytest.raises(NetworkError) as refused:
            made.poll(None, 10)
        assert refused.value.code.startswith("fetch-")
        assert not secret.asked


@pytest.mark.parametrize("missing", ["server", "contact"])
def test_options_that_must_be_there(missing: str) -> None:
    options = {"server": "https://a.example", "tags": "a", "contact": "me"}
    del options[missing]
    with pytest.raises(UsageError) as wrong:
        registry.check("booru", options)
    assert wrong.value.params["name"] == missing
