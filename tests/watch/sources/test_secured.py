"""TLS and the guard under the libraries that sources use: the names are checked, and nothing leads to this computer."""

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.server import ServerConnection, serve

from sakigake.errors import NetworkError
from tests.peers.fediverse import TAG, mastodon, status
from tests.peers.web import answer, raw, serving
from tests.watch.sources.draining import Kept, net_to
from watch.fetch.connect import open_socket
from watch.sources import registry, session
from watch.sources.net import Net
from watch.sources.wire import MAX_MESSAGE, ClosedError, Wire


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that only who is told so trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "peer.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def serving_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextmanager
def talking(certificate: Path, *messages: bytes | str) -> Iterator[int]:
    """Run a secured WebSocket server that sends these and waits; yield its port."""

    def talk(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(message)
        for said in connection:
            connection.send(said)

    context = serving_tls(certificate)
    with serve(talk, "127.0.0.1", 0, ssl=context, compression=None, max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()


def trusting(net: Net, certificate: Path) -> Net:
    context = ssl.create_default_context(cafile=str(certificate))
    return Net(net.fetcher, partial(open_socket, net.fetcher.guard, context=context), net.limits, net.clock)


def received(wire: Wire, count: int) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(200):
        if len(found) < count and (message := wire.receive()):
            found.append(message)
    return found


def test_a_secured_stream_of_large_and_small_messages(certificate: Path) -> None:
    large = "絵" * 300_000
    with (
        talking(certificate, "a", large, b"\x00b") as port,
        net_to(port) as net,
        closing(Wire(trusting(net, certificate), f"wss://127.0.0.1:{port}/x")) as wire,
    ):
        assert received(wire, 3) == [b"a", large.encode(), b"\x00b"]
        assert wire.receive() is None, "a tick without a message"
        wire.send("ひ")
        assert received(wire, 1) == ["ひ".encode()]
        wire.ping()
        assert wire.receive() == b"", "the answer to a ping is a sign of life"


def test_a_stream_whose_certificate_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with talking(certificate) as port, net_to(port) as net, pytest.raises(NetworkError) as refused:
        Wire(net, f"wss://127.0.0.1:{port}/x")
    assert refused.value.code == "fetch-tls"


def test_a_message_without_measure_ends_the_connection(certificate: Path) -> None:
    with (
        talking(certificate, b"x" * (MAX_MESSAGE + 100_000)) as port,
        net_to(port) as net,
        closing(Wire(trusting(net, certificate), f"wss://127.0.0.1:{port}/x")) as wire,
        pytest.raises(ClosedError),
    ):
        received(wire, 1)


@pytest.mark.parametrize(
    "whole",
    [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
     b"HTTP/1.1 302 x\r\nLocation: ws://127.0.0.1:9/\r\n\r\n", b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 50_000, b"\xff" * 200],
)  # fmt: skip
def test_what_is_no_stream_is_said(whole: bytes) -> None:
    with serving({"/": raw(whole)}) as site, net_to(site.port) as net, pytest.raises(NetworkError) as refused:
        Wire(net, f"ws://{site.place}/")
    assert refused.value.code == "source-no-stream"


def test_requests_through_the_guard_check_the_certificate(certificate: Path) -> None:
    with serving({"/": answer(b"hello")}, serving_tls(certificate)) as site, net_to(site.port) as net:
        made = session.guarded(net)
        with pytest.raises(requests.exceptions.SSLError):
            made.get(site.url("/", "https"), timeout=5)
        made.verify = str(certificate)
        assert made.get(site.url("/", "https"), timeout=5).text == "hello"
        made.close()


def test_requests_know_no_proxy_no_cookie_and_no_way_around_the_guard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    pages = {"/": answer(b"x", headers=("Set-Cookie: a=b",))}
    with serving(pages) as site, serving(pages) as other, net_to(site.port) as net:
        made = session.guarded(net)
        for _ in range(2):
            assert made.get(site.url("/"), timeout=5).text == "x"
        assert not any(asked.header("cookie") for asked in site.asked)
        for address in (other.url("/"), "http://localhost/", "http://169.254.169.254/", "http://[::1]/"):
            with pytest.raises(NetworkError):
                made.get(address, timeout=5)
        assert not other.asked
        made.close()


@pytest.mark.parametrize("trusted", [False, True])
def test_a_server_names_where_its_stream_is_and_the_guard_decides(trusted: bool) -> None:
    with (
        serving({}) as secret,
        mastodon() as peer,
        net_to(*([peer.site.port, secret.port] if trusted else [peer.site.port])) as net,
    ):
        about = json.dumps(
            {"urls": {"streaming_api": f"ws://{secret.place}"}, "uri": "x", "version": "4.5.0"}
        )
        odd = answer(about.encode(), headers=("Content-Type: application/json",))
        peer.site.pages |= {"/api/v1/instance": odd, "/api/v1/instance/": odd}
        peer.site.pages |= {f"/api/v2/instance{end}": answer(b"", "404 No") for end in ("", "/")}
        peer.timeline.tell(status(117691150069137408, "a"))
        made = registry.make("mastodon", {"server": peer.url, "tag": TAG}, net)
        with closing(made), pytest.raises(NetworkError):
            Kept().until(made, lambda: registry.is_ready(made))
        assert {asked.path.partition("?")[0] for asked in secret.asked} == (
            {"/api/v1/streaming/hashtag"} if trusted else set()
        )
