"""No byte of a token is left unread, whether its authority is known or not."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from sakigake.anchor import der, rfc3161, trust
from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from tests.peers import forge
from tests.peers.forge import Plan, chain

FIXTURES = Path(__file__).parent / "fixtures"
Whole = tuple[bytes, bytes, Trust, tuple[x509.Certificate, ...]]


def whole_token(name: str) -> Whole:
    """Return a token, its data, who is believed and the other certificates that are at hand."""
    if name in ("forged", "chain"):
        signer = chain("rsa" if name == "chain" else "ec")
        both = (forge.der(signer.leaf), forge.der(signer.root))
        plan = Plan(signer, certificates=both, ess=("v1",)) if name == "chain" else Plan(signer)
        return forge.forge(plan), plan.data, Trust().with_roots(forge.der(signer.root)), ()
    raw = (FIXTURES / f"{name}.tsr").read_bytes()
    if name == "identrust":
        return raw, b"hello", trust.load(), trust.load().certificates()
    return raw, b"hello", Trust().with_roots((FIXTURES / "sigstage.pem").read_bytes()), ()


@pytest.mark.parametrize("name", ["forged", "chain", "identrust", "sigstage-sha256"])
@pytest.mark.parametrize("known", [True, False])
def test_no_byte_is_left_unread(name: str, known: bool) -> None:
    """One bit of every seventh byte, cuts, insertions, deletions, doublings. The slow test flips every bit."""
    raw, data, believed, others = whole_token(name)
    chosen = believed if known else Trust()
    assert (read_token(raw, data, chosen, others=others).authority is not None) == known
    rng = random.Random(f"{name}{known}")
    start = rng.randrange(7)
    mutants = [flipped(raw, place, 1 << rng.randrange(8)) for place in range(start, len(raw), 7)]
    for _ in range(60):
        place = rng.randrange(len(raw))
        mutants += [
            raw[:place],
            raw[:place] + rng.randbytes(1) + raw[place:],
            raw[:place] + raw[place + 1 :],
            raw[:place] + raw[place : place + 9] + raw[place:],
        ]
    mutants += [b"", raw + b"\x00", raw + raw, raw + bytes(rfc3161.MAX_TOKEN_BYTES)]
    refused_all([each for each in mutants if each != raw], data, chosen, others)


def heads(node: der.Node, start: int = 0) -> Iterator[int]:
    """The places of all tags; the length is next to each."""
    yield start
    inside = start + len(node.raw) - len(node.body)
    for child in node.children:
        yield from heads(child, inside)
        inside += len(child.raw)


@pytest.mark.parametrize("known", [True, False])
def test_every_tag_and_length_counts(known: bool) -> None:
    raw, data, believed, _ = whole_token("forged")
    places = list(heads(der.parse(raw, "test")))
    assert len(places) > 80
    bits = [flipped(raw, place + more, 1 << bit) for place in places for more in (0, 1) for bit in range(8)]
    refused_all(bits, data, believed if known else Trust(), ())


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False])
def test_every_bit_of_a_token_counts(known: bool) -> None:
    raw, data, believed, others = whole_token("sigstage-sha256")
    chosen = believed if known else Trust()
    bits = [flipped(raw, place, 1 << bit) for place in range(len(raw)) for bit in range(8)]
    refused_all(bits, data, chosen, others)


def flipped(raw: bytes, place: int, mask: int) -> bytes:
    return raw[:place] + bytes((raw[place] ^ mask,)) + raw[place + 1 :]


def refused_all(
    mutants: list[bytes], data: bytes, chosen: Trust, others: tuple[x509.Certificate, ...]
) -> None:
    for mutant in mutants:
        with pytest.raises(VerificationError):
            read_token(mutant, data, chosen, others=others)
