"""The overlay for the stream: the code of the newest checkpoint, four words, and a line for the viewers.

It is made from the store, so that it needs no file and shows the same picture that `record start --overlay` would keep.
The page asks anew every ten seconds: so long each code stays, that one short clip shows a whole one.
"""

from contextlib import closing
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.standing import newest_session
from sakigake import words

if TYPE_CHECKING:
    from starlette.requests import Request

    from sakigake.witness.code import Head


def overlay(request: "Request") -> Response:
    """Show the overlay; nothing at all before there is a checkpoint."""
    return pages.render(request, "overlay.html.j2", **_values(request))


def live(request: "Request") -> Response:
    """Show its content as it is now."""
    return pages.render(request, "overlay-live.html.j2", **_values(request))


def _values(request: "Request") -> dict[str, Any]:
    desk = desk_of(request)
    head = _head(desk)
    return {
        "head": head,
        "told": "" if head is None else " ".join(_words(head)),
        "picture": pages.keyed(request, "/overlay/code.png"),
        "live": pages.keyed(request, "/overlay/live"),
        "stamping": desk.settings.section("anchor")["enabled"],
        "line": bool(desk.settings.section("desk")["overlay_line"]),
    }


def _words(head: "Head") -> tuple[str, ...]:
    from sakigake.witness import code  # noqa: PLC0415 - the desk starts without it

    return code.words(head, words.language())


def _head(desk: Desk) -> "Head | None":
    """Return the head of the newest checkpoint of the recording that runs; None while nothing is recorded."""
    from desk.sessions import open_store  # noqa: PLC0415 - as above
    from sakigake.witness import code  # noqa: PLC0415 - as above

    if not desk.supervisor.recorder().runs or not desk.settings.database.is_file():
        return None
    with closing(open_store(desk.settings)) as store:
        session = newest_session(store)
        checkpoints = store.checkpoints(session) if session else []
    return code.head_of_note(checkpoints[-1].note) if checkpoints else None


def picture(request: "Request") -> Response:
    """Answer with the picture of the newest code."""
    from sakigake.witness import overlay as drawn  # noqa: PLC0415 - the desk starts without it

    head = _head(desk_of(request))
    if head is None:
        raise HTTPException(404)
    return Response(drawn.picture(head, words.language()), media_type="image/png")


ROUTES = [
    Route("/overlay", overlay),
    Route("/overlay/live", live),
    Route("/overlay/code.png", picture),
]
KEYED = {"/overlay": "overlay"}
