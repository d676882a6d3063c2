"""gallery-dl, a program of its own that the user installed: started, listened to, never imported, never bundled.

It is under GPL-2.0-only, so it stays a separate program. It lists, and what it lists is fetched through the guard; its
own requests do not go through the guard. It gets a home of its own, so it finds neither settings nor accounts of the
user, and is ended with all that it started when it takes too long.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from sakigake.clock import iso, parse_time
from sakigake.errors import NetworkError, SakigakeError, UsageError
from watch import posted
from watch.links import read_link
from watch.post import Batch, ClockClass, MediaRef, Post, SourceInfo
from watch.sources.net import Net
from watch.sources.options import Options

KIND = "gallery-dl"
DIRECTORY, FILE, FAILURE = 2, 3, -1
MAX_OUTPUT = 64 * 2**20
MAX_PICTURES = 50
MAX_TEXT = 300
# Posts become visible, or are filed, some time after the date that they bear.
OVERLAP = timedelta(days=2)
PICTURES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "jfif"})
WAIT_S = 0.5
ID_FIELDS = ("tweet_id", "post_id", "status_id", "note_id", "id", "gallery_id", "hash")
PAGES = {
    "twitter": "https://x.com/i/web/status/{}",
    "pixiv": "https://www.pixiv.net/artworks/{}",
    "danbooru": "https://danbooru.donmai.us/posts/{}",
    "e621": "https://e621.net/posts/{}",
}


@dataclass(frozen=True, slots=True)
class Config:
    """What to list, with which program, how often and how long at most. `cookies` is a file that the user names."""

    url: str
    program: str
    cookies: str
    every_s: float
    timeout_s: float
    pause: str


def configure(options: Options) -> Config:
    """Read the options; raises UsageError, also when the program is not installed."""
    url = options.text("url", example="https://x.com/search?q=%23tag")
    if url.startswith("-"):
        raise UsageError("source-option-wrong", kind=KIND, name="url", example="https://…")
    program = options.program("program", default="gallery-dl")
    cookies = options.file("cookies", example="cookies.txt")
    least = options.seconds("pause_s", default=2.0, least=0.0, most=600.0)
    return Config(
        url,
        program,
        str(cookies or ""),
        options.seconds("every_s", default=3600.0, least=600.0),
        options.seconds("timeout_s", default=600.0, least=5.0, most=3600.0),
        f"{least:g}-{least * 3:g}",
    )


class GalleryDl:
    """One address that gallery-dl lists every now and then."""

    def __init__(self, config: Config, net: Net, source: str) -> None:
        self._config = config
        self._clock = net.clock
        self._source = source
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: deque[Post] = deque()
        self._began: datetime | None = None
        self._began_s = 0.0
        self._since = ""
        self._count = 0
        self._last: str | None = None

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="web",
            clock=ClockClass.AUTHOR,
            sent="sent-gallery-dl",
            terms="terms-gallery-dl",
            min_interval_s=5.0,
            tried_live=False,
        )

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Start the program when it is time, and return what it listed when it is done. Raises NetworkError."""
        if cursor != self._last:
            self._stop()
            self._waiting.clear()
            self._since, _, count = (cursor or "").partition("~")
            self._count = max(self._count, int(count)) if count.isdigit() else self._count
            self._began = None
        if not self._waiting:
            self._go_on()
        posts = tuple(self._waiting.popleft() for _ in range(min(limit, len(self._waiting))))
        if posts:
            self._count += 1
        if not self._waiting and self._process is None and self._began is not None:
            self._since = iso(self._began)
        self._last = f"{self._since}~{self._count}"
        return Batch(posts, self._last)

    def ready(self) -> bool:
        """Say whether the program was run to its end since the first poll."""
        return self._began is not None and self._process is None

    def close(self) -> None:
        """End the program."""
        self._stop()

    def _go_on(self) -> None:
        if self._process is None:
            due = self._began is None or self._clock.now() - self._began >= timedelta(
                seconds=self._config.every_s
            )
            if due:
                self._start()
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(WAIT_S)
        try:
            self._finish(self._process)
        except SakigakeError:
            self._stop()
            raise

    def _start(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="sakigake-list-", ignore_cleanup_errors=True)
        home = Path(self._home.name)
        self._output = (home / "listed.json").open("w+b")
        self._began, self._began_s = self._clock.now(), time.monotonic()
        try:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.DEVNULL,
                cwd=home,
                env=_environment(home),
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            self._stop()
            raise NetworkError("source-program-failed", name=KIND, why=error.strerror or error) from error

    def command(self) -> list[str]:
        """Return what is started: a list, no shell, and the address after the end of the options."""
        command = [
            self._config.program,
            *("--config-ignore", "--no-input", "--no-colors", "--dump-json", "--no-download"),
            *("--sleep-request", self._config.pause, "--http-timeout", "30", "--retries", "1"),
        ]
        if self._since:
            command += ["--date-after", (parse_time(self._since) - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S")]
        if self._config.cookies:
            command += ["--cookies", self._config.cookies]
        return [*command, "--", self._config.url]

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        output = self._output
        if output is None:
            return
        if os.fstat(output.fileno()).st_size > MAX_OUTPUT:
            raise NetworkError("source-program-failed", name=KIND, why=f"> {MAX_OUTPUT // 2**20} MB")
        if process.poll() is None:
            if time.monotonic() - self._began_s > self._config.timeout_s:
                raise NetworkError("source-program-slow", name=KIND, seconds=f"{self._config.timeout_s:g}")
            return
        output.seek(0)
        data = output.read()
        self._stop()
        self._waiting.extend(parse(data, self._source, self._config.url, self._clock.now()))

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._output is not None:
            self._output.close()
            self._output = None
        if self._home is not None:
            self._home.cleanup()
            self._home = None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and, where there are process groups, all that it started."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG", "LC_ALL") if name in os.environ}
    own = {
        name: str(home)
        for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP")
    }
    return kept | own | {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}


