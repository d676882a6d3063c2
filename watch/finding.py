"""A finding as a person reads it and as a program does: two separate answers, each with what it rests on."""

from typing import Any

from sakigake import words
from sakigake.clock import iso
from sakigake.model import Finding, Interval, Likeness
from sakigake.phrases import chance, span
from watch.post import PostTime, Stamp

SCHEMA_VERSION = 1
# The same words in the same place whichever way the answer goes: both orders are printed alike.
ALIKE = frozenset({Likeness.STRONG, Likeness.SOME})


def to_json(finding: Finding) -> dict[str, Any]:
    """Return the finding as plain values; times are ISO 8601 UTC or None, scores are raw and normalised."""
    counts = finding.counts
    return {
        "schema_version": SCHEMA_VERSION,
        "session": finding.session,
        "order": finding.order.value,
        "order_reason": finding.order_reason or None,
        "likeness": finding.likeness.value,
        "likeness_reason": finding.likeness_reason or None,
        "stage": finding.stage,
        "stage_range": [finding.first_stage, finding.last_stage] if finding.stage is not None else None,
        "draft": _times(finding.draft),
        "claimed": iso(finding.claimed) if finding.claimed else None,
        "post": _times(finding.post),
        "view": finding.view or None,
        "part_of_stage": [round(share, 4) for share in finding.part] if finding.part else None,
        "compared_stages": finding.compared,
        "scores": {
            score.name: {"raw": round(score.raw, 4), "normalised": round(score.normalised, 4)}
            for score in finding.scores
        },
        "counts": {
            "calibration": counts.version,
            "unrelated_pairs": counts.pairs,
            "pairs_as_high": counts.reached,
            "pair_rate_upper_bound": counts.pair_bound,
            "unrelated_posts": counts.posts,
            "posts_as_high": counts.post_alarms,
            "post_rate_upper_bound": counts.post_bound,
        }
        if counts
        else None,
        "fingerprint_version": finding.fingerprint_version or None,
        "post_sha256": finding.post_digest,
        "notes": list(finding.notes),
        "limits": words.text("report.limits", "en"),
    }


def _times(interval: Interval) -> dict[str, str | None]:
    ends = {"not_before": interval.not_before, "not_after": interval.not_after}
    return {key: iso(value) if value else None for key, value in ends.items()}


def to_text(finding: Finding, lang: str | None = None, *, time: PostTime | None = None) -> str:
    """Return the finding as lines: order, likeness, stage, times, counts, other explanations, limits.

    `time` is where the post's time was read, None when somebody stated it by hand.
    """

    def say(key: str, **values: object) -> str:
        return words.text(key, lang, **values)

    lines = [f"{say('report.order')}: {say(f'finding.order.{finding.order.value}')}"]
    if finding.order_reason:
        lines.append(f"    {say(f'finding.order-reason.{finding.order_reason}')}")
    lines.append(f"{say('report.likeness')}: {say(f'finding.likeness.{finding.likeness.value}')}")
    if finding.likeness_reason:
        lines.append(f"    {say(f'finding.likeness-reason.{finding.likeness_reason}')}")
    if finding.compared:
        lines.append(f"    {say('finding.compared', count=finding.compared)}")
    lines += [f"    {say(f'finding.note.{note}')}" for note in finding.notes]
    if finding.stage is not None:
        lines += _stage(finding, lang, time)
    if finding.counts and finding.likeness in ALIKE:
        lines.append(f"    {chance(finding.counts, lang)}")
    if finding.likeness in ALIKE:
        lines.append(say("report.other-explanations"))
    lines.append(say("report.limits"))
    return "\n".join(lines)


def _stage(finding: Finding, lang: str | None, time: PostTime | None) -> list[str]:
    def say(key: str, **values: object) -> str:
        return words.text(key, lang, **values)

    first, last = finding.first_stage, finding.last_stage
    fitting = say("finding.range", first=first, last=last) if first != last else ""
    lines = [
        f"    {say('report.best-stage')}: {finding.stage} {fitting}".rstrip(),
        f"    {say(f'finding.view.{finding.view}')}",
        f"    {say('report.draft-time')}: {span(finding.draft, lang)}",
    ]
    if finding.claimed:
        lines.append(f"        {say('report.claimed', when=iso(finding.claimed))}")
    rests = ""
    if finding.post != Interval():
        ends = time and dict.fromkeys(_rests(end, lang) for end in _used(finding.post, time))
        rests = f" ({'; '.join(ends)})" if ends else f" {say('report.post-time-stated')}"
    lines.append(f"    {say('report.post-time')}: {span(finding.post, lang)}{rests}")
    return lines


def _used(post: Interval, time: PostTime) -> list[Stamp]:
    """Return the ends of a post's time that went into its interval."""
    ends = ((post.not_before, time.not_before), (post.not_after, time.not_after))
    return [stamp for moment, stamp in ends if moment and stamp]


def _rests(stamp: Stamp, lang: str | None) -> str:
    return f"{words.text(f'findings.clock.{stamp.clock.value}', lang)}: {stamp.basis}"
