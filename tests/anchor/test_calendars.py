"""What goes out to calendars and explorers, what is taken from them, and who is never asked."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bench import chain
from sakigake import settings
from sakigake.anchor import calendars, ots
from sakigake.anchor.headers import Explorer, HeaderFile
from sakigake.errors import ConfigError, NetworkError, SakigakeError, VerificationError
from tests.peers import hostile
from tests.peers.calendar import Peer, serving

DIGEST = sha256(b"checkpoint").digest()


@pytest.fixture
def peer() -> Iterator[Peer]:
    with serving(Peer()) as made:
        yield made


def submitted(peer: Peer) -> tuple[tuple[ots.Step, ...], ots.Path]:
    steps, message = calendars.prepare(DIGEST)
    return steps, calendars.submit(peer.url, message, 5)


def test_a_digest_goes_out_hidden_and_comes_back_in_a_block(peer: Peer) -> None:
    steps, promised = submitted(peer)
    assert promised.end.kind is ots.Kind.PENDING
    (_, sent), *_ = peer.asked
    assert len(bytes.fromhex(sent)) == 32
    assert sent not in {DIGEST.hex(), sha256(DIGEST).hexdigest()}
    assert calendars.upgrade(peer.url, promised.message, 5) == []
    peer.mine(1_780_000_000)
    (reached,) = calendars.upgrade(peer.url, promised.message, 5)
    raw = ots.write_file(DIGEST, (*steps, *promised.steps, *reached.steps), reached.end)
    header = Explorer(peer.url, 5).header(reached.end.height)
    block = ots.confirm(raw, DIGEST, header, easiest=chain.easiest())
    assert block.time.timestamp() == 1_780_000_000


def test_each_submission_has_a_nonce_of_its_own() -> None:
    (one, first), (two, second) = calendars.prepare(DIGEST), calendars.prepare(DIGEST)
    assert len(one[0].argument) == len(two[0].argument) == 16
    assert first != second


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("dead", "anchor-refused"),
        ("redirect", "anchor-redirect"),
        ("large", "anchor-too-large"),
        ("slow", "anchor-timeout"),
        ("html", "proof-malformed"),
    ],
)
def test_calendars_that_answer_otherwise(peer: Peer, fault: str, code: str) -> None:
    _, promised = submitted(peer)
    peer.fault = fault
    begun = time.monotonic()
    with pytest.raises(SakigakeError) as caught:
        calendars.submit(peer.url, DIGEST, 1)
    assert caught.value.code == code
    with pytest.raises(SakigakeError) as caught:
        calendars.upgrade(peer.url, promised.message, 1)
    assert caught.value.code == code
    assert caught.value.hint("ja")
    assert time.monotonic() - begun < 5
    assert not peer.paths("/elsewhere")


def test_ten_thousand_bytes_are_read_and_one_more_is_not() -> None:
    fits = chain.written([], chain.attestation(bytes(8), bytes(8000)))
    filled = b"\xff" + fits + chain.pending_end("https://calendar.example")
    rest = calendars.MAX_REPLY_BYTES - len(filled)
    reply = b"\xff" + chain.attestation(bytes(8), bytes(rest - 12)) + filled
    assert len(reply) == 10_000
    with hostile.serve(hostile.answer(reply)) as url, pytest.raises(VerificationError) as caught:
        calendars.submit(url, DIGEST, 5)
    assert (
        caught.value.code == "proof-without-promise"
    )  # it was read: a promise about the very digest is none
    with hostile.serve(hostile.answer(reply + b"\0")) as url, pytest.raises(NetworkError) as refused:
        calendars.submit(url, DIGEST, 5)
    assert refused.value.code == "anchor-too-large"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        chain.block_end(1),
        b"\x08" + chain.block_end(1),
        chain.pending_end("https://calendar.example"),
        chain.attestation(bytes(8), b"note"),
    ],
)
def test_a_reply_without_a_promise(reply: bytes) -> None:
    with hostile.serve(hostile.answer(reply)) as url, pytest.raises(VerificationError) as caught:
        calendars.submit(url, DIGEST, 5)
    assert caught.value.code in {"proof-without-promise", "proof-malformed"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("dead", "anchor-refused"),
        ("html", "ots-explorer-odd"),
        ("large", "anchor-too-large"),
        ("redirect", "anchor-redirect"),
        ("slow", "anchor-timeout"),
    ],
)
def test_explorers_that_answer_otherwise(peer: Peer, fault: str, code: str) -> None:
    peer.explorer_fault = fault
    with pytest.raises(NetworkError) as caught:
        Explorer(peer.url, 1).header(0)
    assert caught.value.code == code


def test_a_block_that_the_explorer_does_not_know(peer: Peer) -> None:
    with pytest.raises(NetworkError) as caught:
        Explorer(peer.url, 5).header(7)
    assert caught.value.code == "anchor-refused"


def test_headers_from_a_file(tmp_path: Path) -> None:
    headers = chain.Chain()
    headers.mine(DIGEST, 1_780_000_000)
    path = tmp_path / "blockchain_headers"
    path.write_bytes(b"".join(headers.headers))
    assert HeaderFile(path).header(1) == headers.headers[1]
    for source, height in (
        (HeaderFile(path), 2),
        (HeaderFile(tmp_path / "none"), 0),
        (HeaderFile(tmp_path), 0),
    ):
        with pytest.raises(NetworkError) as caught:
            source.header(height)
        assert caught.value.code == "ots-headers-unreadable"


def loaded(monkeypatch: pytest.MonkeyPatch, home: Path, text: str = "") -> calendars.Calendars:
    monkeypatch.setenv("SAKIGAKE_OTS", "")
    (home / "sakigake.toml").write_text(text, encoding="utf-8")
    return calendars.load(settings.load(home).tables)


def test_public_calendars_are_asked_every_ten_minutes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = loaded(monkeypatch, tmp_path)
    assert "https://alice.btc.calendar.opentimestamps.org" in asked.addresses
    assert all(address.startswith("https://") for address in asked.addresses)
    assert (asked.every_s, len(asked.addresses) >= 3) == (600, True)
    assert asked.source == Explorer("https://blockstream.info/api", 10)


@pytest.mark.parametrize(
    "text",
    ["[ots]\nenabled = false", "[anchor]\nenabled = false", "[ots]\ncalendars = []"],
)
def test_nobody_is_asked_when_it_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    assert loaded(monkeypatch, tmp_path, text).addresses == ()
    monkeypatch.setenv("SAKIGAKE_OTS", "off")
    assert calendars.load(settings.load(tmp_path).tables).addresses == ()


def test_own_calendars_and_a_file_of_headers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = '[ots]\ncalendars = ["http://127.0.0.1:9"]\nexplorer = ""\nheaders = "~/headers"'
    asked = loaded(monkeypatch, tmp_path, text)
    assert asked.addresses == ("http://127.0.0.1:9",)
    assert asked.source == HeaderFile(Path("~/headers").expanduser())


@pytest.mark.parametrize(
    "text",
    [
        'calendars = ["file:///etc/passwd"]',
        'calendars = ["https://name:word@calendar.example"]',
        "calendars = [7]",
        'explorer = "ftp://example"',
        "every_s = 0",
        'calendars = "https://calendar.example"',
        "floor = 1",
        "easiest = 1",
        'chain = "regtest"',
    ],
)
def test_settings_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """The floor of the difficulty is no setting, and neither is another chain."""
    with pytest.raises(ConfigError) as caught:
        loaded(monkeypatch, tmp_path, f"[ots]\n{text}")
    assert caught.value.code in {"ots-address", "setting-unknown", "setting-wrong"}
    assert caught.value.hint("ja")


def test_no_authority_may_be_called_like_a_block(tmp_path: Path) -> None:
    from sakigake.anchor import trust

    row: dict[str, Any] = {"name": "bitcoin", "url": "", "root": str(tmp_path / "root.pem")}
    with pytest.raises(ConfigError) as caught:
        trust.load({"anchor": {"authority": [row]}})
    assert caught.value.code == "anchor-name-taken"
