"""Serving the desk on this machine, one for each folder of records, and finding the one that runs.

A desk that runs holds `desk.lock` and leaves its port and secret in `desk.json`, both readable by their owner alone.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from desk.web.app import make_app
from desk.web.entrance import Entrance, make_ticket
from sakigake import durable
from sakigake.errors import SakigakeError, UsageError
from sakigake.lock import FileLock, is_held

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from sakigake.settings import Settings

LOCK_FILE = "desk.lock"
PLACE_FILE = "desk.json"
HOST = "127.0.0.1"
PATIENCE_S = 2  # what is being answered when the desk is closed gets so long
ANY_PORT = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A desk that runs: its port, and the secret that makes links."""

    port: int
    secret: str

    def link(self) -> str:
        """Return a link that opens it once."""
        return f"http://{HOST}:{self.port}/login?t={make_ticket(self.secret)}"


def running(home: Path) -> Running | None:
    """Return the desk that runs on these records; raises SakigakeError when it does but has left no address."""
    if not is_held(home / LOCK_FILE):
        return None
    try:
        said = json.loads((home / PLACE_FILE).read_bytes())
        return Running(int(said["port"]), str(said["secret"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if not is_held(home / LOCK_FILE):  # it was only just being closed
            return None
        raise SakigakeError("desk-running") from error


def listening(port: int) -> socket.socket:
    """Return a socket that is bound to this port of the loopback; raises UsageError when another program has it."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would let another program listen there as well
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise UsageError("desk-port-taken", port=port, why=error.strerror or error) from error
    return bound


class Server(uvicorn.Server):
    """Serves one application on a bound socket until `should_exit`; signals end it cleanly."""

    def __init__(self, app: "Starlette") -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # nobody stands before us: what such headers say is not so
            timeout_graceful_shutdown=PATIENCE_S,
        )
        super().__init__(config)

    def run_on(self, bound: socket.socket) -> None:
        """Serve; returns once it was told to stop."""
        asyncio.run(self.serve(sockets=[bound]))


@contextmanager
def opened(settings: "Settings", port: int) -> Iterator[tuple[Server, socket.socket, Callable[[], str]]]:
    """Take the lock and the port and leave the address; gives the server, its socket and what makes links.

    Raises SakigakeError (`desk-running`, `record-home-unwritable`) and UsageError (`desk-port-taken`).
    """
    with (
        FileLock(settings.home / LOCK_FILE, "desk-running", "record-home-unwritable"),
        listening(port) as bound,
    ):
        entrance = Entrance(settings.home)
        app = make_app(settings, port=bound.getsockname()[1], entrance=entrance)
        place = settings.home / PLACE_FILE
        said = {"schema_version": 1, "port": bound.getsockname()[1], "secret": entrance.secret}
        durable.write(place, json.dumps(said).encode())
        try:
            yield Server(app), bound, app.state.desk.link
        finally:
            place.unlink(missing_ok=True)
            for each in app.state.desk.kept.values():  # stores, processes that compare
                if hasattr(each, "close"):
                    each.close()
