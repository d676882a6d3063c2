"""Getting one thing from a server that a stranger may have named. Thread-safe; connections are kept and used again.

Built on httpcore, the part of httpx that speaks HTTP and nothing else: it knows no proxies, no `.netrc`, no cookies and no
redirects, so none of those has to be switched off.
"""

import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import h11
import httpcore

from sakigake import __version__
from sakigake.errors import NetworkError, UsageError
from watch.fetch import connect
from watch.fetch.bodies import Body, PackedOtherwiseError, TooLargeError
from watch.fetch.guard import Guard
from watch.fetch.kinds import BEGINNING, is_picture
from watch.fetch.records import Fetched, Headers, Hop, Limits, header
from watch.fetch.target import Target, follow

USER_AGENT = f"sakigake/{__version__} (draft-stage comparison run by an artist)"
OK = 200
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_CONNECTIONS, MOST_IDLE, IDLE_S = 64, 16, 20.0
# Of a redirect's own page so much is read and kept; nobody needs it but the record.
REDIRECT_BYTES = 64 * 1024
# Headers that a caller may not set: the connection's own, and those that would say who asks or where from.
NOT_YOURS = frozenset(
    [
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "proxy-authorization",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ]
)
# Never written down: what opens somebody's account.
SECRET = frozenset(
    ["authorization", "cookie", "set-cookie", "proxy-authorization", "proxy-authenticate", "set-cookie2"]
)


