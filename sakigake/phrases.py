"""Values in words: an interval of time, counts of a calibration."""

from sakigake import words
from sakigake.clock import iso
from sakigake.model import CalibrationCount, Interval


def span(interval: Interval, lang: str | None = None) -> str:
    """Return the interval as a part of a sentence; says so when nothing is known."""
    before = iso(interval.not_before) if interval.not_before else ""
    after = iso(interval.not_after) if interval.not_after else ""
    if before and after:
        return words.text("span.between", lang, before=before, after=after)
    if after:
        return words.text("span.no-later", lang, after=after)
    if before:
        return words.text("span.no-earlier", lang, before=before)
    return words.text("span.no-time", lang)


def chance(counts: CalibrationCount, lang: str | None = None) -> str:
    """Return how often chance does the same, in counts, with the limit that the number of trials supports."""
    return words.text(
        "report.counts",
        lang,
        pairs=f"{counts.pairs:,}",
        reached=f"{counts.reached:,}",
        posts=f"{counts.posts:,}",
        alarms=f"{counts.post_alarms:,}",
        bound=f"{max(1, int(1 / counts.post_bound)):,}",
    )
