"""Finding a stage by words, from the field on the page of sessions. The words never stand in an address."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from desk import deep_room
from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.routes.timeline import side_of
from desk.web.sought.jobs import STEPS, Hit, Search, Searches
from desk.web.sought.reading import Reading
from desk.web.timeline import saying
from desk.web.timeline.naming import named
from desk.web.timeline.records import Records, records_of
from sakigake import words
from sakigake.errors import NotFoundError, SakigakeError, UsageError
from sakigake.labels import StageLabel, shown

if TYPE_CHECKING:
    from starlette.requests import Request

KEPT, READING = "sought", "reading"
SIDE = 320
_MAKING = threading.Lock()


def searches_of(desk: Desk) -> Searches:
    """Return the searches of a desk, made when first asked for."""
    with _MAKING:
        made = desk.kept.get(KEPT)
        if not isinstance(made, Searches):
            made = desk.kept[KEPT] = Searches(desk.settings.home)
        return made


def reading_of(desk: Desk) -> Reading:
    """Return the desk's hand on the worker that reads stages, made when first asked for."""
    with _MAKING:
        made = desk.kept.get(READING)
        if not isinstance(made, Reading):
            made = desk.kept[READING] = Reading(lambda: desk.settings)
        return made


def field(desk: Desk) -> dict[str, Any]:
    """Return what the field needs on whichever page it stands: what is missing for it, and how much it takes."""
    missing = deep_room.lacking(desk.settings)
    return {"missing": missing and (missing.message(), missing.hint()), "most_words": deep_room.MOST_TEXT}


def _page(desk: Desk) -> dict[str, Any]:
    """Return what the pages of this room need besides a search: the field, and how reading stands where it can."""
    told = field(desk)
    state = None
    if told["missing"] is None:
        with suppress(NotFoundError):  # nothing was recorded yet
            state = reading_of(desk).state()
    return {**told, "reading": state}


def asks(request: "Request") -> Response:
    """Show the field alone."""
    return _form(request)


def _form(request: "Request", status: int = 200, trouble: UsageError | None = None) -> Response:
    told = trouble and (trouble.message(), trouble.hint())
    return pages.render(request, "find.html.j2", status, search=None, failed=told, **_page(desk_of(request)))


async def begin(request: "Request") -> Response:
    """Begin to look for the words of the form."""
    fields = await pages.form(request)
    text = str(fields.get("words", ""))

    def start() -> Response:
        desk = desk_of(request)
        try:
            search = searches_of(desk).start(deep_room.wanted(text))
        except UsageError as error:
            return _form(request, 400, error)
        return RedirectResponse(f"/find/{search.number}", 303)

    return await run_in_threadpool(start)


def one(request: "Request") -> Response:
    """Show a search: how far it is, or what it found."""
    desk = desk_of(request)
    search = searches_of(desk).get(request.path_params["number"])
    return pages.render(request, "find.html.j2", **_progress(search), **_found(desk, search), **_page(desk))


def state(request: "Request") -> Response:
    """Answer with how far a search is; once it has ended the page is to be loaded anew."""
    search = searches_of(desk_of(request)).get(request.path_params["number"])
    answer = pages.render(request, "find-state.html.j2", **_progress(search))
    if search.ended:
        answer.headers["hx-refresh"] = "true"
    return answer


def _progress(search: Search) -> dict[str, Any]:
    step = search.step if search.step in STEPS else STEPS[0]
    return {
        "search": search,
        "failed": _failed(search),
        "said": words.text(f"desk.find.step.{step}"),
        "at": STEPS.index(step) + 1,
        "steps": len(STEPS),
    }


def _failed(search: Search) -> tuple[str, str] | None:
    """Return what went wrong and what to do next; None when nothing did."""
    if not search.error:
        return None
    error = SakigakeError(search.error, **search.params)
    try:
        return error.message(), error.hint()
    except KeyError:  # a sentence that this process does not know
        error = SakigakeError("find-broke")
        return error.message(), error.hint()


def _found(desk: Desk, search: Search) -> dict[str, Any]:
    if search.found is None:
        return {"found": None, "rows": ()}
    records = records_of(desk)
    titles = records.store.titles()
    names: dict[str, dict[int, StageLabel]] = {}
    rows = [
        {**row, "title": titles.get(hit.session, "")}
        for hit in search.found.hits
        if (row := _row(records, hit, names))
    ]
    return {
        "found": search.found,
        "rows": rows,
        "interval": saying.interval,
        "claimed": saying.claimed,
        "named": named,
        "side": SIDE,
        "side_of": side_of,
    }


def _row(records: Records, hit: Hit, names: dict[str, dict[int, StageLabel]]) -> dict[str, Any] | None:
    """Return what is shown of a stage; None for one that was forgotten since."""
    try:
        session = records.session(hit.session)
    except NotFoundError:
        return None
    reel = records.reel(session)
    place = reel.index(hit.seq)
    stored = records.store.entry(session.id, hit.seq)
    if place is None or stored is None or stored.opening is None:
        return None
    if session.id not in names:
        names[session.id] = shown(records.store.labels(session.id))
    shot = reel.shots[place]
    return {
        "session": session,
        "shot": shot,
        "label": names[session.id].get(shot.seq),
        "interval": reel.intervals[shot.seq],
        "above": f"{hit.above:+.1f}".replace("-", "−"),
    }


def dismiss(request: "Request") -> Response:
    """End a search and forget its words."""
    searches_of(desk_of(request)).dismiss(request.path_params["number"])
    return pages.go("/sessions")


async def read(request: "Request") -> Response:
    """Begin to read the stages, or stop that."""
    reading = reading_of(desk_of(request))
    what = {"start": reading.start, "stop": reading.stop}.get(request.path_params["what"])
    if what is None:
        raise HTTPException(404)
    await run_in_threadpool(what)
    answer = pages.go("/find")
    answer.headers["location"] += "#reading"
    return answer


ROUTES = [
    Route("/find/reading/{what}", read, methods=["POST"]),
    Route("/find", asks),
    Route("/find", begin, methods=["POST"]),
    Route("/find/{number}", one),
    Route("/find/{number}/state", state),
    Route("/find/{number}/dismiss", dismiss, methods=["POST"]),
]
