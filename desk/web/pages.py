"""From values to a page in the reader's language.

`render(request, "today.html.j2", title=…)` fills a template of `templates/`, which extends `base.html.j2`:

- blocks: `title`, `head` (more style sheets: `<link rel="stylesheet" href="{{ static('x.css') }}">`), `main`, `scripts`;
- `t("desk.today.title", n=3)` is a sentence in the reader's language (of `config/words/<language>/desk.toml`);
  `fill` in Python: `words.text` itself, which speaks that language inside a request;
- `time(moment)` shows an aware datetime in the local zone with UTC in the title; `time(moment, "clock")` the time of day
  only, `"day"` the date only; `ago(moment)` how long ago;
- `static(name)` is the address of a file in `static/`; `here` the path; `lang` the language;
- no style attributes and no inline scripts: the policy of the guard refuses both. Places that depend on values are drawn
  as SVG attributes, `<progress>` or `<meter>`.

Classes in style.css: `card` (a box), `cards` (boxes side by side), `row` (line of things), `actions` (buttons), `primary`,
`danger`, `quiet` (buttons), `state` with `good|paused|bad|off` (a word with a sign before it, never the colour alone),
`note`, `warn` (boxes of text), `facts` (a `dl` in two columns), `table` (a box that scrolls), `thumb` (a picture),
`muted`, `small`, `visually-hidden`, `empty` (nothing here yet).

Live parts are templates of their own that `hx-get` fetches; with scripts off the page still says everything, once.
"""

import time as clocks
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from desk.web import static
from sakigake import words
from sakigake.errors import SakigakeError
from sakigake.text import plain

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

FORMS = {"full": "%Y-%m-%d %H:%M:%S", "minute": "%Y-%m-%d %H:%M", "clock": "%H:%M:%S", "day": "%Y-%m-%d"}
STATUS = {2: 400, 3: 400, 4: 404, 5: 502}
REFUSALS = {"host": 403, "origin": 403, "large": 413, "link": 403, "cookie": 403}
MOST_FIELDS = 200


@cache
def environment() -> jinja2.Environment:
    """Return the templates, each read and compiled once."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"t": words.text, "time": shown_time, "ago": ago, "static": static.address}
    return made


def fill(template: str, **values: Any) -> str:
    """Return a filled template as text, in the language that is spoken."""
    return environment().get_template(template).render(lang=words.language(), **values)


def render(request: "Request", template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page, or a part of one."""
    desk, url = request.app.state.desk, request.url
    back = url.path + (f"?{url.query}" if url.query else "") if request.method == "GET" else "/"
    return HTMLResponse(fill(template, here=url.path, back=back, nav=desk.nav, **values), status)


def go(path: str, **query: object) -> RedirectResponse:
    """Return the answer to a form that was taken: look at this page of ours now."""
    return RedirectResponse(f"{quote(path)}?{urlencode(query)}" if query else quote(path), 303)


async def form(request: "Request") -> "FormData":
    """Return the fields of a form, uploads among them; raises HTTPException (400, 413)."""
    return await request.form(max_files=20, max_fields=MOST_FIELDS)


def keyed(request: "Request", path: str) -> str:
    """Return the address of a page for whoever asked: with the key in it when they came with one."""
    key = getattr(request.state, "key", None)
    return f"{path}?k={key}" if key else path


def is_part(request: "Request") -> bool:
    """Say whether htmx asks, which wants a part of a page."""
    return "hx-request" in request.headers


def shown_time(moment: datetime | None, form: str = "full") -> Markup:
    """Return a time as the reader's clock has it, with UTC on hover; a dash for None."""
    if moment is None:
        return Markup("–")
    exact = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}Z" title="{} UTC">{}</time>').format(
        exact.replace(" ", "T"), exact, moment.astimezone().strftime(FORMS[form])
    )


def ago(moment: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = max(0, round(clocks.time() - moment.timestamp()))
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return words.text(f"desk.ago.{unit}", count=seconds // size)
    return words.text("desk.ago.seconds", count=seconds)


def refusal(slug: str) -> "Response":
    """Return the page of the guard's refusal: `host`, `origin`, `large`, `link` or `cookie`."""
    message, hint = words.text(f"desk.guard.{slug}"), words.text(f"desk.guard.{slug}-hint")
    page = fill("refused.html.j2", slug=slug, message=message, hint=hint, here="", back="", nav=())
    return HTMLResponse(page, REFUSALS[slug])


def failed(request: "Request", error: Exception) -> "Response":
    """Return the page of a failure that has a sentence and a next step."""
    if not isinstance(error, SakigakeError):
        raise error
    return trouble(request, STATUS.get(error.exit_code, 500), error.message(), error.hint())


def not_served(request: "Request", error: Exception) -> "Response":
    """Return the page for an address or a method that is none."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 413:  # noqa: PLR2004 - as HTTP counts
        return refusal("large")
    key = "missing" if status == 404 else "not-meant"  # noqa: PLR2004 - as HTTP counts
    return trouble(request, status, words.text(f"desk.trouble.{key}"), words.text(f"desk.trouble.{key}-hint"))


def broken(request: "Request", _error: Exception) -> "Response":
    """Return the page for a defect; what it was stands in the terminal."""
    return trouble(request, 500, words.text("desk.trouble.defect"), words.text("desk.trouble.defect-hint"))


def trouble(request: "Request", status: int, message: str, hint: str) -> "Response":
    """Return a page that says what is wrong and what to do next. Either may quote what others wrote."""
    name = "trouble-part.html.j2" if is_part(request) else "trouble.html.j2"
    return render(request, name, status, message=plain(message, 2000), hint=plain(hint, 2000))
