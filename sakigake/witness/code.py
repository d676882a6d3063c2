"""The head code: one line that binds a ledger up to an entry, short enough for a small QR code or a post.

    SKG1:499F379F:1234:<root in base32, 52 letters>

The first eight hex digits of the ledger's id, how many entries there are, and the root of the tree over them
(RFC 9162, 32 bytes; base32 of RFC 4648 without padding). Upper case throughout, so that the alphanumeric mode of
ISO/IEC 18004 takes it: at most 77 of the 90 letters of version 4-M. A head has one form only. It carries no
signature: anybody can write one down, and it binds whoever is known to have shown it.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from sakigake import resources
from sakigake.timeline import merkle

PREFIX = "SKG1:"
LEDGER_DIGITS = 8
MAX_LETTERS = 77
WORDS = 4
WORD_BITS = 11
_TAG = b"sakigake/words/v1\n"
_FORM = re.compile(r"SKG1:(?P<ledger>[0-9A-F]{8}):(?P<size>[1-9][0-9]{0,9}):(?P<root>[A-Z2-7]{52})")


@dataclass(frozen=True, slots=True)
class Head:
    """A ledger up to an entry: `ledger` is the beginning of its id (8 lower-case hex digits), `root` 32 bytes."""

    ledger: str
    size: int
    root: bytes

    @property
    def code(self) -> str:
        """Return the one line that stands for this head."""
        letters = base64.b32encode(self.root).decode("ascii").rstrip("=")
        return f"{PREFIX}{self.ledger.upper()}:{self.size}:{letters}"


def head_of(ledger: str, size: int, root: bytes) -> Head:
    """Return the head of a ledger; `ledger` is its id of 32 hex digits."""
    return Head(ledger[:LEDGER_DIGITS], size, root)


def head_of_note(note: bytes) -> Head:
    """Return the head that a checkpoint from our own store states; its signature is not looked at."""
    origin, size, root = note.decode("utf-8").split("\n")[:3]
    return head_of(origin.removeprefix("sakigake/"), int(size), base64.b64decode(root))


def parse(text: str) -> Head | None:
    """Read a code; None for anything but its one form."""
    match = _FORM.fullmatch(text)
    if not match:
        return None
    try:
        root = base64.b32decode(match["root"] + "====")
    except binascii.Error:
        return None
    head = Head(match["ledger"].lower(), int(match["size"]), root)
    # The last letter carries one bit of the root; its other four must be zero.
    return head if len(root) == merkle.HASH_BYTES and head.code == text else None


def words(head: Head, language: str) -> tuple[str, ...]:
    """Return the four words of a head, 44 bits of the digest of its code: for the eye only, they bind nothing."""
    bits = int.from_bytes(sha256(_TAG + head.code.encode("ascii")).digest()[:6]) >> 4
    known = _list(language)
    places = [bits >> WORD_BITS * place & (1 << WORD_BITS) - 1 for place in reversed(range(WORDS))]
    return tuple(known[place] for place in places)


@cache
def _list(language: str) -> tuple[str, ...]:
    return tuple(resources.read_text(f"codewords/{language}.txt").split())
