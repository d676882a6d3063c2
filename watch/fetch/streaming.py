"""Getting something large through the guard, piece by piece and from where it broke off (RFC 9110, section 14).

The same guard as for posts: public addresses, checked once and connected to, each redirect checked like a first address.
Other limits: nothing is held in memory, and instead of a limit on the whole there is one on standing still.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import h11
import httpcore

from sakigake.errors import NetworkError
from watch.fetch import connect
from watch.fetch.client import REDIRECTS, USER_AGENT
from watch.fetch.guard import Guard
from watch.fetch.records import Headers, header
from watch.fetch.target import Target, follow

MOST_REDIRECTS = 5
CONNECT_S = 10.0
STALL_S = 30.0
LEAST_RATE = 1024  # bytes a second over STALL_S: below it a server only pretends to send
OK, PARTIAL, UNSATISFIED = 200, 206, 416


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to come: where it begins in the whole, how long the whole is (0: not said).

    `validator` is what tells this version of the file from another: a strong ETag, else Last-Modified, else empty.
    """

    url: str
    host: str
    start: int
    total: int
    validator: str
    pieces: Iterator[bytes]


@contextmanager
def opened(
    guard: Guard,
    url: str,
    *,
    start: int = 0,
    validator: str = "",
    stall_s: float = STALL_S,
    context: ssl.SSLContext | None = None,
) -> Iterator[Stream]:
    """Ask for `url` from byte `start` on; the server sends the whole when it is no longer what `validator` named.

    Raises NetworkError here and while the pieces are read: `fetch-stalled` when nearly nothing comes for `stall_s`.
    """
    target = guard.target(url)
    pool = httpcore.ConnectionPool(
        ssl_context=context or connect.tls_context(),
        http1=True,
        http2=False,
        retries=0,
        network_backend=connect.GuardedBackend(guard, CONNECT_S),
    )
    with pool:
        for _ in range(MOST_REDIRECTS + 1):
            response = _ask(pool, target, _lines(target, start, validator), stall_s)
            headers = tuple(
                (key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers
            )
            if response.status not in REDIRECTS or not (location := header(headers, "location")):
                break
            response.close()
            target = guard.admit(follow(target, location), target)
        else:
            raise NetworkError("fetch-too-many-redirects", host=target.host)
        try:
            yield _answer(target, response, headers, start, stall_s)
        finally:
            response.close()


def _lines(target: Target, start: int, validator: str) -> Headers:
    lines = [
        ("Host", target.authority),
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
    ]
    if start and validator:
        lines += [("Range", f"bytes={start}-"), ("If-Range", validator)]
    return tuple(lines)


def _ask(pool: httpcore.ConnectionPool, target: Target, lines: Headers, stall_s: float) -> httpcore.Response:
    waits = {"connect": CONNECT_S, "read": stall_s, "write": stall_s, "pool": stall_s}
    request = httpcore.Request(
        "GET",
        httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        ),
        headers=[(key.encode("ascii"), value.encode("latin-1")) for key, value in lines],
        extensions={"timeout": waits},
    )
    with _told(target.host, stall_s):
        return pool.handle_request(request)


def _answer(
    target: Target, response: httpcore.Response, headers: Headers, start: int, stall_s: float
) -> Stream:
    coding = header(headers, "content-encoding").strip().lower()
    if coding not in {"", "identity"}:
        raise NetworkError("fetch-packed", host=target.host)
    if response.status == OK:
        begins, total = 0, _number(header(headers, "content-length"))
    elif response.status == PARTIAL and start:
        begins, total = _range(header(headers, "content-range"))
        if begins != start:
            raise NetworkError("fetch-range-odd", host=target.host)
    else:
        retry = header(headers, "retry-after")[:64]
        raise NetworkError("fetch-status", host=target.host, status=response.status, retry_after=retry)
    tag = header(headers, "etag")
    validator = tag if tag.startswith('"') else header(headers, "last-modified")
    if not validator.isascii() or not validator.isprintable():
        validator = ""
    return Stream(target.url, target.host, begins, total, validator, _pieces(response, target.host, stall_s))


def _pieces(response: httpcore.Response, host: str, stall_s: float) -> Iterator[bytes]:
    since, came = time.monotonic(), 0
    with _told(host, stall_s):
        for piece in response.iter_stream():
            yield piece
            came += len(piece)
            now = time.monotonic()
            if came >= LEAST_RATE * stall_s:
                since, came = now, 0
            elif now - since > stall_s:
                raise NetworkError("fetch-stalled", host=host, seconds=f"{stall_s:g}")


@contextmanager
def _told(host: str, stall_s: float) -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise NetworkError("fetch-stalled", host=host, seconds=f"{stall_s:g}") from error
    except httpcore.ConnectError as error:
        raise NetworkError("fetch-tls", host=host) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, h11.ProtocolError) as error:
        raise NetworkError("fetch-cut-off", host=host) from error


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0  # noqa: PLR2004 - digits of 2^63


def _range(text: str) -> tuple[int, int]:
    """Return where a part begins and how long the whole is, (-1, 0) when the header cannot be read."""
    unit, _, rest = text.strip().partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit.lower() != "bytes" or not (first.isascii() and first.isdecimal()):
        return -1, 0
    return _number(first), _number(total)
