"""Calendars of OpenTimestamps: servers that put many digests into one Bitcoin transaction, and say later into which.

Asked are the calendars of the settings and no others: a proof names its calendar too, and following that name would
let whoever answers send this program anywhere. What goes out is SHA-256(digest, 16 random bytes), as the real client
does it, so that a calendar learns nothing and two of its customers cannot be told to hold the same file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakigake.anchor import client, headers, ots
from sakigake.anchor.trust import check_url
from sakigake.errors import ConfigError, NetworkError, VerificationError

MAX_REPLY_BYTES = 10_000  # the real client's limit
NOT_FOUND = 404
ENVIRONMENT = "SAKIGAKE_OTS"
_HEADERS = {"Accept": "application/vnd.opentimestamps.v1"}


@dataclass(frozen=True, slots=True)
class Calendars:
    """Who is asked, how often, and where block headers come from. Without addresses nobody is asked."""

    addresses: tuple[str, ...] = ()
    every_s: float = 600.0
    timeout_s: float = 10.0
    source: headers.Source | None = None


def load(tables: Mapping[str, Any]) -> Calendars:
    """Read `[ots]`; nobody is asked when it is off, when `[anchor]` is, or with SAKIGAKE_OTS=off. Raises ConfigError."""
    section, anchoring = tables.get("ots", {}), tables.get("anchor", {})
    off = os.environ.get(ENVIRONMENT, "").lower() in {"off", "0", "false"}
    if off or not section.get("enabled", False) or not anchoring.get("enabled", True):
        return Calendars()
    addresses = section["calendars"]
    for address in addresses:
        if not isinstance(address, str) or not check_url(address):
            raise ConfigError("ots-address", name="ots.calendars", url=address)
    explorer, path = section["explorer"], section["headers"]
    if explorer and not check_url(explorer):
        raise ConfigError("ots-address", name="ots.explorer", url=explorer)
    timeout = float(section["timeout_s"])
    source: headers.Source | None = headers.Explorer(explorer, timeout) if explorer else None
    if path:
        source = headers.HeaderFile(Path(path).expanduser())
    return Calendars(tuple(dict.fromkeys(addresses)), float(section["every_s"]), timeout, source)


def prepare(digest: bytes) -> tuple[tuple[ots.Step, ...], bytes]:
    """Return the steps that hide a digest behind 16 random bytes, and what they make of it."""
    steps = (ots.Step(ots.APPEND, os.urandom(ots.NONCE_BYTES)), ots.HASH)
    for step in steps:
        digest = step.apply(digest)
    return steps, digest


def submit(address: str, message: bytes, timeout: float) -> ots.Path:
    """Hand a calendar 32 bytes; returns the path to what it promises. Raises NetworkError, VerificationError."""
    reply = client.fetch(_at(address, "digest"), timeout, MAX_REPLY_BYTES, body=message, headers=_HEADERS)
    for path in ots.read_reply(reply, message, address):
        if path.end.kind is ots.Kind.PENDING and path.steps:
            return path
    raise VerificationError("proof-without-promise", what=address)


def upgrade(address: str, promised: bytes, timeout: float) -> list[ots.Path]:
    """Ask a calendar what became of a promise; returns the paths to Bitcoin blocks, none when there is none yet.

    Raises NetworkError when it does not answer and VerificationError when it answers something else.
    """
    try:
        reply = client.fetch(
            _at(address, f"timestamp/{promised.hex()}"), timeout, MAX_REPLY_BYTES, headers=_HEADERS
        )
    except NetworkError as error:
        if error.params.get("status") == NOT_FOUND:
            return []
        raise
    return [path for path in ots.read_reply(reply, promised, address) if path.end.kind is ots.Kind.BITCOIN]


def _at(address: str, path: str) -> str:
    return f"{address.rstrip('/')}/{path}"
