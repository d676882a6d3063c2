"""A server that speaks Jetstream's first form on loopback: filters, replay from a cursor, compression, and bad days.

It follows the description in the server's own repository (`/subscribe`): events in JSON, one a message, `cursor` in
microseconds with what came at or after it told again, `compress=true` for frames packed by zstd with a dictionary.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import zstandard
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

COLLECTION = "app.bsky.feed.post"
Event = dict[str, Any]


def tid(us: int, clock: int = 7) -> str:
    """Make a record key of a moment, as the author's program does."""
    number, text = us << 10 | clock, ""
    for _ in range(13):
        number, digit = divmod(number, 32)
        text = "234567abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text


def event(us: int, author: str, *cids: str, key: str = "", operation: str = "create", **record: Any) -> Event:
    """Make an event of a post with pictures."""
    images = [
        {"alt": "", "image": {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/jpeg", "size": 9}}
        for cid in cids
    ]
    body: dict[str, Any] = {
        "$type": COLLECTION,
        "text": "絵",
        "createdAt": "2026-11-01T00:00:00.000Z",
        **record,
    }
    if images and "embed" not in body:
        body["embed"] = {"$type": "app.bsky.embed.images", "images": images}
    commit = {
        "rev": "r",
        "operation": operation,
        "collection": COLLECTION,
        "rkey": key or tid(us),
        "cid": f"bafy{us}",
        "record": body,
    }
    return {"did": f"did:plc:{author}", "time_us": us, "kind": "commit", "commit": commit}


@dataclass(slots=True)
class Jetstream:
    """A running server. `tell` makes an event known; the rest is how it behaves from now on."""

    port: int = 0
    dictionary: bytes | None = None
    cut_after: int = 0  # messages of a connection, then it is cut; 0 never
    delay_s: float = 0.0  # before each message
    twice: bool = False  # each message is sent twice
    swap: bool = False  # each two messages are sent in the other order
    refuse: int = 0  # so many handshakes are refused, with 503
    retry_after: str = ""
    forget_before_us: int = 0  # older events are not replayed
    events: list[Event] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closing: bool = False
    connections: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def tell(self, *told: Event) -> None:
        with self.changed:
            self.events.extend(told)
            self.changed.notify_all()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path != "/subscribe":
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        if self.refuse:
            self.refuse -= 1
            response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
            if self.retry_after:
                response.headers["Retry-After"] = self.retry_after
            return response
        return None

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self.asked.append(query)
        self.connections += 1
        wanted = query.get("wantedCollections", [])
        start = int(query["cursor"][0]) if "cursor" in query else time.time_ns() // 1000
        packer = None
        if query.get("compress") == ["true"]:
            assert self.dictionary is not None
            words = zstandard.ZstdCompressionDict(self.dictionary)
            packer = zstandard.ZstdCompressor(dict_data=words)
        with suppress(ConnectionClosed, OSError):
            self._tell(connection, wanted, start, packer)

    def _tell(
        self,
        connection: ServerConnection,
        wanted: list[str],
        start: int,
        packer: zstandard.ZstdCompressor | None,
    ) -> None:
        at, sent = 0, 0
        while True:
            with self.changed:
                while at >= len(self.events) and not self.closing:
                    self.changed.wait(0.2)
                if self.closing:
                    return
                batch = self.events[at:]
                at += len(batch)
            due = [
                each
                for each in batch
                if (not isinstance(us := each["time_us"], int) or us >= max(start, self.forget_before_us))
                and (each.get("kind") != "commit" or each["commit"]["collection"] in wanted)
            ]
            if self.swap:
                due = [each for pair in zip(due[1::2], due[::2], strict=False) for each in pair] + due[
                    len(due) // 2 * 2 :
                ]
            for each in due:
                for _ in range(2 if self.twice else 1):
                    time.sleep(self.delay_s)
                    text = json.dumps(each, ensure_ascii=False)
                    connection.send(packer.compress(text.encode()) if packer else text)
                sent += 1
                if self.cut_after and sent >= self.cut_after:
                    connection.socket.close()
                    return


@contextmanager
def jetstream(dictionary: bytes | None = None) -> Iterator[Jetstream]:
    """Run a server on a free port of loopback until the block ends."""
    peer = Jetstream(dictionary=dictionary)
    with serve(peer._serve, "127.0.0.1", 0, process_request=peer._admit, compression=None) as server:
        peer.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            with peer.changed:
                peer.closing = True
                peer.changed.notify_all()
            server.shutdown()
            thread.join(5)