class Fetcher:
    """Gets and posts through a guard. `context` is how TLS servers are checked, by the usual roots when omitted."""

    def __init__(
        self, guard: Guard | None = None, limits: Limits | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self.guard = guard or Guard()
        self.limits = limits or Limits()
        self._context = context or connect.tls_context()
        self._pool = httpcore.ConnectionPool(
            ssl_context=self._context,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_S,
            http1=True,
            http2=False,
            retries=0,
            network_backend=connect.GuardedBackend(self.guard, self.limits.connect_s),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._pool.close()

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        ok: Collection[int] = (200,),
        pictures_only: bool = False,
    ) -> Fetched:
        """Return what is at `url`, at the end of its redirects.

        `ok` lists the statuses that are an answer; any other raises `fetch-status` with `status` and `retry_after`
        among its values. `accept` is what to ask for, and no promise. With `pictures_only` a body that begins like no
        picture is left unread. Raises NetworkError; UsageError for a header that a caller may not set.
        """
        target = self.guard.target(url)
        extra = _checked(headers)
        began = datetime.now(UTC)
        hops: list[Hop] = []
        with connect.within(self.limits.total_s) as deadline:
            while True:
                asked = _Asked("GET", target, _lines(target, accept, extra))
                hop, body = self._ask(deadline, asked, self._limit(max_bytes), pictures=pictures_only)
                hops.append(hop)
                if hop.status not in REDIRECTS or not (location := header(hop.headers, "location")):
                    break
                if len(hops) > self.limits.redirects:
                    raise NetworkError("fetch-too-many-redirects", host=target.host)
                onward = self.guard.admit(follow(target, location), target)
                if (onward.scheme, onward.place) != (target.scheme, target.place):
                    # What opens an account with one server is not shown to another.
                    extra = {key: value for key, value in extra.items() if key.lower() not in SECRET}
                target = onward
        return _answer(url, hops, body, began, ok)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        kind: str = "application/json",
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        ok: Collection[int] = (200,),
    ) -> Fetched:
        """Send `body` to `url` and return the answer; redirects are not followed. Raises like `get`."""
        target = self.guard.target(url)
        extra = {**_checked(headers), "Content-Type": kind, "Content-Length": str(len(body))}
        began = datetime.now(UTC)
        with connect.within(self.limits.total_s) as deadline:
            asked = _Asked("POST", target, _lines(target, accept, extra), body)
            hop, plain = self._ask(deadline, asked, self._limit(max_bytes), pictures=False)
        return _answer(url, [hop], plain, began, ok)

    def open_socket(self, host: str, port: int, *, tls: bool) -> socket.socket:
        """Return a connection for another protocol than HTTP, under the same rules; raises NetworkError."""
        return connect.open_socket(
            self.guard, host, port, tls=tls, seconds=self.limits.connect_s, context=self._context
        )

    def _limit(self, max_bytes: int | None) -> int:
        most = self.limits.max_bytes
        return most if max_bytes is None else min(max_bytes, most)

    def _ask(
        self, deadline: connect.Deadline, asked: "_Asked", limit: int, *, pictures: bool
    ) -> tuple[Hop, bytes]:
        """Make one request; return its record and the unpacked body."""
        host = asked.target.host
        try:
            began = datetime.now(UTC)
            response = self._send(deadline, asked)
            try:
                return _read(response, asked, began, limit, pictures=pictures)
            finally:
                response.close()
        except TooLargeError as error:
            raise NetworkError("fetch-too-large", host=host, megabytes=f"{limit / 2**20:g}") from error
        except PackedOtherwiseError as error:
            raise NetworkError("fetch-packed", host=host) from error
        except (httpcore.TimeoutException, httpcore.PoolTimeout) as error:
            raise NetworkError("fetch-too-slow", host=host) from error
        except (
            httpcore.ConnectError
        ) as error:  # the address was reached: the connection under TLS was not made
            raise NetworkError("fetch-tls", host=host) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, h11.ProtocolError, OSError) as error:
            raise NetworkError("fetch-cut-off", host=host) from error

    def _send(self, deadline: connect.Deadline, asked: "_Asked") -> httpcore.Response:
        """Send a request and return the answer's beginning.

        A kept connection may have been closed by the server at this very moment; then a get is sent once more.
        """
        deadline.connected = False
        try:
            return self._pool.handle_request(self._request(asked))
        except (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError):
            if asked.method != "GET" or deadline.connected:
                raise
        return self._pool.handle_request(self._request(asked))

    def _request(self, asked: "_Asked") -> httpcore.Request:
        rest = connect.left(self.limits.total_s)
        waits = {"connect": min(rest, self.limits.connect_s), "read": rest, "write": rest, "pool": rest}
        return httpcore.Request(
            asked.method,
            httpcore.URL(
                scheme=asked.target.scheme.encode(),
                host=asked.target.host.encode(),
                port=asked.target.port,
                target=asked.target.path.encode(),
            ),
            headers=[(key.encode("ascii"), value.encode("ascii")) for key, value in asked.lines],
            content=asked.body,
            extensions={"timeout": waits},
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    target: Target
    lines: Headers
    body: bytes | None = None


def _read(
    response: httpcore.Response, asked: _Asked, began: datetime, limit: int, *, pictures: bool
) -> tuple[Hop, bytes]:
    """Return the record of an answer and its unpacked body. Of a redirect's page only the beginning is read."""
    headers = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers)
    onward = response.status in REDIRECTS
    body = Body("" if onward else header(headers, "content-encoding"), limit)
    length = header(headers, "content-length")[:20]
    if length.isascii() and length.isdecimal() and int(length) > limit and not onward:
        raise TooLargeError
    seen, cut, came = not pictures or response.status != OK, False, 0
    for chunk in response.iter_stream():
        came += len(chunk)
        if onward and came > min(REDIRECT_BYTES, limit):
            cut = True
            break
        body.add(chunk)
        if not seen and len(body.beginning) >= BEGINNING:
            seen = True
            if not is_picture(body.beginning):
                raise NetworkError("fetch-not-picture", host=asked.target.host)
    raw, plain = body.end()
    if not seen:  # too short for a picture
        raise NetworkError("fetch-not-picture", host=asked.target.host)
    stream = response.extensions.get("network_stream")
    guarded = stream if isinstance(stream, connect.GuardedStream) else None
    reason = response.extensions.get("reason_phrase", b"")
    hop = Hop(
        method=asked.method,
        url=asked.target.url,
        request=_shown(asked.lines),
        status=response.status,
        reason=reason.decode("latin-1"),
        headers=_shown(headers),
        raw=raw,
        cut=cut,
        address=guarded.address if guarded else "",
        certificate_sha256=guarded.certificate_sha256 if guarded else None,
        began=began,
        ended=datetime.now(UTC),
    )
    return hop, plain


def _checked(headers: Mapping[str, str] | None) -> dict[str, str]:
    extra = dict(headers or {})
    for key, value in extra.items():
        if key.lower() in NOT_YOURS or not (key + value).isascii() or not (key + value).isprintable():
            raise UsageError("fetch-header-odd", name=key)
    return extra


def _lines(target: Target, accept: Sequence[str], extra: Mapping[str, str]) -> Headers:
    return (
        ("Host", target.authority),
        ("User-Agent", USER_AGENT),
        ("Accept", ", ".join(accept) or "*/*"),
        ("Accept-Encoding", "gzip"),
        *extra.items(),
    )


def _shown(headers: Headers) -> Headers:
    return tuple((key, value) for key, value in headers if key.lower() not in SECRET)


def _answer(url: str, hops: list[Hop], body: bytes, began: datetime, ok: Collection[int]) -> Fetched:
    last = hops[-1]
    if last.status not in ok:
        host = last.url.split("/")[2]
        retry = header(last.headers, "retry-after")
        raise NetworkError("fetch-status", host=host, status=last.status, retry_after=retry[:64])
    return Fetched(
        requested=url,
        url=last.url,
        status=last.status,
        headers=last.headers,
        body=body,
        hops=tuple(hops),
        address=last.address,
        certificate_sha256=last.certificate_sha256,
        began=began,
        ended=last.ended,
    )
