"""Reading the form of a check: a picture or a link, and when the post was made as far as somebody knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sakigake.clock import parse_time
from sakigake.errors import UsageError
from sakigake.model import Interval
from sakigake.text import plain

MOST_LINK = 2048
MOST_NAME = 80
ZONES = ("local", "utc")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks for. `link` is fetched when there is no picture, else only read for the time that it tells."""

    link: str
    stated: Interval
    session: str


def read(fields: Mapping[str, str], *, pictured: bool) -> Asked:
    """Read the fields of the form; raises UsageError with what is wrong with them."""
    link = fields.get("link", "").strip()
    if not link and not pictured:
        raise UsageError("check-nothing-given")
    if link and (
        len(link) > MOST_LINK
        or not link.lower().startswith(("http://", "https://"))
        or not link.isprintable()
        or any(each.isspace() for each in link)
    ):
        raise UsageError("check-link-unreadable")
    zone = fields.get("zone", ZONES[0])
    stated = Interval(_moment(fields.get("not_before", ""), zone), _moment(fields.get("not_after", ""), zone))
    if stated.not_before and stated.not_after and stated.not_before > stated.not_after:
        raise UsageError(
            "check-times-reversed", before=fields.get("not_before", ""), after=fields.get("not_after", "")
        )
    return Asked(link, stated, fields.get("session", "").strip())


def _moment(value: str, zone: str) -> datetime | None:
    """Read a moment as a browser's field gives it, in the computer's zone or in UTC; one with a zone of its own keeps it."""
    text = value.strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("time-unreadable", value=plain(text, 60)) from error
    if moment.tzinfo is not None:
        return parse_time(text)
    try:
        return moment.replace(tzinfo=UTC) if zone == "utc" else moment.astimezone(UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise UsageError("time-unreadable", value=plain(text, 60)) from error


def name_of(value: str | None) -> str:
    """Return what an uploaded file was called, for messages: its last part, one short line."""
    last = (value or "").replace("\\", "/").rpartition("/")[2]
    return plain(last, MOST_NAME) or "picture"
