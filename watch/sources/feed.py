"""RSS and Atom: asked for now and then, and not sent again when nothing changed.

The date of an entry is whatever its author wrote. A feed shows its last entries only: when none of those known is among
them any more, others may have come and gone in between, and that is a hole.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sakigake.clock import iso, parse_time
from sakigake.errors import NetworkError
from watch import posted
from watch.post import Batch, ClockClass, Hole, MediaRef, Post, PostTime, SourceInfo
from watch.sources import markup
from watch.sources.net import Net, place
from watch.sources.options import Options
from watch.sources.wire import library

KIND = "rss"
MAX_FEED = 8 * 2**20
MAX_ENTRIES = 1000
MAX_TEXT = 200_000
NOT_MODIFIED = 304
ACCEPT = ("application/atom+xml", "application/rss+xml", "application/xml;q=0.9", "text/xml;q=0.8")
KEY = 12  # hexadecimal digits by which a known entry is recognised: 2**48
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


@dataclass(frozen=True, slots=True)
class Config:
    """Which feed, and how often."""

    url: str
    every_s: float


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    return Config(
        options.url("url", example="https://example.com/feed.xml"),
        options.seconds("every_s", default=900.0, least=300.0),
    )


@dataclass(frozen=True, slots=True)
class _State:
    """The cursor: what the server calls its last answer, when that was, and which entries of it were handed over."""

    etag: str = ""
    modified: str = ""
    at: str = ""
    known: tuple[str, ...] = ()
    beyond: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> "_State":
        try:
            kept = json.loads(cursor or "{}")
            return cls(
                str(kept.get("etag", "")),
                str(kept.get("modified", "")),
                str(kept.get("at", "")),
                tuple(str(each) for each in kept.get("known", [])[:MAX_ENTRIES]),
                str(kept.get("beyond", "")),
            )
        except (ValueError, AttributeError, TypeError):
            return cls()

    def write(self) -> str:
        kept = {
            "etag": self.etag,
            "modified": self.modified,
            "at": self.at,
            "known": list(self.known),
            "beyond": self.beyond,
        }
        return json.dumps(kept, separators=(",", ":"))


class Feed:
    """One feed."""

    def __init__(self, config: Config, net: Net, source: str) -> None:
        self._parser: Any = library("feedparser", "feedparser")
        library("defusedxml", "defusedxml")
        self._config = config
        self._net = net
        self._source = source

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="web",
            clock=ClockClass.AUTHOR,
            sent="sent-rss",
            terms="terms-rss",
            min_interval_s=self._config.every_s,
            tried_live=False,
        )

    def poll(self, cursor: str | None, limit: int) -> Batch:
        """Ask for the feed; the entries that were not handed over yet are new. Raises NetworkError."""
        state = _State.read(cursor)
        headers = {"If-None-Match": state.etag, "If-Modified-Since": state.modified}
        answer = self._net.get(
            self._config.url,
            accept=ACCEPT,
            headers={name: value for name, value in headers.items() if value},
            max_bytes=MAX_FEED,
            ok=(200, NOT_MODIFIED),
        )
        now = self._net.clock.now()
        if answer.status == NOT_MODIFIED:
            return Batch((), replace(state, at=iso(now)).write())
        feed = self._parse(answer.body)
        base = self._config.url
        entries = [(_key(entry, base), entry) for entry in feed.entries[:MAX_ENTRIES]]
        known, listed = set(state.known), [key for key, _ in entries]
        fresh = [(key, entry) for key, entry in entries if key not in known]
        holes: tuple[Hole, ...] = ()
        if known and listed and not known & set(listed) and state.at:
            holes = (Hole(parse_time(state.at), now, "source-feed-turned-over"),)
        beyond = _digest([_key(entry, base) for entry in feed.entries[MAX_ENTRIES:]])
        if beyond not in {"", state.beyond}:
            holes = (*holes, Hole(parse_time(state.at) if state.at else now, now, "source-feed-too-long"))
        given, left = fresh[:limit], fresh[limit:]
        posts = [post for key, entry in given if (post := self._post(key, entry)) is not None]
        # Until the last entry is handed over the feed has to be sent again in full.
        done = not left
        rest = {key for key, _ in left}
        kept = [key for key in listed if key not in rest]
        after = _State(
            answer.header("etag") if done else "",
            answer.header("last-modified") if done else "",
            iso(now),
            tuple(kept) or state.known,
            beyond,
        )
        return Batch(tuple(posts), after.write(), holes)

    def close(self) -> None:
        """Nothing is held."""

    def _parse(self, body: bytes) -> Any:
        """Parse a feed whose XML declares no entities: those are what bombs and reading of files are made of."""
        defused = importlib.import_module("defusedxml")
        checker = importlib.import_module("defusedxml.sax")
        handler = importlib.import_module("xml.sax").handler.ContentHandler()
        host = place(self._config.url)
        try:
            checker.parseString(body, handler, forbid_dtd=False)
        except defused.DefusedXmlException as error:
            raise NetworkError("source-feed-refused", host=host) from error
        except Exception:  # noqa: BLE001 - not well-formed: feedparser reads those feeds too, without entities
            if b"<!ENTITY" in body.upper():
                raise NetworkError("source-feed-refused", host=host) from None
        try:
            feed = self._parser.parse(
                body, response_headers={"content-type": "application/xml"}, resolve_relative_uris=False
            )
        except Exception as error:  # it promises nothing for what is not well-formed
            raise NetworkError("source-feed-unreadable", host=host) from error
        if not feed.entries and not feed.get("version"):
            raise NetworkError("source-feed-unreadable", host=host)
        return feed

    def _post(self, key: str, entry: Mapping[str, Any]) -> Post | None:
        link = str(entry.get("link") or "")
        pictures = _pictures(entry, self._config.url)
        if not pictures:
            return None
        raw = json.dumps(entry, ensure_ascii=False, default=str)[:MAX_TEXT]
        return Post(
            source=self._source,
            platform="web",
            post_id=key,
            url=next(iter(markup.addresses([link], self._config.url)), self._config.url),
            author_id="",  # what a feed says of its author is a name, not an id
            author_name=str(entry.get("author") or "")[:200],
            media=tuple(MediaRef(address) for address in pictures),
            time=posted.combine([self._claimed(entry), posted.seen(self._net.clock.now())]),
            raw=raw.encode("utf-8", "surrogatepass"),
        )

    @staticmethod
    def _claimed(entry: Mapping[str, Any]) -> PostTime:
        plain = dict(entry)  # feedparser's own mapping gives the one date for the other, with a warning
        return posted.feed_date(str(plain.get("published") or plain.get("updated") or ""))


def _key(entry: Mapping[str, Any], base: str) -> str:
    """Return what an entry is known by: its id or link, and its pictures, so that a swapped one is looked at again."""
    named = str(entry.get("id") or entry.get("link") or "") or json.dumps(entry, default=str, sort_keys=True)
    return _digest([named, *_pictures(entry, base)])


def _digest(texts: Sequence[str]) -> str:
    """Return a short digest of some texts, nothing for none."""
    told = "\n".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(told).hexdigest()[:KEY] if texts else ""


def _pictures(entry: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """Return an entry's pictures: enclosures and media elements first, else what its text shows."""
    found = [
        str(each.get("href") or "")
        for each in _maps(entry.get("enclosures"))
        if _is_picture(str(each.get("type") or ""), str(each.get("href") or ""))
    ]
    found += [
        str(each.get("url") or "")
        for each in _maps(entry.get("media_content"))
        if each.get("medium") == "image"
        or _is_picture(str(each.get("type") or ""), str(each.get("url") or ""))
    ]
    base = str(entry.get("link") or base)
    if not found:
        texts = [str(each.get("value") or "") for each in _maps(entry.get("content"))]
        texts.append(str(entry.get("summary") or ""))
        found = [address for text in texts for address in markup.shown_pictures(text, base)]
    if not found:
        found = [str(each.get("url") or "") for each in _maps(entry.get("media_thumbnail"))]
    return markup.addresses(found, base)


def _maps(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _is_picture(kind: str, address: str) -> bool:
    return kind.startswith("image/") or (not kind and address.lower().partition("?")[0].endswith(PICTURES))
