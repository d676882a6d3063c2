"""Sessions: their list, the strip of one over wall-clock time, its stages, and what people call them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import desk_of
from desk.web.timeline import saying
from desk.web.timeline.naming import act, named
from desk.web.timeline.records import Records, records_of
from desk.web.timeline.reel import Reel
from desk.web.timeline.strip import HUES, Block, Tile, nearest, strip, window
from desk.web.timeline.thumbs import SIDES, difference, fits
from sakigake.errors import NotFoundError
from sakigake.labels import MOST_LABEL, MOST_TITLE, STEPS, read_title

if TYPE_CHECKING:
    from starlette.requests import Request

WINDOW = 60  # tiles that one answer holds
HOLES_SHOWN = 6
SESSIONS_SHOWN = 50
MOST_DIGITS = 15  # ms since 1970 have 13


def _records(request: "Request") -> Records:
    return records_of(desk_of(request))


def _number(value: str | None, default: int = 0) -> int:
    fits = value is not None and value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS
    return int(value) if value and fits else default


def listing(request: "Request") -> Response:
    """List the sessions, the newest first."""
    records = _records(request)
    found = records.sessions()
    begin = _number(request.query_params.get("from"))
    part = found[begin : begin + SESSIONS_SHOWN]
    titles = records.store.titles() if found else {}
    rows = [
        (session, titles.get(session.id, ""), _summary(records, records.reel(session))) for session in part
    ]
    behind = begin + SESSIONS_SHOWN if begin + SESSIONS_SHOWN < len(found) else None
    from desk.web.routes.sought import field  # noqa: PLC0415 - the field looks for a model, which no other page needs

    more = {"rows": rows, "behind": behind, "count": len(found), **field(desk_of(request))}
    return pages.render(request, "sessions.html.j2", **more, **_common())


def _common() -> dict[str, Any]:
    return {
        "interval": saying.interval,
        "claimed": saying.claimed,
        "length": saying.length,
        "reason": saying.reason,
        "kind_of": saying.kind,
        "source_of": saying.source,
        "named": named,
        "most_title": MOST_TITLE,
        "most_label": MOST_LABEL,
        "steps": STEPS,
        "side_of": side_of,
    }


def _summary(records: Records, reel: Reel) -> dict[str, Any]:
    _, blocks = records.rows(reel)
    pictured = next((shot for shot in reversed(reel.shots) if shot.file), None)
    return {"reel": reel, "blocks": blocks, "cover": pictured}


def side_of(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size that a copy has, so that a page knows it before it comes."""
    scale = min(1.0, side / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))


def session(request: "Request") -> Response:
    """Show one session."""
    records = _records(request)
    found = records.session(request.path_params["session"])
    reel = records.reel(found)
    tiles, blocks = records.rows(reel)
    at = _number(request.query_params.get("at"))
    return pages.render(
        request,
        "session.html.j2",
        title=records.store.titles().get(found.id, ""),
        blocks=blocks,
        hues=[number % HUES for number in range(len(blocks))],
        drawn=strip(reel, blocks),
        holes_shown=HOLES_SHOWN,
        waiting=reel.witnesses.waiting,
        **_window(reel, tiles, blocks, at),
        **_common(),
    )


def _window(reel: Reel, tiles: list[Tile], blocks: list[Block], at: int) -> dict[str, Any]:
    first, behind = window(tiles, at, WINDOW)
    starts = {block.first for block in blocks if block.label is not None}
    return {
        "reel": reel,
        "tiles": tiles[first:behind],
        "starts": starts,
        "earlier": tiles[max(0, first - WINDOW)].first if first else None,
        "later": tiles[behind].first if behind < len(tiles) else None,
        "tile_count": len(tiles),
        "first_tile": first,
        "behind_tile": behind,
    }


def stages(request: "Request") -> Response:
    """Answer with the next window of a session's stages."""
    records = _records(request)
    reel = records.reel(records.session(request.path_params["session"]))
    tiles, blocks = records.rows(reel)
    at = _number(request.query_params.get("at"))
    return pages.render(request, "session-stages.html.j2", **_window(reel, tiles, blocks, at), **_common())


def stage(request: "Request") -> Response:
    """Show one stage, large."""
    records = _records(request)
    reel = records.reel(records.session(request.path_params["session"]))
    place = _place(reel, request.path_params["seq"])
    tiles, _ = records.rows(reel)
    tile = next(tile for tile in tiles if tile.first <= place <= tile.last)
    return pages.render(
        request,
        "stage.html.j2",
        reel=reel,
        place=place,
        shot=reel.shots[place],
        label=tile.label,
        before=reel.shots[place - 1] if place else None,
        after=reel.shots[place + 1] if place + 1 < len(reel.shots) else None,
        **_common(),
    )


