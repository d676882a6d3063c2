"""The first page: what runs, what came in, what to do next; and the buttons that order the recorder and watcher about."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from desk.web.standing import newest_session, newest_stage
from sakigake import words
from sakigake.errors import SakigakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from sakigake.settings import Settings
    from sakigake.store.sqlite import SqliteStore

FORGET_S = 300.0
THUMB_PX = 320
NEWEST = 5  # findings on the page
MOST_DIGITS = 9
# What a button may have led to, as it is told on the next page.
TOLD = frozenset({"started", "stopped", "paused", "resumed", "forgot", "watching", "unwatched"})


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest session: its newest stage (None before there is one), and the time tokens that are still to come.

    `young` says that the stage is of the last minutes, `forgettable` that it can still be forgotten: it has its picture, and
    no time token covers it. Of those before it none can be when it cannot.
    """

    session: str
    started: datetime
    ended: datetime | None
    stage: int | None
    saved: datetime | None
    waiting: int
    young: bool = False
    forgettable: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Findings that nobody has reviewed: how many, and the newest ones as number and time."""

    count: int
    newest: tuple[tuple[int, datetime], ...]


def today(request: "Request") -> Response:
    """Show how things stand."""
    told = request.query_params.get("told", "")
    note = ""
    if told in TOLD:
        note = words.text(f"desk.told.{told}", count=_number(request, "count"))
        if stays := _number(request, "stays"):
            note += " " + words.text("desk.told.forgot-not", count=stays)
    return pages.render(request, "today.html.j2", told=note, **_things(desk_of(request)))


def _number(request: "Request", name: str) -> int:
    told = request.query_params.get(name, "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS else 0


def live(request: "Request") -> Response:
    """Show the part of the page that changes by itself."""
    return pages.render(request, "today-live.html.j2", **_things(desk_of(request)))


def _things(desk: Desk) -> dict[str, Any]:
    return {
        "recorder": desk.supervisor.recorder(),
        "watcher": desk.supervisor.watcher(),
        "newest": _newest(desk.settings),
        "found": _found(desk.settings),
        "free_gb": _free_gb(desk.settings),
        "low": _free_gb(desk.settings) * 1000 < desk.settings.section("record")["disk_low_mb"],
        "stamping": desk.settings.section("anchor")["enabled"],
        "chosen": bool(desk.settings.section("desk")["source"]),
    }


def _newest(settings: "Settings") -> Newest | None:
    from desk.sessions import open_store  # noqa: PLC0415 - the desk starts without a store

    if not settings.database.is_file():
        return None
    with closing(open_store(settings)) as store:
        session = newest_session(store)
        if session is None:
            return None
        (row,) = (each for each in store.sessions() if each.id == session)
        stage = newest_stage(store, session)
        waiting = len(store.pending_jobs(session))
        kept = stage is not None and stage[0] >= store.sealed(session) and _newest_file(store) is not None
    if stage is None:
        return Newest(session, row.started, row.ended, None, None, waiting)
    young = (datetime.now(UTC) - stage[1]).total_seconds() <= FORGET_S
    return Newest(session, row.started, row.ended, *stage, waiting, young, young and kept)


def _found(settings: "Settings") -> Found:
    from watch.store.records import Review  # noqa: PLC0415 - the desk starts without the watcher's store
    from watch.store.sqlite import FILE  # noqa: PLC0415 - as above

    if not (settings.home / FILE).is_file():
        return Found(0, ())
    from desk.watching import open_watch  # noqa: PLC0415 - as above

    with closing(open_watch(settings)) as store:
        rows = store.findings(Review.NEW)
    return Found(len(rows), tuple((row.number, row.found) for row in rows[: -NEWEST - 1 : -1]))


def _free_gb(settings: "Settings") -> float:
    home = settings.home
    while not home.exists() and home != home.parent:
        home = home.parent
    return shutil.disk_usage(home).free / 1e9


def picture(request: "Request") -> Response:
    """Answer with a small copy of the newest stage of the newest session; no name of anything comes from the request."""
    from desk.sessions import open_store  # noqa: PLC0415 - as above
    from desk.web.timeline.thumbs import Copies  # noqa: PLC0415 - as above

    settings = desk_of(request).settings
    with closing(open_store(settings)) as store:
        file = _newest_file(store)
    if file is None:
        raise HTTPException(404)
    return Response(Copies(settings.home).get(file, THUMB_PX), media_type="image/jpeg")


def _newest_file(store: "SqliteStore") -> str | None:
    """Return the digest of the file of the newest stage; None when there is none, or its picture was forgotten."""
    from sakigake.model import EntryType  # noqa: PLC0415 - as above
    from sakigake.timeline.entry import parse_picture  # noqa: PLC0415 - as above

    session = newest_session(store)
    stored = store.last_entry(session, EntryType.STAGE) if session else None
    return parse_picture(stored.opening).file if stored and stored.opening else None


async def order(request: "Request") -> Response:
    """Carry out what a button asks for, and show the first page again."""
    fields = await pages.form(request)
    what = request.path_params["what"]
    count, stays = await run_in_threadpool(_carry_out, desk_of(request), what)
    if str(fields.get("back", "")) == "/start":
        return pages.go("/start")
    return pages.go("/", told=what, count=count, **({"stays": stays} if stays else {}))


def _carry_out(desk: Desk, what: str) -> tuple[int, int]:
    """Do it; of forgetting returns how many pictures went, and how many stay."""
    both = desk.supervisor
    if what == "forgot":
        return both.forget(FORGET_S)
    todo: dict[str, Callable[[], object]] = {
        "started": both.start_recorder,
        "stopped": lambda: both.stop("record"),
        "paused": both.pause,
        "resumed": both.resume,
        "watching": lambda: both.start("watch"),
        "unwatched": lambda: both.stop("watch"),
    }
    if what not in todo:
        raise HTTPException(404)
    todo[what]()
    job = {"started": "record", "watching": "watch"}.get(what)
    if job and (ended := both.ended(job)) and not ended.well:
        raise SakigakeError("desk-ended-at-once", said=" ".join(ended.words))
    return 0, 0


ROUTES = [
    Route("/", today),
    Route("/today/live", live),
    Route("/today/newest.jpg", picture),
    Route("/do/{what}", order, methods=["POST"]),
]
NAV = ("/", "desk.today.title")
