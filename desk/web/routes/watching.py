"""Watching: the sources and how each is, adding and pausing them, the inbox, and the watcher's start and stop."""

from contextlib import closing
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

from desk.web import pages
from desk.web.app import desk_of
from sakigake.errors import NotFoundError, SakigakeError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


NAV = ("/watch", "desk.watching.nav")
LIMITS = {"/watch/inbox": 110 << 20}  # a picture of 100 MB, which is what the watcher opens at most
MOST_TEXT = 256 * 1024


def overview(request: "Request") -> "Response":
    """Show what is watched."""
    from desk.watching import open_watch  # noqa: PLC0415 - the desk starts without it
    from desk.web.watched import views  # noqa: PLC0415

    desk = desk_of(request)
    try:
        with closing(open_watch(desk.settings)) as store:
            rows, gaps, tally = store.sources(), store.holes(), views.tally(store.counts())
    except NotFoundError:
        rows, gaps, tally = [], [], views.Tally()
    return pages.render(
        request,
        "watch.html.j2",
        watcher=desk.supervisor.watcher(),
        tally=tally,
        sources=[views.source(row) for row in rows],
        holes=views.holes(gaps),
        more_holes=max(0, len(gaps) - views.MOST_HOLES),
        alerts=views.alerts(desk.settings),
        done=views.done(request.query_params.get("done", "")),
    )


def status(request: "Request") -> "Response":
    """Show how the watcher is: the live part of the page."""
    from desk.watching import open_watch  # noqa: PLC0415
    from desk.web.watched import views  # noqa: PLC0415

    desk = desk_of(request)
    try:
        with closing(open_watch(desk.settings)) as store:
            tally = views.tally(store.counts())
    except NotFoundError:
        tally = views.Tally()
    return pages.render(request, "watch-status.html.j2", watcher=desk.supervisor.watcher(), tally=tally)


async def run(request: "Request") -> "Response":
    """Start the watcher, or end it."""
    supervisor, what = desk_of(request).supervisor, str(request.path_params["what"])
    if what not in {"start", "stop"}:
        raise HTTPException(404)
    await run_in_threadpool(supervisor.start if what == "start" else supervisor.stop, "watch")
    if what == "start" and (ended := supervisor.ended("watch")) and not ended.well:
        raise SakigakeError("desk-ended-at-once", said=" ".join(ended.words))
    return pages.go("/watch", done=what)


def choose(request: "Request") -> "Response":
    """Show the kinds of sources that can be added."""
    from desk.web.watched import views  # noqa: PLC0415
    from watch.sources import registry  # noqa: PLC0415

    kinds = [(kind, views.kind_words(kind), views.kind_about(kind)) for kind in registry.KINDS]
    return pages.render(request, "watch-kinds.html.j2", kinds=kinds)


def asks(request: "Request") -> "Response":
    """Show the form of a kind of source."""
    return _form(request, _kind(request), {}, None)


async def add(request: "Request") -> "Response":
    """Add a source, or show the form again with what is wrong with it."""
    from desk import sources  # noqa: PLC0415
    from desk.web.watched import views  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415
    from watch.sources import registry  # noqa: PLC0415

    kind = _kind(request)
    given = {name: value for name, value in (await pages.form(request)).items() if isinstance(value, str)}
    try:
        added = await run_in_threadpool(
            sources.add,
            desk_of(request).settings,
            kind,
            views.written(registry.fields(kind), given),
            given.get("name", "").strip() or None,
            Clock().now(),
        )
    except UsageError as error:
        return _form(request, kind, given, error)
    return pages.render(request, "watch-added.html.j2", name=added.name, about=sources.described(added.info))


async def change(request: "Request") -> "Response":
    """Pause, resume or remove a source."""
    from desk import sources  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415

    fields = await pages.form(request)
    source, what = str(fields.get("source", "")), str(request.path_params["what"])
    settings = desk_of(request).settings
    if what in {"pause", "resume"}:
        await run_in_threadpool(sources.pause, settings, source, paused=what == "pause", now=Clock().now())
    elif what == "remove":
        await run_in_threadpool(sources.remove, settings, source)
    else:
        raise HTTPException(404)
    return pages.go("/watch", done=what)


async def inbox(request: "Request") -> "Response":
    """Take links and a picture that the person hands in."""
    from desk import handing  # noqa: PLC0415
    from sakigake.clock import Clock  # noqa: PLC0415
    from watch.sources import handed  # noqa: PLC0415

    fields, now = await pages.form(request), Clock().now()
    settings, fresh = desk_of(request).settings, 0
    upload = fields.get("picture")
    raw = b"" if upload is None or isinstance(upload, str) else await upload.read()
    links = str(fields.get("links", ""))[:MOST_TEXT].strip()
    await fields.close()  # what was uploaded lay in a file of the system's
    if links or not raw:
        posts = handed.from_text(links, now)
        fresh += await run_in_threadpool(handing.hand_in, settings, posts, now)
    if raw:
        fresh += await run_in_threadpool(handing.hand_in_picture, settings, raw, now)
    return pages.go("/watch", done="handed" if fresh else "handed-before")


async def keep_token(request: "Request") -> "Response":
    """Put the access token of a server into the system's keyring. It is never shown again."""
    from watch.sources import tokens  # noqa: PLC0415

    fields = await pages.form(request)
    host, token = str(fields.get("server", "")), str(fields.get("token", "")).strip()
    await run_in_threadpool(tokens.keep, host, token)
    return pages.go("/watch", done="token" if token else "token-gone")


def _form(request: "Request", kind: str, given: dict[str, str], error: SakigakeError | None) -> "Response":
    from desk.web.watched import views  # noqa: PLC0415
    from watch.sources import registry  # noqa: PLC0415

    return pages.render(
        request,
        "watch-add.html.j2",
        400 if error else 200,
        kind=kind,
        kind_words=views.kind_words(kind),
        about=views.kind_about(kind),
        beforehand=views.beforehand(kind),
        choices=views.choices(registry.fields(kind)),
        inputs=views.inputs(registry.fields(kind), given),
        name=given.get("name", ""),
        wrong=error.params.get("name", "") if error else "",
        error=f"{error.message()} {error.hint()}" if error else "",
    )


def _kind(request: "Request") -> str:
    from watch.sources import registry  # noqa: PLC0415

    kind = str(request.path_params["kind"])
    if kind not in registry.KINDS:
        raise HTTPException(404)
    return kind


ROUTES = [
    Route("/watch", overview),
    Route("/watch/status", status),
    Route("/watch/run/{what}", run, methods=["POST"]),
    Route("/watch/add", choose),
    Route("/watch/add/{kind}", asks),
    Route("/watch/add/{kind}", add, methods=["POST"]),
    Route("/watch/sources/{what}", change, methods=["POST"]),
    Route("/watch/inbox", inbox, methods=["POST"]),
    Route("/watch/token", keep_token, methods=["POST"]),
]
