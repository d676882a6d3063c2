"""A Mastodon and a Misskey server on loopback, as far as a reader of timelines meets them, and their bad days.

Mastodon: `min_id` gives the oldest statuses after an id, newest of them first; streams are server-sent events in chunks
with a sign of life now and then. Misskey: JSON posts, `sinceId` gives the oldest notes after an id, oldest first; streams
are channels over a WebSocket. Both as their documentation and their own clients have it.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.peers.web import Asked, Site, answer, serving

Record = dict[str, Any]
TAG = "イラスト"


@dataclass(slots=True)
class Timeline:
    """What a server knows: `records` in the order in which they became known, and how it behaves."""

    records: list[Record] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    cut_after: int = 0  # events of a stream, then it is cut
    twice: bool = False
    delay_s: float = 0.0
    streams: int = 0
    pages: int = 0
    refuse_pages: tuple[int, str] | None = None  # a status and a Retry-After
    refuse_streams: int = 0
    token: str = ""
    quiet: bool = False  # what becomes known is not streamed
    closing: bool = False

    def tell(self, *records: Record, streamed: bool = True) -> None:
        with self.changed:
            self.quiet = not streamed
            self.records.extend(records)
            self.changed.notify_all()

    def follow(self, send: Callable[[Record | None], None]) -> None:
        """Send what becomes known from now on, None as a sign of life; return when the stream is to be cut."""
        with self.changed:
            at = len(self.records)
            self.streams += 1
        sent = 0
        while not self.closing:
            with self.changed:
                if at >= len(self.records):
                    self.changed.wait(0.2)
                fresh, at = self.records[at:], len(self.records)
                fresh = [] if self.quiet else fresh
            if not fresh:
                send(None)
            for record in fresh:
                for _ in range(2 if self.twice else 1):
                    time.sleep(self.delay_s)
                    send(record)
                sent += 1
                if self.cut_after and sent >= self.cut_after:
                    return

    def stop(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()


def status(number: int, *pictures: str, acct: str = "maker", **more: Any) -> Record:
    """Make a status with pictures as Mastodon gives it."""
    host = acct.partition("@")[2] or "here.example"
    return {
        "id": str(number),
        "uri": f"https://{host}/users/maker/statuses/{number}",
        "url": f"https://{host}/@maker/{number}",
        "created_at": "2026-11-01T00:00:00.000Z",
        "account": {
            "id": "5",
            "acct": acct,
            "username": "maker",
            "uri": f"https://{host}/users/maker",
            "url": "",
        },
        "content": f"<p>{TAG}</p>",
        "reblog": None,
        "edited_at": None,
        "tags": [{"name": TAG, "url": ""}],
        "media_attachments": [
            {"id": "1", "type": "image", "url": f"https://files.example/{each}.png", "preview_url": "x"}
            for each in pictures
        ],
        **more,
    }


@dataclass(slots=True)
class Mastodon:
    """A running server."""

    site: Site
    timeline: Timeline

    @property
    def url(self) -> str:
        return f"http://{self.site.place}"

    def allowed(self, asked: Asked) -> bool:
        return not self.timeline.token or asked.header("authorization") == f"Bearer {self.timeline.token}"

    def page(self, asked: Asked, connection: socket.socket) -> bool:
        self.timeline.pages += 1
        if self.timeline.refuse_pages is not None:
            code, retry = self.timeline.refuse_pages
            lines = (f"Retry-After: {retry}",) if retry else ()
            return answer(b'{"error": "no"}', f"{code} No", lines)(asked, connection)
        if not self.allowed(asked):
            return answer(b'{"error": "This method requires an authenticated user"}', "401 No")(
                asked, connection
            )
        query = parse_qs(urlsplit(asked.path).query)
        limit = min(int(query.get("limit", ["20"])[0]), 40)
        known = {int(each["id"]): each for each in self.timeline.records}
        numbers = sorted(known)
        if "min_id" in query:
            numbers = [each for each in numbers if each > int(query["min_id"][0])][:limit]
        numbers = numbers[-limit:]
        body = json.dumps([known[each] for each in reversed(numbers)], ensure_ascii=False).encode()
        return answer(body, headers=("Content-Type: application/json; charset=utf-8",))(asked, connection)

    def stream(self, asked: Asked, connection: socket.socket) -> bool:
        if self.timeline.refuse_streams or not self.allowed(asked):
            self.timeline.refuse_streams = max(0, self.timeline.refuse_streams - 1)
            return answer(b"", "503 No", keep=False)(asked, connection)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        def send(record: Record | None) -> None:
            text = ":thump\n"
            if record is not None:
                name = "status.update" if record["edited_at"] else "update"
                text = f"event: {name}\ndata: {json.dumps(record, ensure_ascii=False)}\n\n"
            data = text.encode()
            connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        with suppress(OSError):
            self.timeline.follow(send)
        return False


@contextmanager
def mastodon(tag: str = TAG, list_id: str = "7") -> Iterator[Mastodon]:
    """Run a server on a free port of loopback until the block ends."""
    with serving({}) as site:
        peer = Mastodon(site, Timeline())
        access = {"local": "public", "remote": "public"}
        instance = {
            "domain": site.place,
            "uri": site.place,
            "version": "4.5.0",
            "urls": {"streaming_api": f"ws://{site.place}"},
            "configuration": {
                "urls": {"streaming": f"ws://{site.place}"},
                "timelines_access": {
                    "live_feeds": access,
                    "hashtag_feeds": access,
                    "trending_link_feeds": access,
                },
            },
        }
        about = answer(json.dumps(instance).encode(), headers=("Content-Type: application/json",))
        site.pages |= {f"/api/{each}/instance{end}": about for each in ("v1", "v2") for end in ("", "/")}
        quoted = tag.encode().hex("%")
        for path in (f"tag/%{quoted.upper()}", f"tag/{tag}", f"list/{list_id}"):
            site.pages[f"/api/v1/timelines/{path}"] = peer.page
        site.pages |= {"/api/v1/streaming/hashtag": peer.stream, "/api/v1/streaming/list": peer.stream}
        try:
            yield peer
        finally:
            peer.timeline.stop()


def note(number: str, *pictures: str, host: str | None = None, **more: Any) -> Record:
    """Make a note with pictures as Misskey gives it."""
    return {
        "id": number,
        "createdAt": "2026-11-01T00:00:00.000Z",
        "userId": "9u",
        "user": {"id": "9u", "username": "maker", "host": host, "name": None},
        "text": f"#{TAG}",
        "visibility": "public",
        "fileIds": [*pictures],
        "files": [
            {
                "id": each,
                "type": "image/png",
                "url": f"https://files.example/{each}.png",
                "thumbnailUrl": None,
            }
            for each in pictures
        ],
        "tags": [TAG],
        **more,
    }


@dataclass(slots=True)
class Misskey:
    """A running server; both its faces are on one port, as in life."""

    port: int
    timeline: Timeline
    asked: list[Record] = field(default_factory=list)
    connects: list[Record] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, name: str, asked: Record) -> tuple[int, Any, str]:
        """Answer one of the two ways to ask for notes."""
        self.timeline.pages += 1
        self.asked.append(asked)
        if self.timeline.refuse_pages is not None:
            return self.timeline.refuse_pages[0], {"error": {"code": "NO"}}, self.timeline.refuse_pages[1]
        if self.timeline.token and asked.get("i") != self.timeline.token:
            return 401, {"error": {"code": "CREDENTIAL_REQUIRED"}}, ""
        known = {each["id"]: each for each in self.timeline.records}
        if name == "local-timeline":
            known = {key: each for key, each in known.items() if each["user"]["host"] is None}
        elif asked.get("tag") != TAG:
            known = {}
        if asked.get("withFiles"):
            known = {key: each for key, each in known.items() if each["files"]}
        limit = min(int(asked.get("limit", 10)), 100)
        numbers = sorted(known)
        if "sinceId" in asked:
            return 200, [known[each] for each in numbers if each > asked["sinceId"]][:limit], ""
        return 200, [known[each] for each in reversed(numbers)][:limit], ""

    def serve(self, connection: ServerConnection) -> None:
        ids = set[str]()
        lock = threading.Lock()

        def send(record: Record | None) -> None:
            if record is None:
                connection.ping()
                return
            with lock:
                listening = list(ids)
            for each in listening:
                told = {"type": "channel", "body": {"id": each, "type": "note", "body": record}}
                connection.send(json.dumps(told, ensure_ascii=False))

        def listen() -> None:
            with suppress(ConnectionClosed, ValueError, KeyError, OSError):
                for message in connection:
                    told = json.loads(message)
                    if told["type"] == "connect":
                        self.connects.append(told["body"])
                        with lock:
                            ids.add(str(told["body"]["id"]))

        threading.Thread(target=listen, daemon=True).start()
        with suppress(ConnectionClosed, OSError):
            self.timeline.follow(send)
        connection.socket.close()

    def admit(self, _: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path != "/streaming" or self.timeline.refuse_streams:
            self.timeline.refuse_streams = max(0, self.timeline.refuse_streams - 1)
            return Response(HTTPStatus.SERVICE_UNAVAILABLE, "No", Headers(), b"")
        self.queries.append(unquote(parts.query))
        return None


@contextmanager
def misskey() -> Iterator[Misskey]:
    """Run a server on a free port of loopback until the block ends.

    The WebSocket library speaks no posts, so a small server in front looks at each connection's first line.
    """
    peer = Misskey(0, Timeline())

    def api(asked: Asked, connection: socket.socket) -> bool:
        if not asked.body:  # whoever asked hung up in the middle
            return False
        code, told, retry = peer.page(asked.path.rpartition("/")[2], json.loads(asked.body))
        lines = ("Content-Type: application/json", *((f"Retry-After: {retry}",) if retry else ()))
        return answer(json.dumps(told, ensure_ascii=False).encode(), f"{code} -", lines)(asked, connection)

    pages = {f"/api/notes/{name}": api for name in ("search-by-tag", "local-timeline")}
    with (
        serving(dict(pages)) as site,
        serve(peer.serve, "127.0.0.1", 0, process_request=peer.admit, compression=None) as streams,
        socket.create_server(("127.0.0.1", 0)) as front,
    ):
        peer.port = front.getsockname()[1]
        threading.Thread(target=streams.serve_forever, daemon=True).start()
        threading.Thread(
            target=_sort, args=(front, site.port, streams.socket.getsockname()[1]), daemon=True
        ).start()
        try:
            yield peer
        finally:
            peer.timeline.stop()
            front.close()
            streams.shutdown()


def _sort(front: socket.socket, pages: int, streams: int) -> None:
    while True:
        try:
            connection, _ = front.accept()
        except OSError:
            return
        threading.Thread(target=_join, args=(connection, pages, streams), daemon=True).start()


def _join(connection: socket.socket, pages: int, streams: int) -> None:
    with suppress(OSError), connection:
        connection.settimeout(30)
        beginning = connection.recv(4, socket.MSG_PEEK)
        with socket.create_connection(("127.0.0.1", streams if beginning == b"GET " else pages)) as behind:
            back = threading.Thread(target=_copy, args=(behind, connection), daemon=True)
            back.start()
            _copy(connection, behind)
            back.join(30)


def _copy(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
    with suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)
