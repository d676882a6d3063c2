"""The signing keys of this installation: Ed25519, one in force, older ones kept for the sessions they signed.

`ed25519.pem` holds the key in force, `ed25519-<first 8 hex of its public key>.pem` an older one; only their owner may
read them. Where the system has a keyring the private part lies there and the file holds the public key alone. A file
is either encrypted (PKCS #8, scrypt) with the passphrase in `SAKIGAKE_PASSPHRASE`, or plain. An encrypted one is followed
by the public key, so that showing which key it is needs no passphrase.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sakigake import durable
from sakigake.errors import ConfigError
from sakigake.timeline.heads import Heads
from sakigake.timeline.succession import Step, steps
from sakigake.timeline.vault import VaultError, vault

KEY_FILE = "ed25519.pem"
OLD_FILES = "ed25519-*.pem"
HEADS = "heads"
PASSPHRASE = "SAKIGAKE_PASSPHRASE"  # noqa: S105 - the name of a variable
MAX_FILE = 1 << 14
_PUBLIC, _LOCKED = b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class Keeping(StrEnum):
    """Where the private part of a key lies."""

    KEYRING = "keyring"
    LOCKED = "locked"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The key that the one in force continues, and why it was changed."""

    key: Ed25519PrivateKey
    reason: str


class Keys:
    """The keys of one folder, and the heads of the ledgers that they signed."""

    def __init__(self, folder: Path, current: Ed25519PrivateKey) -> None:
        self.current = current
        self.heads = heads_of(folder)
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> "Keys":
        """Open a folder, with a new key at the very first start; raises ConfigError."""
        return cls(folder, load_or_create(folder))

    @property
    def public(self) -> bytes:
        """Return the public key in force."""
        return public_of(self.current)

    def of(self, public: bytes) -> Ed25519PrivateKey | None:
        """Return the private key of a public one, the key in force or an older one; None when it cannot be opened."""
        return self.current if public == self.public else find(self._folder, public)

    def step(self, public: bytes | None = None) -> Step | None:
        """Return the rotation that a key came from, the one in force unless another is named."""
        return step_of(self._folder, public or self.public)

    def predecessor(self, public: bytes | None = None) -> Predecessor | None:
        """Return the key before this one, or before another; None: there was none or it cannot be opened any more."""
        step = self.step(public)
        old = find(self._folder, bytes.fromhex(step.old)) if step and step.old else None
        return Predecessor(old, step.reason) if step and old else None

    def explains(self, public: bytes) -> bool:
        """Say whether rotations lead from an earlier key to the one in force; an old key that was lost is one too."""
        by_new = {step.new: step for step in steps(self._folder)}
        at, seen = self.public.hex(), set[str]()
        while at not in seen:
            if at == public.hex():
                return True
            seen.add(at)
            step = by_new.get(at)
            if step is None:
                return False
            if not step.old:
                return True
            at = step.old
        return False


def step_of(folder: Path, public: bytes) -> Step | None:
    """Return the rotation that a key came from; None when it was the first."""
    return next((step for step in steps(folder) if step.new == public.hex()), None)


def public_of(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of a key's public part."""
    return key.public_key().public_bytes_raw()


def old_name(public: bytes) -> str:
    """Return the name of the file that keeps a key no longer in force."""
    return f"ed25519-{public.hex()[:8]}.pem"


def load_or_create(folder: Path) -> Ed25519PrivateKey:
    """Return the key in force, making one at the first start; raises ConfigError."""
    path = folder / KEY_FILE
    try:
        return load(path)
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
        try:
            durable.create(path, keep(key))
        except FileExistsError:  # another process was quicker
            return load(path)
        except OSError as error:
            raise ConfigError("key-unwritable", path=path, why=error.strerror or error) from error
        return key


def files(folder: Path) -> Iterator[Path]:
    """Yield the files that keep keys, the one in force first."""
    if (folder / KEY_FILE).is_file():
        yield folder / KEY_FILE
    yield from sorted(folder.glob(OLD_FILES))


def find(folder: Path, public: bytes) -> Ed25519PrivateKey | None:
    """Return the private key of a public one among all that are kept and can be opened."""
    for path in files(folder):
        try:
            key = load(path)
        except (ConfigError, FileNotFoundError):
            continue
        if public_of(key) == public:
            return key
    return None


def signer(folder: Path, public: bytes, session: str) -> Ed25519PrivateKey:
    """Return the private key that a session was begun with; raises ConfigError that says why it is not to be had."""
    key = find(folder, public)
    if key is None and (folder / KEY_FILE).is_file():
        load(folder / KEY_FILE)  # one that cannot be opened may be the one
    if key is None:
        raise ConfigError("key-of-another-session", session=session)
    return key


def heads_of(folder: Path) -> Heads:
    """Return the heads of the ledgers that the keys of a folder signed."""
    return Heads(folder / HEADS)


def given_passphrase() -> bytes | None:
    """Return the passphrase that was given, None when there is none."""
    return os.environ.get(PASSPHRASE, "").encode() or None


def kept_as(raw: bytes) -> Keeping:
    """Say where the private part of a key file's key lies."""
    if raw.startswith(_PUBLIC):
        return Keeping.KEYRING
    return Keeping.LOCKED if raw.startswith(_LOCKED) else Keeping.PLAIN


def load(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Open a key file with the passphrase, or the one that was given; raises FileNotFoundError, ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE)
        if kept_as(raw) is Keeping.KEYRING:
            return _from_keyring(path, raw)
        secret = (passphrase or given_passphrase()) if kept_as(raw) is Keeping.LOCKED else None
        key = serialization.load_pem_private_key(raw, secret)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("key-unreadable", path=path) from error
    if not isinstance(key, Ed25519PrivateKey) or public_in(raw) not in {None, public_of(key)}:
        raise ConfigError("key-unreadable", path=path)
    return key


def public_in(raw: bytes) -> bytes | None:
    """Return the public key that stands in a key file as it is; None when it can only be had by opening the file."""
    start = raw.find(_PUBLIC)
    if start < 0:
        return None
    try:
        public = serialization.load_pem_public_key(raw[start:])
    except (ValueError, UnsupportedAlgorithm):
        return None
    return public.public_bytes_raw() if isinstance(public, Ed25519PublicKey) else None


def keep(key: Ed25519PrivateKey, passphrase: Callable[[], bytes | None] = given_passphrase) -> bytes:
    """Return what the file of a new key holds, with its private part in the keyring where there is one.

    `passphrase` is asked for only when the private part goes into the file.
    """
    system = vault()
    if system is not None:
        try:
            system.put(public_of(key).hex(), key.private_bytes_raw().hex())
        except VaultError:  # locked or refused: a file is better than no recording
            return written(key, passphrase())
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return written(key, passphrase())


def written(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    """Return the file of a private key, encrypted when there is a passphrase."""
    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return raw + key.public_key().public_bytes(serialization.Encoding.PEM, form) if passphrase else raw


def _from_keyring(path: Path, raw: bytes) -> Ed25519PrivateKey:
    public = serialization.load_pem_public_key(raw)
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError("key-unreadable", path=path)
    wanted, system = public.public_bytes_raw(), vault()
    try:
        seed = system.get(wanted.hex()) if system else None
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed or ""))
    except (VaultError, ValueError) as error:
        raise ConfigError("key-not-in-keyring", path=path) from error
    if public_of(key) != wanted:
        raise ConfigError("key-not-in-keyring", path=path)
    return key
