"""Style sheets and scripts: the files that lie in `static/` when the desk starts, and no other.

They hold nothing of anybody, so that they are served without the cookie too: the page that says how to come in needs
the style sheet. `address("style.css")` names their content, so that browsers may keep them.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FOLDER = Path(__file__).with_name("static")
YEAR_S = 31_536_000


@cache
def files() -> dict[str, bytes]:
    """Return what is served, by name."""
    return {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in KINDS}


@cache
def address(name: str) -> str:
    """Return the address of a file; raises KeyError when there is none of that name."""
    return f"/static/{name}?v={sha256(files()[name]).hexdigest()[:12]}"


def serve(request: "Request") -> Response:
    """Answer with a file."""
    name = request.path_params["name"]
    raw = files().get(name)
    if raw is None:
        raise HTTPException(404)
    kept = f"public, max-age={YEAR_S}, immutable" if "v" in request.query_params else "no-cache"
    return Response(raw, media_type=KINDS[Path(name).suffix], headers={"cache-control": kept})


ROUTES = [Route("/static/{name}", serve)]
