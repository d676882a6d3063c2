"""Unpacking a body while it comes in, never by more than the limit: a bomb ends at its first byte too many.

Only gzip is asked for. A server that packs otherwise without being asked (Brotli, Zstandard) is refused unread: each
further unpacker is one more that strangers may feed.
"""

import zlib

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class TooLargeError(Exception):
    """More than the limit."""


class PackedOtherwiseError(Exception):
    """Packed in a way that was not asked for, or not packed as it says."""


class Body:
    """Collects one body: `raw` as it came, `plain` unpacked. `coding` is the Content-Encoding header."""

    def __init__(self, coding: str, max_bytes: int) -> None:
        coding = coding.strip().lower()
        if coding not in {"", "identity", *_WINDOW}:
            raise PackedOtherwiseError(coding[:40])
        self._limit = max_bytes
        self._raw: list[bytes] = []
        self._plain: list[bytes] = []
        self._came = self._unpacked = 0
        self._unpacker = zlib.decompressobj(_WINDOW[coding]) if coding in _WINDOW else None

    def add(self, chunk: bytes) -> None:
        """Take the next bytes; raises TooLargeError or PackedOtherwiseError."""
        self._came += len(chunk)
        if self._came > self._limit:
            raise TooLargeError
        self._raw.append(chunk)
        if self._unpacker is None or self._unpacker.eof:
            return
        try:
            plain = self._unpacker.decompress(chunk, self._limit - self._unpacked + 1)
        except zlib.error as error:
            raise PackedOtherwiseError from error
        self._unpacked += len(plain)
        if self._unpacked > self._limit:
            raise TooLargeError
        self._plain.append(plain)

    def end(self) -> tuple[bytes, bytes]:
        """Return the body as it came and unpacked; raises PackedOtherwiseError when it stops in the middle."""
        raw = b"".join(self._raw)
        if self._unpacker is None or not raw:
            return raw, raw
        if not self._unpacker.eof:
            raise PackedOtherwiseError
        return raw, b"".join(self._plain)

    @property
    def beginning(self) -> bytes:
        """Return the first bytes, unpacked: enough to see what it is."""
        parts = self._raw if self._unpacker is None else self._plain
        return b"".join(parts[:4])[:64]
