"""The key, its signatures, and the checkpoints (C2SP signed notes)."""

import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.rules import KIB, base64_exact, need, refusal, sha
from sakigake.evidence.standalone.tree import fold, grow

NOTE = re.compile(
    r"((sakigake/[0-9a-f]{32})\n([1-9][0-9]{0,9})\n([A-Za-z0-9+/]{43}=)\n(?:events ([1-9][0-9]{0,9})\n)?"
    r"(?:prev ([0-9a-f]{64})\n)?(?:after ([0-9a-f]{64})\n)?)\n\u2014 \2 ([A-Za-z0-9+/]{91}=)\n"
)
CHECKPOINT = re.compile(r"anchors/([0-9]{4})\.checkpoint\.txt")


def sound_key(raw: bytes) -> bool:
    """Say whether an Ed25519 key is in canonical form and not one of the eight points of small order.

    Under such a point one signature fits any text. Their y is 0, 1, -1 or a root of d y^4 + 2 y^2 - 1 (order 8).
    """
    p = 2**255 - 19
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    d = -121665 * pow(121666, -1, p)
    return y < p and y not in {0, 1, p - 1} and (d * y**4 + 2 * y * y - 1) % p != 0


def verify_note(key: ed25519.Ed25519PublicKey, signature: bytes, text: bytes, where: str) -> None:
    """Check an Ed25519 signature."""
    try:
        key.verify(signature, text)
    except InvalidSignature as error:
        raise refusal("signature", where) from error


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that holds. `events` is None in ledgers that do not count them."""

    raw: bytes
    size: int
    root: bytes
    events: int | None
    after: str | None


def check_checkpoints(
    files: Files, raw_key: bytes, key: ed25519.Ed25519PublicKey, leaves: list[bytes]
) -> list[Checkpoint]:
    """Check every checkpoint against its signature, the one before it and the leaves."""
    names = [name for name in files.names if CHECKPOINT.fullmatch(name)]
    need(
        names and names == [f"anchors/{i:04d}.checkpoint.txt" for i in range(len(names))],
        "checkpoints",
        "anchors/",
    )
    found: list[Checkpoint] = []
    stack: list[tuple[int, bytes]] = []
    grown = 0
    for name in names:
        raw = files.read(name, 2 * KIB)
        match = NOTE.fullmatch(raw.decode("utf-8", "replace"))
        if match is None:
            raise refusal("malformed", name)
        signed, origin, size, root, events, prev, after, blob = match.groups()
        signature = base64_exact(blob, name)
        verify_note(key, signature[4:], signed.encode(), name)
        need(signature[:4] == sha(origin.encode() + b"\n\1" + raw_key)[:4], "signature", name)
        need(grown < int(size) <= len(leaves) and origin[9:] == leaves[0].hex()[:32], "checkpoints", name)
        need(prev == (sha(found[-1].raw).hex() if found else None), "checkpoints", name)
        for leaf in leaves[grown : int(size)]:
            grow(stack, leaf)
        grown = int(size)
        need(base64_exact(root, name) == fold(stack), "root", name)
        need(events or not found or found[-1].events is None, "checkpoints", name)
        found.append(Checkpoint(raw, grown, fold(stack), int(events) if events else None, after))
    need(grown == len(leaves), "unsealed", "leaves.txt")
    return found
