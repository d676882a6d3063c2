"""What people hand in: a link, a text with links, a picture, or what a bookmarklet sends. It becomes a post; nobody is asked.

The same thing handed in twice has the same id. Ids are of the platform where the link shows them, so that a post that
was handed in as a link and as a mirror of it is one.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sakigake.errors import NotFoundError, UsageError
from watch import posted
from watch.links import Link, read_link
from watch.post import MediaRef, Post, PostTime, clean
from watch.sources import markup

SOURCE = "inbox"
MAX_PICTURE = 100 * 2**20
MAX_LINKS = 50
MAX_NOTE = 256 * 1024
MAX_NAME = 200
_LINK = re.compile(r"(?:https?|at)://[^\s<>\"'「」『』（）、。，]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}>…"
_PIECE = 1 << 20


def from_link(text: str, now: datetime, source: str = SOURCE) -> Post:
    """Make a post of a link. Raises UsageError when the text is none.

    `media` is empty when the link leads to a page: its pictures have to be looked for there.
    """
    link = read_link(text)
    if link is None:
        raise UsageError("handed-no-link")
    return _linked(link, now, source)


def _linked(link: Link, now: datetime, source: str, pictures: Sequence[str] = (), raw: bytes = b"") -> Post:
    media = tuple(MediaRef(address) for address in pictures or ([link.url] if link.picture else []))
    identity = f"{link.platform}:{link.post_id or link.url}"
    if pictures:
        identity += (
            "#" + hashlib.sha256("\n".join(pictures).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        )
    stated = posted.decode_link(link.url)
    if pictures:
        stated = posted.as_told(stated)  # which pictures are the link's is the word of whoever sent them
    return Post(
        source=source,
        platform=link.platform,
        post_id=identity,
        url=link.url,
        author_id="",
        author_name="",
        media=media,
        time=posted.combine([stated, posted.seen(now)]),
        raw=raw,
    )


def links_in(text: str) -> tuple[str, ...]:
    """Return the links in a text, each once, at most fifty."""
    found = (match[0].rstrip(_TRAILING) for match in _LINK.finditer(text[:MAX_NOTE]))
    return tuple(dict.fromkeys(link for link in found if read_link(link) is not None))[:MAX_LINKS]


def from_text(text: str, now: datetime, source: str = SOURCE) -> tuple[Post, ...]:
    """Make a post of each link in a text, as from the clipboard. Raises UsageError when there is none."""
    found = links_in(text)
    if not found:
        raise UsageError("handed-no-link")
    return tuple(from_link(link, now, source) for link in found)


def from_picture(path: Path, now: datetime, source: str = SOURCE) -> Post:
    """Make a post of a picture file; its id is its digest. The bytes are read but not looked at.

    Raises NotFoundError and UsageError.
    """
    if clean(str(path)) != str(path):
        raise UsageError("picture-name-odd", path=clean(str(path)))
    try:
        if not path.is_file():
            raise NotFoundError("picture-missing", path=path)
        if path.stat().st_size > MAX_PICTURE:
            raise UsageError("picture-too-large", name=path.name)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise UsageError("picture-unreadable", path=path, why=error.strerror or error) from error
    return Post(
        source=source,
        platform="file",
        post_id=f"file:{digest.hexdigest()}",
        url="",
        author_id="",
        author_name="",
        media=(MediaRef(path=str(path.absolute())),),
        time=posted.seen(now),
    )


def from_check(link: str, data: bytes, time: PostTime | None, source: str = SOURCE) -> Post:
    """Make a post of a picture that a person checked by hand, with the link that was given for it, if any.

    `time` is where the post's time was read; what was stated by hand stands in the answer alone.
    """
    found = read_link(link)
    digest = hashlib.sha256(data).hexdigest()
    return Post(
        source=source,
        platform=found.platform if found else "file",
        post_id=f"{found.platform}:{found.post_id or found.url}#{digest[:16]}" if found else f"file:{digest}",
        url=found.url if found else "",
        author_id="",
        author_name="",
        media=(MediaRef(url=found.url if found and found.picture else ""),),
        time=time or PostTime(),
    )


def from_bookmarklet(data: bytes, now: datetime, source: str = SOURCE) -> Post:
    """Make a post of what the bookmarklet sends: JSON with `url`, and `pictures`, the addresses it saw on the page.

    Anybody's page can make a browser send something, so nothing else in it is used, and what is fetched later goes
    through the guard. Raises UsageError.
    """
    try:
        told = json.loads(data[: MAX_NOTE + 1])
    except (ValueError, RecursionError) as error:
        raise UsageError("handed-odd-note") from error
    if not isinstance(told, dict) or len(data) > MAX_NOTE or not isinstance(told.get("url"), str):
        raise UsageError("handed-odd-note")
    link, listed = read_link(told["url"]), told.get("pictures", [])
    if link is None or not isinstance(listed, list):
        raise UsageError("handed-odd-note")
    pictures = markup.addresses([each for each in listed if isinstance(each, str)], link.url)
    return _linked(link, now, source, pictures, raw=data)
