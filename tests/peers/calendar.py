"""A calendar, a block explorer and a Bitcoin node in one server on loopback, over one chain; each can misbehave."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.chain import Calendar, Chain, double


@dataclass(frozen=True)
class Reply:
    """What goes back; `drip`: a byte at a time."""

    body: bytes
    status: int = 200
    location: str = ""
    drip: bool = False


class Peer:
    """What stands behind the server. `asked` is every path that was asked for, with its body in hex."""

    def __init__(self, chain: Chain | None = None) -> None:
        self.chain = chain or Chain()
        self.calendar = Calendar(self.chain)
        self.fault = ""  # dead, html, large, slow, redirect, other, twisted
        self.explorer_fault = ""
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    def mine(self, seconds: int | None = None) -> None:
        self.calendar.mine(int(time.time()) if seconds is None else seconds)

    def paths(self, begin: str) -> list[str]:
        return [path for path, _ in self.asked if path.startswith(begin)]

    def answer(self, path: str, body: bytes) -> Reply:
        """Answer as it should be done."""
        kind, _, last = path.strip("/").partition("/")
        found: bytes | None = None
        if path == "/" and body:
            found = self._rpc(json.loads(body))
        elif kind == "digest":
            found = self.calendar.submit(body)
        elif kind == "timestamp":
            found = self.calendar.done.get(bytes.fromhex(last))
        elif kind == "block-height" and int(last) < len(self.chain.headers):
            found = double(self.chain.headers[int(last)])[::-1].hex().encode()
        elif kind == "block" and (at := self.chain.height_of(last.removesuffix("/header"))) is not None:
            found = self.chain.headers[at].hex().encode()
        return Reply(found) if found is not None else Reply(b"Pending or not found", 404)

    def misbehave(self, path: str, body: bytes) -> Reply:
        """Answer, with the fault that was asked for."""
        explorer = path.startswith("/block")
        fault = "" if path == "/" else self.explorer_fault if explorer else self.fault
        canned = {
            "dead": Reply(b"", 500),
            "html": Reply(b"<!doctype html><title>Sign in</title>"),
            "large": Reply((b"\xf0\x01A" * 4000)[:10_001]),
            "slow": Reply(b"\xf0" * 5000, drip=True),
            "redirect": Reply(b"", 302, location=f"{self.url}/elsewhere"),
        }
        if fault in canned:
            return canned[fault]
        reply = self.answer(path, body)
        if fault == "other":  # well formed, and about another digest than was asked for
            return Reply(b"\xf0\x01A\x08" + reply.body, reply.status)
        return Reply(reply.body[::-1], reply.status) if fault == "twisted" else reply

    def _rpc(self, call: dict[str, Any]) -> bytes:
        headers = self.chain.headers
        match call["method"]:
            case "getblockcount":
                result: object = len(headers) - 1
            case "getblockhash":
                result = double(headers[call["params"][0]])[::-1].hex()
            case "getblockheader":
                at = self.chain.height_of(call["params"][0])
                result = headers[at].hex() if at is not None else None
            case _:
                result = None
        return json.dumps({"result": result, "error": None, "id": call["id"]}).encode()


class _Handler(BaseHTTPRequestHandler):
    peer: Peer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        self.peer.asked.append((self.path, body.hex()))
        reply = self.peer.misbehave(self.path, body)
        self.send_response(reply.status)
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if not reply.drip:
            self.wfile.write(reply.body)
            return
        try:
            for byte in reply.body:
                self.wfile.write(bytes((byte,)))
                time.sleep(0.1)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(peer: Peer) -> Iterator[Peer]:
    """Serve on loopback until the context is left; sets the peer's `url` and its calendar's address."""
    handler = type("Handler", (_Handler,), {"peer": peer})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        peer.url = f"http://127.0.0.1:{server.server_address[1]}"
        peer.calendar.address = peer.url
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
