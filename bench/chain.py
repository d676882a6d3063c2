"""A chain of blocks with real, easy proof of work, and a calendar that puts digests into it: for tests and benches.

Everything is as on the main chain but for the difficulty: the calendar's Merkle tree, a transaction with OP_RETURN, the
block's Merkle tree, the header. Only standard library; the program's own code for proofs is not used here.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

APPEND, PREPEND, HASH = "append", "prepend", "sha256"
Steps = list[tuple[str, bytes]]
EASY = 0x1F00FFFF  # 65,536 hashes a block
TAG_BLOCK, TAG_PENDING = bytes.fromhex("0588960d73d71901"), bytes.fromhex("83dfe30d2ef90c8e")
TAGS = {APPEND: 0xF0, PREPEND: 0xF1}


def double(raw: bytes) -> bytes:
    """Return SHA-256 of SHA-256, with which Bitcoin hashes."""
    return sha256(sha256(raw).digest()).digest()


def easiest(bits: int = EASY) -> int:
    """Return the target that `bits` stand for, which a verifier of test blocks takes for its floor."""
    return (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)


def header(root: bytes, seconds: int, previous: bytes = bytes(32), bits: int = EASY, nonce: int = 0) -> bytes:
    """Return the 80 bytes of a header, without any work in it."""
    return struct.pack("<i32s32sIII", 0x20000000, previous, root, seconds, bits, nonce)


def mined(raw: bytes) -> bytes:
    """Return the header with a nonce under which it has the work that it states."""
    target = easiest(struct.unpack("<I", raw[72:76])[0])
    begun = sha256(raw[:64])
    for nonce in range(1 << 32):
        running = begun.copy()
        tail = raw[64:76] + nonce.to_bytes(4, "little")
        running.update(tail)
        if int.from_bytes(sha256(running.digest()).digest(), "little") <= target:
            return raw[:64] + tail
    raise RuntimeError("no nonce fits")


def climb(leaves: list[bytes], index: int, digest: str) -> tuple[Steps, bytes]:
    """Return the steps from a leaf to the root of a Merkle tree that doubles its last leaf, and the root."""
    rounds = [(HASH, b"")] * (2 if digest == "double" else 1)
    combine = double if digest == "double" else lambda raw: sha256(raw).digest()
    steps: Steps = []
    while len(leaves) > 1:
        leaves = [*leaves, leaves[-1]] if len(leaves) % 2 else leaves
        sibling = leaves[index ^ 1]
        steps += [(PREPEND if index % 2 else APPEND, sibling), *rounds]
        leaves = [combine(leaves[at] + leaves[at + 1]) for at in range(0, len(leaves), 2)]
        index //= 2
    return steps, leaves[0]


@dataclass
class Chain:
    """The blocks so far. Block 0 holds nothing of ours."""

    bits: int = EASY
    headers: list[bytes] = field(default_factory=list)
    entropy: Callable[[int], bytes] = os.urandom

    def __post_init__(self) -> None:
        self.headers.append(mined(header(self.entropy(32), 1_700_000_000, bits=self.bits)))

    def mine(self, digest: bytes, seconds: int) -> tuple[Steps, int]:
        """Mine a block with a transaction that holds `digest`; returns the steps to its Merkle root and its height."""
        before = b"\1\0\0\0\1" + self.entropy(36) + b"\0" + b"\xff" * 4 + b"\1" + bytes(8) + b"\x22\x6a\x20"
        transaction = double(before + digest + bytes(4))
        steps: Steps = [(PREPEND, before), (APPEND, bytes(4)), (HASH, b""), (HASH, b"")]
        others = [self.entropy(32) for _ in range(4)]
        upwards, root = climb([*others[:2], transaction, *others[2:]], 2, "double")
        previous = double(self.headers[-1])
        self.headers.append(mined(header(root, seconds, previous, self.bits)))
        return steps + upwards, len(self.headers) - 1

    def height_of(self, name: str) -> int | None:
        """Return the height of the block whose hash is `name`, as explorers write it."""
        return next((at for at, raw in enumerate(self.headers) if double(raw)[::-1].hex() == name), None)


def run(steps: Steps, message: bytes) -> bytes:
    """Return what the steps make of a message."""
    for kind, argument in steps:
        if kind == APPEND:
            message += argument
        elif kind == PREPEND:
            message = argument + message
        else:
            message = sha256(message).digest()
    return message


def number(value: int) -> bytes:
    """Return a varint."""
    return bytes((value,)) if value < 0x80 else bytes((value & 0x7F | 0x80,)) + number(value >> 7)


def written(steps: Steps, end: bytes) -> bytes:
    """Return steps and an attestation as they stand in a proof."""
    parts = [
        bytes((TAGS[kind],)) + number(len(argument)) + argument if kind in TAGS else b"\x08"
        for kind, argument in steps
    ]
    return b"".join((*parts, end))


def attestation(tag: bytes, payload: bytes) -> bytes:
    """Return an attestation."""
    return b"\0" + tag + number(len(payload)) + payload


def block_end(height: int) -> bytes:
    """Return the attestation of a block."""
    return attestation(TAG_BLOCK, number(height))


def pending_end(address: str) -> bytes:
    """Return the attestation of a calendar."""
    return attestation(TAG_PENDING, number(len(address)) + address.encode())


@dataclass
class Calendar:
    """Takes digests, aggregates them and has them mined when told to."""

    chain: Chain
    address: str = ""
    waiting: list[bytes] = field(default_factory=list)
    done: dict[bytes, bytes] = field(default_factory=dict)

    def submit(self, digest: bytes) -> bytes:
        """Return the reply to a submission."""
        draw = self.chain.entropy
        steps: Steps = [(APPEND, draw(16)), (HASH, b""), (PREPEND, draw(4)), (APPEND, draw(8))]
        self.waiting.append(run(steps, digest))
        return written(steps, pending_end(self.address))

    def mine(self, seconds: int) -> None:
        """Put everything that waits into the next block."""
        taken, self.waiting = self.waiting, []
        leaves = [sha256(message).digest() for message in taken]
        if not leaves:
            return
        climbs = [climb(leaves, index, "single") for index in range(len(leaves))]
        steps, height = self.chain.mine(climbs[0][1], seconds)
        for message, (upwards, _) in zip(taken, climbs, strict=True):
            self.done[message] = written([(HASH, b""), *upwards, *steps], block_end(height))
