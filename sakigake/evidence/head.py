"""Heads that others kept: whether a ledger is the one they saw, and reaches as far.

A package cannot show that nothing follows it, nor that the same ledger was not told differently elsewhere. A head
seen on a stream or in a public post can: its root must be the root of the package's tree at that size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sakigake.errors import UsageError, VerificationError
from sakigake.evidence import container, layout
from sakigake.timeline import merkle, note
from sakigake.witness import code

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_MAX_LEAVES = 1 << 26


@dataclass(frozen=True, slots=True)
class Seen:
    """A head that was given: as a code, or as a checkpoint in its exact form. `what` is how it was given."""

    what: str
    head: code.Head | None = None
    signed: bytes = b""


def read(value: str) -> Seen:
    """Read what was given to --head: a code, or a file with a code or with a checkpoint. Raises UsageError."""
    if value.startswith(code.PREFIX):
        head = code.parse(value)
        if head is None:
            raise UsageError("head-unreadable", what=value[: code.MAX_LETTERS])
        return Seen(value, head)
    try:
        path = Path(value)
        if path.exists() and not path.is_file():  # a pipe would keep us waiting
            raise UsageError("head-unreadable", what=value)
        with path.open("rb") as file:
            raw = file.read(note.MAX_NOTE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError("head-file-missing", path=value) from error
    # Mail, editors and chats leave their marks on a file. What they damaged says nothing about the package.
    text = raw.removeprefix(_BOM).replace(b"\r\n", b"\n").strip(_BLANK)
    if len(raw) <= note.MAX_NOTE_BYTES:
        if head := code.parse(text.decode("ascii", errors="replace")):
            return Seen(path.name, head)
        if note.has_form(text + b"\n"):
            return Seen(path.name, signed=text + b"\n")
    raise UsageError("head-unreadable", what=path.name)


def check(seen: Sequence[Seen], leaves: Sequence[bytes], public: Ed25519PublicKey) -> tuple[int, ...]:
    """Check every head against a ledger's leaf hashes and key; returns their sizes, raises VerificationError."""
    return tuple(_size(each, leaves, public) for each in seen)


def leaves_of(path: Path) -> list[bytes]:
    """Return the leaf hashes of a package that was verified before."""
    raw = container.read(container.open_container(path), layout.LEAVES, _MAX_LEAVES)
    return [bytes.fromhex(line) for line in raw.decode("ascii").split()]


def _size(seen: Seen, leaves: Sequence[bytes], public: Ed25519PublicKey) -> int:
    ledger = leaves[0].hex()[:32]
    if seen.head is not None:
        head, same = seen.head, ledger.startswith(seen.head.ledger)
    else:
        if not seen.signed.startswith(f"sakigake/{ledger}\n".encode()):
            raise VerificationError("head-other-ledger", what=seen.what)
        try:
            stated = note.verify(seen.signed, public, seen.what)
        except VerificationError as error:  # a fault of what was given, and none of the package
            raise VerificationError("head-not-signed", what=seen.what) from error
        head, same = code.head_of(stated.ledger, stated.size, stated.root), True
    if not same:
        raise VerificationError("head-other-ledger", what=seen.what)
    if head.size > len(leaves):
        raise VerificationError("head-beyond", what=seen.what, size=head.size, entries=len(leaves))
    if merkle.root(leaves[: head.size]) != head.root:
        raise VerificationError("head-contradicts", what=seen.what, size=head.size)
    return head.size
