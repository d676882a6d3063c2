"""A keyring of the real package's kind that keeps its passwords in a file, as a desktop's would somewhere of its own."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class FileKeyring(KeyringBackend):
    name = "test keyring"
    priority = 5.0

    @property
    def path(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def _all(self) -> dict[str, str]:
        if self.path.with_suffix(".locked").exists():
            raise KeyringLocked("locked")
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.path.write_text(json.dumps(self._all() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        self.path.write_text(
            json.dumps({k: v for k, v in self._all().items() if k != f"{service} {username}"})
        )
