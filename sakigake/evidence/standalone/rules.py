"""What every part refuses by, and the sizes that all share."""

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime

KIB, MIB = 1 << 10, 1 << 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEX = re.compile(r"[0-9a-f]{64}")


class RefusedError(Exception):
    """The package does not hold: `code` says which rule, `where` which file."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code)
        # Names come from the package: none may steer a terminal, nor fill it.
        plain = where.isascii() and where.isprintable()
        self.code, self.where = code, (where if plain else ascii(where))[:80]


def refusal(code: str, where: str = "") -> RefusedError:
    """Return the refusal to raise."""
    return RefusedError(code, where)


def need(holds: object, code: str, where: str = "") -> None:
    """Refuse the package unless the rule holds."""
    if not holds:
        raise refusal(code, where)


def sha(data: bytes) -> bytes:
    """Return the SHA-256."""
    return hashlib.sha256(data).digest()


def is_digest(value: object) -> bool:
    """Say whether a value is 64 lower-case hex digits."""
    return isinstance(value, str) and HEX.fullmatch(value) is not None


def base64_exact(text: str, where: str) -> bytes:
    """Return the bytes of the only base64 form they have."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise refusal("malformed", where) from error
    need(base64.b64encode(raw).decode() == text, "malformed", where)
    return raw
