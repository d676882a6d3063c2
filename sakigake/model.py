"""The records that cross the floors. Plain data: importing this loads neither numpy nor OpenCV."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EntryType(StrEnum):
    """What a ledger entry says happened."""

    SESSION_START = "session_start"
    CLAIM = "claim"
    STAGE = "stage"
    HEARTBEAT = "heartbeat"
    PAUSE = "pause"
    RESUME = "resume"
    GAP = "gap"
    CLOCK_JUMP = "clock_jump"
    DROP = "drop"
    ANCHOR_FAIL = "anchor_fail"
    ANCHOR_RESUME = "anchor_resume"
    STREAM_STATE = "stream_state"
    RECOVERED = "recovered"
    KEY_ROTATE = "key_rotate"
    SESSION_END = "session_end"


class Order(StrEnum):
    """Which was first, a recorded stage or a post."""

    DRAFT_FIRST = "draft_first"
    POST_FIRST = "post_first"
    UNCLEAR = "order_unclear"


class Likeness(StrEnum):
    """How alike a post and a stage are."""

    STRONG = "strong"
    SOME = "some"
    NONE = "none"
    NOT_COMPARABLE = "not_comparable"


class Verdict(StrEnum):
    """What a verifier says of a package."""

    VERIFIED = "VERIFIED"
    INTEGRITY_ONLY = "INTEGRITY ONLY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Interval:
    """When something happened: no earlier than `not_before`, no later than `not_after`; None is unknown."""

    not_before: datetime | None = None
    not_after: datetime | None = None

    def hull(self, other: "Interval") -> "Interval":
        """Return the smallest interval that covers both; an unknown end stays unknown."""
        before = min(self.not_before, other.not_before) if self.not_before and other.not_before else None
        after = max(self.not_after, other.not_after) if self.not_after and other.not_after else None
        return Interval(before, after)


@dataclass(frozen=True, slots=True)
class Session:
    """One recorded drawing session. `ledger` is the ledger id: 32 hex digits of the first leaf."""

    id: str
    ledger: str
    started: datetime
    source: str
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A ledger entry as it was written. `opening` and `fp_opening` open its two commitments (None: has none)."""

    seq: int
    type: EntryType
    raw: bytes
    leaf: bytes
    opening: bytes | None = None
    fp_opening: bytes | None = None
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed checkpoint over the first `size` entries; `note` is the signed note, byte for byte."""

    number: int
    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An RFC 3161 response over checkpoint `checkpoint`.

    `time_low`/`time_high` enclose the authority's time: its seconds are rounded down and up and widened by the
    stated accuracy. `trusted` is False when no pinned authority signed it; such a token is kept, never counted.
    """

    checkpoint: int
    authority: str
    raw: bytes
    digest: bytes
    time_low: datetime
    time_high: datetime
    trusted: bool


@dataclass(frozen=True, slots=True)
class StoredProof:
    """A proof of OpenTimestamps that checkpoint `checkpoint` is in the Bitcoin block of `header` (80 bytes).

    `time_low`/`time_high` enclose the block's time. Only proofs whose header was checked are kept.
    """

    checkpoint: int
    raw: bytes
    header: bytes
    time_low: datetime
    time_high: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """A kept picture, by the digests its commitment binds. Digests are 64 hex digits."""

    file: str
    pixels: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Score:
    """One descriptor's raw and normalised score between the post and the best stage."""

    name: str
    raw: float
    normalised: float


@dataclass(frozen=True, slots=True)
class CalibrationCount:
    """How often unrelated pairs scored as high: `reached` of `pairs`, from calibration set `version`.

    `post_alarms` of `posts` unrelated posts reached it against any of the set's stages. The bounds are 95 % upper
    limits of the two rates; pairs share pictures, so the bound by posts is the one to quote.
    """

    version: str
    pairs: int
    reached: int
    pair_bound: float
    posts: int
    post_alarms: int
    post_bound: float = 1.0


# Where pictures are recorded as they come about. Files and videos may be older than their record by any time.
LIVE_SOURCES = frozenset({"screen", "window", "obs"})


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one check: two separate answers, each with what it rests on.

    `stage` is the best fitting entry, `first_stage`..`last_stage` the range that its picture lay between; the order
    rests on the whole range (`draft`). `earliest` is the first stage that is alike at all: a post cannot be said to be
    older than what that one already shows. `part` is the part of the best stage that the post shows, None for all of it:
    top, left, height, width in shares of its sides. `reason` is a slug that says why an answer is `order_unclear` or
    `not_comparable`.
    """

    session: str
    order: Order
    order_reason: str
    likeness: Likeness
    likeness_reason: str
    post: Interval
    draft: Interval
    claimed: datetime | None
    stage: int | None
    first_stage: int | None
    last_stage: int | None
    view: str
    compared: int
    scores: tuple[Score, ...] = ()
    counts: CalibrationCount | None = None
    fingerprint_version: str = ""
    post_digest: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
    earliest: int | None = None
    part: tuple[float, float, float, float] | None = None
