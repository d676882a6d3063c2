"""The desk as a web application: `make_app` puts the rooms together and the guard in front of them.

A room is a module in `desk/web/routes/` that is named in `ROOMS`. It has

- `ROUTES`: a list of `Route`. Endpoints that only read are plain functions (they run in a thread); those that take a form
  are `async`, read it with `await pages.form(request)` and do their work in `run_in_threadpool`.
- `NAV = (path, key)`, if it is to stand in the navigation; rooms are listed there in the order of `ROOMS`.
- `KEYED = {"/dock": "dock"}`, if pages below a path are to open with the key `entrance.key("dock")` in `?k=…` instead
  of the cookie; `pages.keyed(request, path)` makes such an address, `request.state.key` is the key it came with.
- `LIMITS = {"/check": 64 << 20}`, if requests may bring more than 1 MB there.

Rooms import what is heavy (OpenCV, numpy, the matcher) inside their functions: opening the desk must stay quick.
`desk_of(request)` gives them the settings and everything that lives as long as the application.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from desk.web import pages, static
from desk.web.entrance import Entrance
from desk.web.guard import Guard
from desk.web.supervise import Supervisor
from sakigake import setting_file
from sakigake import settings as settings_file
from sakigake.errors import SakigakeError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from sakigake.settings import Settings

# In the order of the navigation. A room that is not built yet has no line.
ROOMS = (
    "today",
    "timeline",
    "sought",
    "play",
    "check",
    "findings",
    "watching",
    "export",
    "language",
    "wizard",
    "setting",
    "dock",
    "overlay",
    "pairing",
)


@dataclass(slots=True)
class Desk:
    """What lives as long as the application. `kept` is where a room may keep what it needs again, by its name."""

    settings: "Settings"
    entrance: Entrance
    port: int
    nav: tuple[tuple[str, str], ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(lambda: self.settings)

    @property
    def url(self) -> str:
        """Return the address of the desk, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def keyed(self, path: str) -> str:
        """Return the whole address of a page for OBS's browser, with the key of its kind; raises SakigakeError."""
        return f"{self.url}{path}?k={self.entrance.key(path.removeprefix('/'))}"

    def save(self, values: "Mapping[str, Any]") -> None:
        """Put settings into the user's file and go by them from now on; raises ConfigError, SakigakeError."""
        setting_file.set_values(settings_file.places()[1], values)
        self.settings = settings_file.load()

    def link(self) -> str:
        """Return a link that opens the desk once."""
        return f"{self.url}/login?t={self.entrance.ticket()}"


def make_app(settings: "Settings", *, port: int, entrance: Entrance | None = None) -> Starlette:
    """Return the application for these settings, to be served on this port of 127.0.0.1."""
    rooms = [importlib.import_module(f"desk.web.routes.{name}") for name in ROOMS]
    routes: list[BaseRoute] = list(static.ROUTES)
    for room in rooms:
        routes += room.ROUTES
    nav = tuple(room.NAV for room in rooms if hasattr(room, "NAV"))
    desk = Desk(settings, entrance or Entrance(settings.home), port, nav)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(
                Guard,
                entrance=desk.entrance,
                port=port,
                refusal=pages.refusal,
                keyed=_together(rooms, "KEYED"),
                limits=_together(rooms, "LIMITS"),
            )
        ],
        exception_handlers={
            SakigakeError: pages.failed,
            HTTPException: pages.not_served,
            Exception: pages.broken,
        },
    )
    app.state.desk = desk
    return app


def _together(rooms: list[Any], name: str) -> Mapping[str, Any]:
    return {path: value for room in rooms for path, value in getattr(room, name, {}).items()}


def desk_of(request: "Request") -> Desk:
    """Return what lives as long as the application."""
    desk: Desk = request.app.state.desk
    return desk
