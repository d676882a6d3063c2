"""Inclusion proofs as text: one entry, its audit path and the checkpoint it leads to (c2sp.org/tlog-proof).

c2sp.org/tlog-proof@v1
index 12
<base64 hash> …

<checkpoint>
"""

import base64
import re
from collections.abc import Sequence

from sakigake.errors import VerificationError
from sakigake.timeline import merkle

_HEAD = re.compile(
    r"c2sp\.org/tlog-proof@v1\nindex (?P<index>0|[1-9][0-9]{0,9})\n(?P<path>(?:[A-Za-z0-9+/]{43}=\n){0,63})\n"
)


def write(index: int, leaves: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return the proof that leaf `index` lies in the tree of `checkpoint`, whose size is len(leaves)."""
    path = "".join(f"{base64.b64encode(node).decode()}\n" for node in merkle.inclusion_proof(index, leaves))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{path}\n".encode() + checkpoint


def check(
    proof: bytes, *, leaf: bytes, index: int, size: int, root: bytes, checkpoint: bytes, what: str
) -> None:
    """Check a proof against the size, the root and the bytes of a checkpoint that was verified already.

    Raises VerificationError.
    """
    head = proof.removesuffix(checkpoint)
    match = _HEAD.fullmatch(head.decode("ascii", errors="replace"))
    if len(head) != len(proof) - len(checkpoint) or not match or int(match["index"]) != index:
        raise VerificationError("evidence-malformed", what=what)
    lines = match["path"].split()
    path = [base64.b64decode(line) for line in lines]
    exact = [base64.b64encode(node).decode() for node in path] == lines
    if not exact or merkle.root_from_proof(index, size, leaf, path) != root:
        raise VerificationError("proof-wrong", what=what)
