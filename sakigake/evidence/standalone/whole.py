"""The package as a whole."""

import re
from bisect import bisect_left
from datetime import timedelta
from pathlib import Path
from typing import Any

from sakigake.evidence.standalone.blocks import LEAST_WORK, check_blocks, named_blocks
from sakigake.evidence.standalone.certificates import Root, read_pem
from sakigake.evidence.standalone.contents import check_events, check_stages, check_tokens
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.finding import LIVE, check_finding, stated_span
from sakigake.evidence.standalone.kept import check_kept
from sakigake.evidence.standalone.listing import check_list
from sakigake.evidence.standalone.notes import check_checkpoints
from sakigake.evidence.standalone.rotation import check_rotation
from sakigake.evidence.standalone.rules import KIB, MIB, need
from sakigake.evidence.standalone.seen import SeenHead, check_heads
from sakigake.evidence.standalone.stamps import SECOND_OPINION, read_token
from sakigake.evidence.standalone.times import bounds_of, claimed_time

CLOCK_TOLERANCE = timedelta(seconds=120)


def check(
    path: Path, roots: list[Root], easiest: int = LEAST_WORK, seen: list[SeenHead] | None = None
) -> dict[str, Any]:
    """Check a package; return what holds of it. Raises RefusedError for the first thing that does not.

    It must hold the heads that were `seen`. `easiest` is the highest target of a block that counts; only tests, which mine their own blocks, give another.
    """
    files = Files(path)
    raw_key, key = check_list(files)
    text = files.read("leaves.txt", 64 * MIB)
    need(re.fullmatch(rb"(?:[0-9a-f]{64}\n)+", text), "malformed", "leaves.txt")
    leaves = [bytes.fromhex(line.decode()) for line in text.split()]
    need(len(set(leaves)) == len(leaves), "malformed", "leaves.txt")
    carried_roots = [
        one
        for name in files.names
        if name.startswith("trust/")
        for one in read_pem(files.read(name, 64 * KIB), name)
    ]
    points = check_checkpoints(files, raw_key, key, leaves)
    tokens = check_tokens(files, points, roots)
    blocks = check_blocks(files, points, tokens, easiest)
    events = check_events(files, leaves, tokens, raw_key)
    continues = check_rotation(events, leaves[0].hex()[:32], raw_key.hex())
    stages = check_stages(files, leaves, tokens, points[-1])
    sorted_events = sorted(events)
    for number, point in enumerate(points):
        told = bisect_left(sorted_events, point.size)
        need(point.events in {None, told}, "events", f"anchors/{number:04d}.checkpoint.txt")
    begin = next(seq for seq in range(len(leaves) + 1) if seq not in events)
    first = stages.get(begin, {}).get("info", {})
    need("still" not in first, "malformed", f"stages/{begin:06d}.entry.json")
    known = events | stages
    spans = bounds_of(known, tokens | blocks)
    order, stated, doubts = check_finding(files, stages, spans, events)
    since, _ = stated_span(stated.get("post", {}), "compare/finding.json")
    kept = check_kept(files, raw_key, key, roots, since)
    sealed = None
    if "SHA256SUMS.tsr" in files.names:
        stamp = files.read("SHA256SUMS.tsr", 64 * KIB)
        over = read_token(stamp, files.read("SHA256SUMS", 8 * MIB), 0, roots, carried_roots)
        # Anybody can have a later token over the list made: it says no later than, nothing more.
        sealed = {"not_after": over.high} if over.authority else None
    heads = check_heads(seen or [], leaves, raw_key, key)
    counted = [token for token in tokens.values() if token.authority]
    reasons = []
    if not counted and not blocks:
        reasons.append("no-trusted-token" if tokens else "no-token")
    elif any(spans[seq][1] is None for seq in stages):
        reasons.append("stage-without-token")
    reasons += doubts
    live = events[0].get("info", {}).get("source") in LIVE
    shown = []
    for seq, entry in sorted(stages.items()):
        (low, high), claimed = spans[seq], claimed_time(entry["wall"])
        early = claimed and low and claimed < low - CLOCK_TOLERANCE
        late = claimed and high and claimed > high + CLOCK_TOLERANCE
        odd = claimed is None or early or late
        still = tokens.get(entry.get("info", {}).get("still", ""))
        shown.append(
            {
                "seq": seq,
                "not_before": low,
                "not_after": high,
                "claimed": claimed,
                "picture_not_before": still.low if live and still and still.authority else None,
                "clock_disagrees": bool(odd),
                "by_block": any(each.size > seq and each.high == high for each in blocks.values()),
                "picture": f"stages/{seq:06d}.png" in files.places,
                "nothing_bound": not any(
                    f"stages/{seq:06d}.{kind}.json" in files.places for kind in ("open", "fp")
                ),
            }
        )
    return {
        "verdict": "INTEGRITY ONLY" if reasons else "VERIFIED",
        "reasons": reasons,
        "ledger": leaves[0].hex()[:32],
        "key": raw_key.hex(),
        "continues": continues,
        "entries": len(leaves),
        "withheld": len(leaves) - len(known),
        "checkpoints": len(points),
        "authorities": sorted({str(token.authority) for token in counted}),
        "authority_roots": [
            {"name": root.name, "from": "given", "roots": root.digests()}
            for root in roots
            if root.name in {token.authority for token in counted}
        ],
        "roots_given": len(roots),
        "blocks": named_blocks(files, blocks),
        "untrusted_tokens": len(tokens) - len(counted),
        "ledger_closed": events.get(len(leaves) - 1, {}).get("type") == "session_end",
        "heads_seen": heads,
        "gaps": sum(entry["type"] in {"gap", "pause", "drop"} for entry in events.values()),
        "gaps_counted": points[-1].events is not None,
        "sealed": sealed,
        "order": order,
        "order_stated": stated.get("order"),
        "order_stages": stated.get("stages", {}) if stated else None,
        "likeness_stated": stated.get("likeness"),
        "post_kept": kept,
        "stages": shown,
        "second_opinion": SECOND_OPINION,
    }
