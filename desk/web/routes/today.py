"""The first page: what runs, what came in, what to do next."""

from typing import TYPE_CHECKING

from starlette.routing import Route

from desk.web import pages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def today(request: "Request") -> "Response":
    """Show how things stand."""
    return pages.render(request, "today.html.j2")


ROUTES = [Route("/", today)]
NAV = ("/", "desk.today.title")
