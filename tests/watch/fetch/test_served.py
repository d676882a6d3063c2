"""What a server can do to who asks it: redirects, sizes, bombs, dripping, cutting off, lying. Real sockets on loopback."""

import gzip
import hashlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sakigake.errors import NetworkError, UsageError
from tests.peers import web
from tests.peers.web import Asked, answer, raw, redirect, serving
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard
from watch.fetch.records import Limits

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40
MEBI = 2**20


@contextmanager
def reaching(
    site: web.Site, limits: Limits | None = None, context: ssl.SSLContext | None = None
) -> Iterator[Fetcher]:
    with Fetcher(Guard.of([site.place]), limits, context) as fetcher:
        yield fetcher


def refused(site: web.Site, path: str, limits: Limits | None = None, **options: object) -> str:
    with reaching(site, limits) as fetcher, pytest.raises(NetworkError) as caught:
        fetcher.get(site.url(path), **options)  # type: ignore[arg-type]
    return caught.value.code


def test_brings_what_is_there_and_says_how() -> None:
    with serving({"/a.png": answer(PNG, headers=("Content-Type: text/html", "ETag: x"))}) as site:
        began = datetime.now(UTC)
        with reaching(site) as fetcher:
            found = fetcher.get(site.url("/a.png?q=%E7%B5%B5#top"), accept=("image/png", "image/*"))
        asked = site.asked[0]
    assert found.body == PNG
    assert (found.status, found.address, found.certificate_sha256) == (200, "127.0.0.1", None)
    assert found.header("etag") == "x"
    assert began <= found.began <= found.ended <= datetime.now(UTC)
    assert asked.path == "/a.png?q=%E7%B5%B5"
    assert asked.header("accept") == "image/png, image/*"
    assert asked.header("host") == site.place
    assert {line.split(":")[0].lower() for line in asked.lines} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
    }


def test_every_step_of_a_redirect_is_written_down() -> None:
    pages = {
        "/1": redirect("/2", body=b"moved"),
        "/2": redirect("3?x=1", "307 Temporary Redirect"),
        "/3": answer(PNG),
    }
    with serving(pages) as site, reaching(site) as fetcher:
        found = fetcher.get(site.url("/1"))
        urls = [site.url(path) for path in ("/1", "/2", "/3?x=1")]
    assert [hop.url for hop in found.hops] == urls
    assert [hop.status for hop in found.hops] == [302, 307, 200]
    assert [hop.raw for hop in found.hops] == [b"moved", b"", PNG]
    assert (found.requested, found.url) == (urls[0], urls[-1])
    assert site.connections == 1


def test_three_redirects_and_no_more() -> None:
    pages = {f"/{step}": redirect(f"/{step + 1}") for step in range(4)} | {"/4": answer(PNG)}
    with serving(pages) as site:
        with reaching(site) as fetcher:
            assert fetcher.get(site.url("/1")).status == 200
        assert refused(site, "/0") == "fetch-too-many-redirects"
        pages["/loop"] = redirect("/loop")
        assert refused(site, "/loop") == "fetch-too-many-redirects"


