"""Bluesky, by a Jetstream server: every public post with pictures, told as it comes.

The stream's first form (`/subscribe`, github.com/bluesky-social/jetstream) is spoken: JSON, with a cursor in
microseconds that any of the public servers understands. Compression there needs a dictionary that no server hands
out; who has the file may name it, everybody else reads plain JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from sakigake.clock import EPOCH
from sakigake.errors import NetworkError, UsageError
from watch import posted
from watch.post import ClockClass, MediaRef, Post, SourceInfo
from watch.sources.net import Net
from watch.sources.options import Options
from watch.sources.push import CAPACITY, Push, Run, heard
from watch.sources.wire import MAX_MESSAGE, Wire, library

KIND = "bluesky"
COLLECTION = "app.bsky.feed.post"
SERVERS = (
    "wss://jetstream2.us-east.bsky.network",
    "wss://jetstream1.us-west.bsky.network",
    "wss://jetstream2.us-west.bsky.network",
    "wss://jetstream1.us-east.bsky.network",
)
CDN = "https://cdn.bsky.app/img/feed_thumbnail/plain"  # JPEG, about 1000 pixels on the longer side
US = timedelta(microseconds=1)
# Servers see a post at slightly different moments, so whoever changes server looks back (their README).
REWIND = timedelta(seconds=10)
# All of Bluesky is never silent for so long: a first event so much later means that the server had no more.
SILENCE = timedelta(seconds=60)
# A time further ahead than clocks may differ is a mistake, and would make the cursor skip what is to come.
AHEAD = timedelta(minutes=5)
MAX_PICTURES = 10
LONGEST_ID = 512


@dataclass(frozen=True, slots=True)
class Config:
    """What to read: `servers` in turn; with `tags` or `languages` only posts that bear one of them."""

    servers: tuple[str, ...]
    tags: frozenset[str]
    languages: frozenset[str]
    pictures: str
    dictionary: bytes | None


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    servers = options.texts("servers", example=SERVERS[0]) or SERVERS
    for server in servers:
        options.address("servers", server, SERVERS[0], ("ws", "wss"))
    named = options.file("dictionary", example="zstd_dictionary")
    dictionary = None
    if named:
        try:
            dictionary = named.read_bytes()[:MAX_MESSAGE]
        except OSError as error:
            raise UsageError("source-file-unreadable", path=named, why=error.strerror or error) from error
    return Config(
        tuple(server.rstrip("/") for server in servers),
        frozenset(
            tag.lstrip("#＃").casefold() for tag in options.texts("tags", example="illustration,イラスト")
        ),
        frozenset(language.lower() for language in options.texts("languages", example="ja,en")),
        options.url("pictures", example=CDN, default=CDN).rstrip("/"),
        dictionary,
    )


class Bluesky(Push):
    """The posts of a Jetstream server."""

    def __init__(self, config: Config, net: Net, source: str, capacity: int = CAPACITY) -> None:
        library("websocket", "websocket-client")
        if config.dictionary is not None:
            library("zstandard", "zstandard")
        began = _us(net.clock.now())
        self._turn = 0
        super().__init__(lambda: self._reader(config, net, source, began), net.clock, capacity)

    def _reader(self, config: Config, net: Net, source: str, began: int) -> "_Reader":
        return _Reader(config, net, source, began, self)

    def next_server(self, servers: tuple[str, ...]) -> str:
        """Return the server whose turn it is."""
        self._turn += 1
        return servers[(self._turn - 1) % len(servers)]

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="bluesky",
            clock=ClockClass.AUTHOR,
            sent="sent-bluesky",
            terms="terms-bluesky",
            min_interval_s=0.0,
            tried_live=False,
        )


class _Reader:
    def __init__(self, config: Config, net: Net, source: str, began: int, servers: Bluesky) -> None:
        self._config = config
        self._net = net
        self._source = source
        self._began = began
        self._servers = servers
        self._wire: Wire | None = None
        self._unpack: Any = None
        self._packed_otherwise: tuple[type[Exception], ...] = ()
        if config.dictionary is not None:
            zstd = library("zstandard", "zstandard")
            words = zstd.ZstdCompressionDict(config.dictionary)
            self._packed_otherwise = (zstd.ZstdError,)
            self._unpack = zstd.ZstdDecompressor(dict_data=words)

    def hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def read(self, position: str | None, run: Run) -> None:
        """Read until the connection ends. The position is the newest `time_us` that was told."""
        known = int(position) if position is not None and position.isdigit() else self._began
        asked = known - REWIND // US
        query = [("wantedCollections", COLLECTION), ("cursor", str(asked))]
        if self._unpack is not None:
            query.append(("compress", "true"))
        wire = self._wire = Wire(
            self._net, f"{self._servers.next_server(self._config.servers)}/subscribe?{urlencode(query)}"
        )
        try:
            self._listen(wire, known, run)
        finally:
            wire.close()

    def _listen(self, wire: Wire, newest: int, run: Run) -> None:
        run.alive()
        first = True
        for message in heard(wire, run):
            if (event := self._event(message)) is None:
                continue
            told = _stated(event, run.now())
            if first and told:
                first = False
                if told > newest + SILENCE // US:
                    run.hole(_moment(newest), _moment(told), "source-replay-too-short")
            newest = max(newest, told)
            post = self._post(event, message, told, run.now())
            run.tell(post, str(newest))

    def _event(self, message: bytes) -> dict[str, Any] | None:
        try:
            if self._unpack is not None:
                message = self._unpack.decompress(message, max_output_size=MAX_MESSAGE)
            event = json.loads(message)
        except (ValueError, RecursionError):
            return None
        except self._packed_otherwise as error:
            raise NetworkError("source-packed-otherwise", host="Jetstream") from error
        return event if isinstance(event, dict) else None

    def _post(self, event: dict[str, Any], message: bytes, told: int, now: datetime) -> Post | None:
        commit, account = event.get("commit"), event.get("did")
        if not isinstance(commit, dict) or not isinstance(account, str) or not account.startswith("did:"):
            return None
        operation, key, record = commit.get("operation"), commit.get("rkey"), commit.get("record")
        wanted = commit.get("collection") == COLLECTION and operation in {"create", "update"}
        if not wanted or not isinstance(key, str) or not isinstance(record, dict):
            return None
        pictures = _pictures(record)
        if not pictures or not self._asked_for(record) or len(account) + len(key) > LONGEST_ID:
            return None
        address = f"at://{account}/{COLLECTION}/{key}"
        seen = posted.seen(_moment(told), "jetstream-time") if told else posted.seen(now)
        claimed = record.get("createdAt")
        return Post(
            source=self._source,
            platform="bluesky",
            # A record that was changed may hold another picture: it counts as a post of its own.
            post_id=address if operation == "create" else f"{address}#{commit.get('cid')}"[:LONGEST_ID],
            url=f"https://bsky.app/profile/{account}/post/{quote(key)}",
            author_id=account,
            author_name="",  # the stream names nobody
            media=tuple(
                MediaRef(f"{self._config.pictures}/{quote(account, safe=':')}/{picture}@jpeg")
                for picture in pictures
            ),
            time=posted.combine(
                [posted.bluesky(key), posted.claimed(claimed if isinstance(claimed, str) else ""), seen]
            ),
            raw=message if self._unpack is None else json.dumps(event, ensure_ascii=False).encode(),
        )

    def _asked_for(self, record: dict[str, Any]) -> bool:
        spoken = {str(each).lower().partition("-")[0] for each in _list(record.get("langs"))}
        if self._config.languages and not spoken & self._config.languages:
            return False
        return not self._config.tags or bool(_tags(record) & self._config.tags)


def _stated(event: dict[str, Any], now: datetime) -> int:
    """Return when the server says that it saw the event, 0 when that cannot be."""
    stated = event.get("time_us")
    if isinstance(stated, bool) or not isinstance(stated, int):
        return 0
    return stated if 0 < stated <= _us(now + AHEAD) else 0


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // US


def _moment(us: int) -> datetime:
    return EPOCH + us * US


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tags(record: dict[str, Any]) -> set[str]:
    found = {str(tag).casefold() for tag in _list(record.get("tags"))}
    for facet in _list(record.get("facets")):
        for feature in _list(facet.get("features") if isinstance(facet, dict) else None):
            if isinstance(feature, dict) and feature.get("$type") == "app.bsky.richtext.facet#tag":
                found.add(str(feature.get("tag")).lstrip("#＃").casefold())
    return found


def _pictures(record: dict[str, Any]) -> list[str]:
    """Return the content ids of the pictures that a post embeds, beside a quoted post as well."""
    embed = record.get("embed")
    if isinstance(embed, Mapping) and embed.get("$type") == "app.bsky.embed.recordWithMedia":
        embed = embed.get("media")
    if not isinstance(embed, Mapping) or embed.get("$type") != "app.bsky.embed.images":
        return []
    found = []
    for entry in _list(embed.get("images"))[:MAX_PICTURES]:
        blob = entry.get("image") if isinstance(entry, dict) else None
        ref = blob.get("ref") if isinstance(blob, dict) else None
        link = ref.get("$link") if isinstance(ref, dict) else None
        if isinstance(link, str) and link.isalnum() and link.isascii() and len(link) <= LONGEST_ID:
            found.append(link)
    return found
