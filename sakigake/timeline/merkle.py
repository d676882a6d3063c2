"""The tree over a ledger's entries: RFC 9162 section 2.1, SHA-256."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf; the leading zero byte keeps leaves and nodes apart (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: O(log n) memory, so a root after each entry costs next to nothing."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # roots of the complete subtrees, largest first
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        node, bits = leaf, self.size
        while bits & 1:
            node = node_hash(self._peaks.pop(), node)
            bits >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far; of an empty tree, the hash of nothing."""
        if not self._peaks:
            return sha256(b"").digest()
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    return Frontier(leaves).root()


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` in the tree over `leaves`, lowest sibling first (RFC 9162 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        msg = f"leaf {index} is not in a tree of {len(leaves)}"
        raise IndexError(msg)
    if len(leaves) == 1:
        return ()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return (*inclusion_proof(index, leaves[:split]), root(leaves[split:]))
    return (*inclusion_proof(index - split, leaves[split:]), root(leaves[:split]))


def root_from_proof(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to, or None when the path has the wrong length (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    first, second, node = index, size - 1, leaf
    for sibling in path:
        if second == 0:
            return None
        if first & 1 or first == second:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            node = node_hash(node, sibling)
        first, second = first >> 1, second >> 1
    return node if second == 0 else None
