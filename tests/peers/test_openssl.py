"""OpenSSL as a peer: it makes tokens for us, and agrees with us about tokens."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from desk.demo import authority as demo
from sakigake.anchor import client, rfc3161
from sakigake.anchor.queue import drain
from sakigake.anchor.trust import Authority, Trust, load
from sakigake.clock import Clock
from sakigake.errors import SakigakeError
from sakigake.model import EntryType
from sakigake.store.sqlite import SqliteStore
from sakigake.timeline.keys import load_or_create
from sakigake.timeline.ledger import Ledger
from tests.peers import forge


def openssl_accepts(token: bytes, data: bytes, root: Path, folder: Path, at: int, *more: str) -> bool:
    """Ask `openssl ts -verify`, as a person would by hand."""
    (folder / "token.tsr").write_bytes(token)
    (folder / "data").write_bytes(data)
    command = [
        "openssl",
        "ts",
        "-verify",
        "-attime",
        str(at),
        "-data",
        "data",
        "-in",
        "token.tsr",
        "-CAfile",
        str(root),
    ]
    return subprocess.run([*command, *more], cwd=folder, capture_output=True, check=False).returncode == 0


def write_pem(path: Path, *certificates: x509.Certificate) -> Path:
    path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))
    return path


def adopt(folder: Path, chain: forge.Chain) -> None:
    """Make a demonstration authority sign with certificates of the forge."""
    demo.create(folder)
    write_pem(folder / "root.pem", chain.root)
    write_pem(folder / "signer.pem", chain.leaf)
    key = chain.leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signer.key").write_bytes(key)


def mine(local: demo.LocalAuthority) -> Authority:
    row = {"name": "local", "url": local.url, "root": str(local.root_pem)}
    found = load({"anchor": {"authority": [row]}}).get("local")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "clock_precision_digits = 3",
        "accuracy = secs:1, millisecs:500, microsecs:100",
        "ordering = yes",
        "tsa_name = yes",
        "ess_cert_id_alg = sha1",
        "ess_cert_id_alg = sha512",
        "signer_digest = sha512",
        "certs = root.pem",
        "ess_cert_id_chain = yes\ncerts = root.pem",
    ],
)
def test_every_way_openssl_can_answer_is_read(tmp_path: Path, extra: str) -> None:
    with demo.local_authority(tmp_path / "tsa", extra=extra) as local:
        before = int(time.time())
        stamp = client.stamp(mine(local), b"data", 10)
        after = time.time()
    reading = stamp.reading
    assert reading.authority == "local"
    assert reading.low.timestamp() <= after
    assert reading.high.timestamp() >= before
    assert openssl_accepts(stamp.raw, b"data", local.root_pem, tmp_path, int(reading.gen_time.timestamp()))
    assert not openssl_accepts(
        stamp.raw, b"other", local.root_pem, tmp_path, int(reading.gen_time.timestamp())
    )


def test_openssl_accepts_the_tokens_we_stored(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    ledger = Ledger.start(store, load_or_create(tmp_path / "keys"), "test")
    with demo.local_authority(tmp_path / "tsa") as local:
        believed = Trust((mine(local),), ("local",))
        for _ in range(3):
            ledger.append(EntryType.HEARTBEAT)
            ledger.checkpoint(["local"])
            assert drain(store, believed, Clock(), 5).stamped == 1
    notes = {each.number: each.note for each in store.checkpoints(ledger.session.id)}
    tokens = store.tokens(ledger.session.id)
    assert len(tokens) == 3
    for token in tokens:
        assert openssl_accepts(
            token.raw, notes[token.checkpoint], local.root_pem, tmp_path, int(token.time_low.timestamp())
        )
    store.close()


def test_the_forge_makes_tokens_that_openssl_accepts(tmp_path: Path) -> None:
    at = 1_767_323_045
    for kind in ("ec", "rsa"):
        for ess in (("v1",), ("v2",), ("v1", "v2")):
            chain = forge.chain(kind)
            root = write_pem(tmp_path / "root.pem", chain.root)
            token = forge.forge(forge.Plan(chain, ess=ess))
            assert openssl_accepts(token, b"data", root, tmp_path, at)
    broken = forge.forge(forge.Plan(chain, message_digest=bytes(32)))
    assert not openssl_accepts(broken, b"data", root, tmp_path, at)


def test_an_expired_certificate_shows_nothing(tmp_path: Path) -> None:
    """openssl signs with it all the same."""
    adopt(tmp_path / "tsa", forge.chain(valid=("2020-01-01", "2021-01-01")))
    with demo.local_authority(tmp_path / "tsa") as local, pytest.raises(SakigakeError) as caught:
        client.stamp(mine(local), b"data", 10)
    assert caught.value.code == "token-certificate-time"


def test_a_twin_with_the_same_names_is_not_the_authority(tmp_path: Path) -> None:
    genuine, twin = forge.chain(), forge.chain(number=8)
    adopt(tmp_path / "tsa", twin)
    with demo.local_authority(tmp_path / "tsa", extra="certs = root.pem") as local:
        believed = Authority("genuine", local.url, (genuine.root,), (), "test")
        stamp = client.stamp(believed, b"data", 10)
    assert stamp.reading.authority is None
    root = write_pem(tmp_path / "genuine.pem", genuine.root)
    assert not openssl_accepts(stamp.raw, b"data", root, tmp_path, int(stamp.reading.gen_time.timestamp()))


def test_openssl_itself_refuses_a_wrong_purpose(tmp_path: Path) -> None:
    """The server then has no answer, and we say so."""
    adopt(tmp_path / "tsa", forge.chain(critical=False))
    with demo.local_authority(tmp_path / "tsa") as local, pytest.raises(SakigakeError) as caught:
        client.stamp(mine(local), b"data", 10)
    assert caught.value.code == "anchor-refused"


def test_a_digest_the_authority_does_not_take_is_an_open_refusal(tmp_path: Path) -> None:
    demo.create(tmp_path)
    request = rfc3161.build_request(b"data").replace(
        bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040204")
    )
    with pytest.raises(SakigakeError) as caught:
        rfc3161.normal_form(demo.reply(tmp_path, request))
    assert caught.value.code == "token-not-granted"


def test_the_demonstration_keeps_its_keys_and_says_what_it_is(tmp_path: Path) -> None:
    with demo.local_authority(tmp_path / "tsa") as first:
        root = first.root_pem.read_bytes()
        stamp = client.stamp(mine(first), b"data", 10)
    with demo.local_authority(tmp_path / "tsa") as second:
        assert second.root_pem.read_bytes() == root
        assert rfc3161.read_token(stamp.raw, b"data", Trust((mine(second),))).authority == "local"
    for certificate in (*stamp.reading.certificates, x509.load_pem_x509_certificate(root)):
        assert "DEMONSTRATION" in certificate.subject.rfc4514_string()
        assert "proves nothing to others" in certificate.subject.rfc4514_string()
    if os.name == "posix":
        assert (tmp_path / "tsa").stat().st_mode & 0o077 == 0


def test_without_openssl_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SakigakeError) as caught:
        demo.create(tmp_path / "tsa")
    assert caught.value.code == "anchor-openssl-missing"
    assert demo.main([str(tmp_path / "tsa"), "--port", "0"]) == 1


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert demo.main([str(tmp_path / "file"), "--port", "0"]) == 1
    assert "file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="signals are sent the POSIX way")
def test_the_command_serves_until_it_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "desk.demo.authority", str(tmp_path / "tsa"), "--port", "0"]
    environment = {**os.environ, "SAKIGAKE_LANG": "ja", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            said: list[str] = []
            while not said or not said[-1].startswith("root = "):
                said.append(process.stdout.readline().decode())
                assert said[-1], said
            settings = "".join(said[said.index("[ots]\n") :])
            believed = load(tomllib.loads(settings))
            assert believed.asked == (demo.NAME,)
            found = believed.get(demo.NAME)
            assert found is not None
            assert client.stamp(found, b"data", 10).reading.authority == demo.NAME
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            process.kill()
    assert "何も示しません" in said[0]
    with demo.local_authority(tmp_path / "tsa") as taken:
        port = taken.url.rsplit(":", 1)[1]
        assert demo.main([str(tmp_path / "tsa"), "--port", port]) == 1
