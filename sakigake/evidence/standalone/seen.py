"""Heads that others kept: codes from a stream, or checkpoints."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.notes import NOTE
from sakigake.evidence.standalone.rules import KIB, RefusedError, base64_exact, need, refusal, sha
from sakigake.evidence.standalone.tree import fold, grow

HEAD_CODE = re.compile(r"SKG1:([0-9A-F]{8}):([1-9][0-9]{0,9}):([A-Z2-7]{52})")


@dataclass(frozen=True)
class SeenHead:
    """What was given to --head: the parts of a code, or those of a checkpoint, which are `signed`."""

    name: str
    ledger: str
    size: int
    root: bytes
    signed: bytes = b""
    key_id: bytes = b""
    signature: bytes = b""


def head_from_code(text: str, name: str) -> SeenHead | None:
    """Read a code of the one form it has, None for anything else."""
    match = HEAD_CODE.fullmatch(text)
    if match is None:
        return None
    root = base64.b32decode(match[3] + "====")
    if base64.b32encode(root).decode() != match[3] + "====":
        return None  # the last letter carries one bit; its other four are not zero
    return SeenHead(name, match[1].lower(), int(match[2]), root)


def head_from_note(raw: bytes, name: str) -> SeenHead | None:
    """Read a checkpoint of the one form it has, None for anything else; who signed it is seen later."""
    match = NOTE.fullmatch(raw.decode("utf-8", "replace"))
    if match is None:
        return None
    try:
        root, blob = base64_exact(match[4], name), base64_exact(match[8], name)
    except RefusedError:
        return None
    return SeenHead(name, match[2][9:], int(match[3]), root, match[1].encode(), blob[:4], blob[4:])


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
    if len(raw) > 2 * KIB:
        return None
    # Marks that mail and editors leave on a file: they say nothing about the package.
    text = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip(b" \t\r\n")
    return head_from_code(text.decode("ascii", "replace"), name) or head_from_note(text + b"\n", name)


def check_heads(
    seen: list[SeenHead], leaves: list[bytes], raw_key: bytes, key: ed25519.Ed25519PublicKey
) -> list[int]:
    """Check that each head is one of this ledger and within it; return how many entries each covers."""
    ledger, sizes = leaves[0].hex()[:32], []
    for head in seen:
        need(ledger.startswith(head.ledger), "head-ledger", head.name)
        if head.signed:
            # A fault of what was given, and none of the package: so it has a code of its own.
            try:
                key.verify(head.signature, head.signed)
            except InvalidSignature as error:
                raise refusal("head-signature", head.name) from error
            key_id = sha(f"sakigake/{ledger}\n\1".encode() + raw_key)[:4]
            need(head.key_id == key_id, "head-signature", head.name)
        need(head.size <= len(leaves), "head-beyond", head.name)
        stack: list[tuple[int, bytes]] = []
        for leaf in leaves[: head.size]:
            grow(stack, leaf)
        need(fold(stack) == head.root, "head-differs", head.name)
        sizes.append(head.size)
    return sizes
