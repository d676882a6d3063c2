"""What a message says: that there is something to look at, and where. No likeness in figures, no word about anybody."""

from dataclasses import dataclass
from urllib.parse import quote

from sakigake import words
from sakigake.text import plain
from watch.store.records import FindingRow

MOST_NAME, MOST_ADDRESS = 60, 500
# Names are called by “@”, links and mark-up begin with the others; to people the wide ones look alike.
_WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "@#&*_~`|[]()<>\\:/"}
_IN_ADDRESSES = frozenset("-._/:?&=%#+,;")


@dataclass(frozen=True, slots=True)
class Message:
    """A message about finding `number`. `key` is the same however often it is sent; 0 and empty for a test."""

    number: int
    key: str
    title: str
    text: str


def about(finding: FindingRow, *, names: bool) -> Message:
    """Return the message about a finding; the account and the address of the post stand in it only with `names`."""
    lines = [words.text("watch.alert-text"), words.text("watch.alert-where", number=finding.number)]
    if names:
        who = inert(finding.post.author_name) or inert(finding.post.author_id) or "–"
        url = inert_address(finding.post.url) or "–"
        lines.append(words.text("watch.alert-names", who=who, url=url))
    return Message(finding.number, finding.new.idempotency, words.text("watch.alert-title"), "\n".join(lines))


def inert(name: str) -> str:
    """Return a stranger's name so that a service reads nothing into it: no call to anybody, no link, no mark-up.

    One line of at most 60 characters. The signs that mean something somewhere are written as wide ones.
    """
    return plain(" ".join(name.split()), MOST_NAME).translate(_WIDE)


def inert_address(url: str) -> str:
    """Return an address with whatever is mark-up or a call somewhere as percent signs and digits; empty when it is too long."""
    if len(url) > MOST_ADDRESS:
        return ""
    return "".join(
        each if each.isalnum() or each in _IN_ADDRESSES else quote(each, safe="", errors="replace")
        for each in plain(url, MOST_ADDRESS)
    )


def trial() -> Message:
    """Return the message of `sakigake watch test --alerts`."""
    return Message(0, "", words.text("watch.alert-title"), words.text("watch.alert-test"))
