"""What the pages of findings show, as plain values. Whatever others wrote is one line of text without controls here."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.card import Card, card
from desk.reviewing import REVIEWS
from desk.watching import why
from sakigake import words
from sakigake.text import plain
from watch.links import read_link
from watch.store.records import INBOX, FindingRow, Review

STATES = tuple(each.value for each in Review)
PER_PAGE = 30
MOST_NAME, MOST_ADDRESS = 100, 300


@dataclass(frozen=True, slots=True)
class Tab:
    """One filter of the list: the slug in the address (empty: all), its words, and how many findings it shows."""

    slug: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One finding in the list; nobody is named. `has_picture` says that evidence of it was kept."""

    number: int
    found: datetime
    review: str
    review_words: str
    order_words: str
    likeness_words: str
    source: str
    session: str
    same_as: int | None
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, newest first. `page` counts from 1."""

    tabs: tuple[Tab, ...]
    lines: tuple[Line, ...]
    chosen: str
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding. `who` and `who_id` are empty unless names were asked for.

    `address` is what may be shown of the post's address as text, `link` the address itself when it leads to the web.
    `bundle` is the name of the kept evidence; without one `missing` says why there is none.
    """

    line: Line
    card: Card
    note: str
    reviewed: datetime | None
    names: bool
    who: str
    who_id: str
    address: str
    link: str
    file: str
    platform: str
    picture_number: int
    digest: str
    session: str
    again: tuple[int, ...]
    bundle: str
    sealed: bool
    missing: str


def listing(rows: Sequence[FindingRow], chosen: str, page: int) -> Listing:
    """Return one page of the findings with this answer, all of them for another `chosen` than there is."""
    counts = Counter(row.review.value for row in rows)
    chosen = chosen if chosen in STATES else ""
    tabs = (
        *(Tab(slug, words.text(f"findings.review.{slug}"), counts[slug], slug == chosen) for slug in STATES),
        Tab("", words.text("desk.findings.all"), len(rows), not chosen),
    )
    wanted = [row for row in reversed(rows) if chosen in {"", row.review.value}]
    pages = max(1, -(-len(wanted) // PER_PAGE))
    page = min(max(1, page), pages)
    return Listing(
        tabs,
        tuple(line(row) for row in wanted[(page - 1) * PER_PAGE : page * PER_PAGE]),
        chosen,
        page,
        pages,
    )


def line(row: FindingRow) -> Line:
    """Return a finding as it stands in the list."""
    return Line(
        row.number,
        row.found,
        row.review.value,
        words.text(f"findings.review.{row.review.value}"),
        words.text(f"finding.order.{row.new.order.value}"),
        words.text(f"finding.likeness.{row.new.likeness.value}"),
        words.text("desk.findings.inbox") if row.post.source == INBOX else plain(row.post.source, MOST_NAME),
        row.new.session,
        row.same_as,
        bool(row.new.bundle),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a review: its slug, its words, what it means, and whether it is the one given."""

    slug: str
    label: str
    means: str
    chosen: bool


def answers(row: FindingRow) -> tuple[Choice, ...]:
    """Return the answers that a person can give."""
    return tuple(
        Choice(
            slug,
            words.text(f"desk.findings.answer.{slug}"),
            words.text(f"desk.findings.answer-means.{slug}"),
            row.review.value == slug,
        )
        for slug in REVIEWS
    )


def shown(row: FindingRow, file: str, again: Sequence[int], *, names: bool) -> Shown:
    """Return one finding; `file` is what the file is called that it is of, `again` the later findings of the same file."""
    link = read_link(row.post.url)
    return Shown(
        line=line(row),
        card=card(json.loads(row.new.detail), row.post.time),
        note=row.review_note,
        reviewed=row.reviewed,
        names=names,
        who=plain(" ".join(row.post.author_name.split()), MOST_NAME) if names else "",
        who_id=plain(row.post.author_id, MOST_NAME) if names else "",
        address=plain(row.post.url, MOST_ADDRESS),
        link=link.url if link else "",
        file=plain(file, MOST_NAME),
        platform=plain(row.post.platform, MOST_NAME),
        picture_number=row.new.media + 1,
        digest=row.new.digest,
        session=row.new.session,
        again=tuple(again),
        bundle=row.new.bundle,
        sealed=row.sealed,
        missing=why(row.new.bundle_reason) if row.new.bundle_reason else "",
    )
