"""Which picture a page names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watch.pipeline.pages import picture_in

URL = "https://example.com/works/1"
CASES = [
    ('<meta property="og:image" content="https://cdn.example/a.jpg">', "https://cdn.example/a.jpg"),
    ('<meta name="twitter:image" content="/a.jpg">', "https://example.com/a.jpg"),
    ('<META PROPERTY="OG:IMAGE" CONTENT="b.png">', "https://example.com/works/b.png"),
    ('<base href="https://other.example/x/"><meta property="og:image" content="b.png">', "https://other.example/x/b.png"),
    ('<meta property="og:image" content="https://e.example/?a=1&amp;b=2">', "https://e.example/?a=1&b=2"),
    ('<link rel="image_src" href="/c.gif">', "https://example.com/c.gif"),
    ('<script type="application/ld+json">{"@graph":[{"image":{"url":"/d.webp"}}]}</script>', "https://example.com/d.webp"),
    ('<script type="application/ld+json">{"image":["https://e.example/e.jpg"]}</script>', "https://e.example/e.jpg"),
    ('<script type="application/ld+json">{"image": broken</script>', None),
    ('<meta property="og:image" content="javascript:alert(1)">', None),
    ('<meta property="og:image" content="file:///etc/passwd">', None),
    ('<meta property="og:image" content="http://[bad">', None),
    ('<img src="/only-an-img.jpg">', None),
    ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), CASES)
def test_pages(page: str, expected: str | None) -> None:
    assert picture_in(page.encode(), URL) == expected


def test_deep_data_ends() -> None:
    deep = '<script type="application/ld+json">' + '{"a":' * 5000 + "1" + "}" * 5000 + "</script>"
    assert picture_in(deep.encode(), URL) is None


@given(st.binary(max_size=400), st.text(max_size=60))
def test_any_bytes_give_an_address_or_nothing(page: bytes, named: str) -> None:
    for raw in (page, f'<meta property="og:image" content="{named}">'.encode("utf-8", "replace")):
        found = picture_in(raw, URL)
        assert found is None or found.startswith(("http://", "https://"))
