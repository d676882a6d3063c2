"""Which time authorities are believed: their names, addresses and pinned certificates.

A verifier uses its own pinned roots. Roots that come with an evidence package are whatever its maker put there.
"""

import base64
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sakigake import resources
from sakigake.anchor import chain
from sakigake.errors import ConfigError
from sakigake.text import is_text

_PIN = re.compile(r"[0-9a-fA-F]{64}")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class Origin(StrEnum):
    """Who chose the roots of an authority."""

    SHIPPED = "shipped"
    SETTINGS = "settings"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Authority:
    """One time authority.

    `roots` are trusted; `pins` (hex SHA-256 of the signing certificates) narrow them to certain keys, and when
    empty any certificate below a root that may sign nothing but time is accepted. `between` are intermediates
    that the authority does not send along. `url` is empty for one that is only read, never asked. `provenance`
    says where the roots came from, `origin` whether they are shipped or somebody here chose them: a name says nothing
    then, anybody can give himself any.
    """

    name: str
    url: str
    roots: tuple[x509.Certificate, ...]
    pins: tuple[str, ...]
    provenance: str
    between: tuple[x509.Certificate, ...] = ()
    origin: Origin = Origin.SHIPPED

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each root certificate (DER) in hex: what an authority publishes of itself."""
        return tuple(sha256(root.public_bytes(Encoding.DER)).hexdigest() for root in self.roots)

    def signed(
        self, leaf: x509.Certificate, embedded: Collection[x509.Certificate], moment: datetime
    ) -> bool:
        """Say whether `leaf` is this authority's: pinned, and in a valid chain to its roots at `moment`."""
        if self.pins and sha256(leaf.public_bytes(Encoding.DER)).hexdigest() not in self.pins:
            return False
        return chain.path(leaf, (*embedded, *self.between), self.roots, moment) is not None


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities that are believed, and `asked`, the names of those that get requests, in turn."""

    authorities: tuple[Authority, ...] = ()
    asked: tuple[str, ...] = ()

    def get(self, name: str) -> Authority | None:
        """Return the authority called `name`."""
        return next((authority for authority in self.authorities if authority.name == name), None)

    def only(self, name: str) -> "Trust":
        """Return a trust in this one authority, or in nobody when it is not known."""
        found = self.get(name)
        return Trust((found,) if found else ())

    def owner(
        self, leaf: x509.Certificate, embedded: Collection[x509.Certificate], moment: datetime
    ) -> Authority | None:
        """Return the first authority whose certificate `leaf` is."""
        return next((each for each in self.authorities if each.signed(leaf, embedded, moment)), None)

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Return every pinned root and intermediate."""
        return tuple({one for each in self.authorities for one in (*each.roots, *each.between)})

    def with_roots(
        self, pem: bytes, name: str = "added", provenance: str = "given by the person who verifies"
    ) -> "Trust":
        """Return this trust with one more authority, whose certificates are given as PEM or DER; raises ConfigError."""
        roots, between = _read_pem(pem, name)
        given = Authority(name, "", roots, (), provenance, between, Origin.GIVEN)
        return replace(self, authorities=(*self.authorities, given))


def load(tables: Mapping[str, Any] | None = None) -> Trust:
    """Read the shipped authorities and those of the settings; raises ConfigError.

    `tables` is the whole configuration. Each `[[anchor.authority]]` adds one (`name`, `url`, `root` = path of a PEM
    file, optional `pins`) or, under a shipped name, takes its place. `anchor.use` names those that are asked;
    without it they are the shipped ones marked `ask` and all that the settings add.
    """
    shipped = tomllib.loads(resources.read_text("authorities.toml"))["authority"]
    known = {row["name"]: _authority(row, resources.read_bytes(f"trust/{row['root']}")) for row in shipped}
    asked = [row["name"] for row in shipped if row["ask"]]
    section = (tables or {}).get("anchor", {})
    if not isinstance(section, Mapping):
        raise ConfigError("anchor-authority-incomplete", name="?")
    rows = section.get("authority", [])
    for row in rows if isinstance(rows, list) else [rows]:
        authority = _from_settings(row)
        known[authority.name] = authority
        if authority.url and authority.name not in asked:
            asked.append(authority.name)
    # One of the settings that takes the place of a shipped one may be only read, and not asked.
    chosen = section.get("use", [name for name in asked if known[name].url])
    wanted = chosen if isinstance(chosen, list) else [chosen]
    for name in wanted:
        if not isinstance(name, str) or name not in known or not known[name].url:
            raise ConfigError("anchor-authority-unknown", name=name, known=", ".join(sorted(known)))
    return Trust(tuple(known.values()), tuple(dict.fromkeys(wanted)))


def check_url(url: str) -> bool:
    """Say whether `url` is a plain http or https address without a password in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and url.isascii()
    )


def _from_settings(row: object) -> Authority:
    """Read one `[[anchor.authority]]`; whatever a person may write there must end in a sentence, not in a trace."""
    table = row if isinstance(row, Mapping) else {}
    texts = [table.get(field, "") for field in ("name", "root", "url")]
    pins = table.get("pins", [])
    if not all(isinstance(text, str) for text in texts) or not (texts[0] and texts[1]) or not _are_pins(pins):
        raise ConfigError("anchor-authority-incomplete", name=texts[0] or "?")
    if texts[0] == "bitcoin":
        raise ConfigError("anchor-name-taken", name=texts[0])
    if not is_text(texts[0]):  # the ledger names an authority that fails, in text that everybody reads alike
        raise ConfigError("anchor-name-odd", name=texts[0])
    name, path = texts[0], Path(texts[1]).expanduser()
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            "anchor-root-unreadable", name=name, path=path, why=error.strerror or error
        ) from error
    return replace(_authority({"provenance": "added in the settings", **table}, pem), origin=Origin.SETTINGS)


def _are_pins(pins: object) -> bool:
    return isinstance(pins, list) and all(isinstance(pin, str) and _PIN.fullmatch(pin) for pin in pins)


def _authority(row: Mapping[str, Any], pem: bytes) -> Authority:
    name, url = row["name"], row.get("url", "")
    if url and not check_url(url):
        raise ConfigError("anchor-address", url=url)
    roots, between = _read_pem(pem, name)
    pins = tuple(pin.lower() for pin in row.get("pins", []))
    return Authority(name, url, roots, pins, str(row["provenance"]), between)


def _read_pem(pem: bytes, name: str) -> tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]:
    """Return the self-signed certificates of a PEM file and the others."""
    try:
        blocks = _PEM.findall(pem)
        found = [chain.load(base64.b64decode(block, validate=False)) for block in blocks] or [chain.load(pem)]
    except ValueError as error:
        raise ConfigError("anchor-root-not-pem", name=name) from error
    unique = tuple(dict.fromkeys(found))
    roots = tuple(each for each in unique if each.subject == each.issuer)
    if not roots:
        raise ConfigError("anchor-root-not-pem", name=name)
    return roots, tuple(each for each in unique if each not in roots)
