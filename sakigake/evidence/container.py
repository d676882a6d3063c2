"""A package as a set of named files, read from a folder or from the one ZIP layout that `package.py` writes.

The ZIP is read with no library on purpose: every byte of it is either compared with what a canonical archive holds
at that place or is the content of a file. Overlapping entries, second directories, lying sizes, comments and other
room for unsigned bytes cannot be expressed.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from sakigake.errors import NotFoundError, VerificationError

NAME = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,31}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # written by file managers, never by us
MAX_FILES = 60_000
MAX_DEPTH = 3  # folders in each other, as NAME has it
MAX_FILE_BYTES = 1 << 28
MAX_ARCHIVE_BYTES = (1 << 32) - 1  # offsets in a ZIP have 32 bits
CHUNK = 1 << 20

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s4B4H3L5H2L")
END = struct.Struct("<4s4H2LH")
_VERSION, _UNIX, _DOS_DATE, _MODE = 20, 3, (1 << 5) | 1, 0o100644 << 16


class Container(Protocol):
    """Named files. Names are ASCII with forward slashes."""

    def names(self) -> list[str]:
        """Return all names, sorted."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""


def read(container: Container, name: str, limit: int) -> bytes:
    """Return a whole file; raises VerificationError when it is longer than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    for chunk in container.chunks(name):
        size += len(chunk)
        if size > limit:
            raise VerificationError("evidence-too-large", what=name)
        parts.append(chunk)
    return b"".join(parts)


def digest(container: Container, name: str) -> str:
    """Return the SHA-256 of a file in hex."""
    running = sha256()
    for chunk in container.chunks(name):
        running.update(chunk)
    return running.hexdigest()


def open_container(path: Path) -> Container:
    """Open a folder or a ZIP; raises NotFoundError or VerificationError."""
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise NotFoundError("package-missing", path=path)
    if not path.is_file():  # a pipe or a device could keep us waiting for ever
        raise VerificationError("package-not-zip")
    return Archive(path)


def check_names(names: list[str]) -> None:
    """Refuse names that another system could read as another file; raises VerificationError."""
    if len(names) > MAX_FILES:
        raise VerificationError("evidence-too-large", what="package")
    folded = {name.casefold() for name in names}
    if len(folded) != len(names):
        raise VerificationError("package-name-odd", name="A/a")
    for name in names:
        if not NAME.fullmatch(name) or any(RESERVED.fullmatch(part) for part in name.split("/")):
            raise VerificationError("package-name-odd", name=ascii(name)[:80])


class Folder:
    """A package that was unpacked. Links are refused; the litter of file managers is left out."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            found = self._walk(root)
        except OSError as error:
            raise VerificationError("package-unreadable", name=root.name, why=error.strerror) from error
        check_names(found)
        self._names = sorted(found)

    @staticmethod
    def _walk(root: Path) -> list[str]:
        found: list[str] = []
        walked: list[str] = []
        total = 0
        for folder, folders, files in os.walk(root, onerror=_raise):
            base = Path(folder)
            if len(base.relative_to(root).parts) > MAX_DEPTH:  # os.walk would go on until Python gives up
                raise VerificationError("package-name-odd", name=ascii(base.name)[:80])
            for entry in (*folders, *files):
                if (base / entry).is_symlink():
                    raise VerificationError("package-link", name=ascii(entry)[:80])
            if not all((base / file).is_file() for file in files):
                raise VerificationError("package-link", name=ascii(folder)[:80])
            walked.append(base.relative_to(root).as_posix())
            found += [(base / file).relative_to(root).as_posix() for file in files if file not in LITTER]
            total += sum((base / file).stat().st_size for file in files if file not in LITTER)
            if len(found) > MAX_FILES or total > MAX_ARCHIVE_BYTES:
                raise VerificationError("evidence-too-large", what="package")
        # The name of a folder without files of the package would be room for a text that nobody signed.
        needed = {parent.as_posix() for name in found for parent in PurePosixPath(name).parents}
        for folder in walked:
            if folder not in needed:
                raise VerificationError("package-file-extra", name=ascii(folder)[:80])
        return found

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return list(self._names)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file, no more than the limit of one file."""
        try:
            with (self._root / name).open("rb") as file:
                yield from _chunks(file, MAX_FILE_BYTES + 1, name)
        except OSError as error:
            raise VerificationError("package-unreadable", name=name, why=error.strerror) from error


class Archive:
    """A package as the ZIP that sakigake wrote, byte for byte: stored, sorted, no extra bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, _Member] = {}
        try:
            if path.stat().st_size > MAX_ARCHIVE_BYTES:
                raise VerificationError("evidence-too-large", what=path.name)
            with path.open("rb") as file:
                self._index(file)
        except OSError as error:
            raise VerificationError("package-unreadable", name=path.name, why=error.strerror) from error
        check_names(list(self._members))

    def _index(self, file: BinaryIO) -> None:
        previous = ""
        head = file.read(4)
        while head == b"PK\x03\x04":
            member = _read_local(file)
            if member.name <= previous or len(self._members) >= MAX_FILES:
                raise VerificationError("package-repacked")
            self._members[member.name] = member
            previous = member.name
            head = file.read(4)
        if not self._members:
            raise VerificationError("package-not-zip")
        start, count = file.tell() - 4, len(self._members)
        expected = b"".join(map(_central, self._members.values()))
        expected += END.pack(b"PK\x05\x06", 0, 0, count, count, len(expected), start, 0)
        if head + file.read(len(expected) + 1) != expected:
            raise VerificationError("package-repacked")

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return list(self._members)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        member = self._members[name]
        with self._path.open("rb") as file:
            file.seek(member.data)
            yield from _chunks(file, member.size, name)


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    crc: int
    size: int
    local: int
    data: int


def _read_local(file: BinaryIO) -> _Member:
    """Read one local header, its name and its data; the file stands behind it afterwards."""
    local = file.tell() - 4
    rest = file.read(LOCAL.size - 4)
    if len(rest) != LOCAL.size - 4:
        raise VerificationError("package-cut-off")
    _, version, flags, method, time, date, crc, packed, size, name_length, extra = LOCAL.unpack(
        b"PK\x03\x04" + rest
    )
    raw = file.read(name_length)
    if len(raw) != name_length or not raw.isascii():
        raise VerificationError("package-repacked")
    fixed = (version, flags, method, time, date, packed, extra)
    if fixed != (_VERSION, 0, 0, 0, _DOS_DATE, size, 0):
        raise VerificationError("package-repacked")
    if size > MAX_FILE_BYTES:
        raise VerificationError("evidence-too-large", what=raw.decode()[:80])
    data, running, left = file.tell(), 0, size
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise VerificationError("package-cut-off")
        running = zlib.crc32(chunk, running)
        left -= len(chunk)
    if running != crc:
        raise VerificationError("package-damaged", name=ascii(raw.decode())[:80])
    return _Member(raw.decode(), crc, size, local, data)


def _central(member: _Member) -> bytes:
    fields = (
        b"PK\x01\x02",
        _VERSION,
        _UNIX,
        _VERSION,
        0,
        0,
        0,
        0,
        _DOS_DATE,
        member.crc,
        member.size,
        member.size,
    )
    return CENTRAL.pack(*fields, len(member.name), 0, 0, 0, 0, _MODE, member.local) + member.name.encode()


def _raise(error: OSError) -> None:
    raise error


def _chunks(file: BinaryIO, limit: int, name: str) -> Iterator[bytes]:
    left = limit
    while left and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        yield chunk
    if limit > MAX_FILE_BYTES and not left:
        raise VerificationError("evidence-too-large", what=name)
