"""Misskey and its relatives: a hashtag or the local timeline, told as it comes, with what was missed asked for.

The stream is a WebSocket with channels; `search-by-tag` and `local-timeline` give back what was told while nobody
listened. Only notes of the server's own members bear the server's clock.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from sakigake.errors import NetworkError
from watch import posted, postids
from watch.post import ClockClass, MediaRef, Post, SourceInfo
from watch.sources import tokens
from watch.sources.catchup import Entry, Ids, Timeline
from watch.sources.net import Net, place
from watch.sources.options import Options
from watch.sources.push import CAPACITY, Push, Run, heard
from watch.sources.wire import Wire, library

KIND = "misskey"
PAGE = 100
MAX_ANSWER = 8 * 2**20
CHANNEL = "sakigake"
MAX_PICTURES = 16
REFUSED = frozenset({400, 401, 403, 404, 410})
IDS = Ids(
    order=lambda text: (len(text), text),
    moment=lambda text: postids.start(postids.misskey(text)),
    before=postids.misskey_before,
)


@dataclass(frozen=True, slots=True)
class Config:
    """What to read: the notes under `tag`, or all notes of the server's own members when it is empty."""

    server: str
    tag: str
    stream: bool
    every_s: float


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    server = options.server("server", example="https://misskey.example")
    timeline = options.one_of("timeline", ("tag", "local"))
    tag = options.text("tag", example="イラスト", default="" if timeline == "local" else None)
    return Config(
        server,
        tag.lstrip("#＃") if timeline == "tag" else "",
        options.switch("stream", default=True),
        options.seconds("every_s", default=60.0, least=30.0),
    )


class Misskey(Push):
    """A hashtag or the local timeline of one server."""

    def __init__(self, config: Config, net: Net, source: str, capacity: int = CAPACITY) -> None:
        library("websocket", "websocket-client")
        self._config = config
        super().__init__(lambda: _Reader(config, net, source), net.clock, capacity)

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="misskey",
            clock=ClockClass.SERVER,
            sent="sent-misskey",
            terms="terms-misskey",
            min_interval_s=0.0 if self._config.stream else self._config.every_s,
            tried_live=False,
        )


class _Reader:
    def __init__(self, config: Config, net: Net, source: str) -> None:
        self._config = config
        self._net = net
        self._source = source
        self._host = place(config.server)
        self._token = tokens.token(urlsplit(config.server).hostname or "")
        self._timeline = Timeline(self._page, IDS)
        self._wire: Wire | None = None

    def hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def read(self, position: str | None, run: Run) -> None:
        """Follow the channel, or ask every now and then; raises at the end of the connection."""
        if not self._config.stream:
            self._timeline.ask_every(self._config.every_s, position, run)
        address = "ws" + self._config.server.removeprefix("http") + "/streaming"
        query = f"?i={quote(self._token, safe='')}" if self._token else ""
        wire = self._wire = Wire(self._net, address + query)
        try:
            self._follow(wire, position, run)
        finally:
            wire.close()

    def _follow(self, wire: Wire, position: str | None, run: Run) -> None:
        """Enter the channel first and ask for what is missing then, so that nothing falls between the two."""
        channel = "hashtag" if self._config.tag else "localTimeline"
        params = {"q": [[self._config.tag]]} if self._config.tag else {"withFiles": True}
        body = {"channel": channel, "id": CHANNEL, "params": params}
        wire.send(json.dumps({"type": "connect", "body": body}, ensure_ascii=False))
        position = self._timeline.catch_up_streaming(position, run, REFUSED)
        run.alive()
        for message in heard(wire, run):
            if (note := _note(message)) is not None and (entry := self._entry(note)) is not None:
                position = self._timeline.tell(entry, position, run)

    def _page(self, after: str | None) -> Sequence[Entry]:
        asked: dict[str, Any] = {"limit": PAGE, "withFiles": True}
        if self._config.tag:
            asked["tag"] = self._config.tag
        if after is not None:
            asked["sinceId"] = after
        if self._token:
            asked["i"] = self._token
        name = "search-by-tag" if self._config.tag else "local-timeline"
        body = json.dumps(asked, ensure_ascii=False).encode()
        answer = self._net.post(f"{self._config.server}/api/notes/{name}", body, max_bytes=MAX_ANSWER)
        try:
            notes = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise NetworkError("source-odd-answer", host=self._host, why="JSON") from error
        if not isinstance(notes, list):
            raise NetworkError("source-odd-answer", host=self._host, why="JSON")
        entries = [self._entry(note) for note in notes]
        return sorted((entry for entry in entries if entry is not None), key=lambda each: IDS.order(each.id))

    def _entry(self, note: object) -> Entry | None:
        if not isinstance(note, dict) or not isinstance(number := note.get("id"), str) or not number:
            return None
        return Entry(number, self._post(note, number))

    def _post(self, note: dict[str, Any], number: str) -> Post | None:
        user, files = note.get("user"), note.get("files")
        if not isinstance(user, dict) or not isinstance(files, list):
            return None
        media = tuple(
            MediaRef(address)
            for each in files[:MAX_PICTURES]
            if isinstance(each, dict) and (address := _picture(each))
        )
        if not media:
            return None
        home = user.get("host") is None
        claimed = posted.claimed(str(note.get("createdAt") or ""))
        return Post(
            source=self._source,
            platform="misskey",
            post_id=f"{self._host}/{number}",
            url=f"{self._config.server}/notes/{quote(number)}",
            author_id=f"{self._host}/{user.get('id')}",
            author_name=str(user.get("username") or "") + ("" if home else f"@{user.get('host')}"),
            media=media,
            time=posted.combine(
                [posted.misskey(number, home=home), claimed, posted.seen(self._net.clock.now())]
            ),
            raw=json.dumps(note, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        )


def _picture(file: dict[str, Any]) -> str:
    kind, address = file.get("type"), file.get("url")
    return address if str(kind).startswith("image/") and isinstance(address, str) else ""


def _note(message: bytes) -> dict[str, Any] | None:
    """Return the note of a message of our channel, None for anything else."""
    with suppress(ValueError, RecursionError, AttributeError):
        body = json.loads(message).get("body")
        if isinstance(body, dict) and body.get("id") == CHANNEL and body.get("type") == "note":
            note = body.get("body")
            return note if isinstance(note, dict) else None
    return None