def test_the_page_of_a_redirect_is_not_read_to_its_end() -> None:
    def endless(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    with serving({"/": endless, "/a": answer(PNG)}) as site, reaching(site) as fetcher:
        found = fetcher.get(site.url("/"))
    assert found.body == PNG
    assert found.hops[0].cut
    assert len(found.hops[0].raw) <= 65536


def test_what_is_no_answer_is_an_error_that_carries_the_status() -> None:
    pages = {
        "/gone": answer(b"", "410 Gone"),
        "/later": answer(b"", "429 Too Many Requests", ("Retry-After: 120",)),
        "/same": answer(b"", "304 Not Modified"),
        "/nowhere": answer(b"", "302 Found"),
    }
    with serving(pages) as site, reaching(site) as fetcher:
        for path, status, retry in (
            ("/gone", 410, ""),
            ("/later", 429, "120"),
            ("/none", 404, ""),
            ("/nowhere", 302, ""),
        ):
            with pytest.raises(NetworkError) as caught:
                fetcher.get(site.url(path), pictures_only=True)
            assert caught.value.code == "fetch-status"
            assert caught.value.params == {"host": site.place, "status": status, "retry_after": retry}
        assert fetcher.get(site.url("/same"), ok=(200, 304)).status == 304


def test_a_size_that_is_announced_is_refused_unread() -> None:
    hung_up = threading.Event()

    def large(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        with suppress(OSError):
            connection.recv(1)  # the end: nobody waits for the body
        hung_up.set()
        return False

    with serving({"/": large}) as site:
        assert refused(site, "/") == "fetch-too-large"
        assert hung_up.wait(5)


def test_a_size_that_is_not_announced_ends_at_the_limit() -> None:
    sent = []

    def endless(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
            sent.append(65536)

    with serving({"/": endless}) as site:
        assert refused(site, "/", Limits(max_bytes=MEBI)) == "fetch-too-large"
        assert refused(site, "/", max_bytes=1000) == "fetch-too-large"
    assert sum(sent) < 16 * MEBI  # what the sockets' buffers took


def bomb() -> bytes:
    """Return 1 GiB of zeros in about 1 MB of gzip; one flushed block is repeated, so that making it takes no time."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(b"\0" * MEBI) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * 1024 + packer.flush()


def test_a_gigabyte_in_gzip_ends_at_the_limit() -> None:
    import tracemalloc

    with serving({"/": answer(bomb(), headers=("Content-Encoding: gzip",))}) as site:
        tracemalloc.start()
        began = time.process_time()
        assert refused(site, "/") == "fetch-too-large"
        assert time.process_time() - began < 3
        assert tracemalloc.get_traced_memory()[1] < 64 * MEBI
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "x"])
def test_what_is_packed_unasked_is_not_unpacked(coding: str) -> None:
    with serving({"/": answer(b"\x28\xb5\x2f\xfd" * 9, headers=(f"Content-Encoding: {coding}",))}) as site:
        assert refused(site, "/") == "fetch-packed"
        assert site.asked[0].header("accept-encoding") == "gzip"


def test_gzip_counts_unpacked() -> None:
    text = b"<feed/>" * 1000
    pages = {
        "/gzip": answer(gzip.compress(text), headers=("Content-Encoding: GZip",)),
        "/zlib": answer(zlib.compress(text), headers=("Content-Encoding: deflate",)),
        "/cut": answer(gzip.compress(text)[:-9], headers=("Content-Encoding: gzip",)),
        "/lie": answer(text, headers=("Content-Encoding: gzip",)),
        "/plain": answer(text, headers=("Content-Encoding: identity",)),
    }
    with serving(pages) as site:
        with reaching(site) as fetcher:
            for path in ("/gzip", "/zlib", "/plain"):
                found = fetcher.get(site.url(path), max_bytes=len(text))
                assert found.body == text
            assert fetcher.get(site.url("/gzip")).hops[0].raw == gzip.compress(text)
        assert refused(site, "/gzip", max_bytes=len(text) - 1) == "fetch-too-large"
        assert refused(site, "/cut") == refused(site, "/lie") == "fetch-packed"


@pytest.mark.parametrize("where", ["status", "headers", "body", "chunks"])
def test_a_server_that_drips_is_cut_off_in_time(where: str) -> None:
    begin = {
        "status": b"HTTP/1.1 2",
        "headers": b"HTTP/1.1 200 OK\r\nX: ",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    }[where]
    drop = b"1\r\nx\r\n" if where == "chunks" else b"0"

    def drip(_: Asked, connection: socket.socket) -> bool:
        connection.sendall(begin)
        while True:  # ends when the other side hangs up
            connection.sendall(drop)
            time.sleep(0.02)

    with serving({"/": drip}) as site:
        began = time.monotonic()
        assert refused(site, "/", Limits(total_s=0.6)) == "fetch-too-slow"
        assert 0.5 < time.monotonic() - began < 5


def test_slow_redirects_share_one_limit() -> None:
    def late(where: str) -> web.Handler:
        def handle(asked: Asked, connection: socket.socket) -> bool:
            time.sleep(0.3)
            return redirect(where)(asked, connection)

        return handle

    with serving({"/1": late("/2"), "/2": late("/3"), "/3": answer(PNG)}) as site:
        assert refused(site, "/1", Limits(total_s=0.5)) == "fetch-too-slow"


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        with Fetcher(Guard.of([place]), Limits(total_s=0.4)) as fetcher:
            for scheme in ("http", "https"):
                with pytest.raises(NetworkError) as caught:
                    fetcher.get(f"{scheme}://{place}/")
                assert caught.value.code == "fetch-too-slow"


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
def test_what_is_no_answer_of_http_is_said_so(whole: bytes) -> None:
    with serving({"/": raw(whole)}) as site:
        assert refused(site, "/") == "fetch-cut-off"


def test_pictures_are_told_by_their_bytes() -> None:
    pages = {
        "/page": answer(b"<html>" + b" " * 9_000_000, headers=("Content-Type: image/png",)),
        "/short": answer(b"\x89PNG"),
        "/empty": answer(b""),
        "/png": answer(PNG, headers=("Content-Type: text/html",)),
    }
    with serving(pages) as site:
        for path in ("/page", "/short", "/empty"):
            assert refused(site, path, pictures_only=True) == "fetch-not-picture"
        with reaching(site) as fetcher:
            assert fetcher.get(site.url("/png"), pictures_only=True).body == PNG


def test_connections_are_kept_and_shared_between_threads() -> None:
    with serving({"/": answer(PNG)}) as site, reaching(site) as fetcher:
        for _ in range(20):
            fetcher.get(site.url("/"))
        assert site.connections == 1
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: fetcher.get(site.url("/")).body, range(200)))
        assert site.connections <= 8
    assert found == [PNG] * 200


def test_a_kept_connection_that_the_server_closed_is_opened_anew() -> None:
    """The server takes the request and hangs up, as one does whose time for idle connections ends just then."""

    def once(asked: Asked, connection: socket.socket) -> bool:
        return answer(PNG)(asked, connection) if asked.connection or len(site.asked) == 1 else False

    with serving({"/": once}) as site, reaching(site) as fetcher:
        assert fetcher.get(site.url("/")).body == PNG
        assert fetcher.get(site.url("/")).body == PNG
        assert site.connections == 2
        assert len(site.asked) == 3


def test_a_kept_connection_stays_with_the_address_that_was_checked() -> None:
    answers = iter([("93.184.215.14",)])
    with serving({"/": answer(PNG)}) as site:
        guard = Guard(
            resolver=lambda *_: next(answers),  # a second look-up would fail
            dial=lambda _, __, seconds: socket.create_connection(("127.0.0.1", site.port), seconds),
        )
        with Fetcher(guard) as fetcher:
            found = [fetcher.get("http://pictures.net/") for _ in range(5)]
    assert {each.address for each in found} == {"93.184.215.14"}
    assert site.connections == 1


def test_cookies_are_neither_kept_nor_written_down_and_no_referer_is_sent() -> None:
    pages = {
        "/": answer(b"", "302 Found", ("Location: /a", "Set-Cookie: canary=1")),
        "/a": answer(PNG, headers=("Set-Cookie: canary=2",)),
    }
    with serving(pages) as site, reaching(site) as fetcher:
        found = fetcher.get(site.url("/"))
        fetcher.get(site.url("/a"))
    assert "canary" not in repr(found)
    assert not [
        line for asked in site.asked for line in asked.lines if line.lower().startswith(("cookie", "referer"))
    ]


def test_authorization_goes_to_the_server_it_was_meant_for_and_into_no_record() -> None:
    with serving({}) as other, serving({"/": redirect("/1")}) as site:
        site.pages["/1"] = redirect(other.url("/2"))
        other.pages["/2"] = answer(PNG)
        with Fetcher(Guard.of([site.place, other.place])) as fetcher:
            found = fetcher.get(site.url("/"), headers={"Authorization": "Bearer canary", "X-Plain": "y"})
    assert [asked.header("authorization") for asked in (*site.asked, *other.asked)] == [
        "Bearer canary"
    ] * 2 + [""]
    assert other.asked[0].header("x-plain") == "y"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Cookie", "a=b"),
        ("Referer", "x"),
        ("Host", "x"),
        ("X", "a\r\nY: b"),
        ("X\r\nY", "a"),
        ("X", "絵"),
        ("TE", "x"),
    ],
)
def test_some_headers_are_nobodys_to_set(name: str, value: str) -> None:
    with serving({}) as site, reaching(site) as fetcher:
        with pytest.raises(UsageError) as caught:
            fetcher.get(site.url("/"), headers={name: value})
        assert not site.asked
    assert caught.value.code == "fetch-header-odd"


def test_posts_and_follows_no_redirect_with_it() -> None:
    pages = {"/api": answer(b"{}"), "/on": redirect("/api", "307 Temporary Redirect")}
    with serving(pages) as site, reaching(site) as fetcher:
        assert fetcher.post(site.url("/api"), b'{"a":1}').body == b"{}"
        with pytest.raises(NetworkError) as caught:
            fetcher.post(site.url("/on"), b"{}")
    assert caught.value.params["status"] == 307
    assert [(asked.method, asked.body, asked.header("content-type")) for asked in site.asked] == [
        ("POST", b'{"a":1}', "application/json"),
        ("POST", b"{}", "application/json"),
    ]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return a file with key and certificate for loopback, signed by itself, and the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("pictures.net"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "peer.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path, made.public_bytes(serialization.Encoding.DER)


def secured(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[Path, bytes]) -> None:
    with serving({"/": answer(PNG)}, secured(certificate[0])) as site, reaching(site) as fetcher:
        for ask in (
            lambda: fetcher.get(site.url("/", "https")),
            lambda: fetcher.open_socket("127.0.0.1", site.port, tls=True),
        ):
            with pytest.raises(NetworkError) as caught:
                ask()
            assert caught.value.code == "fetch-tls"
        assert not site.asked


def test_tls_goes_to_the_checked_address_under_the_servers_own_name(certificate: tuple[Path, bytes]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    names = []
    context = secured(certificate[0])
    context.set_servername_callback(lambda _, name, __: names.append(name))
    with serving({"/": answer(PNG)}, context) as site:
        guard = Guard(
            resolver=lambda *_: ("93.184.215.14",),
            dial=lambda _, __, seconds: socket.create_connection(("127.0.0.1", site.port), seconds),
        )
        with Fetcher(guard, context=trusting) as fetcher:
            found = fetcher.get("https://pictures.net/")
            with fetcher.open_socket("pictures.net", 443, tls=True) as talking:
                talking.sendall(b"GET / HTTP/1.1\r\nHost: pictures.net\r\n\r\n")
                assert talking.recv(15) == b"HTTP/1.1 200 OK"
            with pytest.raises(NetworkError) as caught:
                fetcher.get("https://elsewhere.net/")
        asked = site.asked[0]
    assert caught.value.code == "fetch-tls"
    assert names == ["pictures.net", "pictures.net", "elsewhere.net"]
    assert asked.header("host") == "pictures.net"
    assert found.certificate_sha256 == hashlib.sha256(certificate[1]).hexdigest()
    assert found.address == "93.184.215.14"


def test_a_server_without_tls_is_refused_under_https() -> None:
    with serving({"/": answer(PNG)}) as site:
        guard = Guard.of([site.place])
        with Fetcher(guard, Limits(total_s=0.5)) as fetcher, pytest.raises(NetworkError) as caught:
            fetcher.get(site.url("/", "https"))
    assert caught.value.code in {"fetch-tls", "fetch-too-slow"}


def test_connections_under_tls_are_kept_as_well(certificate: tuple[Path, bytes]) -> None:
    """Session tickets of TLS 1.3, which come unasked, must not be taken for the server's end of the connection."""
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with (
        serving({"/": answer(PNG)}, secured(certificate[0])) as site,
        reaching(site, None, trusting) as fetcher,
    ):
        digests = {fetcher.get(site.url("/", "https")).certificate_sha256 for _ in range(5)}
        assert site.connections == 1
    assert digests == {hashlib.sha256(certificate[1]).hexdigest()}
