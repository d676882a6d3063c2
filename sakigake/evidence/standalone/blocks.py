"""Bitcoin blocks: proofs in the form of OpenTimestamps, and the headers they lead to."""

import re
import struct
from datetime import datetime, timedelta

from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.notes import Checkpoint
from sakigake.evidence.standalone.rules import EPOCH, KIB, need, refusal, sha
from sakigake.evidence.standalone.stamps import Token
from sakigake.evidence.standalone.times import SKEW

PROOF = re.compile(r"anchors/([0-9]{4})\.(ots|hdr)")
PROOF_HEAD = b"\0OpenTimestamps\0\0Proof\0" + bytes.fromhex("bf89e2e884e89294") + b"\1\x08"
PROOF_END = b"\0" + bytes.fromhex("0588960d73d71901")
MAX_STEPS, MAX_MESSAGE, MAX_HEIGHT = 255, 4096, 1 << 31
# The work that a header must show: a difficulty of 5e13, where 1 is a target of 0xffff x 2^208.
LEAST_WORK = (0xFFFF << 208) // 50_000_000_000_000
BLOCK_ROOM = timedelta(hours=2)


def check_blocks(
    files: Files, points: list[Checkpoint], tokens: dict[str, Token], easiest: int
) -> dict[str, Token]:
    """Check every proof with its header; return their times by file name, which no entry can name."""
    found: dict[str, Token] = {}
    for name in files.names:
        match = PROOF.fullmatch(name)
        if match is None:
            continue
        other = name[:-3] + ("hdr" if match[2] == "ots" else "ots")
        need(other in files.names, "missing", other)
        if match[2] == "hdr":
            continue
        number = int(match[1])
        need(number < len(points), "extra", name)
        point = points[number]
        reached = follow(files.read(name, 64 * KIB), sha(point.raw), name)
        header = files.read(other, 80)
        need(len(header) == 80 and header[36:68] == reached, "block", name)  # noqa: PLR2004 - size of a header
        seconds, bits = struct.unpack("<2I", header[68:76])
        target = spread(bits)
        need(int.from_bytes(sha(sha(header)), "little") <= target <= easiest, "block-work", other)
        time = EPOCH + timedelta(seconds=seconds)
        token = Token(point.size, time - BLOCK_ROOM, time + BLOCK_ROOM, "bitcoin")
        before = tokens[point.after] if point.after else None
        need(not (before and before.authority and before.low > token.high + SKEW), "times", name)
        found[name] = token
    return found


def named_blocks(files: Files, blocks: dict[str, Token]) -> list[tuple[str, datetime]]:
    """Return the hash of each block, as explorers write it, with its time; earliest first."""
    found = []
    for name, token in blocks.items():
        header = files.read(name[:-3] + "hdr", 80)
        found.append((sha(sha(header))[::-1].hex(), token.high - BLOCK_ROOM))
    return sorted(found, key=lambda each: each[1])


def spread(bits: int) -> int:
    """Return the target that the four bytes of a header stand for, 0 when they stand for none."""
    size, digits = divmod(bits, 1 << 24)
    if digits >> 23 or size > 80:  # noqa: PLR2004 - far beyond 256 bits
        return 0
    return digits << 8 * size >> 24


def follow(raw: bytes, message: bytes, where: str) -> bytes:
    """Take the steps of a proof one after another from its head to its one end; return what they lead to."""
    need(raw.startswith(PROOF_HEAD + message), "block", where)
    at = len(PROOF_HEAD + message)
    for _ in range(MAX_STEPS + 1):
        need(at < len(raw), "block", where)
        if raw[at] == 0:
            need(raw.startswith(PROOF_END, at), "block", where)
            size, begin = short_number(raw, at + len(PROOF_END), where)
            height, end = short_number(raw, begin, where)
            need(end == begin + size == len(raw) and height < MAX_HEIGHT, "block", where)
            return message
        kind, at = raw[at], at + 1
        if kind == 8:  # noqa: PLR2004 - SHA-256
            message = sha(message)
            continue
        need(kind in {0xF0, 0xF1}, "block", where)
        size, at = short_number(raw, at, where)
        piece, at = raw[at : at + size], at + size
        message = message + piece if kind == 0xF0 else piece + message  # noqa: PLR2004 - append
        need(0 < len(piece) == size and len(message) <= MAX_MESSAGE, "block", where)
    raise refusal("block", where)


def short_number(raw: bytes, at: int, where: str) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first and no longer than it must be; return where it ends."""
    match = re.compile(rb"[\x80-\xff]{0,4}[\x01-\x7f]|\0").match(raw, at)
    if match is None:
        raise refusal("block", where)
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(match[0])), match.end()
