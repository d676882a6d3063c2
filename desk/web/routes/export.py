"""Export: who it is for, which stages are shown, what goes in and what does not, writing it, and its check."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import desk_of
from sakigake import words
from sakigake.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

    from desk.web.app import Desk
    from desk.web.exporting.jobs import Jobs
    from desk.web.exporting.wanted import Wanted
    from sakigake.settings import Settings

NAV = ("/export", "desk.export.nav")
MOST_DIGITS = 9
MOST_CHECK = 64


def begin(request: "Request") -> Response:
    """Ask which record, which of the two reports, and who it is for."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415 - the desk starts without it

    settings = desk_of(request).settings
    asked = _completed(settings, wanted.read(request.query_params))
    return pages.render(
        request,
        "export.html.j2",
        wanted=asked,
        check=request.query_params.get("check", "")[:MOST_CHECK],
        sessions=steps.sessions(settings),
        kinds=[
            (slug, words.text(f"desk.export.kind.{slug}"), words.text(f"desk.export.kind-about.{slug}"))
            for slug in wanted.KINDS
        ],
        audiences=[
            (
                slug,
                words.text(f"desk.export.audience.{slug}"),
                words.text(f"desk.export.audience-about.{slug}"),
            )
            for slug in wanted.AUDIENCES
        ],
    )


def choose(request: "Request") -> Response:
    """Show the stages, to be ticked."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415

    settings = desk_of(request).settings
    asked = _completed(settings, wanted.read(request.query_params))
    known = steps.look(settings, asked, None).session.stages
    ticked = wanted.chosen(request.query_params, known) if "stages" in request.query_params else None
    seen = steps.look(settings, asked, ticked)
    thumbed = {each.number for each in seen.shown}
    return pages.render(
        request,
        "export-stages.html.j2",
        wanted=asked,
        choice=seen,
        unseen=wanted.ranges([each for each in ticked or () if each not in thumbed]),
        more=len(seen.session.stages) > len(seen.shown),
        every=ticked is None and asked.kind == "process",
    )


def preview(request: "Request") -> Response:
    """Show what goes into the package and what does not, before anything is written."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415

    settings = desk_of(request).settings
    asked = _completed(settings, wanted.read(request.query_params))
    seen = steps.look(settings, asked, None)
    picked = (
        seen.session.stages
        if request.query_params.get("every") == "1"
        else wanted.chosen(request.query_params, seen.session.stages)
    )
    asked = wanted.with_needed(replace(asked, stages=picked), seen.needed)
    if not asked.stages:
        raise UsageError("export-no-stage-chosen")
    counts = {"stages": len(asked.stages), "entries": seen.entries}
    return pages.render(
        request,
        "export-preview.html.j2",
        wanted=asked,
        choice=seen,
        audience=words.text(f"desk.export.audience.{asked.audience}"),
        kind=words.text(f"desk.export.kind.{asked.kind}"),
        inside=[
            (name, words.text(f"desk.export.inside.{key}", count=count))
            for name, key, count in wanted.contents(asked, counts)
        ],
        closed=len(seen.session.stages) - len(asked.stages),
        folder=str(steps.place(settings)),
        name=wanted.file_name(asked),
        stages=wanted.ranges(asked.stages),
        stamps=bool(settings.section("anchor").get("enabled", True)),
    )


async def write(request: "Request") -> Response:
    """Begin to write the package."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415

    desk, fields = desk_of(request), await pages.form(request)
    asked = wanted.read(fields)
    if asked.is_public and fields.get("read") != "1":
        raise UsageError("export-not-read")

    def start() -> str:
        this = _completed(desk.settings, asked)
        seen = steps.look(desk.settings, this, None)
        whole = wanted.with_needed(
            replace(this, session=seen.session.id, stages=wanted.chosen(fields, seen.session.stages)),
            seen.needed,
        )
        if not whole.stages:
            raise UsageError("export-no-stage-chosen")
        out = steps.out(
            desk.settings,
            str(fields.get("folder", "")),
            str(fields.get("name", "") or wanted.file_name(whole)),
        )
        post, given = steps.post_arguments(desk.settings, whole)
        stamp = [] if fields.get("stamp") == "1" else ["--no-stamp"]
        stages = ["--stages", wanted.ranges(whole.stages)]
        job = _jobs(desk).start(out, [whole.session, *stages, *post, *stamp], words.language(), given)
        return job.number

    number = await run_in_threadpool(start)
    return pages.go(f"/export/jobs/{number}")


def job(request: "Request") -> Response:
    """Show how far a package is; when it is done, what its check says."""
    found = _jobs(desk_of(request)).get(str(request.path_params["number"]))
    name = "export-job-part.html.j2" if pages.is_part(request) else "export-job.html.j2"
    return pages.render(
        request,
        name,
        job=found,
        state=words.text(f"desk.export.state.{found.state}"),
        verdict=_verdict(found.verdict),
    )


def package(request: "Request") -> Response:
    """Hand over the package as a file."""
    found = _jobs(desk_of(request)).get(str(request.path_params["number"]))
    if found.state != "done" or not found.out.is_file():
        raise NotFoundError("export-gone")
    return FileResponse(found.out, media_type="application/zip", filename=found.out.name)


def stage(request: "Request") -> Response:
    """Answer with a small copy of a stage."""
    from desk.web.found import pictures  # noqa: PLC0415
    from desk.web.timeline.thumbs import Copies  # noqa: PLC0415

    desk, seq = desk_of(request), str(request.path_params["seq"])
    if not (seq.isascii() and seq.isdecimal() and len(seq) <= MOST_DIGITS):
        raise NotFoundError("copy-gone")
    copies: Any = desk.kept.setdefault("copies", Copies(desk.settings.home))
    made = pictures.stage(
        desk.settings, copies, str(request.path_params["session"]), int(seq), pictures.SIDES[0]
    )
    return Response(made, media_type="image/jpeg")


def _completed(settings: "Settings", asked: "Wanted") -> "Wanted":
    """Return what is wanted with the session that the finding is of; the address may name another, or none."""
    from desk.web.exporting import steps  # noqa: PLC0415

    row = steps.finding_of(settings, asked)
    if row is not None:
        return replace(asked, session=row.new.session)
    return replace(asked, kind="process", session=asked.session or "last")


def _verdict(slug: str) -> dict[str, str]:
    """Return the verdict's class of the style sheet and its sentence."""
    signs = {"VERIFIED": "good", "INTEGRITY ONLY": "paused", "FAILED": "bad"}
    if slug not in signs:
        return {}
    return {"sign": signs[slug], "told": words.text(f"desk.export.verdict.{slug.lower().replace(' ', '-')}")}


def _jobs(desk: "Desk") -> "Jobs":
    from desk.web.exporting.jobs import Jobs  # noqa: PLC0415

    known: Any = desk.kept.get("export-jobs") or desk.kept.setdefault("export-jobs", Jobs(desk.settings))
    jobs: Jobs = known
    return jobs


ROUTES = [
    Route("/export", begin),
    Route("/export/stages", choose),
    Route("/export/preview", preview),
    Route("/export/write", write, methods=["POST"]),
    Route("/export/jobs/{number}", job),
    Route("/export/jobs/{number}/package", package),
    Route("/export/stage/{session}/{seq}", stage),
]
