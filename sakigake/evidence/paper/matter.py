"""Everything a report is written from, gathered once for the page and the PDF."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from sakigake import words
from sakigake.evidence import audience
from sakigake.evidence.audience import SELF, Audience
from sakigake.evidence.explained import Explained
from sakigake.evidence.kept import Kept
from sakigake.evidence.posted import Posted
from sakigake.evidence.view import View
from sakigake.timeline.widths import Ends

_ZONES = {"ja": timezone(timedelta(hours=9), "JST"), "en": UTC}


@dataclass(frozen=True, slots=True)
class Paper:
    """What was asked for: whom it is for, which report, in which languages, and whether the other account is named."""

    audience: Audience = SELF
    report: str = SELF.report
    langs: tuple[str, ...] = ("ja", "en")
    named: bool = False
    posted: Posted = field(default_factory=Posted)
    explained: Explained | None = None

    def __post_init__(self) -> None:
        """Refuse a name where none may stand; raises UsageError."""
        audience.require(self.audience, named=self.named)

    @property
    def order(self) -> bool:
        """Say whether the order of draft and post is told."""
        return audience.wants(self.report, audience.ORDER)

    @property
    def process(self) -> bool:
        """Say whether the process is told."""
        return audience.wants(self.report, audience.PROCESS)


@dataclass(frozen=True, slots=True)
class Matter:
    """`ends` says who gives the ends of each row's interval, `small` names the small copies there are.

    `kept` is what a verifier says of what was kept of the post.
    """

    view: View
    paper: Paper
    ends: Mapping[int, Ends]
    small: frozenset[str]
    live: bool
    closed: bool
    key: str
    kept: Kept | None = None


def when(moment: datetime, lang: str) -> str:
    """Return a moment for people: Japanese time for Japanese readers, the zone always named."""
    return moment.astimezone(_ZONES[lang]).strftime("%Y-%m-%d %H:%M:%S %Z")


def length(ms: int, lang: str) -> str:
    """Return a length of time in words."""
    seconds = ms // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    kind = "hours" if hours else "minutes" if minutes else "seconds"
    return words.text(f"paper.{kind}", lang, hours=hours, minutes=minutes, seconds=seconds % 60)
