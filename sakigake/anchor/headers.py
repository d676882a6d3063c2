"""Where the header of the block at a height comes from. Whoever gives it is not believed: the header is checked.

An explorer of the Esplora kind (https://github.com/Blockstream/esplora/blob/master/API.md), or a file of all headers
in order as Electrum keeps it, for those who ask nobody.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sakigake.anchor import bitcoin, client
from sakigake.errors import NetworkError

MAX_REPLY_BYTES = 512
_NAME = re.compile(rb"[0-9a-f]{64}")
_HEADER = re.compile(rb"[0-9a-f]{160}")


class Source(Protocol):
    """Gives the 80 bytes of the header at a height."""

    def header(self, height: int) -> bytes:
        """Return what should be the header; raises NetworkError when there is none to be had."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """A block explorer. `address` is the beginning of its interface, such as https://blockstream.info/api."""

    address: str
    timeout_s: float

    def header(self, height: int) -> bytes:
        """Ask for the block's name and then for its header."""
        name = self._ask(f"block-height/{height}", _NAME)
        return bytes.fromhex(self._ask(f"block/{name}/header", _HEADER))

    def _ask(self, path: str, form: re.Pattern[bytes]) -> str:
        url = f"{self.address.rstrip('/')}/{path}"
        answer = client.fetch(url, self.timeout_s, MAX_REPLY_BYTES).strip()
        if not form.fullmatch(answer):
            raise NetworkError("ots-explorer-odd", url=url)
        return answer.decode()


@dataclass(frozen=True, slots=True)
class HeaderFile:
    """A file of headers of 80 bytes, that of block 0 first."""

    path: Path

    def header(self, height: int) -> bytes:
        """Read it from the file."""
        try:
            with self.path.open("rb") as file:
                file.seek(height * bitcoin.HEADER_BYTES)
                raw = file.read(bitcoin.HEADER_BYTES)
        except OSError as error:
            raise NetworkError(
                "ots-headers-unreadable", path=self.path, why=error.strerror or error
            ) from error
        if len(raw) != bitcoin.HEADER_BYTES:
            raise NetworkError("ots-headers-unreadable", path=self.path, why=f"ends before block {height}")
        return raw
