"""What a file of a model looks like from outside, told without the libraries that would load it."""

import errno
import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

from sakigake.errors import SakigakeError, UsageError

CHUNK = 1 << 20
LONGEST_HEADER = 100_000_000  # what the reference reader of safetensors takes
HEAD = 9  # so many bytes tell a file of weights from a page
_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits; raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def begins_well(name: str, head: bytes) -> bool:
    """Say whether the first bytes (`HEAD` of them) can be those of a file with this name: a page of HTML never is."""
    if name.endswith(".safetensors"):
        return (
            len(head) >= HEAD and head[8:9] == b"{" and 0 < struct.unpack("<Q", head[:8])[0] <= LONGEST_HEADER
        )
    if name.endswith(".json"):
        return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    return head[:1] != b"<"


def check(path: Path, name: str) -> None:
    """Check that a file is whole as what its name says; raises UsageError (`deep-not-a-model`, `deep-cut-short`).

    Of weights the header is read, and that the tensors it lists fill the file to its last byte.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        if not begins_well(name, head):
            raise UsageError("deep-not-a-model", name=name)
        if name.endswith(".safetensors"):
            length = struct.unpack("<Q", head[:8])[0]
            stream.seek(8)
            _check_tensors(stream.read(length), size - 8 - length, name)
        elif name.endswith(".json"):
            stream.seek(0)
            try:
                json.loads(stream.read(LONGEST_HEADER).decode("utf-8-sig"))
            except RecursionError as error:
                raise UsageError("deep-not-a-model", name=name) from error
            except ValueError as error:
                raise UsageError("deep-cut-short", name=name) from error


def _check_tensors(header: bytes, room: int, name: str) -> None:
    """Check that the tensors of a header fill `room` bytes one after the other, with none left between or at the end."""
    if room < 0:
        raise UsageError("deep-cut-short", name=name)
    try:
        tensors = {key: row for key, row in json.loads(header).items() if key != "__metadata__"}
        spans = sorted((_offset(row, 0), _offset(row, 1)) for row in tensors.values())
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise UsageError("deep-not-a-model", name=name) from error
    at = 0
    for begin, end in spans:
        if begin != at or end < begin:
            raise UsageError("deep-not-a-model", name=name)
        at = end
    if not spans:
        raise UsageError("deep-not-a-model", name=name)
    if at != room:
        raise UsageError("deep-cut-short", name=name)


def _offset(row: dict[str, Any], which: int) -> int:
    begin, end = row["data_offsets"]
    offset = (begin, end)[which]
    if type(offset) is not int:  # a letter, a fraction, an infinity, True
        raise TypeError(which)
    return offset


def no_room(error: OSError, folder: Path) -> SakigakeError:
    """Return what to raise for a write that failed: a full disk in its own words, anything else as it is."""
    if error.errno in _FULL:
        return SakigakeError("deep-no-room", path=folder)
    return SakigakeError("deep-not-written", path=folder, why=error.strerror or error)


def sync(path: Path) -> None:
    """Wait until a written file is on the disk; raises OSError."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
