"""The order of draft and post."""

from datetime import timedelta
from typing import Any

from sakigake.evidence.standalone.entries import read_json
from sakigake.evidence.standalone.files import Files
from sakigake.evidence.standalone.listing import COMPARED
from sakigake.evidence.standalone.rules import EPOCH, KIB, is_digest, need
from sakigake.evidence.standalone.times import Span

LIVE = {"screen", "window", "obs"}


def check_finding(
    files: Files, stages: dict[int, dict[str, Any]], spans: dict[int, Span], events: dict[int, dict[str, Any]]
) -> tuple[str | None, dict[str, Any], list[str]]:
    """Work out the order of draft and post; return it, what the exporter states, and why that does not stand, if so."""
    where = "compare/finding.json"
    posts = [name for name in files.names if name.startswith("post/picture.")]
    if where not in files.names:
        need(not any(name.startswith(("post/", "compare/")) for name in files.names), "missing", where)
        return None, {}, []
    required = {"v", "order", "likeness", "post_digest"}
    drawn = any(COMPARED.fullmatch(name) for name in files.names)
    need("compare/method.json" in files.names or not drawn, "missing", "compare/method.json")
    finding = read_json(files.read(where, 64 * KIB), where, required=required)
    need(finding["order"] in ("draft_first", "post_first", "order_unclear"), "malformed", where)
    need(finding["likeness"] in ("strong", "some", "none", "not_comparable"), "malformed", where)
    need(is_digest(finding["post_digest"]), "malformed", where)
    need(len(posts) == 1 and files.digest(posts[0]) == finding["post_digest"], "commitment", "post/")
    post, draft = stated_span(finding.get("post", {}), where), stated_span(finding.get("draft", {}), where)
    shown = finding.get("stages", {})
    need(isinstance(shown, dict) and set(shown) <= {"best", "first", "last", "earliest"}, "malformed", where)
    # What the order rests on must be among the stages that are shown; what is merely alike need not be.
    need(all(type(seq) is int and 0 <= seq < 1 << 31 for seq in shown.values()), "malformed", where)
    need(all(seq in stages for key, seq in shown.items() if key != "earliest"), "malformed", where)
    inner = [shown[key] for key in ("earliest", "first", "best", "last") if key in shown]
    need(inner == sorted(inner), "malformed", where)
    order, low, high = "order_unclear", None, None
    if "first" in shown and "last" in shown:
        ends = [spans[shown["first"]], spans[shown["last"]]]
        lows, highs = [low for low, _ in ends if low], [high for _, high in ends if high]
        low, high = (
            (min(lows) if len(lows) == len(ends) else None),
            (max(highs) if len(highs) == len(ends) else None),
        )
        # The picture was there before its stage was taken, though not before the stage that precedes it was. The
        # ledger's first stage shows what was there when it began.
        earliest = shown.get("earliest", shown["first"])
        begin = next(seq for seq in range(len(events) + 1) if seq not in events)
        preceding = max(
            (seq for seq in stages if seq < earliest), default=begin if earliest <= begin else None
        )
        # Pictures taken in from files or a video may be older than their record by any time.
        live = events[0].get("info", {}).get("source") in LIVE
        begun = spans[preceding][0] if live and preceding in stages else None
        if high and post[0] and high < post[0]:
            order = "draft_first"
        elif post[1] and begun and post[1] < begun:
            order = "post_first"
    need("order_unclear" in {order, finding["order"]} or order == finding["order"], "order", where)
    apart = (draft[0] and high and draft[0] > high) or (draft[1] and low and draft[1] < low)
    need(not apart, "order", where)
    narrower = (draft[0] and not (low and draft[0] <= low)) or (draft[1] and not (high and draft[1] >= high))
    confirmed = finding["order"] in ("order_unclear", order) and not narrower
    # What is merely stated to be alike must be there to be looked at.
    rests = [shown[key] for key in ("first", "best", "last") if key in shown]
    seen = finding["order"] == "order_unclear" or all(f"stages/{seq:06d}.png" in files.names for seq in rests)
    why = {"order-not-confirmed": confirmed, "order-not-shown": seen}
    return order, finding, [name for name, fine in why.items() if not fine]


def stated_span(value: Any, where: str) -> Span:
    """Read two ends in milliseconds, either of which may be missing."""
    need(isinstance(value, dict) and set(value) <= {"not_before", "not_after"}, "malformed", where)
    need(all(type(ms) is int and 0 <= ms < 1 << 47 for ms in value.values()), "malformed", where)
    need(value.get("not_before", 0) <= value.get("not_after", 1 << 47), "malformed", where)
    ends = {key: EPOCH + timedelta(milliseconds=ms) for key, ms in value.items()}
    return ends.get("not_before"), ends.get("not_after")