def parse(data: bytes, source: str, asked: str, now: datetime) -> list[Post]:
    """Read what gallery-dl prints: messages of a directory, of a file, of a failure; others are passed over.

    Raises NetworkError when it says that it failed and listed nothing, or when it is none of its output.
    """
    try:
        messages = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NetworkError("source-program-failed", name=KIND, why="JSON") from error
    if not isinstance(messages, list):
        raise NetworkError("source-program-failed", name=KIND, why="JSON")
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    failure = ""
    for kind, address, told in _messages(messages):
        if kind == FAILURE:
            failure = f"{told.get('error')}: {told.get('message')}"[:MAX_TEXT]
        elif (
            kind == FILE and str(told.get("extension", "")).lower() in PICTURES and address.startswith("http")
        ):
            number = _number(told)
            key = f"{told.get('category')}:{number}" if number else address
            found.setdefault(key, (told, []))[1].append(address)
    if failure and not found:
        raise NetworkError("source-program-failed", name=KIND, why=failure)
    return [_post(key, told, files, source, asked, now) for key, (told, files) in found.items()]


def _messages(messages: list[Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for message in messages:
        match message:
            case [int(kind), dict(told)]:
                yield kind, "", told
            case [int(kind), str(address), dict(told)]:
                yield kind, address, told
            case _:
                continue


def _number(told: Mapping[str, Any]) -> str:
    values = (told.get(name) for name in ID_FIELDS)
    return next((str(value) for value in values if isinstance(value, int | str) and value != ""), "")


def _page(told: Mapping[str, Any], platform: str, number: str) -> str:
    """Return the address of a post's own page, empty when it is not known."""
    if platform in PAGES and number:
        return PAGES[platform].format(quote(number))
    for address in (told.get("post_url"), told.get("url")):
        link = read_link(address) if isinstance(address, str) else None
        if link is not None and link.platform != "web" and not link.picture:
            return link.url
    return ""


def _post(  # noqa: PLR0917 - one post from all its parts
    key: str, told: Mapping[str, Any], files: list[str], source: str, asked: str, now: datetime
) -> Post:
    platform, number = str(told.get("category") or "web")[:MAX_TEXT], _number(told)
    page = _page(told, platform, number) or asked
    stated = posted.decode_link(page) if page != asked else posted.UNKNOWN
    if platform not in PAGES:
        stated = posted.as_told(stated)  # the address is the site's own word
    times = [stated, posted.of_files(files)]
    date = str(told.get("date") or "")
    author = next(
        (each for name in ("author", "user", "account") if isinstance(each := told.get(name), dict)), {}
    )
    return Post(
        source=source,
        platform=platform,
        post_id=key[:MAX_TEXT],
        url=page,
        author_id=str(author.get("id") or told.get("uploader_id") or "")[:MAX_TEXT],
        author_name=str(author.get("name") or author.get("acct") or "")[:MAX_TEXT],
        media=tuple(MediaRef(address) for address in files[:MAX_PICTURES]),
        # Its dates are in UTC and bear no zone.
        time=posted.combine([*times, posted.claimed(f"{date}+00:00" if date else ""), posted.seen(now)]),
        raw=json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    )
