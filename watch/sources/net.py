"""What a source may use to reach the network: guarded requests and sockets, each host at its own pace.

The guard itself is `watch.fetch`; a source never opens a connection in another way (gallery-dl, a program of its own,
is the exception and says so).
"""

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from sakigake.clock import Clock
from sakigake.errors import NetworkError
from watch.limits import Limits, Rate

CONNECT_S = 10.0


class Answer(Protocol):
    """What `watch.fetch.client.Fetcher` brings, as far as sources look at it."""

    @property
    def url(self) -> str:
        """Return the address at the end of the redirects."""

    @property
    def status(self) -> int:
        """Return the status of the answer."""

    @property
    def body(self) -> bytes:
        """Return the unpacked body."""

    def header(self, name: str) -> str:
        """Return a header, empty when there is none."""


class Fetching(Protocol):
    """The part of `watch.fetch.client.Fetcher` that sources use. Both methods raise NetworkError."""

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        ok: Collection[int] = (200,),
    ) -> Answer:
        """Return what is at `url`."""

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
    ) -> Answer:
        """Send `body` to `url` and return the answer."""


class OpenSocket(Protocol):
    """`watch.fetch.connect.open_socket` with its guard given. Raises NetworkError."""

    def __call__(self, host: str, port: int, *, tls: bool, seconds: float = CONNECT_S) -> socket.socket:
        """Return a connection to a checked address."""


@dataclass(frozen=True, slots=True)
class Net:
    """The network as sources see it."""

    fetcher: Fetching
    open_socket: OpenSocket
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=Clock)

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        ok: Collection[int] = (200,),
    ) -> Answer:
        """Get `url` when its host may be asked; raises NetworkError, also while the host rests."""
        return self._asked(
            url, lambda: self.fetcher.get(url, accept=accept, headers=headers, max_bytes=max_bytes, ok=ok)
        )

    def post(
        self, url: str, body: bytes, *, max_bytes: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Post JSON to `url` when its host may be asked; raises NetworkError, also while the host rests."""
        return self._asked(url, lambda: self.fetcher.post(url, body, headers=headers, max_bytes=max_bytes))

    def _asked(self, url: str, ask: Callable[[], Answer]) -> Answer:
        with self.paced(place(url)):
            return ask()

    @contextmanager
    def paced(self, host: str) -> Iterator[None]:
        """Wait for the host's turn, and note whether what is done inside went well."""
        self.limits.take(host)
        try:
            yield
        except NetworkError as error:
            self.limits.failed(host, str(error.params.get("retry_after") or ""))
            raise
        self.limits.succeeded(host)

    def pace(self, host: str, rate: Rate) -> None:
        """Give a host its own rate."""
        self.limits.slow(host, rate)


def place(url: str) -> str:
    """Return the host of an address as the limits know it, with its port where it is none of the usual ones."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host if parts.port in {None, 80, 443} else f"{host}:{parts.port}"
