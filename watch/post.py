"""The records of a post from outside, and of the sources it comes from. Plain data: importing this loads nothing heavy."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sakigake.model import Interval

_LONE = re.compile("[\ud800-\udfff]")


class ClockClass(StrEnum):
    """What a stated time is worth: whose clock it is and who could have set it otherwise."""

    PLATFORM = "A"  # the platform's own clock, in an id that it gives once
    REPLACEABLE = "A-"  # the platform's clock, but it moves when the picture is replaced
    SERVER = "B"  # a server that its administrator can set back
    AUTHOR = "C"  # whatever the author wrote
    WITNESSED = "W"  # we, or a stream that we read, saw it then: an upper end only


@dataclass(frozen=True, slots=True)
class Stamp:
    """One end of a post's interval: a moment, the class of its clock, and a slug that says what it was read from."""

    value: datetime
    clock: ClockClass
    basis: str


@dataclass(frozen=True, slots=True)
class PostTime:
    """When a post was made: each end has a value, a class and a basis of its own; None is unknown."""

    not_before: Stamp | None = None
    not_after: Stamp | None = None

    @property
    def interval(self) -> Interval:
        """Return the two moments alone."""
        return Interval(
            self.not_before.value if self.not_before else None,
            self.not_after.value if self.not_after else None,
        )


def clean(text: str) -> str:
    """Return `text` with lone surrogates replaced by U+FFFD: no file, database or terminal takes them."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def _write_clean(record: object, name: str) -> None:
    told = getattr(record, name)
    if (cleaned := clean(told)) is not told:
        object.__setattr__(record, name, cleaned)


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A picture of a post by its address, before anything was fetched. `path` instead when it is a file here."""

    url: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        """Make the address text that can be written; a path is left alone, for it must still open its file."""
        _write_clean(self, "url")


@dataclass(frozen=True, slots=True)
class Post:
    """A post as a source told of it.

    `source` is the id of the source in the store, `post_id` unique within it. `author_id` is the platform's immutable
    id, never a handle; `author_name` is for showing only. `raw` is the source's own record of the post, byte for byte;
    it is kept for matches alone.
    """

    source: str
    platform: str
    post_id: str
    url: str
    author_id: str
    author_name: str
    media: tuple[MediaRef, ...]
    time: PostTime
    raw: bytes = b""

    def __post_init__(self) -> None:
        """Make every text of it text that can be written: what comes from outside may hold half a character."""
        for name in ("platform", "post_id", "url", "author_id", "author_name"):
            _write_clean(self, name)


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of time in which a source was not watched, with a slug that says why: a watcher must not claim more."""

    began: datetime
    ended: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll brought. `cursor` is where the next one goes on; posts may come twice, and the store drops repeats."""

    posts: tuple[Post, ...]
    cursor: str | None
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a person should know before switching a source on. Slugs are worded in the string tables.

    `clock` is the class of the times the source gives, `sent` names what leaves the computer, `terms` what the service
    asks of its users, `tried_live` whether it was ever run against the live service.
    """

    kind: str
    platform: str
    clock: ClockClass
    sent: str
    terms: str
    min_interval_s: float
    tried_live: bool
