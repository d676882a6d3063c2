"""What a message says: that there is something to look at, and where. No likeness in figures, no word about anybody."""

from dataclasses import dataclass

from sakigake import words
from watch.store.records import FindingRow


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
        who = finding.post.author_name or finding.post.author_id or "–"
        lines.append(words.text("watch.alert-names", who=who, url=finding.post.url or "–"))
    return Message(finding.number, finding.new.idempotency, words.text("watch.alert-title"), "\n".join(lines))


def trial() -> Message:
    """Return the message of `sakigake watch test --alerts`."""
    return Message(0, "", words.text("watch.alert-title"), words.text("watch.alert-test"))
