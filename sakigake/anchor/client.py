"""One request over HTTP, above all to a time authority (RFC 3161 section 3.4), with a limit on all the other side does.

Plain http is fine here: what comes back is signed or bound by hashes, and only a digest goes out.
"""

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from sakigake import __version__
from sakigake.anchor import rfc3161
from sakigake.anchor.trust import Authority, Trust, check_url
from sakigake.errors import NetworkError

MAX_RESPONSE_BYTES = rfc3161.MAX_TOKEN_BYTES
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A response in its normal form, and what it says."""

    raw: bytes
    reading: rfc3161.TokenReading


def stamp(authority: Authority, data: bytes, timeout: float) -> Stamp:
    """Ask `authority` for a token over `data` and read the answer strictly, with the nonce that was sent.

    Raises NetworkError when no answer came, VerificationError when it is not a token over `data` for this request.
    The reading's authority is None when the answer is sound but not from this authority's pinned roots.
    """
    request = rfc3161.build_request(data)
    raw = rfc3161.normal_form(exchange(authority.url, request, timeout), authority.name)
    nonce = rfc3161.request_nonce(request)
    trust = Trust((authority,))
    return Stamp(raw, rfc3161.read_token(raw, data, trust, nonce=nonce, open_chain=True, what=authority.name))


def request_token(authority: Authority, data: bytes, timeout: float) -> bytes:
    """Return the response of `authority` over `data`; raises NetworkError or VerificationError like `stamp`."""
    return stamp(authority, data, timeout).raw


def exchange(url: str, body: bytes, timeout: float) -> bytes:
    """Post a request to a time authority and return what came back; raises NetworkError as `fetch` does."""
    headers = {"Content-Type": QUERY, "Accept": REPLY}
    return fetch(url, timeout, MAX_RESPONSE_BYTES, body=body, headers=headers, kind=REPLY)


def fetch(
    url: str,
    timeout: float,
    limit: int,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    kind: str | None = None,
) -> bytes:
    """Get `url`, or post `body` to it, and return at most `limit` bytes of content type `kind` (None: any).

    `timeout` is for the whole exchange, in seconds: an answer that drips in for hours is cut off. Only the look-up
    of the host's name is out of reach and keeps the system's own limit. Redirects are not followed. Raises
    NetworkError, with the HTTP status among its values when the other side refused.
    """
    if not check_url(url):
        raise NetworkError("anchor-address", url=url)
    request = urllib.request.Request(  # noqa: S310 - checked above
        url,
        data=body,
        headers={"User-Agent": f"sakigake/{__version__}", **(headers or {})},
        method="GET" if body is None else "POST",
    )
    deadline = _Deadline(timeout)
    try:
        with deadline, _opener(deadline).open(request, timeout=timeout) as response:
            answered = response.headers.get_content_type()
            answer: bytes = response.read(limit + 1)
    except urllib.error.HTTPError as error:
        error.close()
        code = "anchor-redirect" if error.code // 100 == 3 else "anchor-refused"  # noqa: PLR2004 - HTTP classes
        raise NetworkError(code, url=url, status=error.code) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last: a host name that is none
        why = getattr(error, "reason", error)
        if deadline.passed or isinstance(why, TimeoutError):
            raise NetworkError("anchor-timeout", url=url, seconds=f"{timeout:g}") from error
        raise NetworkError("anchor-unreachable", url=url, why=why) from error
    # Cutting the connection looks like its regular end to the reader.
    if deadline.passed:
        raise NetworkError("anchor-timeout", url=url, seconds=f"{timeout:g}")
    if kind is not None and answered != kind:
        raise NetworkError("anchor-not-a-token", url=url)
    if len(answer) > limit:
        raise NetworkError("anchor-too-large", url=url)
    return answer


class _Deadline:
    """Cuts the connection when the time is up: a socket's own timeout starts anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    @property
    def passed(self) -> bool:
        """Say whether the time is up."""
        return time.monotonic() >= self._end

    def watch(self, connected: socket.socket) -> None:
        """Remember the socket to cut."""
        self._socket = connected
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            try:
                # The plain shutdown: that of an SSL socket takes the encryption away under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return  # closed already


class _Connection(http.client.HTTPConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


def _connect(
    kind: type[_Connection | _SecureConnection], deadline: _Deadline, host: str, **options: Any
) -> http.client.HTTPConnection:
    connection = kind(host, **options)
    connection.deadline = deadline
    return connection


class _Handler(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._connect: Any = partial(_connect, _Connection, deadline)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._connect: Any = partial(_connect, _SecureConnection, deadline)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    """Return an opener that knows http, https and the system's proxy; no files, no redirects, no cookies."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Handler(deadline),
        _SecureHandler(deadline),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener
