"""Handing in: a link, a text with links or a picture that a person wants looked at. For the command line and the page."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from desk.needing import watch_parts
from desk.watching import open_watch
from sakigake.settings import Settings
from watch import clipboard
from watch.post import Post
from watch.sources import handed


def _require_watch() -> None:
    """Raise UsageError (`watch-missing`) when nothing here could ever look at what is handed in."""
    with watch_parts():
        from watch.fetch import client as _client  # noqa: F401, PLC0415 - it would lie there for ever


def hand_in(settings: Settings, posts: Sequence[Post], now: datetime) -> int:
    """Keep posts for the watcher; returns how many of them it had not looked at before.

    Raises UsageError (`watch-missing`) when nothing could ever look at them.
    """
    _require_watch()
    with closing(open_watch(settings, make=True)) as store:
        return sum(store.hand_in(post, now) for post in posts)


def hand_in_picture(settings: Settings, data: bytes, now: datetime) -> bool:
    """Keep a picture's bytes for the watcher; returns False when it looked at them before. Raises UsageError, OSError."""
    _require_watch()
    before = set(clipboard.kept(settings.home))
    post = handed.from_picture(clipboard.keep(data, settings.home), now)
    fresh = hand_in(settings, [post], now)
    if not fresh and set(clipboard.kept(settings.home)) - before:
        clipboard.let_go(post, settings.home)  # it was looked at before, and nobody will look at it again
    return bool(fresh)


def typed(taken: str, now: datetime) -> Sequence[Post]:
    """Return the posts of what a person typed: a file of the computer, or a text with links. Raises UsageError."""
    _require_watch()
    path = Path(taken).expanduser()
    if not handed.links_in(taken) or path.is_file():
        return (handed.from_picture(path.absolute(), now),)
    return handed.from_text(taken, now)
