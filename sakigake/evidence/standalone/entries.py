"""Canonical JSON (RFC 8785), and the entries of the ledger."""

import json
import re
import unicodedata
from typing import Any

from sakigake.evidence.standalone.rules import KIB, is_digest, need, refusal

TYPES = {
    *(
        "session_start",
        "claim",
        "stage",
        "heartbeat",
        "pause",
        "resume",
        "gap",
        "clock_jump",
        "drop",
        "anchor_fail",
    ),
    *("anchor_resume", "stream_state", "recovered", "key_rotate", "session_end"),
}
MAX_LEVELS = 4


def jcs(value: Any, level: int = 1) -> str:
    """Return the RFC 8785 form of integers below 2^53, NFC strings of Unicode 3.2 and objects of them, four levels at most."""
    if isinstance(value, dict):
        need(level <= MAX_LEVELS, "not-canonical")
        need(all(key.isascii() for key in value), "not-canonical")
        return (
            "{"
            + ",".join(
                f"{json.dumps(key, ensure_ascii=False)}:{jcs(value[key], level + 1)}" for key in sorted(value)
            )
            + "}"
        )
    if isinstance(value, str):
        # Only of assigned characters all versions of Unicode say the same, and each version assigns more.
        old = all(unicodedata.ucd_3_2_0.category(each) not in ("Cn", "Cs") for each in value)
        need(old and unicodedata.is_normalized("NFC", value), "not-canonical")
        return json.dumps(value, ensure_ascii=False)
    need(type(value) is int and abs(value) < 1 << 53, "not-canonical")
    return str(value)


def read_json(
    raw: bytes, where: str, *, required: set[str], optional: set[str] | None = None
) -> dict[str, Any]:
    """Read an object whose bytes are canonical and whose keys are those given (`optional` None: any more)."""
    try:
        value = json.loads(raw.decode())
        need(isinstance(value, dict) and jcs(value).encode() == raw, "not-canonical", where)
    except (ValueError, RecursionError) as error:
        raise refusal("not-canonical", where) from error
    fits = required <= set(value) and (optional is None or set(value) <= required | optional)
    need(fits and value["v"] == 1, "malformed", where)
    return dict(value)


def read_entry(raw: bytes, where: str) -> dict[str, Any]:
    """Read one entry of the ledger by itself."""
    need(len(raw) <= 16 * KIB, "too-large", where)
    required = {"v", "seq", "type", "wall", "mono", "boot", "prev", "salt"}
    entry = read_json(raw, where, required=required, optional={"after", "commit", "fp", "info"})
    info = entry.get("info", {"a": 1})
    need(
        all(type(entry[key]) is int and entry[key] >= 0 for key in ("seq", "wall", "mono")),
        "malformed",
        where,
    )
    digests = [entry[key] for key in ("prev", "salt", "after", "commit", "fp") if key in entry]
    boot = isinstance(entry["boot"], str) and re.fullmatch(r"[0-9a-f]{16}", entry["boot"])
    known = isinstance(entry["type"], str) and entry["type"] in TYPES
    need(boot and known and all(map(is_digest, digests)), "malformed", where)
    need(isinstance(info, dict) and info, "malformed", where)
    for key, value in info.items():
        need(re.fullmatch(r"[a-z][a-z0-9_]{0,31}", key) and type(value) in {int, str}, "malformed", where)
    return entry
