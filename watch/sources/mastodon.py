"""Mastodon and servers that speak its language: a hashtag or a list, told as it comes or asked for now and then.

The client is Mastodon.py over a guarded session. Of the times only those of the server's own members are the server's
clock; a post from elsewhere bears the time that its server claims.
"""

import importlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from sakigake.errors import NetworkError, SakigakeError
from watch import posted, postids
from watch.post import ClockClass, MediaRef, Post, SourceInfo
from watch.sources import session, tokens
from watch.sources.catchup import Entry, Ids, Timeline
from watch.sources.net import Net, place
from watch.sources.options import Options
from watch.sources.push import CAPACITY, Push, Run
from watch.sources.wire import ClosedError, library

KIND = "mastodon"
PAGE = 40  # the most that servers give
REQUEST_S = 10.0
STREAM_SILENCE_S = 60.0  # servers send a sign of life every fifteen seconds
MAX_EVENT = 2 * 2**20
MAX_PICTURES = 16
REFUSED = frozenset({401, 403, 404, 410, 422})


@dataclass(frozen=True, slots=True)
class Config:
    """What to read: a hashtag or a list of `server`. `every_s` counts when nothing is streamed."""

    server: str
    tag: str
    list_id: str
    stream: bool
    every_s: float


def configure(options: Options) -> Config:
    """Read the options; raises UsageError."""
    server = options.server("server", example="https://mastodon.example")
    list_id = options.text("list", example="1234", default="")
    tag = options.text("tag", example="illustration", default="" if list_id else None).lstrip("#＃")
    return Config(
        server,
        "" if list_id else tag,
        list_id,
        options.switch("stream", default=True),
        options.seconds("every_s", default=60.0, least=30.0),
    )


IDS = Ids(
    order=lambda text: (int(text) if text.isdigit() else 0, text),
    moment=lambda text: postids.start(postids.mastodon(text)),
    before=postids.mastodon_before,
)


class Mastodon(Push):
    """A hashtag or a list of one server."""

    def __init__(self, config: Config, net: Net, source: str, capacity: int = CAPACITY) -> None:
        library("mastodon", "Mastodon.py")
        self._config = config
        super().__init__(lambda: _Reader(config, net, source), net.clock, capacity)

    def describe(self) -> SourceInfo:
        """Say what the source is."""
        return SourceInfo(
            kind=KIND,
            platform="mastodon",
            clock=ClockClass.SERVER,
            sent="sent-mastodon",
            terms="terms-mastodon",
            min_interval_s=0.0 if self._config.stream else self._config.every_s,
            tried_live=False,
        )


