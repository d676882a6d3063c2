"""Heads that others kept: codes from a stream, or checkpoints."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.notes import NOTE, verify_note
from sakigake.evidence.standalone.rules import KIB, base64_exact, need, refusal, sha
from sakigake.evidence.standalone.tree import fold, grow

HEAD_CODE = re.compile(r"SKG1:([0-9A-F]{8}):([1-9][0-9]{0,9}):([A-Z2-7]{52})")


@dataclass(frozen=True)
class SeenHead:
    """What was given to --head: the parts of a code, or a whole checkpoint (`raw`) that is still to be read."""

    name: str
    ledger: str = ""
    size: int = 0
    root: bytes = b""
    raw: bytes = b""


def head_from_code(text: str, name: str) -> SeenHead | None:
    """Read a code of the one form it has, None for anything else."""
    match = HEAD_CODE.fullmatch(text)
    if match is None:
        return None
    root = base64.b32decode(match[3] + "====")
    if base64.b32encode(root).decode() != match[3] + "====":
        return None  # the last letter carries one bit; its other four are not zero
    return SeenHead(name, match[1].lower(), int(match[2]), root)


def read_head(value: str) -> SeenHead | None:
    """Read a code, or a file that holds one or a checkpoint; None when it is neither."""
    if value.startswith("SKG1:"):
        return head_from_code(value, value)
    try:
        if not Path(value).is_file():
            return None
        with Path(value).open("rb") as file:
            raw = file.read(2 * KIB + 1)
    except (OSError, ValueError):
        return None
    name = Path(value).name
    text = raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n").decode("ascii", "replace")
    if len(raw) <= 2 * KIB and (found := head_from_code(text, name)):
        return found
    return SeenHead(name, raw=raw) if raw.startswith(b"sakigake/") else None


def check_heads(
    seen: list[SeenHead], leaves: list[bytes], raw_key: bytes, key: ed25519.Ed25519PublicKey
) -> list[int]:
    """Check that each head is one of this ledger and within it; return how many entries each covers."""
    ledger, sizes = leaves[0].hex()[:32], []
    for head in seen:
        size, root = head.size, head.root
        if head.raw:
            need(head.raw.startswith(f"sakigake/{ledger}\n".encode()), "head-ledger", head.name)
            need(len(head.raw) <= 2 * KIB, "too-large", head.name)
            match = NOTE.fullmatch(head.raw.decode("utf-8", "replace"))
            if match is None:
                raise refusal("malformed", head.name)
            signed, origin, size, root = match[1], match[2], int(match[3]), base64_exact(match[4], head.name)
            signature = base64_exact(match[8], head.name)
            verify_note(key, signature[4:], signed.encode(), head.name)
            need(signature[:4] == sha(origin.encode() + b"\n\1" + raw_key)[:4], "signature", head.name)
        else:
            need(ledger.startswith(head.ledger), "head-ledger", head.name)
        need(size <= len(leaves), "head-beyond", head.name)
        stack: list[tuple[int, bytes]] = []
        for leaf in leaves[:size]:
            grow(stack, leaf)
        need(fold(stack) == root, "head-differs", head.name)
        sizes.append(size)
    return sizes
