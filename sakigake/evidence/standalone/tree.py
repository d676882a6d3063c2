"""The tree over the entries (RFC 9162 section 2.1)."""

from sakigake.evidence.standalone.rules import sha


def grow(stack: list[tuple[int, bytes]], leaf: bytes) -> None:
    """Add a leaf to the complete subtrees (height, root) of a growing tree (RFC 9162 section 2.1)."""
    stack.append((0, leaf))
    while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
        (height, left), (_, right) = stack[-2:]
        stack[-2:] = [(height + 1, sha(b"\1" + left + right))]


def fold(stack: list[tuple[int, bytes]]) -> bytes:
    """Return the root over the complete subtrees of a tree."""
    root = stack[-1][1]
    for _, left in reversed(stack[:-1]):
        root = sha(b"\1" + left + root)
    return root


def climb(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes | None:
    """Return the root an audit path leads to (RFC 9162 section 2.1.3.2), None when its length is wrong."""
    if size == 1:
        return None if path else leaf
    if not path:
        return None
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        below = climb(index, half, leaf, path[:-1])
        return below and sha(b"\1" + below + path[-1])
    below = climb(index - half, size - half, leaf, path[:-1])
    return below and sha(b"\1" + path[-1] + below)
