"""The file format of OpenTimestamps: steps from a digest to what somebody attests (python-opentimestamps 0.4.5).

A proof is a tree. What comes from a calendar may have branches; what a package carries has exactly one path that ends
in one Bitcoin block, in its one encoding, so that every byte of it decides whether the path reaches that block.

Of the operations only append, prepend and SHA-256 are read: calendars use no others, since a Bitcoin transaction and
the Merkle tree of a block are hashed with SHA-256 alone. Other chains and other attestations are read past.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sakigake.anchor import bitcoin
from sakigake.errors import VerificationError

MAGIC = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
VERSION, SHA256, APPEND, PREPEND, ATTESTATION, FORK = 1, 0x08, 0xF0, 0xF1, 0x00, 0xFF
BITCOIN, PENDING = bytes.fromhex("0588960d73d71901"), bytes.fromhex("83dfe30d2ef90c8e")
DIGEST_BYTES, NONCE_BYTES = 32, 16
MAX_MESSAGE, MAX_PAYLOAD, MAX_ADDRESS = 4096, 8192, 1000
MAX_STEPS, MAX_BRANCHES, MAX_ALL_STEPS = 255, 64, 4096
MAX_FILE_BYTES = 1 << 16
MAX_VARINT_BITS = 31
_ADDRESS = re.compile(rb"[A-Za-z0-9._/:-]{0,1000}")


class Kind(StrEnum):
    """Who attests: a calendar that promises to, a Bitcoin block, or something that is not read here."""

    PENDING = "pending"
    BITCOIN = "bitcoin"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One operation; `argument` is empty for SHA-256."""

    tag: int
    argument: bytes = b""

    def apply(self, message: bytes) -> bytes:
        """Return what the operation makes of a message."""
        if self.tag == APPEND:
            return message + self.argument
        if self.tag == PREPEND:
            return self.argument + message
        return sha256(message).digest()


HASH = Step(SHA256)


@dataclass(frozen=True, slots=True)
class Attestation:
    """What stands at the end of a path: `height` of a block, `address` of a calendar (as it says itself)."""

    kind: Kind
    height: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """One way through a proof, and the message it leads to."""

    steps: tuple[Step, ...]
    message: bytes
    end: Attestation


class _Reader:
    def __init__(self, raw: bytes, what: str) -> None:
        self._raw = raw
        self._at = 0
        self._what = what

    def wrong(self) -> VerificationError:
        return VerificationError("proof-malformed", what=self._what)

    def need(self, holds: object) -> None:
        if not holds:
            raise self.wrong()

    def take(self, count: int) -> bytes:
        part = self._raw[self._at : self._at + count]
        self.need(len(part) == count)
        self._at += count
        return part

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        """Read a number in groups of seven bits, lowest first, in its shortest form."""
        value = shift = 0
        while True:
            group = self.byte()
            value |= (group & 0x7F) << shift
            shift += 7
            if not group & 0x80:
                self.need(value.bit_length() <= MAX_VARINT_BITS and (group or shift == 7))  # noqa: PLR2004 - one group
                return value
            self.need(shift <= MAX_VARINT_BITS)

    def block(self, low: int, high: int) -> bytes:
        count = self.varint()
        self.need(low <= count <= high)
        return self.take(count)

    def end(self) -> None:
        self.need(self._at == len(self._raw))

    def step(self, tag: int) -> Step:
        if tag == SHA256:
            return HASH
        self.need(tag in {APPEND, PREPEND})
        return Step(tag, self.block(1, MAX_MESSAGE))

    def attestation(self) -> Attestation:
        tag = self.take(8)
        payload = _Reader(self.block(0, MAX_PAYLOAD), self._what)
        if tag == BITCOIN:
            found = Attestation(Kind.BITCOIN, height=payload.varint())
        elif tag == PENDING:
            address = payload.block(0, MAX_ADDRESS)
            self.need(_ADDRESS.fullmatch(address))
            found = Attestation(Kind.PENDING, address=address.decode())
        else:
            return Attestation(Kind.UNKNOWN)
        payload.end()
        return found

    def paths(self, message: bytes) -> list[Path]:
        """Read a tree, with no recursion: neither depth nor width is chosen by whoever wrote it."""
        found: list[Path] = []
        waiting: list[tuple[tuple[Step, ...], bytes]] = [((), message)]
        count = 0
        while waiting:
            steps, message = waiting.pop()
            tag = self.byte()
            if tag == FORK:
                waiting.append((steps, message))
                tag = self.byte()
            if tag == ATTESTATION:
                found.append(Path(steps, message, self.attestation()))
                self.need(len(found) <= MAX_BRANCHES)
                continue
            step = self.step(tag)
            message = step.apply(message)
            count += 1
            self.need(len(steps) < MAX_STEPS and count <= MAX_ALL_STEPS and len(message) <= MAX_MESSAGE)
            waiting.append(((*steps, step), message))
        return found


def read_reply(raw: bytes, message: bytes, what: str = "calendar") -> list[Path]:
    """Read what a calendar answers about `message`: a tree without a head. Raises VerificationError."""
    reader = _Reader(raw, what)
    paths = reader.paths(message)
    reader.end()
    return paths


def read_file(raw: bytes, what: str = "proof") -> tuple[bytes, list[Path]]:
    """Read a detached proof; returns the SHA-256 it is about and every path. Raises VerificationError."""
    reader = _Reader(raw, what)
    reader.need(len(raw) <= MAX_FILE_BYTES and reader.take(len(MAGIC)) == MAGIC)
    reader.need(reader.varint() == VERSION and reader.byte() == SHA256)
    digest = reader.take(DIGEST_BYTES)
    paths = reader.paths(digest)
    reader.end()
    return digest, paths


def read_block_proof(raw: bytes, digest: bytes, what: str = "proof") -> Path:
    """Read a proof of one path from `digest` to one Bitcoin block; raises VerificationError for any other."""
    stated, paths = read_file(raw, what)
    if stated != digest:
        raise VerificationError("proof-of-something-else", what=what)
    if len(paths) != 1 or paths[0].end.kind is not Kind.BITCOIN:
        raise VerificationError("proof-not-one-block", what=what)
    return paths[0]


def confirm(
    raw: bytes, digest: bytes, header: bytes, *, easiest: int = bitcoin.EASIEST, what: str = "proof"
) -> bitcoin.Header:
    """Check that a proof leads from `digest` to the block of `header`, whose work is checked; raises VerificationError."""
    path = read_block_proof(raw, digest, what)
    block = bitcoin.read(header, easiest=easiest, what=what)
    if path.message != block.root:
        raise VerificationError("proof-of-another-block", what=what)
    return block


def write_file(digest: bytes, steps: tuple[Step, ...], end: Attestation) -> bytes:
    """Return the detached proof of one path, in its only encoding."""
    parts = [MAGIC, bytes((VERSION, SHA256)), digest]
    for step in steps:
        parts.append(bytes((step.tag,)))
        if step.tag != SHA256:
            parts += [_varint(len(step.argument)), step.argument]
    if end.kind is Kind.BITCOIN:
        tag, payload = BITCOIN, _varint(end.height)
    else:
        address = end.address.encode()
        tag, payload = PENDING, _varint(len(address)) + address
    return b"".join((*parts, bytes((ATTESTATION,)), tag, _varint(len(payload)), payload))


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))