class _Reader:
    def __init__(self, config: Config, net: Net, source: str) -> None:
        self._config = config
        self._net = net
        self._source = source
        self._host = place(config.server)
        self._streaming: requests.Response | None = None
        self._answer: requests.Response | None = None
        self._session = session.guarded(net)
        self._session.hooks["response"].append(self._note)
        mastodon = importlib.import_module("mastodon")
        self._client: Any = mastodon.Mastodon(
            access_token=tokens.token(urlsplit(config.server).hostname or "") or None,
            api_base_url=config.server,
            session=self._session,
            request_timeout=REQUEST_S,
            ratelimit_method="throw",
            version_check_mode="none",
            user_agent=session.USER_AGENT,
        )
        self._timeline = Timeline(self._page, IDS)
        self._listener = _listener(mastodon.StreamListener)

    def _note(self, response: requests.Response, **_: object) -> None:
        self._answer = response

    def hang_up(self) -> None:
        if (streaming := self._streaming) is not None and (raw := streaming.raw) is not None:
            with suppress(OSError, AttributeError, ValueError):
                raw.shutdown()
            with suppress(OSError, AttributeError, ValueError):
                streaming.close()
        self._session.close()

    def read(self, position: str | None, run: Run) -> None:
        """Follow the stream, or ask every now and then; raises at the end of the connection."""
        if not self._config.stream:
            self._timeline.ask_every(self._config.every_s, position, run)
        self._listener.connected = lambda response: self._follow(response, position, run)
        with self._calling():
            if self._config.list_id:
                self._client.stream_list(self._config.list_id, self._listener, timeout=STREAM_SILENCE_S)
            else:
                self._client.stream_hashtag(self._config.tag, self._listener, timeout=STREAM_SILENCE_S)
        raise ClosedError

    def _follow(self, response: requests.Response, position: str | None, run: Run) -> None:
        """Read a stream that is open already, so that nothing falls between what is asked for and what is told."""
        self._streaming = response
        if run.stopped:
            raise ClosedError
        position = self._timeline.catch_up_streaming(position, run, REFUSED)
        run.alive()
        for event, payload in _events(response, run):
            if event not in {"update", "status.update"}:
                continue
            with suppress(ValueError, RecursionError):
                entry = self._entry(json.loads(payload), payload, edited=event != "update")
                if entry is not None:
                    position = self._timeline.tell(entry, position, run)

    def _page(self, after: str | None) -> Sequence[Entry]:
        with self._calling():
            if self._config.list_id:
                self._client.timeline_list(self._config.list_id, min_id=after, limit=PAGE)
            else:
                self._client.timeline_hashtag(self._config.tag, min_id=after, limit=PAGE, only_media=True)
        answer = json.loads(self._answer.content) if self._answer is not None else []
        entries = [self._entry(status, json.dumps(status, ensure_ascii=False)) for status in answer]
        return sorted((entry for entry in entries if entry is not None), key=lambda each: IDS.order(each.id))

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Pace a call of the library and give its failures our names."""
        self._answer = None
        with self._net.paced(self._host):
            try:
                yield
            except (ClosedError, SakigakeError):
                raise
            except Exception as error:
                raise self._named(error) from error

    def _named(self, error: Exception) -> NetworkError:
        found: BaseException | None = error
        while found is not None:  # the library words the failures of the guard anew
            if isinstance(found, NetworkError):
                return found
            found = found.__cause__ or found.__context__
        answer = self._answer
        if answer is None or answer.ok:
            return NetworkError("source-odd-answer", host=self._host, why=type(error).__name__)
        wait = answer.headers.get("Retry-After") or _until(answer.headers.get("X-RateLimit-Reset", ""))
        slug = "source-token-refused" if answer.status_code in {401, 403} else "source-refused"
        return NetworkError(
            slug,
            host=self._host,
            status=answer.status_code,
            retry_after=wait if answer.status_code == 429 else "",  # noqa: PLR2004 - RFC 6585
            variable=tokens.variable(urlsplit(self._config.server).hostname or ""),
        )

    def _entry(self, status: object, raw: str, *, edited: bool = False) -> Entry | None:
        if not isinstance(status, dict) or not isinstance(number := status.get("id"), str):
            return None
        boosted = status.get("reblog")
        shown = boosted if isinstance(boosted, dict) else status
        return Entry(number, self._post(shown, raw, edited=edited))

    def _post(self, status: dict[str, Any], raw: str, *, edited: bool) -> Post | None:
        account, attached = status.get("account"), status.get("media_attachments")
        number = status.get("id")
        if not isinstance(account, dict) or not isinstance(attached, list) or not isinstance(number, str):
            return None
        media = tuple(
            MediaRef(address)
            for each in attached[:MAX_PICTURES]
            if isinstance(each, dict) and (address := _picture(each))
        )
        if not media:
            return None
        home = "@" not in str(account.get("acct", "@"))
        seen = posted.seen(self._net.clock.now())
        claimed = posted.claimed(str(status.get("created_at") or ""))
        version = f"#{status.get('edited_at')}" if edited else ""  # an edit may bring another picture
        return Post(
            source=self._source,
            platform="mastodon",
            post_id=f"{self._host}/{number}{version}",
            url=str(status.get("url") or status.get("uri") or ""),
            author_id=str(account.get("uri") or f"{self._host}/{account.get('id')}"),
            author_name=str(account.get("acct") or ""),
            media=media,
            time=posted.combine([posted.mastodon(number, home=home), claimed, seen]),
            raw=raw.encode("utf-8", "surrogatepass"),
        )


def _picture(attached: dict[str, Any]) -> str:
    """Return the address of a picture, of a film that of its preview."""
    kind = attached.get("type")
    address = attached.get("url") if kind == "image" else attached.get("preview_url")
    return address if kind in {"image", "gifv", "video"} and isinstance(address, str) else ""


def _until(reset: str) -> str:
    """Return a Retry-After for a moment as Mastodon writes it in X-RateLimit-Reset."""
    try:
        moment = datetime.fromisoformat(reset)
    except ValueError:
        return ""
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT") if moment.tzinfo is not None else ""


def _listener(base: Any) -> Any:
    """Make a listener of the library that hands over the open stream instead of reading it byte by byte."""

    class Listener(base):  # type: ignore[misc]
        connected: Any = None

        def handle_stream(self, response: requests.Response) -> None:
            self.connected(response)

    return Listener()


def _events(response: requests.Response, run: Run) -> Iterator[tuple[str, str]]:
    """Read server-sent events: pairs of a name and its data. Raises ClosedError at the end."""
    event, data, size = "", [], 0
    try:
        for line in response.iter_lines(chunk_size=None if response.raw.chunked else 1):
            run.alive()
            name, _, value = line.decode("utf-8", "replace").partition(":")
            value = value.removeprefix(" ")
            size += len(line)
            if size > MAX_EVENT or run.stopped:
                raise ClosedError
            if name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif not line:
                if event and data:
                    yield event, "\n".join(data)
                event, data, size = "", [], 0
    except (requests.RequestException, OSError, AttributeError, ValueError) as error:
        raise ClosedError from error  # AttributeError and ValueError: another thread has just closed it
    raise ClosedError
