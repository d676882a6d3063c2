"""Files: a folder, or the one form of ZIP."""

import hashlib
import os
import re
import struct
import zlib
from pathlib import Path

from sakigake.evidence.standalone.rules import MIB, need, refusal

NAME = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,31}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}
MAX_FILES, MAX_FOLDERS, MAX_FILE, MAX_ZIP = 60_000, 3, 256 * MIB, (1 << 32) - 1


class Files:
    """The files of a package: where the bytes of each name are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[str, tuple[Path, int, int]] = {}  # name -> file, offset, size
        self.total = 0
        try:
            if path.is_dir():
                self._walk(path, 0)
            else:
                need(path.is_file() and path.stat().st_size <= MAX_ZIP, "not-a-package")
                self._unzip(path)
        except OSError as error:
            raise refusal("unreadable", type(error).__name__) from error
        need(len({name.lower() for name in self.places}) == len(self.places), "name")
        for name in self.places:
            devices = any(DEVICE.fullmatch(part) for part in name.split("/"))
            need(NAME.fullmatch(name) and not devices, "name", name)
        self.names = sorted(self.places)

    def _walk(self, folder: Path, depth: int) -> None:
        need(depth <= MAX_FOLDERS, "name")
        before = len(self.places)
        for each in sorted(os.scandir(folder), key=lambda each: each.name):
            need(not each.is_symlink() and len(self.places) < MAX_FILES, "link", each.name)
            if each.is_dir():
                self._walk(Path(each.path), depth + 1)
                continue
            need(each.is_file(), "link", each.name)
            if each.name not in LITTER:
                size = each.stat().st_size
                self.total += size
                need(size <= MAX_FILE and self.total <= MAX_ZIP, "link", each.name)
                self.places[Path(each.path).relative_to(self.path).as_posix()] = (Path(each.path), 0, size)
        need(len(self.places) > before, "extra", folder.name)

    def _unzip(self, path: Path) -> None:
        """Rebuild what the whole archive has to be, and compare."""
        directory: list[bytes] = []
        before, at = "", 0
        with path.open("rb") as file:
            while (head := file.read(30))[:4] == b"PK\x03\x04":
                need(len(head) == 30 and len(directory) < MAX_FILES, "not-our-zip")  # noqa: PLR2004 - header size
                crc, packed, size, length = struct.unpack("<14x3LH2x", head)
                raw = file.read(length)
                common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, crc, size, size, length, 0)
                need(head == b"PK\x03\x04" + common and packed == size <= MAX_FILE, "not-our-zip")
                need(raw.isascii() and (name := raw.decode()) > before, "not-our-zip")
                self.places[name] = (path, at + 30 + length, size)
                running, left = 0, size
                while left:
                    need(chunk := file.read(min(MIB, left)), "damaged", name)
                    running, left = zlib.crc32(chunk, running), left - len(chunk)
                need(running == crc, "damaged", name)
                fixed = struct.pack("<4s2H", b"PK\x01\x02", 3 << 8 | 20, 20) + common[2:]
                directory.append(fixed + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, at) + raw)
                before, at = name, at + 30 + length + size
            rest = b"".join(directory)
            count = len(directory)
            rest += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(rest), at, 0)
            need(count and head + file.read(len(rest) + 1) == rest, "not-our-zip")

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file of at most `limit` bytes."""
        need(name in self.places, "missing", name)
        path, offset, size = self.places[name]
        need(size <= limit, "too-large", name)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                raw = file.read(size)
        except OSError as error:
            raise refusal("unreadable", name) from error
        need(len(raw) == size, "damaged", name)
        return raw

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file in hex."""
        return hashlib.sha256(self.read(name, MAX_FILE)).hexdigest()
