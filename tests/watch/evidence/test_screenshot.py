"""What the user's own browser may reach while it takes a picture of a page: what the guard lets through."""

import os
import socket
import sys
import time

import cv2
import numpy as np
import pytest

from sakigake.errors import NetworkError, NotFoundError
from tests.peers.web import answer, serving
from tests.watch.evidence.matches import PNG
from watch.evidence import screenshot
from watch.evidence.proxy import proxying
from watch.fetch.guard import Guard


def through(port: int, asked: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as talking:
        talking.sendall(asked)
        found = b""
        while piece := talking.recv(65536):
            found += piece
    return found


REFUSED = (
    "CONNECT 127.0.0.1:443 HTTP/1.1",
    "CONNECT localhost:443 HTTP/1.1",
    "CONNECT [::1]:443 HTTP/1.1",
    "CONNECT 169.254.169.254:80 HTTP/1.1",
    "CONNECT 0x7f.1:443 HTTP/1.1",
    "CONNECT pictures.net:22 HTTP/1.1",
    "CONNECT pictures.net HTTP/1.1",
    "CONNECT inside.net:443 HTTP/1.1",
    "GET http://127.0.0.1/ HTTP/1.1",
    "GET http://192.168.0.1/ HTTP/1.1",
    "GET file:///etc/passwd HTTP/1.1",
    "GET / HTTP/1.1",
    "POST http://pictures.net/ HTTP/1.1",
    "nonsense",
)


@pytest.mark.parametrize("line", REFUSED)
def test_the_proxy_refuses_what_the_guard_refuses(line: str) -> None:
    dialled = []

    def dial(address: str, port: int, _: float) -> socket.socket:
        dialled.append((address, port))
        raise ConnectionRefusedError

    guard = Guard(
        resolver=lambda host, _: ("10.0.0.1",) if host == "inside.net" else ("93.184.215.14",), dial=dial
    )
    with proxying(guard, 10) as proxy:
        assert through(proxy.port, f"{line}\r\n\r\n".encode()).startswith(b"HTTP/1.1 403 ")
        assert proxy.refused == 1
    assert not dialled


def test_the_proxy_passes_on_what_is_let_through() -> None:
    with serving({"/a.png": answer(PNG, keep=False)}) as site, proxying(Guard.of([site.place]), 10) as proxy:
        head = f"Host: {site.place}\r\nProxy-Authorization: x\r\nConnection: keep-alive\r\n\r\n"
        plain = through(proxy.port, f"GET {site.url('/a.png')} HTTP/1.1\r\n{head}".encode())
        tunnel = through(
            proxy.port, f"CONNECT {site.place} HTTP/1.1\r\n\r\nGET /a.png HTTP/1.1\r\n{head}".encode()
        )
        assert plain.endswith(b"\r\n\r\n" + PNG)
        assert tunnel.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK")
        assert tunnel.endswith(PNG)
        assert not site.asked[0].header("proxy-authorization")
        assert site.asked[0].header("connection") == "close"


def test_a_second_request_needs_a_connection_of_its_own() -> None:
    """The server keeps the connection open; the browser must not be led to use it for another server."""
    with serving({"/a.png": answer(PNG)}) as site, proxying(Guard.of([site.place]), 3) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as talking:
            talking.sendall(
                f"GET {site.url('/a.png')} HTTP/1.1\r\n\r\nGET http://10.0.0.1/ HTTP/1.1\r\n\r\n".encode()
            )
            found = b""
            while not found.endswith(PNG):
                found += talking.recv(65536)
            talking.sendall(b"GET http://10.0.0.1/ HTTP/1.1\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in found
        assert [asked.path for asked in site.asked] == ["/a.png"]


def test_the_proxy_ends_with_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with proxying(Guard.of([place]), 0.5) as proxy:
            found = through(proxy.port, f"GET http://{place}/ HTTP/1.1\r\n\r\n".encode())
    assert found == b""
    assert time.monotonic() - began < 5


def test_without_a_browser_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotFoundError) as caught:
        screenshot.take("https://93.184.215.14/", Guard())
    assert caught.value.code == "evidence-no-browser"


def test_a_page_that_may_not_be_asked_is_refused_before_a_browser_starts() -> None:
    with pytest.raises(NetworkError) as caught:
        screenshot.take("http://127.0.0.1/", Guard())
    assert caught.value.code == "fetch-address-refused"


PAGE = """<!doctype html><body style="margin:0;background:rgb(10,200,30)">
<img src="{picture}" width=400 height=300 style="position:absolute;left:0;top:0">
<img src="{inside}"><iframe src="{inside}"></iframe><link rel=stylesheet href="{inside}">
<script>fetch("{inside}", {{mode:"no-cors"}}); new WebSocket("{inside}".replace("http","ws"));
navigator.sendBeacon("{inside}"); new Image().src = "http://169.254.169.254/latest";</script>
"""


def test_browsers_are_looked_for_where_installers_put_them() -> None:
    given = {"ProgramFiles": "P", "LOCALAPPDATA": "L"}
    windows = [each.as_posix() for each in screenshot.installed("win32", given)]
    assert "P/Microsoft/Edge/Application/msedge.exe" in windows
    assert "L/Google/Chrome/Application/chrome.exe" in windows
    mac = [each.as_posix() for each in screenshot.installed("darwin", {})]
    assert "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge" in mac
    assert not screenshot.installed("linux", given)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the browser of Linux")
def test_a_real_browser_shows_the_page_and_reaches_nothing_inside() -> None:
    try:
        browser = screenshot.find_browser()
    except NotFoundError:
        pytest.skip("needs Chromium or Chrome")
    options = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with serving({}) as inside, serving({"/a.png": answer(PNG)}) as site:
        page = PAGE.format(picture=site.url("/a.png"), inside=inside.url("/secret")).encode()
        site.pages["/"] = answer(page, headers=("Content-Type: text/html",))
        raw = screenshot.take(site.url("/"), Guard.of([site.place]), browser=browser, options=options)
        assert {asked.path for asked in site.asked} >= {"/", "/a.png"}
        assert inside.connections == 0
    shown = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown[150, 200].tolist() == [60, 30, 200]
    assert shown[600, 900].tolist() == [30, 200, 10]
