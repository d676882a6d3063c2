"""A real browser opens a package's page through a proxy that records: it asks for nothing."""

import re
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sakigake.evidence import layout, package
from tests.evidence.conftest import Recorded
from tests.evidence.test_paper import compared, paper

__all__ = ["compared"]

OWN = re.compile(rb"[/.](?:google|googleapis|gvt1)\.com[:/ ]")
BROWSER = Path("/usr/bin/chromium")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *(
        "--disable-features=OptimizationHints,MediaRouter,NetworkTimeServiceQuerying",
        "--proxy-bypass-list=<-loopback>",
    ),
)


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER.is_file(), reason="needs Chromium")
def test_the_page_makes_no_request(
    compared: Callable[..., tuple[Recorded, package.Post]], tmp_path: Path
) -> None:
    recorded, post = compared()
    recorded.export(tmp_path / "pack", post=post, paper=paper(named=True))
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                heard.append(client.recv(4096))

    threading.Thread(target=serve, daemon=True).start()
    proxy = f"--proxy-server=http://127.0.0.1:{listener.getsockname()[1]}"

    def opened(page: str, out: str) -> bytes:
        command = [str(BROWSER), *QUIET, proxy, f"--user-data-dir={tmp_path / out}", "--dump-dom", page]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout

    try:
        shown = opened((tmp_path / "pack" / layout.PAGE).as_uri(), "one")
        # The browser itself asks its maker for the time and for updates; the page names no such host.
        assert b"google" not in (tmp_path / "pack" / layout.PAGE).read_bytes()
        asked = [each for each in heard if each and not OWN.search(each.split(b"\r\n", 1)[0])]
        loud = tmp_path / "loud.html"
        loud.write_text('<img src="http://example.invalid/x.png">', encoding="utf-8")
        opened(loud.as_uri(), "two")
    finally:
        listener.close()
    assert b"section" in shown
    assert b"<script" not in shown
    assert not asked
    assert any(b"example.invalid" in each for each in heard), "the proxy hears what a page asks for"
