"""The records that the watcher keeps. Plain data: importing this loads nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sakigake.model import Likeness, Order
from watch.post import Post

INBOX = "inbox"  # the source of what a person hands in
NO_PICTURE = "no-picture"  # why a post came to nothing that shows none


class PostState(StrEnum):
    """How far a post has come. Only the first of these is worked on."""

    WAITING = "waiting"
    UNRELATED = "unrelated"
    FOUND = "found"
    FAILED = "failed"


class Review(StrEnum):
    """What a person said of a finding."""

    NEW = "new"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    OWN_POST = "own_post"
    LICENSED = "licensed"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as it is kept. `trouble` is the slug of what is wrong now, `hole_since` since when it was not watched."""

    id: str
    kind: str
    config: Mapping[str, object]
    added: datetime
    cursor: str | None = None
    good: datetime | None = None
    paused: bool = False
    failures: int = 0
    trouble: str = ""
    resting_until: datetime | None = None
    hole_since: datetime | None = None
    hole_reason: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A post that is still to be looked at. `key` names it within its source."""

    post: Post
    key: bytes
    seen: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was said before of the very same file: a finding's number, or none of `generation` recorded stages."""

    finding: int | None
    generation: int


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A likeness of picture `media` of a post to a work. `detail` is the whole answer as JSON, `bundle` its evidence.

    `idempotency` is 64 hex digits; a second finding with the same is the same finding.
    """

    idempotency: str
    media: int
    digest: str
    session: str
    likeness: Likeness
    order: Order
    order_reason: str
    detail: str
    notes: tuple[str, ...] = ()
    review: Review = Review.NEW
    bundle: str = ""
    bundle_reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a post. `digests` are those of its pictures by number, None where there is none."""

    source: str
    key: bytes
    state: PostState
    reason: str = ""
    digests: tuple[str | None, ...] = ()
    generation: int = 0
    findings: tuple[NewFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as it is kept."""

    number: int
    post: Post
    found: datetime
    new: NewFinding
    review_note: str = ""
    reviewed: datetime | None = None
    same_as: int | None = None
    sealed: bool = False

    @property
    def review(self) -> Review:
        """Return what a person said of it."""
        return self.new.review


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that waits: which finding, for which receiver, how often it was tried."""

    number: int
    idempotency: str
    receiver: str
    made: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True)
class HoleRow:
    """A stretch in which a source was not watched; `ended` is None while it goes on."""

    source: str
    began: datetime
    ended: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account of the artist's own, by the platform's immutable id."""

    platform: str
    author_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what. `failed` counts posts by the slug of their reason.

    `partly` counts those of which something was looked at and something not, by the first reason why not.
    """

    waiting: int = 0
    unrelated: int = 0
    found: int = 0
    unsent: int = 0
    new_findings: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    partly: Mapping[str, int] = field(default_factory=dict)
