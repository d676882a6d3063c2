"""The first steps: choose the canvas, see where pictures are kept, try it for ten seconds, time stamps, OBS."""

import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.looking import Looking
from desk.web.trial import Trial, sweep
from sakigake import settings as settings_file
from sakigake import words
from sakigake.errors import SakigakeError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

STEPS = ("choose", "canvas", "place", "trial", "time", "obs", "done")
THUMB_PX, STILL_PX, SHOWN_PX = 320, 1400, 960


def looking(desk: Desk) -> Looking:
    """Return what looks at the screen for this desk."""
    found: Looking = desk.kept.setdefault("looking", Looking())
    return found


def trial(desk: Desk) -> Trial:
    """Return the trial of this desk."""
    if "trial" not in desk.kept:
        sweep(desk.settings.home)  # of a desk that was killed
        desk.kept["trial"] = Trial()
    found: Trial = desk.kept["trial"]
    return found


def _step(request: "Request", step: str, **values: Any) -> Response:
    steps = [(each, words.text(f"desk.wizard.step-{each}")) for each in STEPS]
    more: dict[str, object] = {
        "step": step,
        "steps": steps,
        "desk": desk_of(request).settings.section("desk"),
    }
    return pages.render(request, f"wizard-{step}.html.j2", **more, **values)  # type: ignore[arg-type] # page's own


def choose(request: "Request") -> Response:
    """Show what can be recorded."""
    return _step(request, "choose", **_targets(request))


def choose_live(request: "Request") -> Response:
    """Show the list of what can be recorded, as it is now."""
    return pages.render(request, "wizard-targets.html.j2", **_targets(request))


def _targets(request: "Request") -> dict[str, Any]:
    """Return what there is to choose from, and what is chosen now: in the list, else in the settings."""
    desk = desk_of(request)
    wanted = request.query_params.get("source") or desk.settings.section("desk")["source"]
    more = {
        "wanted": wanted,
        "moment": int(time.time()),
    }  # another address for each look, or the old picture stays
    try:
        return {"targets": looking(desk).targets(), "unseen": None, **more}
    except SakigakeError as error:
        return {"targets": [], "unseen": (error.message(), error.hint()), **more}


def thumbnail(request: "Request") -> Response:
    """Answer with a small picture of something that can be recorded now."""
    return _picture(request, THUMB_PX)


def still(request: "Request") -> Response:
    """Answer with a picture of it in which a rectangle can be drawn."""
    return _picture(request, STILL_PX)


def _picture(request: "Request", most: int) -> Response:
    eyes = looking(desk_of(request))
    target = eyes.target(request.path_params["target"])
    return Response(eyes.see(target.source, most).jpeg, media_type="image/jpeg")


async def take(request: "Request") -> Response:
    """Keep what was chosen to be recorded."""
    fields = await pages.form(request)
    source, folder = str(fields.get("source", "")), str(fields.get("folder", "")).strip()
    desk = desk_of(request)
    if folder:
        source = f"folder:{folder}"
    elif not source:
        raise UsageError("desk-nothing-chosen")
    else:
        source = (await run_in_threadpool(looking(desk).target, source)).source
    await run_in_threadpool(desk.save, {"desk.source": source, "desk.canvas": ""})
    return pages.go("/start/place" if folder else "/start/canvas")


def canvas(request: "Request") -> Response:
    """Show a still picture in which the canvas is marked."""
    desk = desk_of(request)
    chosen = desk.settings.section("desk")
    if not chosen["source"] or chosen["source"].startswith("folder:"):
        return pages.go("/start")
    eyes = looking(desk)
    target = eyes.target(chosen["source"])
    seen = eyes.see(target.source, THUMB_PX)
    parts = chosen["canvas"].split(",") if chosen["canvas"] else ["0", "0", seen.width, seen.height]
    return _step(request, "canvas", target=target, width=seen.width, height=seen.height, parts=parts)


async def mark(request: "Request") -> Response:
    """Keep the rectangle of the canvas; all of it when none was marked."""
    fields = await pages.form(request)
    desk = desk_of(request)
    await run_in_threadpool(
        _mark, desk, None if "whole" in fields else [str(fields.get(k, "")) for k in "xywh"]
    )
    return pages.go("/start/place")


