"""What an address on the web names, read more strictly than any browser does.

Whatever two programs could read differently is refused, so that what is checked is what is asked.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from sakigake.errors import NetworkError

LONGEST = 4096
PORTS = {"http": 80, "https": 443}
_SPLIT = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_HIGHEST_PORT = 65_535
_LONGEST_NAME = 253
# What stays as it is in a path and a query; a percent sign is written already.
_SAFE = "%/:?#[]@!$&'()*+,;=-._~|^`{}\"<>"
# Names that by standard (RFC 6761, 6762, 7686, 8375, 9476) or by habit mean something at home.
HOME_NAMES = frozenset(
    [
        "localhost",
        "local",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "test",
        "invalid",
        "example",
        "onion",
        "alt",
        "arpa",
        "localdomain",
    ]
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `host` in lower-case ASCII, an IPv6 address without brackets; `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return host and port as the Host line has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the whole address in its plain form."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def place(self) -> str:
        """Return `host:port`, as `[watch] trusted_hosts` lists it."""
        return place(self.host, self.port)


def place(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read(url: str) -> Target:
    """Return what `url` names; raises NetworkError when it is no plain http or https address.

    Nothing is looked up. Ports and addresses are the guard's business, not this function's.
    """
    if len(url) > LONGEST or _UNSEEN.search(url) or not (match := _SPLIT.fullmatch(url)):
        raise NetworkError("fetch-url-odd")
    scheme = match["scheme"].lower()
    if scheme not in PORTS:
        raise NetworkError("fetch-scheme", scheme=scheme[:20])
    if not match["rest"].startswith("//"):
        raise NetworkError("fetch-url-odd")
    try:
        parts = urlsplit(url)
    except ValueError as error:  # brackets that do not close, a netloc that changes under NFKC
        raise NetworkError("fetch-url-odd") from error
    if "@" in parts.netloc:
        raise NetworkError("fetch-userinfo")
    host, port = _split(parts.netloc)
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    return Target(scheme, read_host(host), port or PORTS[scheme], path + query)


def follow(base: Target, location: str) -> Target:
    """Return where a redirect leads; raises NetworkError like `read`."""
    if len(location) > LONGEST or _UNSEEN.search(location):
        raise NetworkError("fetch-url-odd")
    try:
        return read(urljoin(base.url, location))
    except ValueError as error:
        raise NetworkError("fetch-url-odd") from error


def read_host(host: str) -> str:
    """Return a host in lower-case ASCII, an IPv6 address without brackets; raises NetworkError for odd spellings.

    Refused are the many other ways to write an IPv4 address (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`).
    """
    if host.startswith("["):
        try:
            if not host.endswith("]") or "%" in host:
                raise NetworkError("fetch-url-odd")
            return IPv6Address(host[1:-1]).compressed
        except AddressValueError as error:
            raise NetworkError("fetch-url-odd") from error
    name = host.lower() if host.isascii() else _ascii(host)
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise NetworkError("fetch-url-odd")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(name))
        except AddressValueError as error:
            raise NetworkError("fetch-url-odd") from error
    return name


def means_home(host: str) -> bool:
    """Say whether a host is a name that is never looked up in public: one word, or one that ends like `.local`."""
    labels = host.split(".")
    return ":" not in host and (len(labels) == 1 or labels[-1] in HOME_NAMES)


def _split(netloc: str) -> tuple[str, int | None]:
    host, colon, port = netloc.rpartition(":")
    if not colon or port.endswith("]"):
        return netloc, None
    if not port:
        return host, None
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _HIGHEST_PORT:
        raise NetworkError("fetch-url-odd")
    return host, int(port)


def _ascii(host: str) -> str:
    """Return an international name in its ASCII form, with fullwidth letters and dots made plain."""
    import idna  # noqa: PLC0415 - its tables are large, and few hosts need them

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise NetworkError("fetch-url-odd") from error
