"""Checkpoints as C2SP signed notes (c2sp.org/tlog-checkpoint, c2sp.org/signed-note), Ed25519.

sakigake/<ledger id>            origin, also the key's name
7                               entries covered
I5b1nV74N3v6+ffwA6xymKrRU396ZvDPnNRJrOQ1mug=      root
events 3                        how many of them are no stages
prev <sha256 of the checkpoint before>
after <sha256 of the newest time token>

— sakigake/<ledger id> <base64 of key id and signature>
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sakigake.errors import VerificationError

MAX_NOTE_BYTES = 2048
_BODY = re.compile(
    r"(?P<origin>sakigake/[0-9a-f]{32})\n(?P<size>[1-9][0-9]{0,9})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"(?:events (?P<events>[1-9][0-9]{0,9})\n)?"
    r"(?:prev (?P<prev>[0-9a-f]{64})\n)?(?:after (?P<after>[0-9a-f]{64})\n)?"
)
_SIGNATURE = re.compile(r"\u2014 (?P<name>sakigake/[0-9a-f]{32}) (?P<blob>[A-Za-z0-9+/]{91}=)\n")
_ED25519 = b"\x01"  # signature type of signed notes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint states. `root` is 32 bytes; `prev` and `after` are hex digests or None.

    `events` counts the entries that are not stages, so that none of them can be left out of a package unseen; None
    in ledgers from before this was counted.
    """

    ledger: str
    size: int
    root: bytes
    prev: str | None
    after: str | None
    events: int | None = None


def key_id(origin: str, public: bytes) -> bytes:
    """Return the 4-byte id of a note key: SHA-256(name || 0x0A || 0x01 || public key), first bytes."""
    return sha256(origin.encode() + b"\n" + _ED25519 + public).digest()[:4]


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Return the signed note of a checkpoint."""
    origin = f"sakigake/{checkpoint.ledger}"
    body = f"{origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"
    if checkpoint.events is not None:
        body += f"events {checkpoint.events}\n"
    if checkpoint.prev:
        body += f"prev {checkpoint.prev}\n"
    if checkpoint.after:
        body += f"after {checkpoint.after}\n"
    blob = key_id(origin, key.public_key().public_bytes_raw()) + key.sign(body.encode())
    return f"{body}\n\u2014 {origin} {base64.b64encode(blob).decode()}\n".encode()


def verify(note: bytes, public: Ed25519PublicKey, what: str = "checkpoint") -> Checkpoint:
    """Read a signed note and check its signature; raises VerificationError for anything but the exact form."""
    if len(note) > MAX_NOTE_BYTES:
        raise VerificationError("evidence-too-large", what=what)
    parts = _parts(note)
    if parts is None:
        raise VerificationError("evidence-malformed", what=what)
    body, stated, root, blob = parts
    try:
        public.verify(blob[4:], body.encode())
    except InvalidSignature as error:
        raise VerificationError("signature-invalid", what=what) from error
    if blob[:4] != key_id(stated["origin"], public.public_bytes_raw()):
        raise VerificationError("signature-invalid", what=what)
    return Checkpoint(
        ledger=stated["origin"].removeprefix("sakigake/"),
        size=int(stated["size"]),
        root=root,
        prev=stated["prev"],
        after=stated["after"],
        events=int(stated["events"]) if stated["events"] else None,
    )


def has_form(note: bytes) -> bool:
    """Say whether these are the bytes of a signed note, whoever signed it: its signature is not looked at."""
    return len(note) <= MAX_NOTE_BYTES and _parts(note) is not None


def _parts(note: bytes) -> tuple[str, re.Match[str], bytes, bytes] | None:
    """Return the signed text, what it states, the root, and key id with signature; None for any other form."""
    try:
        body, separator, tail = note.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError:
        return None
    body += "\n"
    stated, signed = _BODY.fullmatch(body), _SIGNATURE.fullmatch(tail)
    if not (separator and stated and signed and stated["origin"] == signed["name"]):
        return None
    root, blob = _strict_base64(stated["root"]), _strict_base64(signed["blob"])
    return None if root is None or blob is None else (body, stated, root, blob)


def _strict_base64(value: str) -> bytes | None:
    """Return the bytes only if their encoding is the one given: unused bits of the last letter must be zero."""
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
    return raw if base64.b64encode(raw).decode() == value else None
