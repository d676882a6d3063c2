"""Values in words: an interval of time, counts of a calibration, why a record has a hole."""

from collections.abc import Mapping

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


def cause(info: Mapping[str, int | str], lang: str | None = None) -> str:
    """Return why an entry was made and how long what it ends was, in brackets; empty when it says neither.

    A reason that this version does not know is shown as it stands.
    """
    slug = str(info.get("reason", ""))
    told = [words.table(lang or words.language()).get(f"cause.{slug}", slug)] if slug else []
    if isinstance(length := info.get("ms"), int) and length >= 1000:  # noqa: PLR2004 - a second
        minutes, seconds = divmod(length // 1000, 60)
        told.append(words.text("cause.length", lang, minutes=minutes, seconds=seconds))
    return words.text("cause.brackets", lang, told=words.text("cause.comma", lang).join(told)) if told else ""
