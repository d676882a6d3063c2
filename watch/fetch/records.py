"""What a fetch brought, as plain data, and the limits it was held to."""

from dataclasses import dataclass
from datetime import datetime

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one fetch, redirects included. `max_bytes` counts the body after unpacking, and before it as well."""

    connect_s: float = 10.0
    total_s: float = 30.0
    max_bytes: int = 20 * 2**20
    redirects: int = 3


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and its answer, as evidence: cookies and authorization are in neither of the two lists of headers.

    `raw` is the body as it came, still packed when the server packed it; `cut` says that its rest was not read (only
    of a redirect). `address` is the one connected to, `certificate_sha256` 64 hex digits, None without TLS.
    The body of a post is not written down: some services want their tokens there.
    """

    method: str
    url: str
    request: Headers
    status: int
    reason: str
    headers: Headers
    raw: bytes
    cut: bool
    address: str
    certificate_sha256: str | None
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer at the end of the redirects. `body` is unpacked; `hops` holds every request, the last one included.

    What the server says of the body's kind is in `headers` and is never believed.
    """

    requested: str
    url: str
    status: int
    headers: Headers
    body: bytes
    hops: tuple[Hop, ...]
    address: str
    certificate_sha256: str | None
    began: datetime
    ended: datetime

    def header(self, name: str) -> str:
        """Return the first header of that name, empty when there is none."""
        return header(self.headers, name)


def header(headers: Headers, name: str) -> str:
    """Return the first header of that name, in any case, empty when there is none."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), "")