def _place(reel: Reel, seq: str) -> int:
    place = reel.index(_number(seq, -1))
    if place is None:
        raise NotFoundError("label-stage-unknown", session=reel.session.id, stage=seq)
    return place


def picture(request: "Request") -> Response:
    """Answer with a stage's picture, encoded anew."""
    side = fits(request.query_params.get("side", str(SIDES[1])))
    records = _records(request)
    found = records.session(request.path_params["session"])
    file, data = records.picture(found.id, _number(request.path_params["seq"], -1), side)
    return _jpeg(request, f'"{file[:40]}-{side}"', data)


def _jpeg(request: "Request", tag: str, data: bytes) -> Response:
    if tag in request.headers.get("if-none-match", "").split(", "):
        return Response(status_code=304, headers={"etag": tag})
    return Response(data, media_type="image/jpeg", headers={"etag": tag})


def compare(request: "Request") -> Response:
    """Show two stages beside each other: those that were ticked, or those nearest to two moments."""
    records = _records(request)
    reel = records.reel(records.session(request.path_params["session"]))
    query = request.query_params
    if "from" in query:
        ends = [nearest(reel.shots, _number(query.get(name))) for name in ("from", "to")]
        chosen = sorted({place for place in ends if place is not None})
    else:
        chosen = sorted({_place(reel, seq) for seq in query.getlist("stage")})
    if len(chosen) < 2:  # noqa: PLR2004 - a comparison is of two
        return pages.render(request, "compare-none.html.j2", 400, reel=reel, **_common())
    tiles, _ = records.rows(reel)
    pair = (chosen[0], chosen[-1])
    labels = [next(tile.label for tile in tiles if tile.first <= place <= tile.last) for place in pair]
    return pages.render(
        request,
        "compare.html.j2",
        reel=reel,
        pair=[(reel.shots[place], label) for place, label in zip(pair, labels, strict=True)],
        left_out=len(chosen) - 2,
        **_common(),
    )


def differing(request: "Request") -> Response:
    """Answer with a picture of where two stages differ."""
    records = _records(request)
    found = records.session(request.path_params["session"])
    numbers = [_number(request.query_params.get(name), -1) for name in ("one", "other")]
    (one, first), (other, second) = (records.picture(found.id, seq, SIDES[2]) for seq in numbers)
    return _jpeg(request, f'"{one[:20]}-{other[:20]}-d"', difference(first, second))


async def retitle(request: "Request") -> Response:
    """Call a session something: a private note."""
    fields = await pages.form(request)
    title = read_title(str(fields.get("title", "")))

    def put() -> str:
        records = _records(request)
        found = records.session(request.path_params["session"])
        records.writable.put_title(found.id, title)
        return found.id

    return pages.go(f"/sessions/{await run_in_threadpool(put)}")


async def rename(request: "Request") -> Response:
    """Name, merge or part the stages that were ticked."""
    fields = await pages.form(request)
    chosen = [str(value) for value in fields.getlist("stage")]
    action, label = str(fields.get("do", "")), str(fields.get("label", ""))

    def put() -> tuple[str, int]:
        records = _records(request)
        reel = records.reel(records.session(request.path_params["session"]))
        places = sorted({_place(reel, seq) for seq in chosen})
        if action not in {"name", "merge", "part"}:
            raise HTTPException(400)
        tiles, _ = records.rows(reel)
        act(records.writable, reel, tiles, places, action, label, datetime.now(UTC))
        return reel.session.id, places[0] if places else 0

    session_id, at = await run_in_threadpool(put)
    answer = pages.go(f"/sessions/{session_id}", at=at)
    answer.headers["location"] += "#stages"
    return answer


ROUTES = [
    Route("/sessions", listing),
    Route("/sessions/{session}", session),
    Route("/sessions/{session}/title", retitle, methods=["POST"]),
    Route("/sessions/{session}/names", rename, methods=["POST"]),
    Route("/sessions/{session}/stages", stages),
    Route("/sessions/{session}/stages/{seq}", stage),
    Route("/sessions/{session}/stages/{seq}/picture", picture),
    Route("/sessions/{session}/compare", compare),
    Route("/sessions/{session}/difference", differing),
]
NAV = ("/sessions", "desk.timeline.nav")
