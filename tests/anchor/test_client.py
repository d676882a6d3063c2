"""One request over HTTP, against servers that do what they should not."""

import time
from pathlib import Path

import pytest

from desk.demo.authority import LocalAuthority, local_authority
from sakigake.anchor import client
from sakigake.anchor.trust import Authority, load
from sakigake.errors import NetworkError, VerificationError
from tests.peers import forge, hostile

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n"


def refusal(url: str, timeout: float = 5.0) -> str:
    with pytest.raises(NetworkError) as caught:
        client.exchange(url, b"query", timeout)
    assert url in caught.value.message("en")
    assert caught.value.hint("ja")
    return caught.value.code


def authority(local: LocalAuthority) -> Authority:
    row = {"name": "local", "url": local.url, "root": str(local.root_pem)}
    found = load({"anchor": {"authority": [row]}}).get("local")
    assert found is not None
    return found


def test_a_real_authority_is_asked_and_read(tmp_path: Path) -> None:
    with local_authority(tmp_path / "tsa") as local:
        stamp = client.stamp(authority(local), b"data", 10)
        assert stamp.reading.authority == "local"
        assert (
            client.request_token(authority(local), b"data", 10) != stamp.raw
        )  # another nonce, another serial
    assert refusal(local.url) == "anchor-unreachable"


@pytest.mark.parametrize(
    ("slug", "behave"),
    [
        ("anchor-not-a-token", hostile.answer(b"<html>Sign in</html>", kind="text/html")),
        ("anchor-not-a-token", hostile.answer(b"", kind="application/octet-stream")),
        ("anchor-redirect", hostile.answer(b"", status="302 Found", more="Location: file:///etc/passwd\r\n")),
        (
            "anchor-redirect",
            hostile.answer(b"", status="301 Moved", more="Location: http://127.0.0.1:1/\r\n"),
        ),
        ("anchor-redirect", hostile.answer(b"", status="307 Temporary", more="Location: /there\r\n")),
        ("anchor-refused", hostile.answer(b"no", status="503 Busy")),
        ("anchor-refused", hostile.answer(b"no", status="404 Not Found")),
        ("anchor-too-large", hostile.answer(bytes(client.MAX_RESPONSE_BYTES + 1))),
        ("anchor-unreachable", hostile.hang_up),
        ("anchor-unreachable", hostile.answer(b"", status="abc")),
    ],
)
def test_answers_that_are_none(slug: str, behave: hostile.Behaviour) -> None:
    with hostile.serve(behave) as url:
        assert refusal(url) == slug


def test_the_largest_answer_is_read_whole() -> None:
    with hostile.serve(hostile.answer(bytes(client.MAX_RESPONSE_BYTES))) as url:
        assert len(client.exchange(url, b"query", 5)) == client.MAX_RESPONSE_BYTES


@pytest.mark.parametrize(
    "behave",
    [
        hostile.silent,
        hostile.drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
        hostile.drip(b""),
        hostile.drip(REPLY + b"Content-Length: 60000\r\n\r\n"),
        hostile.drip(REPLY + b"\r\n"),
        hostile.drip(REPLY + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n"),
    ],
)
def test_the_deadline_is_for_the_whole_exchange(behave: hostile.Behaviour) -> None:
    with hostile.serve(behave) as url:
        began = time.monotonic()
        assert refusal(url, timeout=0.4) == "anchor-timeout"
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:text/plain,x",
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://認証局.example/",
        "//127.0.0.1/",
        "",
    ],
)
def test_other_addresses_are_not_asked(url: str) -> None:
    assert refusal(url) == "anchor-address"


def test_a_host_name_that_is_none() -> None:
    assert refusal(f"http://{'a' * 70}.invalid/") == "anchor-unreachable"


def test_a_token_for_another_request_is_refused() -> None:
    chain = forge.chain()
    known = Authority("forged", "", (chain.root,), (), "test")

    def stamped(behave: hostile.Behaviour) -> str:
        with hostile.serve(behave) as url:
            asked = Authority("forged", url, known.roots, (), "test")
            with pytest.raises(VerificationError) as caught:
                client.stamp(asked, b"data", 5)
            return caught.value.code

    assert stamped(hostile.answer(forge.forge(forge.Plan(chain)))) == "token-nonce"
    assert stamped(hostile.answer(forge.forge(forge.Plan(chain, nonce=12345)))) == "token-nonce"
    assert stamped(hostile.answer(forge.forge(forge.Plan(chain, data=b"other")))) == "token-other-data"
    assert stamped(hostile.answer(b"not DER at all")) == "token-malformed"
    assert stamped(hostile.answer(b"")) == "token-malformed"
