"""The system's keyring (Windows Credential Locker, macOS Keychain, Secret Service), where the package `keyring` is installed.

What is kept there is the seed of a private key in hex, under the hex of its public key.
"""

import importlib.util
from typing import Any

SERVICE = "sakigake"


class VaultError(Exception):
    """The keyring refused, or did not give back what was put into it."""


class Vault:
    """One keyring that can keep something."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.name = str(backend.name)

    def put(self, public: str, seed: str) -> None:
        """Keep a seed and read it back; raises VaultError."""
        try:
            self._backend.set_password(SERVICE, public, seed)
        except Exception as error:  # each system's keyring raises kinds of its own
            raise VaultError(f"{type(error).__name__}: {error}") from error
        if self.get(public) != seed:
            raise VaultError(self.name)

    def get(self, public: str) -> str | None:
        """Return the seed of a public key, None when the keyring has none; raises VaultError."""
        try:
            found = self._backend.get_password(SERVICE, public)
        except Exception as error:  # as above
            raise VaultError(f"{type(error).__name__}: {error}") from error
        return None if found is None else str(found)


def vault() -> Vault | None:
    """Return the system's keyring; None where there is none, as on a machine without a desktop."""
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring  # noqa: PLC0415 - optional, and slow to look for its backends

    try:
        backend = keyring.get_keyring()
        usable = float(backend.priority) > 0  # the ones that keep nothing have 0 and less
    except Exception:  # noqa: BLE001 - a broken backend is as good as none
        return None
    return Vault(backend) if usable else None
