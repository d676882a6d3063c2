"""A small reader of DER (ITU-T X.690, clauses 8, 10 and 11) that accepts one encoding of each value and no other.

Time tokens are evidence, so a byte that could be changed without anybody noticing is a fault. Parsers of the field
are lenient in different places; this one is strict in all of them and keeps the exact bytes of every element.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sakigake.errors import VerificationError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, GENERALIZED_TIME, SEQUENCE, SET = 0x0C, 0x18, 0x30, 0x31
MAX_DEPTH = 32
MAX_OID_BYTES = 128
_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F  # more identifier bytes follow; nothing in a token has such a tag
_GENERALIZED_TIME = re.compile(rb"([0-9]{14})(?:\.([0-9]{0,8}[1-9]))?Z")


@dataclass(frozen=True, slots=True)
class Node:
    """One element: its identifier byte, its whole encoding, its content and, when constructed, its parts."""

    tag: int
    raw: bytes
    body: bytes
    children: tuple["Node", ...] = ()

    def integer(self) -> int:
        """Return the value of an INTEGER, whatever tag an implicit one carries."""
        return int.from_bytes(self.body, "big", signed=True)

    def oid(self) -> str:
        """Return the dotted form of an OBJECT IDENTIFIER."""
        arcs, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


class Fields:
    """Takes the parts of a constructed element one after another, as a specification lists them."""

    def __init__(self, node: Node, what: str) -> None:
        self._left: Iterator[Node] = iter(node.children)
        self._next: Node | None = next(self._left, None)
        self._what = what

    def maybe(self, tag: int) -> Node | None:
        """Return the next part if it carries `tag`."""
        node = self._next
        if node is None or node.tag != tag:
            return None
        self._next = next(self._left, None)
        return node

    def take(self, tag: int) -> Node:
        """Return the next part, which must carry `tag`; raises VerificationError."""
        node = self.maybe(tag)
        if node is None:
            raise VerificationError("token-malformed", what=self._what)
        return node

    def explicit(self, tag: int) -> Node | None:
        """Return the one part inside the next part if that carries the explicit `tag`."""
        node = self.maybe(tag)
        if node is not None and len(node.children) != 1:
            raise VerificationError("token-malformed", what=self._what)
        return None if node is None else node.children[0]

    def end(self) -> None:
        """Check that nothing is left; raises VerificationError."""
        if self._next is not None:
            raise VerificationError("token-malformed", what=self._what)


def parse(raw: bytes, what: str) -> Node:
    """Read exactly one element and everything in it; raises VerificationError for any other than canonical bytes.

    The order inside a SET OF is left to the caller, since only he knows which of the two kinds of SET it is.
    """
    node, end = _element(raw, 0, len(raw), 0, what)
    if end != len(raw):
        raise VerificationError("token-malformed", what=what)
    return node


def members(node: Node, tag: int, what: str) -> tuple[Node, ...]:
    """Return the parts of a SEQUENCE OF or SET OF, which must all carry `tag`; raises VerificationError."""
    if any(child.tag != tag for child in node.children):
        raise VerificationError("token-malformed", what=what)
    return node.children


def encode(tag: int, body: bytes) -> bytes:
    """Return the DER encoding of an element."""
    if len(body) < 0x80:  # noqa: PLR2004 - the long form starts here
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def replace(node: Node, where: Sequence[int], raw: bytes) -> bytes:
    """Return the encoding of `node` with the part at the child indexes `where` replaced by `raw`."""
    if not where:
        return raw
    first, *rest = where
    parts = (replace(child, rest, raw) if i == first else child.raw for i, child in enumerate(node.children))
    return encode(node.tag, b"".join(parts))


def generalized_time(node: Node, what: str) -> tuple[datetime, timedelta]:
    """Return the whole seconds and the fraction of a GeneralizedTime (X.690 11.7); raises VerificationError."""
    match = _GENERALIZED_TIME.fullmatch(node.body)
    if match is None:
        raise VerificationError("token-malformed", what=what)
    try:
        seconds = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        _ = seconds + timedelta(days=1)  # the last day of the year 9999 leaves no room to round up
    except (ValueError, OverflowError) as error:
        raise VerificationError("token-malformed", what=what) from error
    digits = (match[2] or b"").decode()
    # Fractions finer than a microsecond are rounded up: nothing that is said must become earlier.
    micros = -(-int(digits or "0") * 10**6 // 10 ** len(digits))
    return seconds, timedelta(microseconds=micros)


def _element(raw: bytes, start: int, limit: int, depth: int, what: str) -> tuple[Node, int]:
    """Read the element at `start`, which must end at or before `limit`; return it and the offset behind it."""
    begin = start + 2
    if begin > limit or raw[start] & _LONG_TAG == _LONG_TAG or depth > MAX_DEPTH:
        raise VerificationError("token-malformed", what=what)
    tag, size = raw[start], raw[start + 1]
    if size & 0x80:
        begin += size & 0x7F
        length = raw[start + 2 : begin]
        size = int.from_bytes(length, "big")
        # Indefinite, padded or needlessly long lengths are BER, not DER (X.690 10.1).
        if not 1 <= len(length) <= 3 or not length[0] or size < 0x80:  # noqa: PLR2004 - 3 bytes say 16 MB
            raise VerificationError("token-malformed", what=what)
    end = begin + size
    if end > limit:
        raise VerificationError("token-malformed", what=what)
    body = raw[begin:end]
    children: list[Node] = []
    if tag & _CONSTRUCTED:
        offset = begin
        while offset < end:
            child, offset = _element(raw, offset, end, depth + 1, what)
            children.append(child)
    if not _canonical(tag, body):
        raise VerificationError("token-malformed", what=what)
    return Node(tag, raw[start:end], body, tuple(children)), end


def _canonical(tag: int, body: bytes) -> bool:
    """Say whether the content of a universal type is its one DER form; others have no rule of their own."""
    if tag & 0xC0:  # context-specific and the like
        return True
    if tag & _CONSTRUCTED:
        return tag in (SEQUENCE, SET)
    rule = _RULES.get(tag)
    return rule is None or rule(body)


def _boolean(body: bytes) -> bool:
    return body in (b"\x00", b"\xff")


def _integer(body: bytes) -> bool:
    """Say whether there is a byte, and no needless byte of sign before it (X.690 8.3.2)."""
    return len(body) == 1 or (len(body) > 1 and (body[0] not in (0, 0xFF) or body[0] >> 7 != body[1] >> 7))


def _bit_string(body: bytes) -> bool:
    """Say whether the unused bits are fewer than eight and all zero (X.690 11.2.1)."""
    unused = body[0] if body else 8
    return unused == 0 or (unused < 8 and len(body) > 1 and not body[-1] & (1 << unused) - 1)  # noqa: PLR2004 - bits


def _oid(body: bytes) -> bool:
    """Say whether each arc ends and none starts with a byte of padding (X.690 8.19.2); sane lengths only."""
    padded = body[:1] == b"\x80" or any(a < 0x80 and b == 0x80 for a, b in pairwise(body))  # noqa: PLR2004 - top bit
    return 0 < len(body) <= MAX_OID_BYTES and body[-1] < 0x80 and not padded  # noqa: PLR2004 - top bit


def _never(_body: bytes) -> bool:
    return False


_RULES: dict[int, Callable[[bytes], bool]] = {
    0x00: _never,  # end of contents, which only indefinite lengths need
    BOOLEAN: _boolean,
    INTEGER: _integer,
    0x0A: _integer,  # ENUMERATED
    BIT_STRING: _bit_string,
    NULL: lambda body: not body,
    OID: _oid,
    0x10: _never,  # SEQUENCE and SET are always constructed
    0x11: _never,
}
