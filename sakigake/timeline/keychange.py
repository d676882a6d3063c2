"""Changing the key in force, and the passphrase of the files.

Each step is durable before the next, and the last one puts the new key in force: whenever the power goes, the old
key or the new one is in force, and the old one is never lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake import durable
from sakigake.errors import ConfigError, NotFoundError, UsageError
from sakigake.timeline import keys
from sakigake.timeline.succession import Step, note

Choose = Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Rotated:
    """The new public key, and the old one (None: it could not be opened), in hex.

    `kept` is the old key's file, `keeping` says how the new one is kept.
    """

    new: str
    old: str | None
    kept: Path
    keeping: str


def rotate(
    folder: Path, reason: str, *, without_old: bool = False, choose: Choose = keys.given_passphrase
) -> Rotated:
    """Put a new key in force; the caller holds the recorder's lock. Raises NotFoundError, ConfigError, UsageError.

    `without_old` is for an old key that cannot be opened any more: its file is put aside, and no entry will tie the
    two keys together. The new key then gets the passphrase that `choose` returns, not the one that did not open the old.
    """
    path = folder / keys.KEY_FILE
    if not path.is_file():
        raise NotFoundError("key-none")
    durable.clean(folder)
    try:
        old: Ed25519PrivateKey | None = keys.load(path)
    except ConfigError as error:
        if not without_old:
            raise ConfigError("key-old-closed", path=path) from error
        old = None
    if old is not None and without_old:
        raise UsageError("key-old-open")
    new = Ed25519PrivateKey.generate()
    try:
        aside = _put_aside(folder, path.read_bytes(), old)
        content = keys.keep(new, keys.given_passphrase if old else choose)
        names = [keys.public_of(key).hex() if key else "" for key in (new, old)]
        note(folder, Step(names[0], names[1], reason))
        durable.write(path, content)
    except OSError as error:
        raise ConfigError("key-unwritable", path=path, why=error.strerror or error) from error
    return Rotated(names[0], names[1] or None, aside, keys.kept_as(content).value)


def _put_aside(folder: Path, raw: bytes, old: Ed25519PrivateKey | None) -> Path:
    """Keep the file of the old key under a name of its own; one that cannot be opened gets a number."""
    if old is not None:
        aside = folder / keys.old_name(keys.public_of(old))
        if aside.is_file() and _another(aside, old):
            raise ConfigError("key-aside-taken", path=aside)
        durable.write(aside, raw)
        return aside
    number = 1
    while True:
        aside = folder / f"ed25519-closed-{number}.pem"
        if not aside.exists() or aside.read_bytes() == raw:
            durable.write(aside, raw)
            return aside
        number += 1


def _another(path: Path, old: Ed25519PrivateKey) -> bool:
    """Say whether a file keeps another key than `old`, which has the same eight digits."""
    try:
        return keys.public_of(keys.load(path)) != keys.public_of(old)
    except ConfigError:
        return False  # the same key, under another passphrase


@dataclass(frozen=True, slots=True)
class Locked:
    """Key files whose passphrase was changed, in the keyring (they have none), and such as cannot be opened."""

    changed: int
    in_keyring: int
    closed: tuple[Path, ...]


def change_passphrase(folder: Path, new: bytes | None) -> Locked:
    """Encrypt every key file anew, None: no more. One whose passphrase is the new one already is left as it is.

    So that a change that was cut off can be finished by asking for it again. Raises NotFoundError; ConfigError when
    the key in force cannot be opened.
    """
    durable.clean(folder)
    changed, in_keyring = 0, 0
    closed: list[Path] = []
    found = list(keys.files(folder))
    if not found or found[0].name != keys.KEY_FILE:
        raise NotFoundError("key-none")
    for path in found:
        if keys.kept_as(path.read_bytes()) is keys.Keeping.KEYRING:
            in_keyring += 1
            continue
        try:
            key = _open(path, new)
        except ConfigError:
            if path.name == keys.KEY_FILE:
                raise
            closed.append(path)
            continue
        try:
            durable.write(path, keys.written(key, new))
        except OSError as error:
            raise ConfigError("key-unwritable", path=path, why=error.strerror or error) from error
        changed += 1
    return Locked(changed, in_keyring, tuple(closed))


def _open(path: Path, new: bytes | None) -> Ed25519PrivateKey:
    try:
        return keys.load(path)
    except ConfigError:
        if new is None:
            raise
        return keys.load(path, new)
