"""The bookmarklet: making one, and the small window that it opens, which asks before anything is kept.

`/hand-in` opens with the key in the bookmark's address, since a browser sends no cookie along when another site's page
opens a window. The key opens nothing else.
"""

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from desk import pairing
from desk.web import pages
from desk.web.app import desk_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from desk.web.app import Desk

KEYED = {pairing.PAGE: pairing.KIND}
MOST_SHOWN = 300


def pair(request: "Request") -> "Response":
    """Show the bookmarklet of this desk."""
    desk = desk_of(request)
    key = desk.entrance.key(pairing.KIND)
    return pages.render(
        request,
        "bookmarklet.html.j2",
        address=pairing.bookmarklet(str(request.headers["host"]), key),
        renewed="renewed" in request.query_params,
    )


async def renew(request: "Request") -> "Response":
    """Make a new key: every bookmark made before opens nothing from now on."""
    await run_in_threadpool(desk_of(request).entrance.revoke, pairing.KIND)
    return pages.go("/pair", renewed=1)


def arrive(request: "Request") -> "Response":
    """Show the page whose script reads the fragment; without scripts it says what to do instead."""
    return pages.render(request, "hand-in.html.j2", action=pages.keyed(request, f"{pairing.PAGE}/ask"))


async def ask(request: "Request") -> "Response":
    """Show what was handed over, and ask whether it is to be kept."""
    from sakigake.text import plain  # noqa: PLC0415

    _pace(desk_of(request), "ask").take()
    told = pairing.read(str((await pages.form(request)).get("told", "")))
    return pages.render(
        request,
        "hand-in-ask.html.j2",
        action=pages.keyed(request, f"{pairing.PAGE}/add"),
        told=told,
        url=plain(told.url, MOST_SHOWN),
        pictures=[(each, plain(each, MOST_SHOWN)) for each in told.pictures],
    )


async def add(request: "Request") -> "Response":
    """Keep what the person agreed to."""
    from desk import handing  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415
    from watch.sources import handed  # noqa: PLC0415

    desk = desk_of(request)
    _pace(desk, "add").take()
    fields, now = await pages.form(request), Clock().now()
    chosen = [each for each in fields.getlist("picture") if isinstance(each, str)]
    post = handed.from_bookmarklet(
        pairing.note(str(fields.get("url", "")), chosen[: pairing.MOST_PICTURES]), now
    )
    fresh = await run_in_threadpool(handing.hand_in, desk.settings, [post], now)
    return pages.render(request, "hand-in-done.html.j2", fresh=bool(fresh))


def _pace(desk: "Desk", what: str) -> pairing.Pace:
    known: Any = desk.kept.setdefault(f"pairing-{what}", pairing.Pace())
    pace: pairing.Pace = known
    return pace


ROUTES = [
    Route("/pair", pair),
    Route("/pair/renew", renew, methods=["POST"]),
    Route(pairing.PAGE, arrive),
    Route(f"{pairing.PAGE}/ask", ask, methods=["POST"]),
    Route(f"{pairing.PAGE}/add", add, methods=["POST"]),
]
