"""What the package tells: tokens over checkpoints, events, stages with their openings."""

import re
from typing import Any

from sakigake.evidence.standalone.certificates import Root
from sakigake.evidence.standalone.entries import read_entry, read_json
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.listing import STAGE, TOKEN
from sakigake.evidence.standalone.notes import Checkpoint
from sakigake.evidence.standalone.rules import (
    KIB,
    MIB,
    RefusedError,
    base64_exact,
    is_digest,
    need,
    refusal,
    sha,
)
from sakigake.evidence.standalone.stamps import Token, read_token
from sakigake.evidence.standalone.times import SKEW, whole_ms
from sakigake.evidence.standalone.tree import climb


def placed(raw: bytes, where: str, leaves: list[bytes], tokens: dict[str, Token]) -> dict[str, Any]:
    """Read an entry and check that it stands at its place in the ledger, after the tokens it names."""
    entry = read_entry(raw, where)
    seq = entry["seq"]
    before = leaves[seq - 1].hex() if 0 < seq <= len(leaves) else "0" * 64
    need(seq < len(leaves) and leaves[seq] == sha(b"\0" + raw) and entry["prev"] == before, "entry", where)
    must_be_here(entry.get("after"), seq, tokens, where)
    if "still" in entry.get("info", {}):
        need(entry["type"] == "stage" and "after" in entry, "malformed", where)
        check_still(entry["info"]["still"], tokens[entry["after"]], seq, tokens, where)
    return entry


def check_still(still: Any, newest: Token, seq: int, tokens: dict[str, Token], where: str) -> None:
    """Check the token that was there while the canvas was as at the stage before: none newer than the newest one."""
    need(isinstance(still, str), "malformed", where)
    must_be_here(still, seq, tokens, where)
    need(whole_ms(tokens[still].low) <= whole_ms(newest.low), "times", where)


def must_be_here(after: str | None, size: int, tokens: dict[str, Token], where: str) -> None:
    """Check that a token that is named is here and over a checkpoint of at most `size` entries."""
    need(after is None or (after in tokens and tokens[after].size <= size), "token-missing", where)


def check_tokens(files: Files, points: list[Checkpoint], roots: list[Root]) -> dict[str, Token]:
    """Read every token over a checkpoint; return them by digest, and check what the checkpoints say of them."""
    tokens: dict[str, Token] = {}
    times: list[list[Token]] = [[] for _ in points]
    for name in files.names:
        if match := TOKEN.fullmatch(name):
            number, raw = int(match[1]), files.read(name, 64 * KIB)
            need(number < len(points) and sha(raw).hex() not in tokens, "extra", name)
            try:
                token = read_token(raw, points[number].raw, points[number].size, roots, None)
            except RefusedError as error:
                raise refusal(error.code, name) from error
            tokens[sha(raw).hex()] = token
            times[number].append(token)
    for number, point in enumerate(points):
        where = f"anchors/{number:04d}.checkpoint.txt"
        must_be_here(point.after, point.size - 1, tokens, where)
        before = tokens[point.after] if point.after else None
        for token in times[number]:
            both = before and before.authority and token.authority
            need(not (before and both and before.low > token.high + SKEW), "times", where)
    return tokens


def check_stages(
    files: Files, leaves: list[bytes], tokens: dict[str, Token], last: Checkpoint
) -> dict[int, dict[str, Any]]:
    """Check every disclosed stage: its entry, its proof, and the openings of its two commitments."""
    kinds: dict[int, set[str]] = {}
    for name in files.names:
        if match := STAGE.fullmatch(name):
            kinds.setdefault(int(match[1]), set()).add(match[2])
    stages = {}
    for seq, have in kinds.items():
        base = f"stages/{seq:06d}."
        need({"entry.json", "proof.txt"} <= have, "missing", base + "entry.json")
        need("open.json" in have or "png" not in have, "missing", base + "open.json")
        need("fp.json" in have or "fp.bin" not in have, "missing", base + "fp.json")
        entry = placed(files.read(base + "entry.json", 16 * KIB), base + "entry.json", leaves, tokens)
        need(entry["seq"] == seq and entry["type"] == "stage", "malformed", base + "entry.json")
        check_proof(files.read(base + "proof.txt", 16 * KIB), base + "proof.txt", seq, leaves, last)
        if "open.json" in have:
            raw = files.read(base + "open.json", 4 * KIB)
            keys = {"v", "file", "pixels", "width", "height", "salt"}
            opened = read_json(raw, base + "open.json", required=keys, optional=set())
            sizes = all(type(opened[key]) is int and 0 < opened[key] < 1 << 20 for key in ("width", "height"))
            need(
                sizes and all(is_digest(opened[key]) for key in ("file", "pixels", "salt")),
                "malformed",
                base + "open.json",
            )
            need(sha(raw).hex() == entry.get("commit"), "commitment", base + "open.json")
            need(
                "png" not in have or files.digest(base + "png") == opened["file"], "commitment", base + "png"
            )
        if "fp.json" in have:
            raw = files.read(base + "fp.json", 4 * KIB)
            keys = {"v", "version", "digest", "salt"}
            opened = read_json(raw, base + "fp.json", required=keys, optional=set())
            digests = is_digest(opened["digest"]) and is_digest(opened["salt"])
            need(digests and isinstance(opened["version"], str), "malformed", base + "fp.json")
            need(sha(raw).hex() == entry.get("fp"), "commitment", base + "fp.json")
            need(
                "fp.bin" not in have or files.digest(base + "fp.bin") == opened["digest"],
                "commitment",
                base + "fp.bin",
            )
        stages[seq] = entry
    need(stages, "no-stage")
    return stages


def check_proof(raw: bytes, where: str, seq: int, leaves: list[bytes], last: Checkpoint) -> None:
    """Check a C2SP tlog-proof against the last checkpoint."""
    head = rb"c2sp\.org/tlog-proof@v1\nindex (0|[1-9][0-9]{0,9})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n"
    match = re.fullmatch(head + re.escape(last.raw), raw)
    if match is None or int(match[1]) != seq:
        raise refusal("malformed", where)
    path = [base64_exact(line.decode(), where) for line in match[2].split()]
    need(climb(seq, len(leaves), leaves[seq], path) == last.root, "proof", where)


def check_events(
    files: Files, leaves: list[bytes], tokens: dict[str, Token], raw_key: bytes
) -> dict[int, dict[str, Any]]:
    """Check every entry that is not a stage."""
    where = "events.jsonl"
    raw = files.read(where, 64 * MIB)
    need(raw.endswith(b"\n"), "malformed", where)
    events: dict[int, dict[str, Any]] = {}
    last = -1
    for line in raw[:-1].split(b"\n"):
        entry = placed(line, where, leaves, tokens)
        need(entry["type"] != "stage" and entry["seq"] > last, "malformed", where)
        last = entry["seq"]
        events[last] = entry
    first = events.get(0, {"type": ""})
    need(first["type"] == "session_start", "missing", f"{where} #0")
    need(first.get("info", {}).get("key") == raw_key.hex(), "signature", where)
    return events
