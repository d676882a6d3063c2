"""Block headers of Bitcoin: what 80 bytes show by themselves, without a node and without trusting who sent them.

A header counts if it carries its own proof of work and that work is at least `FLOOR`. The format lets a block state
any difficulty, so without a floor anybody could mine a header of his own in a second. The header does not say its
height and does not show that it lies on the longest chain: whoever doubts it looks its hash up in any block explorer.
"""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sakigake.clock import EPOCH
from sakigake.errors import VerificationError

HEADER_BYTES = 80
# Difficulty 1 as all explorers count it. The network has been above the floor since the autumn of 2023, before the
# first record of this program; at the floor one header takes 2.1e23 hashes.
DIFFICULTY_1 = 0xFFFF << 208
FLOOR = 50_000_000_000_000
EASIEST = DIFFICULTY_1 // FLOOR
# A node refuses a block two hours ahead of its clock; the other side is bound only by the median of the last eleven.
MARGIN = timedelta(hours=2)
_FIELDS = struct.Struct("<i32s32sIII")
_MANTISSA, _NEGATIVE = 0x7FFFFF, 0x800000


@dataclass(frozen=True, slots=True)
class Header:
    """A header that holds. `root` is the Merkle root in the order in which it is hashed, `name` the block's hash."""

    root: bytes
    time: datetime
    name: str

    @property
    def low(self) -> datetime:
        """Return the time less the room that the rules of the network leave to a miner."""
        return self.time - MARGIN

    @property
    def high(self) -> datetime:
        """Return the time plus that room."""
        return self.time + MARGIN


def target(bits: int) -> int:
    """Return the number that the hash must not exceed, from its short form (`nBits`); 0 when that is none."""
    mantissa, exponent = bits & _MANTISSA, bits >> 24
    if bits & _NEGATIVE or exponent > HEADER_BYTES:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)  # noqa: PLR2004 - 3 bytes


def read(raw: bytes, *, easiest: int = EASIEST, what: str = "header") -> Header:
    """Read a header; raises VerificationError unless it has its proof of work and that is hard enough.

    `easiest` is the highest target that counts. Only tests, which mine blocks of their own, give another one.
    """
    if len(raw) != HEADER_BYTES:
        raise VerificationError("block-malformed", what=what)
    _, _, root, seconds, bits, _ = _FIELDS.unpack(raw)
    digest = sha256(sha256(raw).digest()).digest()
    if int.from_bytes(digest, "little") > target(bits):
        raise VerificationError("block-without-work", what=what)
    if target(bits) > easiest:
        raise VerificationError("block-too-easy", what=what)
    return Header(root, EPOCH + timedelta(seconds=seconds), digest[::-1].hex())
