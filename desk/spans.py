"""An interval of time in words."""

from sakigake import words
from sakigake.clock import iso
from sakigake.model import Interval


def span(interval: Interval) -> str:
    """Return the interval as a sentence part in the language of the moment."""
    before = iso(interval.not_before) if interval.not_before else ""
    after = iso(interval.not_after) if interval.not_after else ""
    if before and after:
        return words.text("report.between", before=before, after=after)
    if after:
        return words.text("report.no-later", after=after)
    if before:
        return words.text("report.no-earlier", before=before)
    return words.text("report.no-time")
