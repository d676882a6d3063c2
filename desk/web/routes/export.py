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
    from watch.store.records import FindingRow

NAV = ("/export", "desk.export.nav")
MOST_DIGITS = 9
MOST_CHECK = 64


def begin(request: "Request") -> Response:
    """Ask which record, which of the two reports, and who it is for."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415 - the desk starts without it
    from desk.web.timeline.records import records_of  # noqa: PLC0415

    desk = desk_of(request)
    asked, _ = _completed(desk, wanted.read(request.query_params))
    return pages.render(
        request,
        "export.html.j2",
        wanted=asked,
        check=request.query_params.get("check", "")[:MOST_CHECK],
        sessions=steps.sessions(records_of(desk)),
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
    from desk.web.timeline.records import records_of  # noqa: PLC0415

    desk = desk_of(request)
    asked, row = _completed(desk, wanted.read(request.query_params))
    seen = steps.look(records_of(desk), asked, row, None)
    ticked = wanted.chosen(request.query_params, seen.stages) if "stages" in request.query_params else None
    if ticked is not None:
        seen = steps.look(records_of(desk), asked, row, ticked)
    thumbed = {each.number for each in seen.shown}
    return pages.render(
        request,
        "export-stages.html.j2",
        wanted=asked,
        choice=seen,
        unseen=wanted.ranges([each for each in ticked or () if each not in thumbed]),
        more=len(seen.stages) > len(seen.shown),
        every=ticked is None and asked.kind == "process",
    )


def preview(request: "Request") -> Response:
    """Show what goes into the package and what does not, before anything is written."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415
    from desk.web.timeline.records import records_of  # noqa: PLC0415

    desk = desk_of(request)
    asked, row = _completed(desk, wanted.read(request.query_params))
    seen = steps.look(records_of(desk), asked, row, None)
    every = request.query_params.get("every") == "1"
    picked = seen.stages if every else wanted.chosen(request.query_params, seen.stages)
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
        closed=len(seen.stages) - len(asked.stages),
        folder=str(steps.place(desk.settings)),
        name=wanted.file_name(asked),
        stages=wanted.ranges(asked.stages),
        stamps=bool(desk.settings.section("anchor").get("enabled", True)),
    )


async def write(request: "Request") -> Response:
    """Begin to write the package."""
    from desk.web.exporting import steps, wanted  # noqa: PLC0415
    from desk.web.timeline.records import records_of  # noqa: PLC0415

    desk, fields = desk_of(request), await pages.form(request)
    asked = wanted.read(fields)
    if asked.is_public and fields.get("read") != "1":
        raise UsageError("export-not-read")

    def start() -> str:
        this, row = _completed(desk, asked)
        seen = steps.look(records_of(desk), this, row, None)
        whole = wanted.with_needed(
            replace(this, session=seen.session.id, stages=wanted.chosen(fields, seen.stages)),
            seen.needed,
        )
        if not whole.stages:
            raise UsageError("export-no-stage-chosen")
        out = steps.out(
            desk.settings,
            str(fields.get("folder", "")),
            str(fields.get("name", "") or wanted.file_name(whole)),
        )
        post, given = steps.post_arguments(desk.settings, row if whole.compares else None)
        told = wanted.arguments(whole, post, stamped=fields.get("stamp") == "1")
        return _jobs(desk).start(out, told, words.language(), given).number

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
    from desk.web.timeline.records import records_of  # noqa: PLC0415
    from desk.web.timeline.thumbs import SIDES  # noqa: PLC0415

    seq = str(request.path_params["seq"])
    if not (seq.isascii() and seq.isdecimal() and len(seq) <= MOST_DIGITS):
        raise NotFoundError("copy-gone")
    _, made = records_of(desk_of(request)).picture(str(request.path_params["session"]), int(seq), SIDES[1])
    return Response(made, media_type="image/jpeg")


def _completed(desk: "Desk", asked: "Wanted") -> "tuple[Wanted, FindingRow | None]":
    """Return what is wanted with the session that the finding is of, and the finding; the address may name another."""
    from desk.web.exporting import steps  # noqa: PLC0415

    row = steps.finding_of(desk.settings, asked)
    if row is not None:
        return replace(asked, session=row.new.session), row
    return replace(asked, kind="process", session=asked.session or "last"), None


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
