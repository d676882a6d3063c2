"""Certomancer, another author's authority: its own DER writer, RSA, an intermediate, SHA-1 signing-certificate hashes.

It lives in its own environment, since it pins another version of cryptography than we do.
"""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sakigake.anchor import client, rfc3161
from sakigake.anchor.trust import Authority, Trust
from sakigake.errors import SakigakeError
from tests.peers import forge
from tests.peers.elsewhere import program

pytestmark = pytest.mark.slow

RELEASE = "certomancer[web-api]==0.16.0"
CONFIG = """\
external-url-prefix: http://127.0.0.1:{port}
keysets:
  set:
    path-prefix: keys
    keys:
      root: {{path: root.pem}}
      middle: {{path: middle.pem}}
      signer: {{path: signer.pem}}
      elliptic: {{path: elliptic.pem}}
      expired: {{path: expired.pem}}
pki-architectures:
  world:
    keyset: set
    entity-defaults: {{country-name: JP, organization-name: Sakigake Testing}}
    entities:
      root: {{common-name: Root}}
      middle: {{common-name: Middle}}
      signer: {{common-name: Signer}}
      expired: {{common-name: Expired}}
      elliptic: {{common-name: Elliptic}}
    certs:
      root:
        subject: root
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2040-01-01T00:00:00+0000"}}
        extensions: &authority
          - {{id: basic_constraints, critical: true, value: {{ca: true}}}}
          - {{id: key_usage, critical: true, smart-value: {{schema: key-usage, params: [key_cert_sign, crl_sign]}}}}
      middle:
        subject: middle
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2039-01-01T00:00:00+0000"}}
        extensions: *authority
      signer:
        subject: signer
        issuer: middle
        validity: {{valid-from: "2025-01-01T00:00:00+0000", valid-to: "2038-01-01T00:00:00+0000"}}
        extensions: &time
          - {{id: key_usage, critical: true, smart-value: {{schema: key-usage, params: [digital_signature]}}}}
          - {{id: extended_key_usage, critical: true, value: [time_stamping]}}
      elliptic:
        subject: elliptic
        issuer: middle
        validity: {{valid-from: "2025-01-01T00:00:00+0000", valid-to: "2038-01-01T00:00:00+0000"}}
        extensions: *time
      expired:
        subject: expired
        issuer: middle
        validity: {{valid-from: "2021-01-01T00:00:00+0000", valid-to: "2022-01-01T00:00:00+0000"}}
        extensions: *time
    services:
      cert-repo:
        middle: {{for-issuer: middle}}
        root: {{for-issuer: root}}
      time-stamping:
        signer: {{signing-cert: signer}}
        alone: {{signing-cert: signer, certs-to-embed: []}}
        whole: {{signing-cert: signer, certs-to-embed: [middle, root]}}
        between: {{signing-cert: signer, certs-to-embed: [middle]}}
        elliptic: {{signing-cert: elliptic, certs-to-embed: [middle]}}
        expired: {{signing-cert: expired, certs-to-embed: [middle]}}
"""


@dataclass(frozen=True)
class World:
    """A running certomancer. `root` is its root as PEM."""

    url: str
    root: bytes

    def authority(self, service: str) -> Authority:
        known = Trust().with_roots(self.root).authorities[0]
        return Authority(service, f"{self.url}/world/tsa/{service}", known.roots, (), "test", known.between)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[World]:
    command = program(pytestconfig.cache.mkdir("certomancer"), RELEASE, "certomancer")
    folder = tmp_path_factory.mktemp("world")
    (folder / "keys").mkdir()
    for number, name in enumerate(("root", "middle", "signer", "elliptic", "expired")):
        key = forge.key("p384" if name == "elliptic" else "rsa", 500 + number)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "keys" / f"{name}.pem").write_bytes(pem)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "certomancer.yml").write_text(CONFIG.format(port=port), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        serving = [str(command), "animate", "--port", str(port), "--no-web-ui"]
        process = subprocess.Popen(serving, cwd=folder, stdout=log, stderr=log)
        try:
            summoned = subprocess.run(
                [str(command), "summon", "world", "root"], cwd=folder, capture_output=True, check=True
            )
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < deadline, (folder / "log").read_text()
                    time.sleep(0.1)
            yield World(f"http://127.0.0.1:{port}", summoned.stdout)
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.parametrize("service", ["between", "whole", "elliptic"])
def test_its_tokens_are_read_and_openssl_agrees(world: World, service: str, tmp_path: Path) -> None:
    authority = world.authority(service)
    before = int(time.time())
    stamp = client.stamp(authority, b"data", 10)
    assert stamp.reading.authority == service
    assert stamp.reading.low.timestamp() <= time.time()
    assert stamp.reading.high.timestamp() >= before
    (tmp_path / "token.tsr").write_bytes(stamp.raw)
    (tmp_path / "data").write_bytes(b"data")
    (tmp_path / "root.pem").write_bytes(world.root)
    command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token.tsr", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Read by somebody who does not know the authority: the same, and not counted.
    assert rfc3161.read_token(stamp.raw, b"data", Trust(), others=authority.roots).authority is None


def test_a_signer_without_its_intermediate_reaches_no_root(world: World) -> None:
    assert client.stamp(world.authority("alone"), b"data", 10).reading.authority is None


def test_its_expired_signer_is_refused(world: World) -> None:
    with pytest.raises(SakigakeError) as caught:
        client.stamp(world.authority("expired"), b"data", 10)
    assert caught.value.code == "token-certificate-time"


def test_its_time_can_be_led_and_the_certificate_was_valid_then(world: World) -> None:
    """The peer answers for another day when it is asked to: a token of 2021 by a certificate that has expired since."""
    authority = world.authority("expired")
    request = rfc3161.build_request(b"data")
    headers = {"Content-Type": client.QUERY, "X-Certomancer-Fake-Time": "2021-06-01T12:00:00+00:00"}
    asked = urllib.request.Request(authority.url, data=request, headers=headers)  # noqa: S310 - http on loopback
    with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310 - http on loopback
        raw = rfc3161.normal_form(response.read())
    reading = rfc3161.read_token(raw, b"data", Trust((authority,)), nonce=rfc3161.request_nonce(request))
    assert reading.authority == "expired"
    assert reading.gen_time.isoformat() == "2021-06-01T12:00:00+00:00"


def test_an_address_it_does_not_serve(world: World) -> None:
    with pytest.raises(SakigakeError) as caught:
        client.stamp(world.authority("nowhere"), b"data", 10)
    assert caught.value.code == "anchor-refused"
