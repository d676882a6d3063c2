"""What was kept of the post."""

import re
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.standalone.entries import read_entry
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.listing import KEPT, KEPT_LEDGER
from sakigake.evidence.standalone.notes import NOTE, verify_note
from sakigake.evidence.standalone.rotation import check_rotation
from sakigake.evidence.standalone.rules import KIB, RefusedError, base64_exact, need, refusal, sha
from sakigake.evidence.standalone.stamps import read_token
from sakigake.evidence.standalone.tree import fold, grow

MAX_KEPT_ENTRIES = 8


def check_kept(
    files: Files, raw_key: bytes, key: ed25519.Ed25519PublicKey, roots: list[Root], since: datetime | None
) -> dict[str, Any] | None:
    """Check the list of what was kept of the post, its files that are here, and the ledger that names it.

    `since` is what the post is not before, as stated: a list that was there by then is none of that post.
    """
    sums = "post/SHA256SUMS"
    here = [name for name in files.names if KEPT.fullmatch(name)]
    ledger = [name for name in files.names if KEPT_LEDGER.fullmatch(name)]
    if sums not in files.names:
        need(not here and not ledger, "missing", sums)
        return None
    raw = files.read(sums, 16 * KIB)
    need(re.fullmatch(rb"(?:[0-9a-f]{64}  [a-z0-9.]{1,40}\n)+", raw), "malformed", sums)
    rows = [line.split("  ") for line in raw.decode().splitlines()]
    names = [name for _, name in rows]
    need(names == sorted(set(names)), "malformed", sums)
    digests = {name: digest for digest, name in rows}
    for name in here:
        need(digests.get(name.removeprefix("post/")) == files.digest(name), "commitment", name)
    highs: list[Any] = []
    if ledger:
        need("post/ledger.jsonl" in ledger, "missing", "post/ledger.jsonl")
        need("post/checkpoint.txt" in ledger, "missing", "post/checkpoint.txt")
        point = kept_checkpoint(files, raw_key, key, sha(raw).hex())
        seen: set[bytes] = set()
        for name in ledger:
            if name.endswith(".tsr"):
                token = files.read(name, 64 * KIB)
                need(token not in seen, "extra", name)
                seen.add(token)
                try:
                    read = read_token(token, point, 0, roots, None)
                except RefusedError as error:
                    raise refusal(error.code, name) from error
                highs += [read.high] if read.authority else []
    posts = [name for name in files.names if name.startswith("post/picture.")]
    holds = any(files.digest(name) in digests.values() for name in posts)
    not_after = min(highs, default=None)
    return {
        "files": len(names),
        "shown": len(here),
        "not_after": not_after,
        "holds_post": holds,
        "older_than_post": bool(not_after and since and not_after < since),
    }


def kept_checkpoint(files: Files, raw_key: bytes, key: ed25519.Ed25519PublicKey, digest: str) -> bytes:
    """Check the ledger of what was kept: it claims the list, and its one checkpoint covers it. Return the checkpoint."""
    where, signed_by = "post/ledger.jsonl", "post/checkpoint.txt"
    raw = files.read(where, 64 * KIB)
    lines = raw[:-1].split(b"\n")
    need(raw.endswith(b"\n") and len(lines) <= MAX_KEPT_ENTRIES, "malformed", where)
    entries: dict[int, dict[str, Any]] = {}
    before, first = "0" * 64, ""
    stack: list[tuple[int, bytes]] = []
    for seq, line in enumerate(lines):
        entry = read_entry(line, where)
        follows = entry["seq"] == seq and entry["prev"] == before
        need(follows and "after" not in entry and entry["type"] != "stage", "entry", where)
        leaf = sha(b"\0" + line)
        grow(stack, leaf)
        entries[seq], before = entry, leaf.hex()
        first = first or leaf.hex()[:32]
    begun = entries[0]
    named = begun["type"] == "session_start" and begun.get("info", {}).get("key") == raw_key.hex()
    need(named, "signature", where)
    claims = [entry.get("info") for entry in entries.values() if entry["type"] == "claim"]
    need(claims == [{"bundle": digest}], "commitment", where)
    check_rotation(entries, first, raw_key.hex())
    note = files.read(signed_by, 2 * KIB)
    match = NOTE.fullmatch(note.decode("utf-8", "replace"))
    if match is None:
        raise refusal("malformed", signed_by)
    signed, origin, size, root, events, prev, after, blob = match.groups()
    signature = base64_exact(blob, signed_by)
    verify_note(key, signature[4:], signed.encode(), signed_by)
    need(signature[:4] == sha(origin.encode() + b"\n\1" + raw_key)[:4], "signature", signed_by)
    whole = int(size) == len(entries) and origin[9:] == first and not prev and not after
    need(whole and (events is None or int(events) == len(entries)), "checkpoints", signed_by)
    need(base64_exact(root, signed_by) == fold(stack), "root", signed_by)
    return note
