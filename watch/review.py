"""Findings that a person has reviewed, by account. Local only, and by the platform's immutable id, never by a handle."""

from collections.abc import Iterable
from dataclasses import dataclass

from watch.store.records import FindingRow, Review


@dataclass(frozen=True, slots=True)
class AccountView:
    """What people found of one account: distinct recorded works and posts among the confirmed, and the other answers."""

    platform: str
    author_id: str
    works: int
    posts: int
    confirmed: tuple[int, ...]
    licensed: int
    dismissed: int


def by_account(findings: Iterable[FindingRow]) -> list[AccountView]:
    """Return a view of each account with a confirmed finding, those with most works first.

    A finding that nobody has reviewed counts for nothing, and neither does a post whose source names no account.
    """
    groups: dict[tuple[str, str], list[FindingRow]] = {}
    for finding in findings:
        if finding.post.author_id and finding.review is not Review.NEW:
            groups.setdefault((finding.post.platform, finding.post.author_id), []).append(finding)
    views = [_view(platform, author, found) for (platform, author), found in groups.items()]
    return sorted(
        (view for view in views if view.confirmed),
        key=lambda view: (-view.works, -view.posts, view.platform, view.author_id),
    )


def _view(platform: str, author: str, found: list[FindingRow]) -> AccountView:
    confirmed = [each for each in found if each.review is Review.CONFIRMED]
    return AccountView(
        platform=platform,
        author_id=author,
        works=len({each.new.session for each in confirmed}),
        posts=len({(each.post.source, each.post.post_id) for each in confirmed}),
        confirmed=tuple(each.number for each in confirmed),
        licensed=sum(each.review is Review.LICENSED for each in found),
        dismissed=sum(each.review is Review.DISMISSED for each in found),
    )
