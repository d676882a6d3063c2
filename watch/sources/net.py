"""What a source may use to reach the network: guarded requests and sockets, each host at its own pace.

The guard itself is `watch.fetch`; a source never opens a connection in another way (gallery-dl, a program of its own,
is the exception and says so).
"""

import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from sakigake.clock import Clock
from sakigake.errors import NetworkError
from watch.limits import Limits, Rate

if TYPE_CHECKING:
    from watch.fetch.client import Fetcher
    from watch.fetch.records import Fetched

CONNECT_S = 10.0


class OpenSocket(Protocol):
    """`watch.fetch.connect.open_socket` with its guard given. Raises NetworkError."""

    def __call__(self, host: str, port: int, *, tls: bool, seconds: float = CONNECT_S) -> socket.socket:
        """Return a connection to a checked address."""


@dataclass(frozen=True, slots=True)
class Net:
    """The network as sources see it."""

    fetcher: "Fetcher"
    open_socket: OpenSocket
    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def over(cls, fetcher: "Fetcher", limits: Limits | None = None, clock: Clock | None = None) -> "Net":
        """Return the network of a fetcher and its guard."""
        from watch.fetch.connect import open_socket  # noqa: PLC0415 - loads the HTTP library

        clock = clock or Clock()
        return cls(fetcher, partial(open_socket, fetcher.guard), limits or Limits(clock=clock), clock)

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        ok: Collection[int] = (200,),
    ) -> "Fetched":
        """Get `url` when its host may be asked; raises NetworkError, also while the host rests."""
        with self.paced(place(url)):
            return self.fetcher.get(url, accept=accept, headers=headers, max_bytes=max_bytes, ok=ok)

    def post(
        self, url: str, body: bytes, *, max_bytes: int | None = None, headers: Mapping[str, str] | None = None
    ) -> "Fetched":
        """Post JSON to `url` when its host may be asked; raises NetworkError, also while the host rests."""
        with self.paced(place(url)):
            return self.fetcher.post(url, body, headers=headers, max_bytes=max_bytes)

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
