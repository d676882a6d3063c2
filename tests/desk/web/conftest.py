"""A real desk on a port of its own, and browsers in front of it.

`desk` is a desk over an empty folder of records: `desk.client` is let in (an httpx client that sends the Origin of the
page, as a browser does with its own forms), `desk.stranger()` is not. `served(settings)` opens one over other records.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from desk.web import serve
from sakigake import settings
from sakigake.settings import Settings

CONFIG = "[anchor]\nenabled = false\n[ots]\nenabled = false\n"


@dataclass
class Served:
    """A desk that runs in a thread of the test."""

    settings: Settings
    app: Starlette
    url: str
    client: httpx.Client

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stranger(self, **headers: str) -> httpx.Client:
        """Return a client that was not let in."""
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=90)

    def link(self) -> str:
        """Return a fresh link that opens this desk once."""
        return str(self.app.state.desk.link())


@contextmanager
def served(over: Settings) -> Iterator[Served]:
    """Open a desk over these records, and let one client in."""
    with serve.opened(over, serve.ANY_PORT) as (server, bound, link):
        app = server.config.app
        assert isinstance(app, Starlette)
        thread = threading.Thread(target=server.run_on, args=(bound,), daemon=True)
        thread.start()
        try:
            until = time.monotonic() + 60
            while not server.started:
                assert thread.is_alive()
                assert time.monotonic() < until
                time.sleep(0.01)
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            with httpx.Client(
                base_url=url, headers={"origin": url}, trust_env=False, timeout=90, follow_redirects=True
            ) as client:
                assert client.get(link()).status_code == 200
                yield Served(over, app, url, client)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def desk(own_home: Path) -> Iterator[Served]:
    (own_home / "sakigake.toml").write_text(CONFIG, encoding="utf-8")
    with served(settings.load()) as running:
        yield running
