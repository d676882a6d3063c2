"""The language switch in the head of every page."""

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from desk.web import pages
from desk.web.guard import LANGUAGE_COOKIE, LANGUAGE_KEPT_S
from sakigake import words

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def choose(request: "Request") -> "Response":
    """Speak this language from now on, and show the page again that was being read."""
    fields = await pages.form(request)
    back = str(fields.get("back", "/"))
    # Only a path of ours: anything else would lead away from here.
    ours = back.startswith("/") and not back.startswith(("//", "/\\"))
    answer = RedirectResponse(back if ours else "/", 303)
    if (lang := str(fields.get("lang", ""))) in words.LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, lang, max_age=LANGUAGE_KEPT_S, httponly=True, samesite="strict")
    return answer


ROUTES = [Route("/language", choose, methods=["POST"])]
