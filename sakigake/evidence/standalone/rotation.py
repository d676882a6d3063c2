"""The entry that says which key this one continues."""

import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.notes import sound_key, verify_note
from sakigake.evidence.standalone.rules import RefusedError, is_digest, need, refusal

SIGNED = re.compile(r"[0-9a-f]{128}")
WORD = re.compile(r"[a-z][a-z-]{0,31}")
ROTATED = {"old", "new", "reason", "by_old", "by_new"}


def check_rotation(events: dict[int, dict[str, Any]], ledger: str, key: str) -> str | None:
    """Check every key_rotate entry: one at most, entry 1, signed by both keys; return the key before this one."""
    where = "events.jsonl"
    found = {seq: entry.get("info", {}) for seq, entry in events.items() if entry["type"] == "key_rotate"}
    if not found:
        return None
    need(list(found) == [1], "rotation", where)
    info = found[1]
    need(set(info) == ROTATED and all(isinstance(each, str) for each in info.values()), "rotation", where)
    digests = is_digest(info["old"]) and info["new"] == key != info["old"]
    signed = SIGNED.fullmatch(info["by_old"]) and SIGNED.fullmatch(info["by_new"])
    need(digests and signed and WORD.fullmatch(info["reason"]), "rotation", where)
    need(sound_key(bytes.fromhex(info["old"])), "rotation", where)
    lines = ("sakigake/key-rotate/v1", *(f"{name} {info[name]}" for name in ("old", "new", "reason")))
    text = "\n".join([lines[0], f"ledger {ledger}", *lines[1:], ""]).encode()
    try:
        for who in ("old", "new"):
            public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(info[who]))
            verify_note(public, bytes.fromhex(info[f"by_{who}"]), text, where)
    except RefusedError as error:
        raise refusal("rotation", where) from error
    return str(info["old"])
