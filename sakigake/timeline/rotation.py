"""The entry that says which key a ledger's key continues: signed by both, for this ledger alone.

It is entry 1 of every session begun after a rotation, as long as the old key can be opened. Its `info`: `old` and
`new` (hex), `reason`, and `by_old` and `by_new`, the Ed25519 signatures of both keys over

sakigake/key-rotate/v1
ledger <ledger id>
old <hex>
new <hex>
reason <slug>

with a newline behind each line. No checkpoint and no list of files begins like this, so no signature made for one of
them fits the other.
"""

import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sakigake.errors import VerificationError
from sakigake.model import EntryType
from sakigake.timeline.curve import is_sound
from sakigake.timeline.entry import HEX32, Entry, Info

PLACE = 1  # the number of the entry
REASONS = ("routine", "lost-device", "copied", "other")
_KEYS = {"old", "new", "reason", "by_old", "by_new"}
_REASON = re.compile(r"[a-z][a-z-]{0,31}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


def statement(ledger: str, old: str, new: str, reason: str) -> bytes:
    """Return what both keys sign; all four values as text."""
    return f"sakigake/key-rotate/v1\nledger {ledger}\nold {old}\nnew {new}\nreason {reason}\n".encode()


def sign(ledger: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey, reason: str) -> Info:
    """Return the `info` of the entry."""
    before, now = (key.public_key().public_bytes_raw().hex() for key in (old, new))
    text = statement(ledger, before, now, reason)
    return {
        "old": before,
        "new": now,
        "reason": reason,
        "by_old": old.sign(text).hex(),
        "by_new": new.sign(text).hex(),
    }


def check(entries: Mapping[int, Entry], ledger: str, key: str, what: str) -> str | None:
    """Check every rotation among `entries`; returns the key that `key` continues, raises VerificationError."""
    found = [entry for entry in entries.values() if entry.type is EntryType.KEY_ROTATE]
    if not found:
        return None
    info = found[0].info
    texts = {name: value for name, value in info.items() if isinstance(value, str)}
    if not (
        [entry.seq for entry in found] == [PLACE]
        and set(texts) == set(info) == _KEYS
        and all(HEX32.fullmatch(texts[name]) for name in ("old", "new"))
        and all(_SIGNATURE.fullmatch(texts[name]) for name in ("by_old", "by_new"))
        and _REASON.fullmatch(texts["reason"])
        and texts["new"] == key != texts["old"]
        and is_sound(bytes.fromhex(texts["old"]))
    ):
        raise VerificationError("rotation-wrong", what=what)
    text = statement(ledger, texts["old"], key, texts["reason"])
    for name, by in (("old", "by_old"), ("new", "by_new")):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(texts[name]))
        try:
            public.verify(bytes.fromhex(texts[by]), text)
        except InvalidSignature as error:
            raise VerificationError("rotation-wrong", what=what) from error
    return texts["old"]
