"""A session played back: its stages one after the other, or as a film on which the canvas keeps its place."""

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import desk_of
from desk.web.timeline import saying
from desk.web.timeline.filming import Films, films_of, spread
from desk.web.timeline.naming import named
from desk.web.timeline.records import records_of
from sakigake.clock import from_ms

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_PICTURES = 400


def play(request: "Request") -> Response:
    """Show the player."""
    desk = desk_of(request)
    records = records_of(desk)
    reel = records.reel(records.session(request.path_params["session"]))
    _, blocks = records.rows(reel)
    names = {place: named(block.label) for block in blocks for place in range(block.first, block.last + 1)}
    pictured = [place for place, shot in enumerate(reel.shots) if shot.file]
    film = _films(request).state(reel.session.id)
    frames = [
        {
            "src": f"/sessions/{reel.session.id}/stages/{reel.shots[place].seq}/picture?side=960",
            "at": from_ms(reel.shots[place].at).astimezone().strftime("%H:%M:%S"),
            "name": names.get(place, ""),
            "seq": reel.shots[place].seq,
        }
        for place in spread(pictured, MOST_PICTURES)
    ]
    return pages.render(
        request,
        "play.html.j2",
        reel=reel,
        frames=frames,
        left_out=len(pictured) - len(frames),
        film=film,
        held=[f"/sessions/{reel.session.id}/film/{number:04d}.jpg" for number in range(film.frames)],
        claimed=saying.claimed,
    )


def _films(request: "Request") -> Films:
    return films_of(desk_of(request))


async def make(request: "Request") -> Response:
    """Begin to make the film."""
    await pages.form(request)

    def start() -> str:
        desk = desk_of(request)
        session = records_of(desk).session(request.path_params["session"])
        _films(request).start(session.id)
        return session.id

    return pages.go(f"/sessions/{await run_in_threadpool(start)}/play")


def state(request: "Request") -> Response:
    """Answer with how far the film is; once it has ended the page is to be loaded anew."""
    session = records_of(desk_of(request)).session(request.path_params["session"])
    film = _films(request).state(session.id)
    answer = pages.render(request, "play-film.html.j2", film=film, session=session.id)
    if not film.making:
        answer.headers["hx-refresh"] = "true"
    return answer


def file(request: "Request") -> Response:
    """Answer with a picture of the film, or with the film as a GIF."""
    session = records_of(desk_of(request)).session(request.path_params["session"])
    path = _films(request).file(session.id, request.path_params["name"])
    kind = "image/gif" if path.suffix == ".gif" else "image/jpeg"
    saved = f"sakigake-{session.id}.gif" if path.suffix == ".gif" else None
    return FileResponse(path, media_type=kind, filename=saved)


ROUTES = [
    Route("/sessions/{session}/play", play),
    Route("/sessions/{session}/film", make, methods=["POST"]),
    Route("/sessions/{session}/film/state", state),
    Route("/sessions/{session}/film/{name}", file),
]