def _mark(desk: Desk, parts: list[str] | None) -> None:
    from capture.frame import Region  # noqa: PLC0415 - loads numpy, which the desk starts without

    desk.save({"desk.canvas": "" if parts is None else str(Region.parse(",".join(parts)))})


def place(request: "Request") -> Response:
    """Show where pictures are kept and how much room there is."""
    from capture import disk  # noqa: PLC0415 - the desk starts without OpenCV

    loaded = desk_of(request).settings
    loaded.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = f"{disk.free_mb(loaded.home) / 1000:.1f}"
    return _step(request, "place", home=loaded.home, free=free, file=settings_file.places()[1])


def trial_page(request: "Request") -> Response:
    """Show the trial, before, while and after it runs."""
    return _step(request, "trial", shown=trial(desk_of(request)).shown())


def trial_live(request: "Request") -> Response:
    """Show how far it is."""
    return pages.render(request, "wizard-trial-live.html.j2", shown=trial(desk_of(request)).shown())


async def trial_begin(request: "Request") -> Response:
    """Begin a trial."""
    desk = desk_of(request)
    if not desk.settings.section("desk")["source"]:
        raise UsageError("desk-nothing-chosen")
    await run_in_threadpool(trial(desk).begin, desk.settings)
    return pages.go("/start/trial")


def trial_picture(request: "Request") -> Response:
    """Answer with the newest picture of the trial, made anew."""
    from desk.web.timeline.thumbs import shrunk  # noqa: PLC0415 - loads Pillow, which the desk starts without

    return Response(shrunk(trial(desk_of(request)).picture(), SHOWN_PX), media_type="image/jpeg")


def time_page(request: "Request") -> Response:
    """Explain time stamps and ask."""
    from hashlib import sha256  # noqa: PLC0415 - for the example alone

    from sakigake.anchor import trust  # noqa: PLC0415 - loads cryptography

    loaded = desk_of(request).settings
    anchor, ots = loaded.section("anchor"), loaded.section("ots")
    known = trust.load(loaded.tables)
    asked = [each.url for each in known.authorities if each.name in known.asked]
    example = sha256(b"sakigake: what is sent looks like this").hexdigest()
    return _step(
        request,
        "time",
        anchor=anchor["enabled"],
        ots=ots["enabled"],
        authorities=asked,
        calendars=ots["calendars"],
        example=example,
    )


async def consent(request: "Request") -> Response:
    """Keep whether time stamps are asked for."""
    fields = await pages.form(request)
    values = {"anchor.enabled": "anchor" in fields, "ots.enabled": "ots" in fields}
    await run_in_threadpool(desk_of(request).save, values)
    return pages.go("/start/obs")


def obs(request: "Request") -> Response:
    """Show the two addresses for OBS, and ask whether recordings follow the stream."""
    desk = desk_of(request)
    known = bool(desk.settings.section("obs").get("password"))
    return _step(request, "obs", dock=desk.keyed("/dock"), overlay=desk.keyed("/overlay"), known=known)


async def obs_keep(request: "Request") -> Response:
    """Keep whether recordings follow the stream, and the password for that if one was typed."""
    fields = await pages.form(request)
    values: dict[str, object] = {"desk.with_stream": "with_stream" in fields}
    if password := str(fields.get("password", "")):
        values["obs.password"] = password
    await run_in_threadpool(desk_of(request).save, values)
    return pages.go("/start/done")


def done(request: "Request") -> Response:
    """Show that all is set."""
    trial(desk_of(request)).discard()
    return _step(request, "done")


ROUTES = [
    Route("/start", choose),
    Route("/start", take, methods=["POST"]),
    Route("/start/targets", choose_live),
    Route("/start/small/{target}.jpg", thumbnail),
    Route("/start/still/{target}.jpg", still),
    Route("/start/canvas", canvas),
    Route("/start/canvas", mark, methods=["POST"]),
    Route("/start/place", place),
    Route("/start/trial", trial_page),
    Route("/start/trial", trial_begin, methods=["POST"]),
    Route("/start/trial/live", trial_live),
    Route("/start/trial/picture.jpg", trial_picture),
    Route("/start/time", time_page),
    Route("/start/time", consent, methods=["POST"]),
    Route("/start/obs", obs),
    Route("/start/obs", obs_keep, methods=["POST"]),
    Route("/start/done", done),
]
NAV = ("/start", "desk.wizard.title")
