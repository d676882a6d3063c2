"""The kinds of sources: what each is called, which options it has, and how it is made. Rooms are imported when needed."""

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType

from sakigake.errors import UsageError
from watch.sources import PostSource
from watch.sources.fields import Field, of
from watch.sources.net import Net
from watch.sources.options import Options
from watch.store.records import SourceRow

# kind -> module and class
_ROOMS = {
    "folder": ("folder", "Folder"),
    "rss": ("feed", "Feed"),
    "bluesky": ("bluesky", "Bluesky"),
    "mastodon": ("mastodon", "Mastodon"),
    "misskey": ("misskey", "Misskey"),
    "booru": ("booru", "Booru"),
    "gallery-dl": ("gallerydl", "GalleryDl"),
}
KINDS = tuple(_ROOMS)
# How often and by which way a source is asked: two that differ in these alone bring the same posts twice.
_PACE = frozenset({"every_s", "timeout_s", "pause", "stream", "contact", "cookies", "program", "dictionary"})


def _room(kind: str) -> ModuleType:
    if kind not in _ROOMS:
        raise UsageError("source-kind-unknown", kind=kind, known=", ".join(KINDS))
    try:
        return importlib.import_module(f"watch.sources.{_ROOMS[kind][0]}")
    except ImportError as error:
        raise UsageError("source-library-missing", library=error.name or kind) from error


def check(kind: str, config: Mapping[str, object]) -> dict[str, object]:
    """Refuse a configuration that cannot be meant, and return it as it is to be kept: paths in it are absolute.

    Asks nobody. Raises UsageError that names the option.
    """
    options = Options(kind, config)
    _room(kind).configure(options)
    options.done()
    return options.resolved


def fields(kind: str) -> tuple[Field, ...]:
    """Return what can be said of a source of a kind when it is added; raises UsageError for a kind that is not known."""
    return of(kind, _room(kind).configure)


def make(kind: str, config: Mapping[str, object], net: Net, *, source: str = "") -> PostSource:
    """Return a source of a kind; `source` is its id in the store, the kind when there is none.

    Nothing is asked before the first poll. Raises UsageError.
    """
    room, options = _room(kind), Options(kind, config)
    configured = room.configure(options)
    options.done()
    made: PostSource = getattr(room, _ROOMS[kind][1])(configured, net, source or kind)
    return made


def same(rows: Iterable[SourceRow], kind: str, config: Mapping[str, object]) -> str:
    """Return the id of a source that reads the same already, whatever its pace; empty when there is none."""
    wanted = _reads(kind, config)
    return next((row.id for row in rows if row.kind == kind and _reads(kind, row.config) == wanted), "")


def _reads(kind: str, config: Mapping[str, object]) -> dict[str, object] | None:
    """Return what a source reads, None when its options are not sound any more: a folder may be gone."""
    try:
        configured = _room(kind).configure(Options(kind, config))
    except UsageError:
        return None
    fields = {each.name: getattr(configured, each.name) for each in dataclasses.fields(configured)}
    return {
        name: value.resolve() if isinstance(value, Path) else value
        for name, value in fields.items()
        if name not in _PACE
    }


def is_ready(source: PostSource) -> bool:
    """Say whether a source has reached what it reads, for who wants to try it out and not only to poll it.

    Sources that read in a thread or by another program answer the first poll before they know; who tries one out polls
    until this is true. Raises SakigakeError when the source could not reach it.
    """
    ready: Callable[[], bool] | None = getattr(source, "ready", None)
    return ready() if ready is not None else True


def hole_key(reason: str) -> str:
    """Return the key of the sentence for the reason of a hole."""
    return f"watch.hole.{reason}"
