"""RSS and Atom against a server with conditional GET: what is asked, what is found, bombs, and turned-over feeds."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sakigake.errors import NetworkError, UsageError
from tests.peers.web import Asked, Site, answer, serving
from tests.watch.sources.draining import Kept, net_to
from watch.post import ClockClass
from watch.sources import PostSource, registry

DATE = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def item(number: int, inner: str = "", date: str = format_datetime(DATE)) -> str:
    inner = inner or f'<enclosure url="/p/{number}.png" type="image/png" length="1"/>'
    return (
        f"<item><title>絵 {number}</title><link>https://example.com/{number}</link>"
        f"<guid>g{number}</guid><pubDate>{date}</pubDate>{inner}</item>"
    )


def rss(*items: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>t</title><link>https://example.com/</link>{''.join(items)}</channel></rss>"
    ).encode()


class Served:
    """A feed with an ETag or a Last-Modified that is what it says."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.version = 1
        self.statuses: list[int] = []
        self.by_date = False
        self.status = "200 OK"
        self.extra: tuple[str, ...] = ()

    def change(self, body: bytes) -> None:
        self.body, self.version = body, self.version + 1

    def __call__(self, asked: Asked, connection: socket.socket) -> bool:
        mark = (
            f"Last-Modified: {format_datetime(DATE + timedelta(hours=self.version), usegmt=True)}"
            if self.by_date
            else f'ETag: "v{self.version}"'
        )
        value = mark.partition(": ")[2]
        same = value in {asked.header("if-none-match"), asked.header("if-modified-since")}
        self.statuses.append(304 if same else 200)
        if same:
            return answer(b"", "304 Not Modified", (mark,))(asked, connection)
        return answer(self.body, self.status, (mark, *self.extra))(asked, connection)


@contextmanager
def feed(served: Served) -> Iterator[tuple[PostSource, Site]]:
    with (
        serving({"/feed": served}) as site,
        net_to(site.port) as net,
        closing(registry.make("rss", {"url": site.url("/feed")}, net, source="f")) as made,
    ):
        yield made, site


def test_entries_become_posts_with_claimed_times() -> None:
    served = Served(rss(item(1), item(2, "<description>no picture</description>")))
    with feed(served) as (made, site):
        kept = Kept()
        kept.poll(made)
    (post,) = kept.posts.values()
    assert [ref.url for ref in post.media] == ["https://example.com/p/1.png"]
    assert (post.source, post.url, post.author_id) == ("f", "https://example.com/1", "")
    assert post.time.not_before is not None
    assert (post.time.not_before.value, post.time.not_before.clock) == (DATE, ClockClass.AUTHOR)
    assert post.time.not_after is not None
    assert post.time.not_after.clock is ClockClass.WITNESSED
    assert site.asked[0].header("user-agent").startswith("sakigake/")


@pytest.mark.parametrize("by_date", [False, True])
def test_an_unchanged_feed_is_not_sent_again_and_a_changed_one_gives_what_is_new(by_date: bool) -> None:
    served = Served(rss(item(1), item(2)))
    served.by_date = by_date
    with feed(served) as (made, _):
        kept = Kept()
        assert [kept.poll(made) for _ in range(3)] == [2, 0, 0]
        served.change(rss(item(3), item(1), item(2)))
        assert kept.poll(made) == 1
    assert served.statuses == [200, 304, 304, 200]
    assert len(kept.posts) == 3
    assert not kept.repeats
    assert not kept.holes


def test_a_batch_that_could_not_be_kept_comes_again_and_a_small_limit_loses_nothing() -> None:
    served = Served(rss(*(item(n) for n in range(23))))
    with feed(served) as (made, _):
        kept = Kept()
        assert kept.poll(made, 10, commit=False) == 10
        assert [kept.poll(made, 10) for _ in range(4)] == [10, 10, 3, 0]
    assert len(kept.posts) == 23
    assert served.statuses == [200, 200, 200, 200, 304]


def test_another_process_goes_on_with_the_cursor() -> None:
    served = Served(rss(item(1)))
    kept = Kept()
    for _ in range(3):
        with feed(served) as (made, _site):
            kept.poll(made)
    assert served.statuses == [200, 304, 304]


def test_a_feed_of_nothing_but_new_entries_leaves_a_hole() -> None:
    served = Served(rss(item(1), item(2)))
    with feed(served) as (made, _):
        kept = Kept()
        kept.poll(made)
        began = datetime.now(UTC)
        served.change(rss(item(8), item(9)))
        kept.poll(made)
    (hole,) = kept.holes
    assert hole.reason == "source-feed-turned-over"
    assert hole.began <= began
    assert began - hole.ended < timedelta(milliseconds=1)  # a cursor keeps whole milliseconds
    assert len(kept.posts) == 4


