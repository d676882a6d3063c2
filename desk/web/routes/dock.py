"""The dock inside OBS, 300 x 200: how the recording is, the age of the last picture, and one button.

OBS's own browser shows it, with the key in its address instead of the cookie. That key pauses and resumes; it opens no
picture and no other page.
"""

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.standing import Condition

if TYPE_CHECKING:
    from starlette.requests import Request


def dock(request: "Request") -> Response:
    """Show the dock."""
    return pages.render(request, "dock.html.j2", **_values(request))


def live(request: "Request") -> Response:
    """Show the part of it that changes."""
    return pages.render(request, "dock-live.html.j2", **_values(request))


def _values(request: "Request") -> dict[str, Any]:
    desk = desk_of(request)
    standing = desk.supervisor.recorder()
    return {
        "recorder": standing,
        "stamped": _stamped(desk, standing.session),
        "alarm": standing.condition in {Condition.STALLED, Condition.DIED},
        "link": lambda path: pages.keyed(request, path),
    }


def _stamped(desk: Desk, session: str) -> Any:
    """Return until when trusted time tokens of a session reach; None when there is none."""
    from contextlib import closing  # noqa: PLC0415 - the desk starts without a store

    from desk.sessions import open_store  # noqa: PLC0415 - as above

    if not session or not desk.settings.database.is_file():
        return None
    with closing(open_store(desk.settings)) as store:
        return max((token.time_high for token in store.tokens(session) if token.trusted), default=None)


async def order(request: "Request") -> Response:
    """Pause or resume, and show the dock again."""
    supervisor = desk_of(request).supervisor
    pausing = request.url.path == "/dock/pause"
    await run_in_threadpool(supervisor.pause if pausing else supervisor.resume)
    return RedirectResponse(pages.keyed(request, "/dock"), 303)


ROUTES = [
    Route("/dock", dock),
    Route("/dock/live", live),
    Route("/dock/pause", order, methods=["POST"]),
    Route("/dock/resume", order, methods=["POST"]),
]
KEYED = {"/dock": "dock"}
