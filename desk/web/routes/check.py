"""Checking a post: a picture or a link against what was recorded, in a process beside the desk.

Other rooms that go on with a check (findings, export) take its number: `jobs_of(desk).get(number)` is the check with its
answer, `.given(number)` the picture byte for byte. Where they have a page for it (`FINDING`, `EXPORT`), this one links there.
"""

import threading
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.checking import asking
from desk.web.checking.card import card
from desk.web.checking.carried import Request as CheckRequest
from desk.web.checking.jobs import Job, Jobs
from desk.web.checking.order import line
from desk.web.timeline import saying
from desk.web.timeline.naming import named
from desk.web.timeline.records import records_of
from sakigake import words
from sakigake.errors import SakigakeError, UsageError
from sakigake.labels import shown

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_BYTES = 100 * 2**20  # as watch.sanitise has it
KEPT = "check"
FINDING, EXPORT = "/findings/from-check", "/export"
FIELDS = ("link", "not_before", "not_after", "zone", "session")
_MAKING = threading.Lock()


def jobs_of(desk: Desk) -> Jobs:
    """Return the checks of a desk, made when first asked for."""
    with _MAKING:
        made = desk.kept.get(KEPT)
        if not isinstance(made, Jobs):
            made = desk.kept[KEPT] = Jobs(desk.settings.home)
        return made


def asks(request: "Request") -> Response:
    """Show the form, and the checks that are kept."""
    return _form(request)


def _form(
    request: "Request", status: int = 200, trouble: SakigakeError | None = None, **given: str
) -> Response:
    desk = desk_of(request)
    records = records_of(desk)
    sessions = records.sessions()
    titles = records.store.titles() if sessions else {}
    return pages.render(
        request,
        "check.html.j2",
        status,
        sessions=[(each, titles.get(each.id, "")) for each in sessions[:100]],
        checks=[(job, _said(job)) for job in jobs_of(desk).newest()],
        trouble=trouble and (trouble.message(), trouble.hint()),
        given={name: given.get(name, "") for name in FIELDS},
    )


async def begin(request: "Request") -> Response:
    """Begin a check of what the form brings."""
    fields = await pages.form(request)
    upload = fields.get("picture")
    data, name = None, ""
    try:
        if isinstance(upload, UploadFile) and upload.filename:
            data, name = await upload.read(), asking.name_of(upload.filename)
    finally:
        await fields.close()  # a large one lies in a file without a name until then
    told = {key: str(value) for key, value in fields.items() if isinstance(value, str)}

    def start() -> Response:
        try:
            asked = asking.read(told, pictured=data is not None)
            records = records_of(desk_of(request))
            chosen = () if asked.session in {"", "all"} else (records.session(asked.session).id,)
            wanted = CheckRequest(name, asked.link, chosen, asked.stated, data is None, words.language())
            job = jobs_of(desk_of(request)).start(wanted, data)
        except UsageError as error:
            return _form(request, 400, error, **told)
        return RedirectResponse(f"/check/{job.number}", 303)

    return await run_in_threadpool(start)


def one(request: "Request") -> Response:
    """Show a check: how far it is, or its answer."""
    job = jobs_of(desk_of(request)).get(request.path_params["number"])
    if job.answer is None:
        return pages.render(request, "checking.html.j2", **_progress(job))
    return pages.render(request, "checked.html.j2", **_answer(request, job))


def state(request: "Request") -> Response:
    """Answer with how far a check is; once it has ended the page is to be loaded anew."""
    job = jobs_of(desk_of(request)).get(request.path_params["number"])
    answer = pages.render(request, "checking-state.html.j2", **_progress(job))
    if job.answer is not None:
        answer.headers["hx-refresh"] = "true"
    return answer


def pictures(request: "Request") -> Response:
    """Answer with the pictures of a check once they are all there, with nothing until then."""
    job = jobs_of(desk_of(request)).get(request.path_params["number"])
    if job.answer is None or not job.state.ended:
        return Response(status_code=204)
    return pages.render(request, "checked-pictures.html.j2", **_answer(request, job))


def _progress(job: Job) -> dict[str, Any]:
    """Return what is said while a check runs."""
    return {
        "job": job,
        "said": _said(job),
        "failed": _failed(job),
        "steps": [*(["fetch"] if job.request.fetch else []), "decode", "read", "compare", "draw"],
        "short": _short,
    }


def _short(step: str) -> str:
    return words.text(f"desk.check.short.{step}")


def _said(job: Job) -> str:
    """Return in a sentence how far a check is."""
    if job.state.error:
        return words.text("desk.check.step.failed")
    if job.answer is not None:
        return card(job.answer).likeness
    if job.state.step == "read" and job.state.of > 1:
        return words.text("desk.check.step.read-of", done=job.state.done + 1, of=job.state.of)
    if job.state.step == "compare":
        return words.text("desk.check.step.compare", count=job.state.stages)
    return words.text(f"desk.check.step.{job.state.step}")


def _failed(job: Job) -> tuple[str, str] | None:
    """Return what went wrong and what to do next; None when nothing did."""
    if not job.state.error:
        return None
    error = SakigakeError(job.state.error, **job.state.params)
    try:
        return error.message(), error.hint()
    except KeyError:  # a sentence of the worker's that this process does not know
        error = SakigakeError("check-broke")
        return error.message(), error.hint()


def _answer(request: "Request", job: Job) -> dict[str, Any]:
    answer = job.answer
    if answer is None:
        raise TypeError(job.number)
    desk = desk_of(request)
    finding = answer.finding
    records = records_of(desk)
    labels = shown(records.store.labels(finding.session))
    paths = {route.path for route in request.app.routes if isinstance(route, Route)}
    return {
        "job": job,
        "card": card(answer),
        "answer": answer,
        "finding": finding,
        "drawn": line(finding.draft, finding.post),
        "stage_name": named(labels.get(finding.stage)) if finding.stage is not None else "",
        "session_title": records.store.titles().get(finding.session, ""),
        "interval": saying.interval,
        "drawing": not job.state.ended,
        "undrawn": _failed(job),
        "plain": [each for each in answer.pictures if each.caption],
        "finding_path": FINDING if FINDING in paths else "",
        "export_path": EXPORT if EXPORT in paths else "",
    }


def picture(request: "Request") -> Response:
    """Answer with a picture of an answer."""
    path = jobs_of(desk_of(request)).picture(request.path_params["number"], request.path_params["name"])
    return FileResponse(path, media_type="image/png" if path.suffix == ".png" else "image/jpeg")


def dismiss(request: "Request") -> Response:
    """End a check and remove all of it."""
    jobs_of(desk_of(request)).dismiss(request.path_params["number"])
    return pages.go("/check")


ROUTES = [
    Route("/check", asks),
    Route("/check", begin, methods=["POST"]),
    Route("/check/{number}", one),
    Route("/check/{number}/state", state),
    Route("/check/{number}/pictures", pictures),
    Route("/check/{number}/dismiss", dismiss, methods=["POST"]),
    Route("/check/{number}/picture/{name}", picture),
]
NAV = ("/check", "desk.check.nav")
LIMITS = {"/check": MOST_BYTES + (1 << 20)}
