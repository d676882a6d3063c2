"""Nobody else's page and nobody else's machine gets an answer, on any route that the desk has."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import BaseRoute, Route

from desk.web.entrance import LINK_S, Entrance, make_ticket
from desk.web.guard import cookie_name
from tests.desk.web.conftest import Served

FOREIGN = "https://evil.example"
POLICY = "default-src 'none'"


def routes(desk: Served) -> Iterator[tuple[str, str]]:
    """Yield every method and path of the application; what stands for a value gets one that is not there."""

    def walk(found: list[BaseRoute]) -> Iterator[tuple[str, str]]:
        for route in found:
            assert isinstance(route, Route), route
            for method in sorted((route.methods or set()) - {"HEAD"}):
                values = {
                    name: "7" if "Int" in type(kind).__name__ else "x"
                    for name, kind in route.param_convertors.items()
                }
                yield method, str(route.url_path_for(route.name, **values)) if values else route.path

    yield from walk(list(desk.app.routes))


def is_static(path: str) -> bool:
    return path.startswith("/static/")


def test_there_are_routes_to_look_at(desk: Served) -> None:
    found = list(routes(desk))
    assert ("GET", "/") in found
    assert ("POST", "/settings") in found
    assert len(found) > 20


def test_every_route_refuses_who_was_not_let_in(desk: Served) -> None:
    with desk.stranger(origin=desk.url) as stranger:
        for method, path in routes(desk):
            answer = stranger.request(method, path)
            if is_static(path):
                continue
            assert answer.status_code == 403, (method, path)
            assert "open the desk again" in answer.text, (method, path)


def test_every_answer_carries_the_policy(desk: Served) -> None:
    with desk.stranger() as stranger:
        for client in (desk.client, stranger):
            for method, path in routes(desk):
                if method != "GET":
                    continue
                answer = client.request(method, path, follow_redirects=False)
                headers = answer.headers
                assert headers["content-security-policy"].startswith(POLICY), path
                assert "unsafe" not in headers["content-security-policy"]
                assert headers["referrer-policy"] == "same-origin"
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["cross-origin-resource-policy"] == "same-origin"
                assert headers["cross-origin-opener-policy"] == "same-origin"
                assert "access-control-allow-origin" not in headers
                assert is_static(path) or headers["cache-control"] == "no-store", path


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
    ids=str,
)
def test_every_post_from_elsewhere_is_refused(desk: Served, headers: dict[str, str]) -> None:
    for method, path in routes(desk):
        if method == "POST":
            answer = desk.client.post(path, headers=headers)
            assert answer.status_code == 403, path
            assert "did not come from the desk" in answer.text


def test_a_post_without_an_origin_is_refused(desk: Served) -> None:
    with httpx.Client(base_url=desk.url, cookies=desk.client.cookies, trust_env=False) as client:
        assert client.get("/").status_code == 200
        assert client.post("/do/stopped").status_code == 403


def test_a_picture_of_ours_in_a_foreign_page_is_refused(desk: Served) -> None:
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert desk.client.get("/today/newest.jpg", headers=embedded).status_code == 403
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert desk.client.get("/", headers=followed).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost", "0.0.0.0:{port}", "[::]:{port}"]
)
def test_a_name_that_resolves_to_us_is_not_ours(desk: Served, host: str) -> None:
    name = host.format(port=desk.port)
    answer = desk.client.get("/", headers={"host": name})
    assert answer.status_code == 403
    assert "does not lead to the desk" in answer.text
    assert desk.client.get("/static/style.css", headers={"host": name}).status_code == 403


def test_localhost_is_ours(desk: Served) -> None:
    local = f"http://localhost:{desk.port}"
    answer = desk.client.post(
        "/language", headers={"host": f"localhost:{desk.port}", "origin": local}, follow_redirects=False
    )
    assert answer.status_code == 303
    other = {"host": f"localhost:{desk.port}", "origin": desk.url}
    assert desk.client.post("/language", headers=other).status_code == 403, "the origin is another one"


def raw(desk: Served, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", desk.port), 30) as connection:
        connection.sendall(request)
        connection.settimeout(30)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def test_two_hosts_or_none_are_refused(desk: Served) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in desk.client.cookies.items())
    ours, end = f"Host: 127.0.0.1:{desk.port}", f"Cookie: {cookie}\r\nConnection: close\r\n\r\n"
    assert raw(desk, f"GET / HTTP/1.1\r\n{ours}\r\n{end}".encode()).startswith(b"HTTP/1.1 200")
    assert b" 40" in raw(desk, f"GET / HTTP/1.1\r\n{ours}\r\nHost: evil.example\r\n{end}".encode())[:16]
    assert b" 40" in raw(desk, f"GET / HTTP/1.1\r\n{end}".encode())[:16]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_not_answered(desk: Served, method: str) -> None:
    assert desk.client.request(method, "/").status_code == 405


def test_a_link_opens_once(desk: Served) -> None:
    link = desk.link()
    with desk.stranger() as first, desk.stranger() as second:
        answer = first.get(link)
        assert answer.status_code == 303
        assert first.get("/").status_code == 200
        assert second.get(link).status_code == 403
        assert second.get("/").status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(desk: Served) -> None:
    with desk.stranger() as stranger:
        cookie = stranger.get(desk.link()).headers["set-cookie"]
    assert cookie.startswith(cookie_name(desk.port) + "=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_tickets_are_made_by_who_has_the_secret_and_grow_old(
    tmp_path: Path,
) -> None:
    now = [1_000_000.0]
    entrance = Entrance(tmp_path, "secret", lambda: now[0])
    assert entrance.admit(make_ticket("other", now[0])) is None
    good = make_ticket("secret", now[0])
    nonce, until, seal = good.split(".")
    for bad in (
        "",
        ".",
        "..",
        "a.b.c",
        f"{nonce}.{int(until) + 9}.{seal}",
        f"{nonce}.{until}.{'0' * 64}",
        f"{nonce}x.{until}.{seal}",
        "é.1.ü",
    ):
        assert entrance.admit(bad) is None
    now[0] += LINK_S + 1
    assert entrance.admit(good) is None
    session = entrance.admit(entrance.ticket())
    assert session
    assert entrance.knows(session)
    entrance.leave(session)
    assert not entrance.knows(session)


def test_a_key_opens_its_own_pages_and_nothing_else(desk: Served) -> None:
    entrance = desk.app.state.desk.entrance
    dock, overlay = entrance.key("dock"), entrance.key("overlay")
    assert dock != overlay
    with desk.stranger(origin=desk.url) as obs:
        assert obs.get("/dock", params={"k": dock}).status_code == 200
        assert obs.get("/dock/live", params={"k": dock}).status_code == 200
        assert obs.get("/overlay", params={"k": overlay}).status_code == 200
        assert not obs.cookies
        assert obs.get("/overlay", params={"k": dock}).status_code == 403
        assert obs.get("/dock", params={"k": overlay}).status_code == 403
        assert obs.get("/dock").status_code == 403
        assert obs.get("/docks", params={"k": dock}).status_code == 403
        for method, path in routes(desk):
            if not path.startswith(("/dock", "/static")):
                assert obs.request(method, path, params={"k": dock}).status_code == 403, path
        paused = obs.post("/dock/pause", params={"k": dock})
        assert paused.status_code != 403
        assert "No recording is running" in paused.text or paused.status_code == 404
        assert obs.post("/dock/pause", params={"k": dock}, headers={"origin": FOREIGN}).status_code == 403
        entrance.revoke("dock")
        assert obs.get("/dock", params={"k": dock}).status_code == 403
        assert obs.get("/dock", params={"k": entrance.key("dock")}).status_code == 200
    kept = desk.home / "desk-keys.json"
    assert kept.stat().st_mode & 0o077 == 0
    again = Entrance(desk.home)
    assert again.key("overlay") == overlay, "OBS keeps its addresses when the desk is started anew"
    kept.write_text(json.dumps({"keys": {"dock": 3}}), encoding="utf-8")
    assert not Entrance(desk.home).fits("dock", "")


def test_a_body_that_is_too_large_is_refused(desk: Served) -> None:
    big = b"x" * (1 << 20)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = desk.client.post("/settings", content=b"a=" + big, headers=form)
    assert answer.status_code == 413
    assert "too large" in answer.text

    def endless() -> Iterator[bytes]:
        yield b"a="
        for _ in range(40):
            yield b"x" * (1 << 16)

    try:
        answer = desk.client.post("/settings", content=endless(), headers=form)
    except httpx.WriteError:  # the desk hung up while we still sent
        return
    assert answer.status_code == 413


def test_however_much_an_address_asks_it_is_answered(desk: Served) -> None:
    many = "&".join(f"stage={number}" for number in range(2000))
    key = desk.app.state.desk.entrance.key("dock")
    with desk.stranger() as stranger:
        for path in (f"/sessions?{many}", f"/dock?{many}", f"/login?{many}"):
            for client in (desk.client, stranger):
                answer = client.get(path)
                assert answer.status_code in {200, 403}, path
                assert "content-security-policy" in answer.headers
        assert stranger.get(f"/dock?{many}&k={key}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/cli.py",
        "/static//etc/passwd",
        "/start/small/..%2f..%2fdesk-keys.json.jpg",
        "/today/..%2f..%2fdesk-keys.json",
        "/static/style.css%00",
    ],
)
def test_paths_lead_to_no_file(desk: Served, path: str) -> None:
    answer = raw(
        desk,
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{desk.port}\r\nCookie: {'; '.join(f'{k}={v}' for k, v in desk.client.cookies.items())}\r\nConnection: close\r\n\r\n".encode(),
    )
    assert answer.split(b" ", 2)[1] in {b"400", b"404"}, answer[:200]
    assert b"Entrance" not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "back",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nx: y"],
)
def test_the_way_back_stays_here(desk: Served, back: str) -> None:
    answer = desk.client.post("/language", data={"lang": "ja", "back": back}, follow_redirects=False)
    where = answer.headers["location"]
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    assert "x" not in answer.headers
