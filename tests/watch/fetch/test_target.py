"""Reading an address: what is let through is read alike by other parsers, and reading it again changes nothing."""

import gzip
import random
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sakigake.errors import NetworkError
from watch.fetch.bodies import Body, PackedOtherwiseError, TooLargeError
from watch.fetch.target import Target, follow, means_home, read

PIECES = st.sampled_from(
    [
        "http", "https", ":", "/", "//", "\\", "@", "#", "?", "[", "]", "%", ".", "..", "。", "．", "-", "_", "0x7f", "127",
        "1", "::1", "80", "443", ":80", "a", "net", "pictures.net", "127.0.0.1", "xn--", "xn--3b7a", "絵", "Ｋ", "ß", "ſ",
        "\u200d", "\xad", "\t", "\n", " ", "\x00", "%2e", "%40", "%00", "+", ",", ";", "=", "&", "é", "ı", "İ", "\u0345",
    ]
)  # fmt: skip
URLS = st.one_of(
    st.lists(PIECES, max_size=9).map("".join),
    st.lists(PIECES, max_size=7).map(lambda pieces: "http://" + "".join(pieces)),
    st.text(max_size=40),
    st.text(max_size=20).map(lambda text: f"https://pictures.net/{text}"),
)


@given(URLS)
@example("http://pictures.net/%zz?a=%&b=[x]|^`")
@example("http://pictures.net/../../x?y?z#a#b")
@example("http://straße.net/")
@example("http://ａ．net:0080/")
def test_what_is_let_through_is_read_alike_by_others(url: str) -> None:
    target = None
    with suppress(NetworkError):
        target = read(url)
    if target is None:
        return
    assert read(target.url) == target
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
    assert target.path.startswith("/")
    parts = urlsplit(target.url)
    assert (parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]) == (
        target.scheme,
        target.host,
        target.port,
    )
    assert "@" not in parts.netloc
    other = httpx.URL(target.url)
    assert (other.scheme, other.raw_host.decode().strip("[]"), other.port or target.port) == (
        target.scheme,
        target.host,
        target.port,
    )


@given(URLS)
def test_a_redirect_leads_where_a_browser_would_go_or_nowhere(location: str) -> None:
    base = Target("https", "pictures.net", 443, "/a/b?c")
    with suppress(NetworkError):
        onward = follow(base, location)
        assert read(onward.url) == onward


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("", "https://pictures.net/a/b?c"),
        ("d", "https://pictures.net/a/d"),
        ("/d", "https://pictures.net/d"),
        ("?d", "https://pictures.net/a/b?d"),
        ("../../../d", "https://pictures.net/d"),
        ("//other.net/d", "https://other.net/d"),
        ("http://other.net", "http://other.net/"),
        ("絵.png", "https://pictures.net/a/%E7%B5%B5.png"),
    ],
)
def test_where_a_redirect_leads(location: str, leads: str) -> None:
    assert follow(Target("https", "pictures.net", 443, "/a/b?c"), location).url == leads


@pytest.mark.parametrize(
    ("host", "home"), [("a", True), ("a.local", True), ("a.b", False), ("::1", False), ("local.net", False)]
)
def test_names_that_mean_something_at_home(host: str, home: bool) -> None:
    assert means_home(host) == home


@given(st.binary(max_size=3000), st.integers(1, 999), st.sampled_from(["gzip", "deflate", "identity", ""]))
def test_a_body_in_any_pieces_is_the_same_body(plain: bytes, piece: int, coding: str) -> None:
    raw = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain) if coding == "deflate" else plain
    for limit, fits in ((max(len(plain), len(raw)), True), (max(len(plain), len(raw)) - 1, False)):
        if limit < 0:
            continue
        body = Body(coding, limit)
        try:
            for start in range(0, len(raw), piece):
                body.add(raw[start : start + piece])
            assert fits
            assert body.end() == (raw, plain if raw else raw)
        except TooLargeError:
            assert not fits


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_what_is_not_packed_as_it_says_is_refused(data: bytes, coding: str) -> None:
    body = Body(coding, 10_000)
    with suppress(PackedOtherwiseError, TooLargeError):
        body.add(data)
        body.end()


@given(st.binary(min_size=200, max_size=3000), st.randoms())
def test_a_body_that_stops_in_the_middle_is_refused(plain: bytes, rng: random.Random) -> None:
    raw = gzip.compress(plain)
    body = Body("gzip", 10_000)
    body.add(raw[: rng.randrange(1, len(raw) - 9)])
    with pytest.raises(PackedOtherwiseError):
        body.end()
