"""The file format: what is written is read again, and nothing that anybody writes costs much to refuse."""

import base64
import json
import time
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import chain
from sakigake import resources
from sakigake.anchor import ots
from sakigake.errors import VerificationError

VECTOR = json.loads(resources.read_text("vectors-v1.json"))["block"]
PROOF, HEADER = bytes.fromhex(VECTOR["proof"]), bytes.fromhex(VECTOR["header"])
DIGEST = sha256(base64.b64decode(VECTOR["data"])).digest()
EASIEST = int(VECTOR["easiest"], 16)
BLOCK, PROMISE = chain.block_end(840_000), chain.pending_end("https://calendar.example")
HEAD = ots.MAGIC + b"\x01\x08" + DIGEST

pieces = st.binary(min_size=1, max_size=40)
steps = st.lists(
    st.one_of(
        st.just(ots.HASH),
        st.builds(ots.Step, st.just(ots.APPEND), pieces),
        st.builds(ots.Step, st.just(ots.PREPEND), pieces),
    ),
    max_size=30,
).map(tuple)
addresses = st.text("abcABC019-._/:", max_size=60)
ends = st.one_of(
    st.integers(0, 2**31 - 1).map(lambda height: ots.Attestation(ots.Kind.BITCOIN, height=height)),
    addresses.map(lambda address: ots.Attestation(ots.Kind.PENDING, address=address)),
)


def refusal(raw: bytes) -> str:
    with pytest.raises(VerificationError) as caught:
        ots.read_block_proof(raw, DIGEST, "x.ots")
    assert caught.value.hint("ja")
    return caught.value.code


@given(digest=st.binary(min_size=32, max_size=32), taken=steps, end=ends)
def test_what_is_written_is_read_again(
    digest: bytes, taken: tuple[ots.Step, ...], end: ots.Attestation
) -> None:
    raw = ots.write_file(digest, taken, end)
    stated, (path,) = ots.read_file(raw)
    assert (stated, path.steps, path.end) == (digest, taken, end)
    message = digest
    for step in taken:
        message = step.apply(message)
    assert path.message == message


@given(st.binary(max_size=400))
def test_whatever_stands_in_a_file_is_read_or_refused(tail: bytes) -> None:
    for raw in (tail, HEAD + tail):
        with suppress(VerificationError):
            ots.read_file(raw)


@given(st.data())
def test_there_is_one_encoding(data: st.DataObject) -> None:
    """Whatever is accepted as one path to one block is, byte for byte, what would be written for it."""
    at = data.draw(st.integers(0, len(PROOF) - 1))
    changed = PROOF[:at] + data.draw(st.binary(max_size=3)) + PROOF[at + data.draw(st.integers(0, 3)) :]
    try:
        digest, paths = ots.read_file(changed)
    except VerificationError:
        return
    if len(paths) == 1 and paths[0].end.kind is ots.Kind.BITCOIN:
        assert ots.write_file(digest, paths[0].steps, paths[0].end) == changed


def test_the_vector_leads_to_its_block() -> None:
    block = ots.confirm(PROOF, DIGEST, HEADER, easiest=EASIEST)
    assert block.name == chain.double(HEADER)[::-1].hex()
    with pytest.raises(VerificationError) as caught:
        ots.confirm(PROOF, DIGEST, HEADER)
    assert caught.value.code == "block-too-easy"