def test_repeated_and_reordered_entries_are_one_each() -> None:
    served = Served(rss(item(1), item(2), item(1)))
    with feed(served) as (made, _):
        kept = Kept()
        kept.poll(made)
        served.change(rss(item(2), item(3), item(1), item(2)))
        kept.poll(made)
        kept.poll(made)
    assert len(kept.posts) == 3
    assert not kept.holes


@pytest.mark.parametrize(
    ("inner", "pictures"),
    [
        ('<media:content url="https://a.example/1.jpg" medium="image"/>', ["https://a.example/1.jpg"]),
        ('<media:content url="https://a.example/1.webp?x=1"/>', ["https://a.example/1.webp?x=1"]),
        ('<media:content url="https://a.example/1.mp4" type="video/mp4"/><description>x</description>', []),
        ("<description>&lt;p&gt;&lt;img src='/i.png'&gt;&lt;IMG SRC=//b.example/2.png&gt;</description>",
         ["https://example.com/i.png", "https://b.example/2.png"]),
        ("<content:encoded><![CDATA[<img src='a.png'><script>x</script>]]></content:encoded>", ["https://example.com/a.png"]),
        ('<media:thumbnail url="https://a.example/t.jpg"/>', ["https://a.example/t.jpg"]),
        ('<enclosure url="file:///etc/passwd" type="image/png" length="1"/>', []),
        ('<enclosure url="javascript:x" type="image/png" length="1"/>', []),
        ('<enclosure url="http://[::" type="image/png" length="1"/>', []),
    ],
)  # fmt: skip
def test_where_pictures_are_found(inner: str, pictures: list[str]) -> None:
    with feed(Served(rss(item(1, inner)))) as (made, _):
        kept = Kept()
        kept.poll(made)
    assert [ref.url for post in kept.posts.values() for ref in post.media] == pictures


def test_atom() -> None:
    body = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>urn:1</id><title>x</title>'
        b'<link href="https://example.com/1"/><published>2026-11-01T12:00:00+09:00</published>'
        b'<content type="html">&lt;img src="https://example.com/1.png"&gt;</content></entry></feed>'
    )
    with feed(Served(body)) as (made, _):
        kept = Kept()
        kept.poll(made)
    (post,) = kept.posts.values()
    assert post.time.not_before is not None
    assert post.time.not_before.value == DATE


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Mon, 99 Foo 2026", "1 Jan 2026 00:00:00", "Sat, 01 Nov 2099 03:00:00 GMT"]
)
def test_a_date_that_cannot_be_is_no_lower_end(date: str) -> None:
    with feed(Served(rss(item(1, date=date)))) as (made, _):
        kept = Kept()
        kept.poll(made)
    (post,) = kept.posts.values()
    assert post.time.not_before is None
    assert post.time.not_after is not None


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "laughs": f'<!DOCTYPE rss [<!ENTITY l0 "lol">{LAUGHS}]>',
    "file": '<!DOCTYPE rss [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    "one": '<!DOCTYPE rss [<!ENTITY l9 "x">]>',
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_feed_that_declares_entities_is_refused_unread(name: str) -> None:
    served = Served(rss(item(1, f"<description>&l9;</description>{item(2)}"), head=BOMBS[name]))
    with feed(served) as (made, _), pytest.raises(NetworkError) as refused:
        made.poll(None, 50)
    assert refused.value.code == "source-feed-refused"


def test_a_bomb_that_is_not_well_formed_is_refused_too() -> None:
    body = rss(item(1), head=BOMBS["laughs"]).replace(b"</channel>", b"")
    with feed(Served(body)) as (made, _), pytest.raises(NetworkError) as refused:
        made.poll(None, 50)
    assert refused.value.code == "source-feed-refused"


@pytest.mark.parametrize("body", [b"", b"<html><body>sign in</body></html>", b"\x89PNG\r\n", b"{}"])
def test_what_is_no_feed_is_said(body: bytes) -> None:
    with feed(Served(body)) as (made, _), pytest.raises(NetworkError) as failed:
        made.poll(None, 50)
    assert failed.value.code == "source-feed-unreadable"


def test_a_feed_that_is_cut_in_the_middle_still_gives_its_beginning() -> None:
    with feed(Served(rss(item(1), item(2))[:-60])) as (made, _):
        kept = Kept()
        kept.poll(made)
    assert kept.posts


