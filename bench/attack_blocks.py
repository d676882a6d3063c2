"""Attacks with Bitcoin blocks, by the key's holder, who can put any proof and any header into a package of his own."""

import struct
import time
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any

from bench import chain
from bench.attack_scene import BITS, Hand, Scene, ask, held, pack
from sakigake.anchor import ots
from sakigake.anchor.trust import Trust
from sakigake.evidence import layout

FAILED, SOUND = ("FAILED",), ("VERIFIED",)
REGTEST, MAIN_2024 = 0x207FFFFF, 0x17034219
HOUR = 3600
Both = tuple[bytes, bytes]
LITECOIN = bytes.fromhex("06869a0d73d71b45")


@cache
def _recorded() -> tuple[Hand, Both]:
    """Return a ledger of one stage and a true proof of its last checkpoint, mined once."""
    made = Hand()
    made.stage()
    return made, held(made.seal(), int(time.time()))


def _with(change: Callable[[bytes, bytes], Both]) -> Callable[[], bytes]:
    """Return a package whose proof and header are what `change` makes of true ones."""

    def build() -> bytes:
        made, (proof, header) = _recorded()
        changed = change(proof, header)
        files = {layout.proof(0): changed[0], layout.header(0): changed[1]}
        return _packed(made, files)

    return build


def _packed(made: Hand, files: dict[str, bytes]) -> bytes:
    before, made.files = made.files, made.files | files
    try:
        return pack(made.contents())
    finally:
        made.files = before


def cases(scene: Scene) -> Iterator[tuple[Any, ...]]:
    """Yield (name, how it is made, right verdicts, trust)."""
    nobody = Trust()
    yield "block: sound, and nothing else", _with(lambda proof, header: (proof, header)), SOUND, nobody
    lie = "block: another height stated, on which nothing rests"
    yield lie, _with(lambda proof, header: (proof[:-1] + b"\x07", header)), SOUND, nobody
    for name, change in (*_proofs(), *_headers()):
        yield f"block: {name}", _with(change), FAILED, nobody
    for name, files in _files():
        yield f"block: {name}", _lone(files), FAILED, nobody
    yield "block: named by an entry", _named, FAILED, nobody
    yield "block: three hours before a token named before it", lambda: _ordered(scene, 3), FAILED
    yield "block: an hour before a token named before it", lambda: _ordered(scene, 1), SOUND


def _lone(files: Callable[[bytes, bytes], dict[str, bytes]]) -> Callable[[], bytes]:
    def build() -> bytes:
        made, both = _recorded()
        return _packed(made, files(*both))

    return build


def _files() -> Iterator[tuple[str, Callable[[bytes, bytes], dict[str, bytes]]]]:
    yield "proof without header", lambda proof, _: {layout.proof(0): proof}
    yield "header without proof", lambda _, header: {layout.header(0): header}
    yield (
        "of a checkpoint that is not there",
        lambda proof, header: {layout.proof(9): proof, layout.header(9): header},
    )
    whole = (layout.proof(0), layout.header(0))
    yield (
        "a second one of a checkpoint",
        lambda proof, header: {
            **dict(zip(whole, (proof, header), strict=True)),
            "anchors/0000.2.ots": proof,
            "anchors/0000.2.hdr": header,
        },
    )
    yield (
        "over the list of files",
        lambda proof, header: {"SHA256SUMS.ots": proof, "SHA256SUMS.hdr": header},
    )


