"""What people hand in: links, texts, pictures, what a bookmarklet sends."""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import NotFoundError, UsageError
from watch.post import ClockClass
from watch.sources import handed, markup

NOW = datetime(2026, 11, 20, tzinfo=UTC)
X = "https://x.com/a/status/1233161576649121792"


def test_a_link_to_a_post_and_its_mirror_are_one() -> None:
    post = handed.from_link(f" {X}?s=20 \n", NOW)
    assert (post.source, post.platform, post.post_id) == ("inbox", "x", "x:1233161576649121792")
    assert post.media == ()
    assert post.time.not_before is not None
    assert post.time.not_before.clock is ClockClass.PLATFORM
    assert post.time.not_after is not None
    assert post.time.not_after.basis == "x-status-id"
    assert handed.from_link("https://fxtwitter.com/b/status/1233161576649121792", NOW).post_id == post.post_id


def test_a_link_to_a_picture_is_its_picture() -> None:
    url = "https://pbs.twimg.com/media/D5tPa7vUIAAePq2?format=jpg&name=medium"
    post = handed.from_link(url, NOW)
    assert [ref.url for ref in post.media] == [url]
    assert post.time.not_after is not None
    assert (post.time.not_after.value, post.time.not_after.clock) == (NOW, ClockClass.WITNESSED)
    unknown = handed.from_link("https://example.com/a/b.PNG?x=1", NOW)
    assert [ref.url for ref in unknown.media] == ["https://example.com/a/b.PNG?x=1"]
    assert unknown.time.not_before is None


@pytest.mark.parametrize(
    "text", ["", "hello", "javascript:alert(1)", "file:///etc/passwd", "https://", "https://a b", "x" * 9999]
)
def test_what_is_no_link_is_said(text: str) -> None:
    with pytest.raises(UsageError) as wrong:
        handed.from_link(text, NOW)
    assert wrong.value.code == "handed-no-link"


def test_all_links_of_a_text_each_once() -> None:
    text = f"これです:{X}。\n「{X}」 (https://www.pixiv.net/artworks/46270949), at://did:plc:a/app.bsky.feed.post/3l25zusnsfctk."
    assert [post.platform for post in handed.from_text(text, NOW)] == ["x", "pixiv", "bluesky"]
    with pytest.raises(UsageError):
        handed.from_text("no link here", NOW)
    assert len(handed.links_in(" ".join(f"https://a.example/{n}" for n in range(500)))) == handed.MAX_LINKS


def test_a_picture_is_known_by_its_digest(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"picture")
    first, second = (handed.from_picture(tmp_path / name, NOW) for name in ("a.png", "b.png"))
    assert first.post_id == second.post_id == f"file:{hashlib.sha256(b'picture').hexdigest()}"
    assert Path(first.media[0].path).is_absolute()
    with pytest.raises(NotFoundError):
        handed.from_picture(tmp_path, NOW)
    with pytest.raises(NotFoundError):
        handed.from_picture(tmp_path / "none.png", NOW)


def test_a_picture_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(handed.MAX_PICTURE + 1)
    with pytest.raises(UsageError) as wrong:
        handed.from_picture(tmp_path / "a.png", NOW)
    assert wrong.value.code == "picture-too-large"


def test_what_the_bookmarklet_sends() -> None:
    told = {
        "url": X,
        "pictures": ["https://pbs.twimg.com/media/D5tPa7vUIAAePq2.jpg", "/a.png", "javascript:x", 5],
        "more": "x",
    }
    post = handed.from_bookmarklet(json.dumps(told).encode(), NOW)
    assert [ref.url for ref in post.media] == [
        "https://pbs.twimg.com/media/D5tPa7vUIAAePq2.jpg",
        "https://x.com/a.png",
    ]
    assert post.post_id.startswith("x:1233161576649121792#")
    assert post.post_id == handed.from_bookmarklet(json.dumps(told).encode(), NOW).post_id
    alone = handed.from_bookmarklet(json.dumps({"url": X}).encode(), NOW)
    assert alone.post_id == "x:1233161576649121792"


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b'{"url": 5}', b'{"url": "javascript:x"}', b'{"url": "https://a.example", "pictures": "x"}',
     b"[" * 200_000, b'{"url": "https://a.example", "x": "' + b"a" * 300_000 + b'"}', b"\xff\xfe"],
)  # fmt: skip
def test_other_notes_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as wrong:
        handed.from_bookmarklet(data, NOW)
    assert wrong.value.code == "handed-odd-note"


@given(st.text() | st.text("htps:/.@#?[]x0", max_size=40))
def test_no_text_is_a_crash(text: str) -> None:
    for take in (
        handed.from_link,
        handed.from_text,
        lambda each, now: handed.from_bookmarklet(each.encode("utf-8", "replace"), now),
    ):
        with suppress(UsageError):
            take(text, NOW)


def test_pictures_of_a_page() -> None:
    page = """<html><head><meta property="og:image" content="/a.jpg"><meta name='twitter:image' content="https://b.example/b.jpg">
    <link rel="image_src" href="c.jpg"><meta property="og:image" content="data:image/png;base64,AAAA"></head>
    <body><img src="d.png"><img><img src="http://[::"></body></html>"""
    base = "https://example.com/x/y"
    assert markup.page_pictures(page, base) == (
        "https://example.com/a.jpg",
        "https://b.example/b.jpg",
        "https://example.com/x/c.jpg",
    )
    assert markup.shown_pictures(page, base) == ("https://example.com/x/d.png",)
    many = "".join(f"<img src='{n}.png'>" for n in range(99))
    assert len(markup.shown_pictures(many, base)) == markup.MAX_PICTURES


@given(st.text("<>imgsrc='\"=/ &;!-[]ax", max_size=200))
def test_no_markup_is_a_crash(page: str) -> None:
    assert isinstance(markup.page_pictures(page, "https://example.com/"), tuple)


def test_a_link_or_a_file_with_half_a_character(tmp_path: Path) -> None:
    post = handed.from_link("https://example.com/\udcff", NOW)
    assert post.url == "https://example.com/\ufffd"
    assert post.post_id.encode()
    with pytest.raises(UsageError) as refused:
        handed.from_picture(tmp_path / "a\udcff.png", NOW)
    assert refused.value.code == "picture-name-odd"
    assert refused.value.message().encode()


def test_addresses_with_controls_or_without_end_are_none() -> None:
    from watch.sources.markup import MAX_LINK, addresses

    base = "https://example.com/"
    for odd in ("/a\x1b[31m.png", "/a\x9b.png", "/a\u202egnp.exe", "/" + "a" * MAX_LINK, "/\x00"):
        assert addresses([odd, "/b.png"], base) == ("https://example.com/b.png",)
    assert addresses(["/画像 1.png"], base) == ("https://example.com/画像 1.png",)
