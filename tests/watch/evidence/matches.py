"""A post, what was fetched of it, and the answer, for tests of the evidence."""

from datetime import UTC, datetime, timedelta

from PIL import Image

from sakigake.model import Finding, Interval, Likeness, Order
from tests.peers.web import answer, redirect, serving
from tests.watch.hostile import saved
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.fetch.records import Fetched
from watch.post import ClockClass, MediaRef, Post, PostTime, Stamp

WHEN = datetime(2026, 11, 28, tzinfo=UTC)
PNG = saved(Image.new("RGB", (40, 30), (200, 30, 60)), "PNG")
PAGE = "<html><title>絵</title></html>".encode()
CANARY = "canary-7f3a"


def finding(**more: object) -> Finding:
    values: dict[str, object] = {
        "session": "20261122-100000-abcd", "order": Order.DRAFT_FIRST, "order_reason": "", "likeness": Likeness.STRONG,
        "likeness_reason": "", "post": Interval(WHEN, None), "draft": Interval(None, WHEN - timedelta(days=1)),
        "claimed": WHEN - timedelta(days=1), "stage": 5, "first_stage": 4, "last_stage": 6, "view": "whole", "compared": 9,
        "post_digest": "ab" * 32,
    }  # fmt: skip
    return Finding(**{**values, **more})  # type: ignore[arg-type]


def post(**more: object) -> Post:
    values: dict[str, object] = {
        "source": "s1", "platform": "mastodon", "post_id": "112", "url": "https://pictures.net/@a/112", "author_id": "42",
        "author_name": "somebody", "media": (MediaRef(url="https://pictures.net/a.png"), MediaRef(path="/secret/" + CANARY)),
        "time": PostTime(Stamp(WHEN, ClockClass.SERVER, "mastodon-id"), None), "raw": '{"id":"112","text":"絵"}'.encode(),
    }  # fmt: skip
    return Post(**{**values, **more})  # type: ignore[arg-type]


def fetched() -> tuple[Fetched, ...]:
    """Return a page and a picture behind a redirect, got from a real server that sets cookies on every step."""
    cookie = (f"Set-Cookie: session={CANARY}",)
    pages = {
        "/page": answer(PAGE, headers=("Content-Type: text/html", *cookie)),
        "/a.png": redirect("/b.png?v=1", body=b"moved"),
        "/b.png": answer(PNG, headers=("Content-Type: image/png", "X-Note: caf\xe9", *cookie)),
    }
    with serving(pages) as site, Fetcher(Guard.of([site.place])) as fetcher:
        given = {"Authorization": f"Bearer {CANARY}"}
        return tuple(fetcher.get(site.url(path), headers=given) for path in ("/page", "/a.png"))
