"""What stands before every page: nobody else's page and nobody else's machine gets an answer.

The desk listens on loopback, but every page in the user's browser can send requests there, and a name that resolves to
127.0.0.1 makes a foreign page one of "the same origin". So the Host must be ours; whatever changes something must come
from our own page (Origin; a strict Referrer-Policy of `no-referrer` would make browsers send `null` there, hence
`same-origin`); and everything but the style sheets needs the cookie that a one-time link gave, or the key of its kind
in the address where OBS's own browser, which has no such cookie, shows a page.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from sakigake import words

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from desk.web.entrance import Entrance

SAFE = frozenset({"GET", "HEAD"})
METHODS = SAFE | {"POST"}
SMALL = 1 << 20  # bytes of a request's body, unless its page takes more
LANGUAGE_COOKIE = "sakigake-lang"
LANGUAGE_KEPT_S = 31_536_000  # a year
STATIC = "/static/"
_POLICY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=()",
}


class Guard:
    """ASGI middleware around the whole application.

    `refusal(slug, language)` makes the page of a refusal; `keyed` maps the beginnings of paths to the kind of key that
    opens them, `limits` to the bytes that a request's body may have there.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        entrance: "Entrance",
        port: int,
        refusal: Callable[[str], Response],
        keyed: Mapping[str, str],
        limits: Mapping[str, int],
    ) -> None:
        self._app = app
        self._entrance = entrance
        self._refusal = refusal
        self._keyed, self._limits = keyed, limits
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
        self.cookie = cookie_name(port)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request or refuse it."""
        if scope["type"] != "http":
            return  # no web sockets here, and no lifespan
        headers = Headers(scope=scope)
        cookies = _cookies(headers)
        lang = cookies.get(LANGUAGE_COOKIE, "")
        with words.speaking(lang if lang in words.LANGUAGES else None):
            answer = self._refused(scope, headers) or self._entered(scope, cookies)
            guarded_send = _armoured(scope, send)
            if answer is not None:
                await answer(scope, receive, guarded_send)
            else:
                await self._app(scope, self._limited(scope, receive), guarded_send)

    def _refused(self, scope: "Scope", headers: Headers) -> Response | None:
        """Return the refusal of what did not come from this machine's own page."""
        if not _is_local(scope) or headers.getlist("host") not in [[host] for host in self._hosts]:
            return self._refusal("host")
        if scope["method"] not in METHODS:
            return Response(status_code=405)
        if not self._is_our_page(scope["method"], headers):
            return self._refusal("origin")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limit(scope["path"]):
            return self._refusal("large")
        return None

    def _is_our_page(self, method: str, headers: Headers) -> bool:
        """Say whether a request came from a page of ours, or follows a link without changing anything."""
        site = headers.get("sec-fetch-site", "same-origin")
        if method in SAFE:  # but no picture or script of ours in somebody else's page
            return site in {"same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"
        ours = headers.getlist("origin") == [f"http://{headers['host']}"]
        return ours and site == "same-origin"

    def _entered(self, scope: "Scope", cookies: Mapping[str, str]) -> Response | None:
        """Return None for who may come in, else the page that tells how."""
        path = scope["path"]
        if path.startswith(STATIC):
            return None
        if path == "/login":
            session = self._entrance.admit(_asked(scope, "t")) if scope["method"] == "GET" else None
            return self._refusal("link") if session is None else self._welcome(session)
        if self._entrance.knows(cookies.get(self.cookie, "")):
            scope.setdefault("state", {})["key"] = None
            return None
        kind = next((kind for begin, kind in self._keyed.items() if _is_under(path, begin)), None)
        key = _asked(scope, "k")
        if kind is not None and self._entrance.fits(kind, key):
            scope.setdefault("state", {})["key"] = key
            return None
        refused = self._refusal("cookie")
        refused.headers["hx-refresh"] = "true"  # a page that was left open shows why it stands still
        return refused

    def _welcome(self, session: str) -> Response:
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, session, httponly=True, samesite="strict", path="/")
        return answer

    def _limit(self, path: str) -> int:
        return max((most for begin, most in self._limits.items() if _is_under(path, begin)), default=SMALL)

    def _limited(self, scope: "Scope", receive: "Receive") -> "Receive":
        """Return `receive` that ends a body which is longer than it said or than is taken."""
        left = self._limit(scope["path"])

        async def counted() -> "Message":
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        return counted


def cookie_name(port: int) -> str:
    """Return the name of the cookie: all ports of a machine share their cookies, so the port is part of it."""
    return f"sakigake-{port}"


def _is_local(scope: "Scope") -> bool:
    """Say whether the other end is this machine: a second lock, should the socket ever be bound to more."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _is_under(path: str, begin: str) -> bool:
    return path == begin or path.startswith(f"{begin}/")


def _asked(scope: "Scope", name: str) -> str:
    """Return the first value of that name in the address; empty when there is none.

    How many others there are says nothing: a form may tick every stage of a long session.
    """
    given: str = scope["query_string"].decode("latin-1")
    return parse_qs(given).get(name, [""])[0]


def _cookies(headers: Headers) -> dict[str, str]:
    """Return the cookies of a request by name."""
    parts = ";".join(headers.getlist("cookie")).split(";")
    return {name: value for name, _, value in (part.strip().partition("=") for part in parts)}


def _armoured(scope: "Scope", send: "Send") -> "Send":
    """Return `send` that gives every answer the headers that browsers are to obey."""

    async def armoured(message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _POLICY.items():
                headers[name] = value
            if not scope["path"].startswith(STATIC):
                # What was forgotten in the record must not stay in the browser's cache.
                headers["cache-control"] = "no-store"
        await send(message)

    return armoured
