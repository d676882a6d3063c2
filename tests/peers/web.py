"""A web server on loopback that behaves as badly as a test asks it to. Raw sockets, so that it can."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Handler = Callable[["Asked", socket.socket], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: `lines` is the head without its first line, `connection` counts from 0."""

    method: str
    path: str
    lines: tuple[str, ...]
    body: bytes
    connection: int

    def header(self, name: str) -> str:
        return next(
            (line.split(":", 1)[1].strip() for line in self.lines if line.lower().startswith(f"{name}:")), ""
        )


@dataclass(slots=True)
class Site:
    """A running server. `pages` maps a path to what handles it; a handler returns whether the connection is kept."""

    port: int
    pages: dict[str, Handler]
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://{self.place}{path}"


def answer(
    body: bytes = b"", status: str = "200 OK", headers: tuple[str, ...] = (), *, keep: bool = True
) -> Handler:
    """Return a handler that sends this and nothing else."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    if not keep:
        lines.append("Connection: close")
    whole = "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def handle(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(whole)
        return keep

    return handle


def raw(whole: bytes) -> Handler:
    """Return a handler that sends these very bytes and closes."""

    def handle(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(whole)
        return False

    return handle


def redirect(location: str, status: str = "302 Found", body: bytes = b"") -> Handler:
    return answer(body, status, (f"Location: {location}",))


@contextmanager
def serving(pages: dict[str, Handler], context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a server on a free port of loopback until the block ends."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = Site(listener.getsockname()[1], pages)
        thread = threading.Thread(target=_accept, args=(listener, site, context, stop), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            stop.set()
            with suppress(OSError), socket.create_connection(("127.0.0.1", site.port), 1):
                pass
            thread.join(5)


def _accept(
    listener: socket.socket, site: Site, context: ssl.SSLContext | None, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        if stop.is_set():
            connection.close()
            return
        number = site.connections
        site.connections += 1
        threading.Thread(target=_serve, args=(connection, site, context, number), daemon=True).start()


def _serve(connection: socket.socket, site: Site, context: ssl.SSLContext | None, number: int) -> None:
    with suppress(OSError), connection:
        connection.settimeout(30)
        talking = context.wrap_socket(connection, server_side=True) if context else connection
        with talking, talking.makefile("rb") as stream:
            while True:
                head = []
                while (line := stream.readline(65536)) not in {b"\r\n", b""}:
                    head.append(line.decode("latin-1").rstrip("\r\n"))
                if not head:
                    return
                method, path, *_ = [*head[0].split(" ", 2), "", ""]
                length = next(
                    (int(each.split(":")[1]) for each in head if each.lower().startswith("content-length:")),
                    0,
                )
                asked = Asked(method, path, tuple(head[1:]), stream.read(length), number)
                site.asked.append(asked)
                handler = site.pages.get(
                    path.split("?", maxsplit=1)[0], answer(b"nothing here", "404 Not Found")
                )
                if not handler(asked, talking):
                    return