def test_half_a_character_in_a_feed_that_is_no_xml_is_told_as_unreadable() -> None:
    odd = (
        rss(item(1))
        .replace(b"example.com/1", b"example.com/&#xD800;")
        .replace(b"</channel>", b"<b></channel>")
    )
    with feed(Served(odd)) as (made, _):
        with pytest.raises(NetworkError) as failed:
            made.poll(None, 50)
        assert failed.value.code == "source-feed-unreadable"


@pytest.mark.parametrize(
    "fault", [UnicodeEncodeError("utf-8", "x", 0, 1, "y"), RecursionError(), KeyError("x")]
)
def test_whatever_the_parser_trips_over_is_an_unreadable_feed(fault: Exception) -> None:
    class Tripping:
        def parse(self, *_args: object, **_more: object) -> object:
            raise fault

    with feed(Served(rss(item(1)))) as (made, _):
        made._parser = Tripping()  # type: ignore[attr-defined]
        with pytest.raises(NetworkError) as failed:
            made.poll(None, 50)
    assert failed.value.code == "source-feed-unreadable"


def test_entries_of_one_link_with_other_pictures_are_other_entries() -> None:
    def bare(picture: str) -> str:
        return f'<item><link>https://example.com/</link><enclosure url="{picture}" type="image/png" length="1"/></item>'

    with feed(Served(rss(bare("/a.png"), bare("/b.png"), bare("/b.png")))) as (made, _):
        kept = Kept()
        kept.poll(made)
        assert [post.media[0].url for post in kept.posts.values()] == [
            "https://example.com/a.png",
            "https://example.com/b.png",
        ]


def test_a_swapped_picture_is_looked_at_again() -> None:
    served = Served(rss(item(1), item(2)))
    with feed(served) as (made, _):
        kept = Kept()
        assert kept.poll(made) == 2
        served.change(rss(item(1, '<enclosure url="/other.png" type="image/png" length="1"/>'), item(2)))
        assert kept.poll(made) == 1
        assert list(kept.posts.values())[-1].media[0].url == "https://example.com/other.png"
        assert kept.poll(made) == 0


def test_entries_beyond_those_that_are_looked_at_are_a_hole_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watch.sources.feed.MAX_ENTRIES", 8)
    served = Served(rss(*(item(number) for number in range(10))))
    with feed(served) as (made, _):
        kept = Kept()
        for _ in range(3):
            kept.poll(made, limit=5)
        assert len(kept.posts) == 8
        assert [hole.reason for hole in kept.holes] == ["source-feed-too-long"]
        served.change(rss(*(item(number) for number in range(11))))
        kept.poll(made)
        assert [hole.reason for hole in kept.holes] == ["source-feed-too-long"] * 2


def test_five_refusals_and_the_host_is_left_alone() -> None:
    served = Served(b"")
    served.status = "500 No"
    with serving({"/feed": served}) as site, net_to(site.port) as net:
        made = registry.make("rss", {"url": site.url("/feed")}, net)
        codes = []
        for _ in range(7):
            with pytest.raises(NetworkError) as failed:
                made.poll(None, 50)
            codes.append(failed.value.code)
        assert codes == ["fetch-status"] * 5 + ["source-resting"] * 2
        assert len(site.asked) == 5


def test_retry_after_of_a_feed_is_obeyed() -> None:
    served = Served(b"")
    served.status, served.extra = "429 Too Many", ("Retry-After: 900",)
    with serving({"/feed": served}) as site, net_to(site.port) as net:
        made = registry.make("rss", {"url": site.url("/feed")}, net)
        for _ in range(2):
            with pytest.raises(NetworkError):
                made.poll(None, 50)
        (rest,) = net.limits.resting()
        assert 800 < (rest.until - datetime.now(UTC)).total_seconds() <= 900
        assert len(site.asked) == 1


@given(
    st.text(max_size=40)
    | st.sampled_from(['{"known": 5}', "[]", '{"known": [1, null]}', "null", '{"at": "x"}'])
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_cursor_is_a_new_beginning(cursor: str) -> None:
    with feed(Served(rss(item(1)))) as (made, _):
        assert len(made.poll(cursor, 50).posts) == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"url": "ftp://a.example/f"}, {"url": "https://a.example/f", "every_s": 10}, {"url": "https://a:b@c.example/"},
     {"url": "https://a.example/f", "interval": 900}, {"url": 5}],
)  # fmt: skip
def test_options_that_cannot_be_meant(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        registry.check("rss", options)
