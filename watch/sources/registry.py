"""The kinds of sources: what each is called, which options it has, and how it is made. Rooms are imported when needed."""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType

from sakigake.errors import UsageError
from watch.sources import PostSource
from watch.sources.net import Net
from watch.sources.options import Options

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


def make(kind: str, config: Mapping[str, object], net: Net, *, source: str = "") -> PostSource:
    """Return a source of a kind; `source` is its id in the store, the kind when there is none.

    Nothing is asked before the first poll. Raises UsageError.
    """
    room, options = _room(kind), Options(kind, config)
    configured = room.configure(options)
    options.done()
    made: PostSource = getattr(room, _ROOMS[kind][1])(configured, net, source or kind)
    return made


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
