"""A folder that is looked into: pictures put there, and files with links (.url, .webloc, .txt).

The folder itself is the memory: after a start everything in it is told again, and the store knows what it has seen. A
file counts when it looks the same twice, so one that is still being copied or downloaded waits. A picture is known by its
bytes: one that was touched, renamed or put there twice is the same.
"""

import configparser
import hashlib
import os
import plistlib
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from sakigake.clock import from_ms
from sakigake.errors import NotFoundError, SakigakeError
from watch import posted
from watch.post import Batch, ClockClass, Hole, MediaRef, Post, SourceInfo, clean
from watch.sanitise import MAX_FILE_BYTES
from watch.sources import handed
from watch.sources.net import Net
from watch.sources.options import Options

KIND = "folder"
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif"})
LINKS = frozenset({".url", ".webloc", ".txt"})
MAX_LINK_FILE = 64 * 1024
MAX_FILES = 100_000
# A file that was not touched for so long is whole even when it is seen for the first time.
STILL_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """Which folder; its subfolders are not looked into."""

    path: Path


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    return Config(options.folder("path", example="~/Downloads/suspicious"))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a file looked like: enough to tell whether it is the same file, and still the same."""

    name: str
    size: int
    modified_ns: int

    @property
    def id(self) -> str:
        return hashlib.sha256(
            f"{self.name}\0{self.size}\0{self.modified_ns}".encode("utf-8", "surrogatepass")
        ).hexdigest()[:32]


class Folder:
    """One folder."""

    def __init__(self, config: Config, net: Net, source: str) -> None:
        self._path = config.path
        self._clock = net.clock
        self._source = source
        self._last: str | None = None
        self._count = 0
        self._odd: dict[int, Hole] = {}  # files whose name cannot be kept, by their number on the disk
        self._begin()

    def _begin(self) -> None:
        self._before: dict[str, _Look] = {}
        self._told: set[_Look] = set()
        self._looks: deque[_Look] = deque()
        self._waiting: deque[Post] = deque()

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="file",
            clock=ClockClass.WITNESSED,
            sent="sent-nothing",
            terms="terms-none",
            min_interval_s=1.0,
            tried_live=True,
        )

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Look into the folder; raises NotFoundError when it is gone."""
        if cursor != self._last:
            self._begin()
            self._count = max(self._count, int(cursor)) if cursor and cursor.isdigit() else self._count
        if not self._looks and len(self._waiting) < limit:
            self._look()
        while self._looks and len(self._waiting) < limit:  # files are read as they are told, not all at once
            self._waiting.extend(self._read(self._looks.popleft()))
        posts = tuple(self._waiting.popleft() for _ in range(min(limit, len(self._waiting))))
        if posts or self._last is None:
            self._count += 1
        self._last = str(self._count)
        return Batch(posts, self._last, tuple(self._odd.values()))

    def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        found = {look.name: look for look in self._list()}
        now_ns = self._clock.wall_ns()
        for name, look in sorted(found.items()):
            still = self._before.get(name) == look or 0 < look.modified_ns < now_ns - STILL_NS
            if still and look.size and look not in self._told:
                self._told.add(look)
                self._looks.append(look)
        self._before = found
        self._told &= set(found.values())

    def _list(self) -> Iterator[_Look]:
        try:
            with os.scandir(self._path) as entries:
                for number, entry in enumerate(entries):
                    if number >= MAX_FILES:
                        return
                    ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path for each entry is slow
                    if entry.name.startswith(".") or ending not in PICTURES | LINKS:
                        continue
                    try:
                        seen = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # gone in between
                    if not stat.S_ISREG(seen.st_mode):  # no links: one could name any file of this computer
                        continue
                    if clean(entry.name) != entry.name:  # a name that is not Unicode cannot be kept
                        moment_ns = max(0, min(seen.st_mtime_ns, self._clock.wall_ns()))
                        moment = from_ms(moment_ns // 1_000_000)
                        self._odd[seen.st_ino] = Hole(moment, moment, "source-file-name-odd")
                        continue
                    yield _Look(entry.name, seen.st_size, seen.st_mtime_ns)
        except OSError as error:
            raise NotFoundError("source-folder-missing", path=self._path) from error

    def _read(self, look: _Look) -> list[Post]:
        path = self._path / look.name
        now = self._clock.now()
        if path.suffix.lower() in PICTURES:
            media = (MediaRef(path=str(path)),)
            seen = posted.seen(now)
            if (content := _content(path, look)) is None:
                return []
            return [Post(self._source, "file", f"file:{content}", "", "", "", media, seen)]
        posts = []
        for link in links_of(path):
            try:
                posts.append(handed.from_link(link, now, self._source))
            except SakigakeError:
                continue
        return posts


def _content(path: Path, look: _Look) -> str | None:
    """Return what a picture is known by: its bytes, whatever its name and date. None when it is gone.

    What cannot be read, or is larger than what is looked at, is known by its looks, and told as such later.
    """
    if look.size > MAX_FILE_BYTES:
        return look.id
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except FileNotFoundError:
        return None
    except OSError:
        return look.id


def links_of(path: Path) -> tuple[str, ...]:
    """Return the links in a .url, .webloc or text file; none when it cannot be read as one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LINK_FILE)
    except OSError:
        return ()
    ending = path.suffix.lower()
    if ending == ".webloc":
        try:
            kept = plistlib.loads(data)
        except (
            plistlib.InvalidFileException,
            ExpatError,
            ValueError,
            RecursionError,
            OverflowError,
            AttributeError,
            IndexError,
            TypeError,
        ):
            return ()
        address = kept.get("URL") if isinstance(kept, dict) else None
        return handed.links_in(address) if isinstance(address, str) else ()
    text = _text(data)
    if ending == ".url":
        shortcut = configparser.RawConfigParser(strict=False)
        try:
            shortcut.read_string(text)
            return handed.links_in(shortcut.get("InternetShortcut", "URL", fallback=""))
        except configparser.Error:
            return ()
    return handed.links_in(text)


def _text(data: bytes) -> str:
    """Read text as Windows and others write it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")
