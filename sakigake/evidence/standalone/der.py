"""DER, read strictly (X.690 clauses 10 and 11)."""

import re
from dataclasses import dataclass

from sakigake.evidence.standalone.rules import need, refusal

BOOL, INT, BITS, OCTETS, OID, GTIME, SEQ, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x18, 0x30, 0x31
NULL, ZERO, ONE = 0x05, 0xA0, 0xA1
MAX_DEPTH, MAX_OID = 32, 128
OID_FORM = re.compile(rb"(?:(?:[\x81-\xff][\x80-\xff]*)?[\x00-\x7f])+")


@dataclass(frozen=True)
class Item:
    """One DER element: tag, whole bytes, content, parts."""

    tag: int
    raw: bytes
    body: bytes
    parts: tuple["Item", ...]

    def number(self) -> int:
        """Return the value of an INTEGER."""
        return int.from_bytes(self.body, "big", signed=True)


def der(raw: bytes) -> Item:
    """Read exactly one element in DER (X.690 clauses 10 and 11)."""
    item, end = der_at(raw, 0, len(raw), 0)
    need(end == len(raw), "token")
    return item


def der_at(raw: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    """Read the element at `start`; return it and where the next begins."""
    need(start + 2 <= limit and raw[start] & 0x1F != 0x1F and depth <= MAX_DEPTH, "token")  # noqa: PLR2004 - long tag
    tag, size, begin = raw[start], raw[start + 1], start + 2
    if size > 0x7F:  # noqa: PLR2004 - the long form
        count = size - 0x80
        begin += count
        size = int.from_bytes(raw[start + 2 : begin], "big")
        shortest = (size.bit_length() + 7) // 8
        need(begin <= limit and 1 <= count <= 3 and count == shortest and size > 0x7F, "token")  # noqa: PLR2004 - sizes
    end = begin + size
    need(end <= limit, "token")
    parts, at = [], begin
    while tag & 0x20 and at < end:
        part, at = der_at(raw, at, end, depth + 1)
        parts.append(part)
    need(der_canonical(tag, raw[begin:end]), "token")
    return Item(tag, raw[start:end], raw[begin:end], tuple(parts)), end


def der_canonical(tag: int, body: bytes) -> bool:
    """Say whether the content of a universal type is its only form."""
    if tag & 0xE0:
        return bool(tag & 0xC0) or tag in {SEQ, SET}
    if tag in {INT, 0x0A}:
        value = int.from_bytes(body, "big", signed=True)
        return len(body) == (value if value >= 0 else ~value).bit_length() // 8 + 1
    if tag == BITS:
        return body[:1] == b"\0" or (len(body) > 1 and body[0] < 8 and not body[-1] & (1 << body[0]) - 1)  # noqa: PLR2004
    if tag == OID:
        return len(body) <= MAX_OID and OID_FORM.fullmatch(body) is not None
    if tag == BOOL:
        return body in {b"\0", b"\xff"}
    return tag not in {0x00, 0x10, 0x11} and not (tag == NULL and body)


def parts_of(item: Item, *shape: int, open_end: bool = False) -> list[Item | None]:
    """Return the parts of an element, which has the tags of `shape` in order; negative ones may be missing."""
    found: list[Item | None] = []
    at = 0
    for tag in shape:
        here = item.parts[at] if at < len(item.parts) else None
        fits = here is not None and here.tag == abs(tag)
        need(fits or tag < 0, "token")
        found.append(here if fits else None)
        at += fits
    need(open_end or at == len(item.parts), "token")
    return found


def must(item: Item | None, tag: int | None = None) -> Item:
    """Return the element, which must be there and have the tag."""
    if item is None or (tag is not None and item.tag != tag):
        raise refusal("token")
    return item


def only(item: Item | None, tag: int | None = None) -> Item:
    """Return the one part of an element."""
    need(item is not None and len(item.parts) == 1, "token")
    return must(must(item).parts[0], tag)


def all_of(item: Item, tag: int) -> tuple[Item, ...]:
    """Return the parts of an element, all of one tag."""
    need(all(part.tag == tag for part in item.parts), "token")
    return item.parts


def wrap(tag: int, body: bytes) -> bytes:
    """Return a DER element."""
    if len(body) < 0x80:  # noqa: PLR2004 - the long form starts here
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(length))) + length + body
