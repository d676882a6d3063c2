"""Findings: the list, one of them with its result card, what the person says of it, and erasing it."""

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import desk_of
from sakigake.errors import NotFoundError

if TYPE_CHECKING:
    from starlette.requests import Request

    from desk.web.app import Desk
    from desk.web.found.pictures import Pictures
    from watch.store.records import FindingRow

NAV = ("/findings", "desk.findings.nav")
MOST_DIGITS = 9
MOST_UNDONE = 50


def listing(request: "Request") -> Response:
    """Show the findings with one answer; those to review when nothing is asked."""
    from desk.watching import open_watch  # noqa: PLC0415 - the desk starts without it
    from desk.web.found import views  # noqa: PLC0415

    try:
        with closing(open_watch(desk_of(request).settings)) as store:
            rows = store.findings()
    except NotFoundError:
        rows = []
    page = request.query_params.get("page", "1")
    shown = views.listing(
        rows,
        request.query_params.get("review", "new"),
        int(page) if page.isdecimal() and len(page) <= MOST_DIGITS else 1,
    )
    erased = request.query_params.get("erased", "")
    return pages.render(
        request,
        "findings.html.j2",
        shown=shown,
        erased=erased if erased.isdecimal() and len(erased) <= MOST_DIGITS else "",
    )


def one(request: "Request") -> Response:
    """Show one finding."""
    from desk import reviewing  # noqa: PLC0415
    from desk.watching import open_watch  # noqa: PLC0415
    from desk.web.found import views  # noqa: PLC0415

    desk, number = desk_of(request), _number(request)
    with closing(open_watch(desk.settings)) as store:
        row = store.finding(number)
        again = [each for each in store.same_file(row.new.digest) if each > number]
    return pages.render(
        request,
        "finding.html.j2",
        shown=views.shown(
            row, reviewing.file_name(row), again, names=request.query_params.get("names") == "1"
        ),
        witnessed=reviewing.witness_line(desk.settings, row),
        answers=views.answers(row),
        undo=number in _undone(desk),
        kept="kept" in request.query_params,
        most_note=reviewing.MOST_NOTE,
    )


def picture(request: "Request") -> Response:
    """Answer with the picture that a finding is of, encoded anew."""
    from desk.web.found.pictures import SIDES  # noqa: PLC0415

    side = SIDES[0] if "small" in request.query_params else SIDES[1]
    made = _pictures(desk_of(request)).get(_number(request), side)
    return Response(made, media_type="image/jpeg")


def stage(request: "Request") -> Response:
    """Answer with a small copy of the stage that a finding fits best."""
    from desk.web.timeline.records import records_of  # noqa: PLC0415
    from desk.web.timeline.thumbs import SIDES  # noqa: PLC0415

    desk = desk_of(request)
    new = _row(desk, _number(request)).new
    seq = json.loads(new.detail).get("stage")
    if not isinstance(seq, int):
        raise NotFoundError("copy-gone")
    _, made = records_of(desk).picture(new.session, seq, SIDES[2])
    return Response(made, media_type="image/jpeg")


async def review(request: "Request") -> Response:
    """Keep what the person says of a finding."""
    from desk import reviewing  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415

    desk, number = desk_of(request), _number(request)
    fields = await pages.form(request)
    before = await run_in_threadpool(
        reviewing.review,
        desk.settings,
        number,
        str(fields.get("answer", "")),
        str(fields.get("note", "")).replace("\r\n", "\n"),
        Clock().now(),
    )
    undone = _undone(desk)
    undone[number] = (before.review.value, before.review_note)
    for oldest in list(undone)[:-MOST_UNDONE]:
        del undone[oldest]
    return pages.go(f"/findings/{number}", kept=1)


async def undo(request: "Request") -> Response:
    """Put a finding back to what was said of it before."""
    from desk import reviewing  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415

    desk, number = desk_of(request), _number(request)
    before = _undone(desk).pop(number, None)
    if before is None:
        raise NotFoundError("findings-nothing-to-undo")
    await run_in_threadpool(reviewing.review, desk.settings, number, *before, Clock().now())
    return pages.go(f"/findings/{number}")


def asks_erase(request: "Request") -> Response:
    """Ask once more before a finding is erased."""
    number = _number(request)
    row = _row(desk_of(request), number)
    return pages.render(request, "finding-erase.html.j2", number=number, bundle=row.new.bundle)


async def erase(request: "Request") -> Response:
    """Erase a finding with its evidence."""
    from desk import reviewing  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415

    desk, number = desk_of(request), _number(request)
    await run_in_threadpool(reviewing.erase, desk.settings, number, Clock().now())
    _pictures(desk).forget()
    _undone(desk).pop(number, None)
    return pages.go("/findings", erased=number)


async def from_check(request: "Request") -> Response:
    """Keep a check that was made by hand as a finding, with its picture as evidence."""
    from desk import reviewing  # noqa: PLC0415
    from desk.web.routes.check import jobs_of  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415
    from watch.sources import handed  # noqa: PLC0415

    desk, now = desk_of(request), Clock().now()
    fields = await pages.form(request)
    number = str(fields.get("check", ""))

    def keep() -> int:
        job = jobs_of(desk).get(number)
        if job.answer is None:
            raise NotFoundError("check-gone")
        answer, data = job.answer, jobs_of(desk).given(number)
        told = handed.from_check(job.request.link, data, answer.time)
        return reviewing.keep_check(desk.settings, told, answer.finding, data, now).number

    kept = await run_in_threadpool(keep)
    if fields.get("then") == "export":
        return pages.go("/export", finding=kept)
    return pages.go(f"/findings/{kept}")


def visit(request: "Request") -> Response:
    """Say what the other side sees before the post is looked at where it is."""
    from desk.web.found import views  # noqa: PLC0415

    number = _number(request)
    row = _row(desk_of(request), number)
    return pages.render(
        request, "finding-visit.html.j2", number=number, shown=views.shown(row, "", (), names=True)
    )


def _row(desk: "Desk", number: int) -> "FindingRow":
    from desk.watching import open_watch  # noqa: PLC0415

    with closing(open_watch(desk.settings)) as store:
        return store.finding(number)


def _number(request: "Request") -> int:
    told = str(request.path_params["number"])
    if not (told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS):
        raise HTTPException(404)
    return int(told)


def _undone(desk: "Desk") -> dict[int, tuple[str, str]]:
    """Return what can be taken back, as long as the desk runs: by finding its answer before and the note before."""
    known: dict[int, tuple[str, str]] = desk.kept.setdefault("findings-undone", {})
    return known


def _pictures(desk: "Desk") -> "Pictures":
    from desk.web.found.pictures import Pictures  # noqa: PLC0415

    known: Any = desk.kept.get("findings-pictures") or desk.kept.setdefault(
        "findings-pictures", Pictures(desk.settings)
    )
    pictures: Pictures = known
    return pictures


ROUTES = [
    Route("/findings", listing),
    Route("/findings/from-check", from_check, methods=["POST"]),
    Route("/findings/{number}", one),
    Route("/findings/{number}/picture", picture),
    Route("/findings/{number}/stage", stage),
    Route("/findings/{number}/review", review, methods=["POST"]),
    Route("/findings/{number}/undo", undo, methods=["POST"]),
    Route("/findings/{number}/erase", asks_erase),
    Route("/findings/{number}/erase", erase, methods=["POST"]),
    Route("/findings/{number}/visit", visit),
]