def _proofs() -> Iterator[tuple[str, Callable[[bytes, bytes], Both]]]:
    def tail(end: bytes) -> Callable[[bytes, bytes], Both]:
        """Put another end in the place of the block's attestation, which takes the last 11 bytes."""
        return lambda proof, header: (proof[:-11] + end, header)

    def put(at: int, piece: bytes, instead: int = 0) -> Callable[[bytes, bytes], Both]:
        return lambda proof, header: (proof[:at] + piece + proof[at + instead :], header)

    start = len(ots.MAGIC)
    steps = start + 2 + 32
    block = chain.block_end(1)
    promise = chain.pending_end("https://alice.btc.calendar.opentimestamps.org")
    evil = chain.pending_end("http://169.254.169.254/latest")
    yield "a promise instead", tail(promise)
    yield "a promise of somebody beside it", tail(b"\xff" + promise + block)
    yield "an address of a private network beside it", tail(b"\xff" + evil + block)
    yield "a second block beside it", tail(b"\xff" + block + chain.block_end(2))
    yield "the same block twice", tail(b"\xff" + block + block)
    yield "a second block further down", tail(b"\xff\x08" + chain.block_end(2) + block)
    yield "an unknown attestation beside it", tail(b"\xff" + chain.attestation(bytes(8), b"note") + block)
    yield "an unknown attestation instead", tail(chain.attestation(bytes(8), b"\1"))
    yield "a block of Litecoin instead", tail(chain.attestation(LITECOIN, b"\1"))
    yield "a height with a byte behind it", tail(chain.attestation(chain.TAG_BLOCK, b"\1\0"))
    yield "a height in two bytes where one is enough", tail(chain.attestation(chain.TAG_BLOCK, b"\x81\0"))
    yield "a height beyond 31 bits", tail(chain.attestation(chain.TAG_BLOCK, chain.number(1 << 31)))
    yield "a height that never ends", tail(chain.attestation(chain.TAG_BLOCK, b"\xff" * 4000))
    yield "no height", tail(chain.attestation(chain.TAG_BLOCK, b""))
    yield "its length in two bytes", tail(b"\0" + chain.TAG_BLOCK + b"\x81\0\1")
    yield "a byte behind it", tail(block + b"\0")
    yield "cut off in its end", tail(block[:-1])
    yield "no end", tail(b"")
    yield "one step more", tail(b"\x08" + block)
    yield "one step less", lambda proof, header: (proof[:-12] + proof[-11:], header)
    yield "a thousand steps", put(steps, b"\x08" * 1000)
    yield "a tree of sixty thousand steps", put(steps, b"\x08" * 60_000)
    yield "ten thousand branches", tail((b"\xff" + promise) * 1000 + block)
    yield "branches in branches", put(steps, b"\xff\x08" * 200)
    yield "a message beyond 4096 bytes", put(steps, b"\xf0" + chain.number(4096) + bytes(4096))
    yield "an empty piece", put(steps, b"\xf0\0")
    yield "a piece whose length has a byte too many", put(steps + 1, b"\x90\0", instead=1)
    for name, tag in (("SHA-1", 2), ("RIPEMD-160", 3), ("Keccak", 0x67), ("reverse", 0xF2), ("hex", 0xF3)):
        yield f"the operation {name}", put(steps, bytes((tag,)))
    yield "an unknown operation", put(steps, b"\x55")
    yield "another version", put(start, b"\2", instead=1)
    yield "a version in two bytes", put(start, b"\x81\0", instead=1)
    yield "another kind of digest", put(start + 1, b"\2", instead=1)
    yield "the digest of another file", put(start + 2, sha256(b"other").digest(), instead=32)
    yield "another beginning", put(1, b"o", instead=1)
    yield "no byte at all", lambda _, header: (b"", header)
    yield "64 KiB of zeros behind it", lambda proof, header: (proof + bytes(1 << 16), header)


def _headers() -> Iterator[tuple[str, Callable[[bytes, bytes], Both]]]:
    def field(at: int, value: bytes) -> Callable[[bytes, bytes], Both]:
        return lambda proof, header: (proof, header[:at] + value + header[at + len(value) :])

    def easy(proof: bytes, header: bytes) -> Both:
        return proof, chain.mined(header[:72] + struct.pack("<I", REGTEST) + bytes(4))

    def forged(bits: int) -> Callable[[bytes, bytes], Both]:
        """Return a change to a header of the right Merkle root, of last year, that states `bits` and was not mined."""
        then = int(time.time()) - 365 * 24 * HOUR
        return lambda proof, header: (proof, chain.header(header[36:68], then, bits=bits))

    yield "a header without its work", field(76, b"\0\0\0\0")
    yield "a header with its time a day earlier", field(68, struct.pack("<I", int(time.time()) - 24 * HOUR))
    yield "a header of the difficulty of a test chain", easy
    yield "a forged header of last year", forged(MAIN_2024)
    yield "a forged header of a test chain", forged(BITS)
    for name, bits in (("negative", 0x1E8FFFFF), ("zero", 0x1E000000), ("endless", 0xFF7FFFFF), ("none", 0)):
        yield f"a header whose target is {name}", forged(bits)
    yield "a header of another block", lambda proof, _: (proof, held(b"other", int(time.time()))[1])
    yield "a header with a byte more", lambda proof, header: (proof, header + b"\0")
    yield "a header with a byte less", lambda proof, header: (proof, header[:-1])
    yield "a header in hex", lambda proof, header: (proof, header.hex().encode())
    yield "no header", lambda proof, _: (proof, b"")


def _named() -> bytes:
    """Let a later entry say that it was made after the block: only tokens bound from below."""
    made = Hand()
    made.stage()
    proof, header = held(made.seal(), int(time.time()))
    made.files |= {layout.proof(0): proof, layout.header(0): header}
    made.after = sha256(proof).hexdigest()
    made.stage(6)
    made.seal()
    return pack(made.contents())


def _ordered(scene: Scene, hours: int) -> bytes:
    """Name a token of now, then put a block of `hours` ago over what names it; its margin is two hours."""
    made = Hand()
    made.token(ask(scene.honest, made.seal()))
    made.stage()
    note = made.seal()
    made.token(ask(scene.honest, note), name_it=False)
    proof, header = held(note, int(time.time()) - hours * HOUR)
    made.files |= {layout.proof(1): proof, layout.header(1): header}
    return pack(made.contents())
