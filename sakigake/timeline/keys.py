"""The signing key of this installation: Ed25519, one file only its owner may read."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.errors import ConfigError

KEY_FILE = "ed25519.pem"
_P = 2**255 - 19  # RFC 8032 section 5.1: the field, and the constant of the curve
_D = -121665 * pow(121666, -1, _P) % _P


def is_sound(public: bytes) -> bool:
    """Say whether a public key (32 bytes) is the one encoding of a point that is not of small order.

    Under the eight points of small order a signature made once fits other texts as well, so a list of files would
    not be bound to it. Their y coordinates are 0, 1, -1 and, for order 8, the roots of d y^4 + 2 y^2 - 1.
    """
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    order_four = y in {0, 1, _P - 1}
    order_eight = (_D * pow(y, 4, _P) + 2 * y * y - 1) % _P == 0
    return y < _P and not order_four and not order_eight


def load_or_create(folder: Path) -> Ed25519PrivateKey:
    """Return the key kept in `folder`, making one at the first start; raises ConfigError.

    `SAKIGAKE_PASSPHRASE` encrypts the file (PKCS #8, scrypt) when it is made and opens it later.
    """
    path = folder / KEY_FILE
    passphrase = os.environ.get("SAKIGAKE_PASSPHRASE", "").encode() or None
    try:
        return _load(path, passphrase)
    except FileNotFoundError:
        return _create(path, passphrase)


def _load(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("key-unreadable", path=path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("key-unreadable", path=path)
    return key


def _create(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return key
