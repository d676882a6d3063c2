"""What the page of a session says: intervals, lengths, reasons, in the language of whoever reads."""

from markupsafe import Markup, escape

from desk.web import pages
from desk.web.timeline.reel import Hole
from sakigake import words
from sakigake.clock import from_ms
from sakigake.model import Interval, Session

SECOND_MS, MINUTE_S, HOUR_S = 1000, 60, 3600


def interval(told: Interval, form: str = "full") -> Markup:
    """Return an interval as a part of a sentence, its ends in the reader's zone with UTC on hover."""
    before, after = told.not_before, told.not_after
    if before and after:
        key = "desk.timeline.between"
    elif after:
        key = "desk.timeline.no-later"
    elif before:
        key = "desk.timeline.no-earlier"
    else:
        key = "desk.timeline.no-time"
    ends = {"before": pages.shown_time(before, form), "after": pages.shown_time(after, form)}
    return escape(words.text(key)).format_map(ends)


def claimed(ms: int, form: str = "full") -> Markup:
    """Return what the computer's clock claimed, in the reader's zone."""
    return pages.shown_time(from_ms(ms), form)


def length(ms: int) -> str:
    """Return a length of time in its two largest units."""
    seconds = max(0, ms // SECOND_MS)
    if seconds < MINUTE_S:
        return words.text("desk.length.seconds", seconds=seconds)
    if seconds < HOUR_S:
        return words.text("desk.length.minutes", minutes=seconds // MINUTE_S, seconds=seconds % MINUTE_S)
    return words.text("desk.length.hours", hours=seconds // HOUR_S, minutes=seconds % HOUR_S // MINUTE_S)


def kind(hole: Hole) -> str:
    """Return whether a hole is a gap or a pause."""
    return words.text(f"desk.timeline.hole.{hole.kind}")


def source(session: Session) -> str:
    """Return where the pictures of a session came from; a source that this version does not know as it stands."""
    return words.table(words.language()).get(f"desk.timeline.source.{session.source}", session.source)


def reason(slug: str) -> str:
    """Return why something was not recorded; a reason that this version does not know is shown as it stands."""
    return words.table(words.language()).get(f"cause.{slug}", slug)