def test_every_bit_but_those_of_the_height_decides_whether_it_does() -> None:
    accepted = []
    for at in range(len(PROOF)):
        for bit in range(8):
            changed = PROOF[:at] + bytes((PROOF[at] ^ 1 << bit,)) + PROOF[at + 1 :]
            try:
                ots.confirm(changed, DIGEST, HEADER, easiest=EASIEST)
            except VerificationError:
                continue
            accepted.append(at)
    # The height is in the last three bytes. Nothing rests on it, and the list of files covers it.
    assert set(accepted) <= set(range(len(PROOF) - 3, len(PROOF)))
    for size in range(len(PROOF)):
        assert refusal(PROOF[:size]) in {"proof-malformed", "proof-of-something-else"}


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        (PROMISE, "proof-not-one-block"),
        (chain.attestation(bytes(8), b"note"), "proof-not-one-block"),
        (b"\xff" + PROMISE + BLOCK, "proof-not-one-block"),
        (b"\xff" + BLOCK + chain.block_end(2), "proof-not-one-block"),
        (b"\xff" + BLOCK + BLOCK, "proof-not-one-block"),
        (BLOCK + b"\0", "proof-malformed"),
        (b"\xff" + BLOCK, "proof-malformed"),
        (b"\xff\xff" + BLOCK + BLOCK, "proof-malformed"),
        (b"\x02" + BLOCK, "proof-malformed"),
        (b"\x03" + BLOCK, "proof-malformed"),
        (b"\x67" + BLOCK, "proof-malformed"),
        (b"\xf2" + BLOCK, "proof-malformed"),
        (b"\xf0\0" + BLOCK, "proof-malformed"),
        (b"\xf0\x81\0A" + BLOCK, "proof-malformed"),
        (b"\xf0" + chain.number(4097) + bytes(4097) + BLOCK, "proof-malformed"),
        (b"\xf0" + chain.number(4090) + bytes(4090) + BLOCK, "proof-malformed"),
        (chain.attestation(chain.TAG_BLOCK, b"\x81\0"), "proof-malformed"),
        (chain.attestation(chain.TAG_BLOCK, b"\1\0"), "proof-malformed"),
        (chain.attestation(chain.TAG_BLOCK, chain.number(1 << 31)), "proof-malformed"),
        (chain.attestation(chain.TAG_BLOCK, b"\x80" * 9 + b"\1"), "proof-malformed"),
        (chain.attestation(chain.TAG_PENDING, b"\x03a b"), "proof-malformed"),
        (chain.attestation(chain.TAG_PENDING, b"\x03a?b"), "proof-malformed"),
        (chain.attestation(bytes(8), bytes(8193)), "proof-malformed"),
        (b"", "proof-malformed"),
    ],
)
def test_ends_that_do_not_count(tail: bytes, code: str) -> None:
    assert refusal(HEAD + tail) == code


def test_another_file() -> None:
    assert refusal(ots.MAGIC + b"\x01\x08" + bytes(32) + BLOCK) == "proof-of-something-else"
    assert refusal(ots.MAGIC + b"\x02\x08" + DIGEST + BLOCK) == "proof-malformed"
    assert refusal(ots.MAGIC + b"\x01\x02" + DIGEST[:20] + BLOCK) == "proof-malformed"


def test_the_longest_path_that_counts() -> None:
    longest = ots.write_file(DIGEST, (ots.HASH,) * ots.MAX_STEPS, ots.Attestation(ots.Kind.BITCOIN, 1))
    assert len(ots.read_block_proof(longest, DIGEST).steps) == 255
    one_more = ots.write_file(DIGEST, (ots.HASH,) * 256, ots.Attestation(ots.Kind.BITCOIN, 1))
    assert refusal(one_more) == "proof-malformed"


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x08" * 200_000 + BLOCK,
        b"\xff\x08" * 30_000 + BLOCK,
        (b"\xff" + PROMISE) * 1_000 + BLOCK,
        b"\xf0" + chain.number(3000) + bytes(3000) + b"\xff\x08" * 200 + PROMISE * 300,
        (b"\xff" + b"\x08" * 250 + PROMISE) * 60 + BLOCK,
    ],
    ids=["deep", "branches in branches", "wide", "large", "wide and deep"],
)
def test_bombs_are_refused_at_once(bomb: bytes) -> None:
    begun = time.perf_counter()
    assert refusal(HEAD + bomb) == "proof-malformed"
    with pytest.raises(VerificationError):
        ots.read_reply(bomb, DIGEST)
    assert time.perf_counter() - begun < 1


def test_a_reply_of_several_branches_is_read_as_a_whole() -> None:
    reply = b"\xff\x08" + PROMISE + b"\xff" + chain.attestation(bytes(8), b"note") + b"\xf0\x01A" + BLOCK
    paths = ots.read_reply(reply, DIGEST)
    assert [path.end.kind for path in paths] == [ots.Kind.PENDING, ots.Kind.UNKNOWN, ots.Kind.BITCOIN]
    assert [path.message for path in paths] == [sha256(DIGEST).digest(), DIGEST, DIGEST + b"A"]
