"""What is told of the post that was compared: where it is, when it was made and by whose clock, and what was kept of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CLOCKS = ("A", "A-", "B", "C", "W", "E")  # E: stated by whoever exports


@dataclass(frozen=True, slots=True)
class PostedTime:
    """One end of a post's time: `end` is not-before or not-after, `clock` its class, `basis` what it was read from.

    `basis` is words in each language by its code.
    """

    end: str
    when: datetime
    clock: str
    basis: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """A post as a report may tell of it. `account` and what names it stay out unless that was asked for.

    `kept` are the files of its evidence by their names in the package; `complete` says that none was left out.
    """

    platform: str = ""
    number: str = ""
    address: str = ""
    account: str = ""
    found: datetime | None = None
    times: tuple[PostedTime, ...] = ()
    kept: Mapping[str, bytes | Path] = field(default_factory=dict)
    complete: bool = False


# Addresses in which no account stands: (pattern, what is shown).
_PLAIN = (
    (
        re.compile(r"https://(?:www\.)?(?:x|twitter)\.com/[^/?#]+/status/([0-9]{1,20})"),
        "https://x.com/i/status/{}",
    ),
    (
        re.compile(r"https://www\.pixiv\.net/(?:en/)?artworks/([0-9]{1,12})"),
        "https://www.pixiv.net/artworks/{}",
    ),
    (re.compile(r"https://danbooru\.donmai\.us/posts/([0-9]{1,12})"), "https://danbooru.donmai.us/posts/{}"),
    (re.compile(r"https://(misskey\.[a-z.]{2,20}/notes/[0-9a-z]{10,32})"), "https://{}"),
)


def without_account(address: str) -> str:
    """Return an address that leads to the same post and names no account; empty when it is not known to have one."""
    for form, shown in _PLAIN:
        if match := form.match(address):
            return shown.format(match[1])
    return ""


def one_line(text: str) -> str:
    """Return a text from outside as one line in which nothing is hidden and nothing turns the reading around."""
    return "".join(letter if letter.isprintable() else f"[U+{ord(letter):04X}]" for letter in text)
