"""What a pasted link points to: the platform, the post's id there, and the time that the id states. Asks nobody."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from watch import postids
from watch.postids import Step

MAX_LINK = 4096
X_HOSTS = frozenset({"x.com", "twitter.com"})
# Mirrors of X that fans paste for their previews; the number is that post's, the picture what a third party serves.
X_MIRRORS = frozenset({"fxtwitter.com", "vxtwitter.com", "fixupx.com", "fixvx.com", "nitter.net"})
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif")
_AT = re.compile(r"at://([^/?#]+)/app\.bsky\.feed\.post/([^/?#]+)")


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was understood. `post_id` is empty when it leads to something that is no single post.

    `picture` says that it leads to the picture itself. `upload` says that its time is the upload's, so the post came
    later, or, for a server that is not the author's, that nothing is known of the post: then `step` is None.
    `mirror` says that the host is not the platform's.
    """

    url: str
    platform: str
    post_id: str = ""
    picture: bool = False
    upload: bool = False
    step: Step | None = None
    mirror: bool = False


def read_link(text: str) -> Link | None:
    """Understand a link; None when it is no http(s) or at:// address at all.

    A link whose form is not known is of platform "web", with itself as its id.
    """
    text = text.strip()
    if not text or len(text) > MAX_LINK or re.search(r"[\x00-\x20\x7f]", text):
        return None
    if match := _AT.fullmatch(text):
        return _bluesky(f"https://bsky.app/profile/{match[1]}/post/{match[2]}", match[1], match[2])
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises for what is no number
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return None
    bare = re.sub(r"^(?:www|mobile|m)\.", "", host)
    path = parts.path
    found = _known(text, bare, path, parts.query) or _fediverse(text, host, path)
    if found is not None:
        return found
    return Link(text, "web", text, picture=path.lower().endswith(PICTURE_ENDINGS))


def _known(url: str, host: str, path: str, query: str) -> Link | None:
    for hosts, read in _READERS:
        if host in hosts:
            return read(url, path, query)
    return None


def _x_post(url: str, path: str, _query: str) -> Link | None:
    match = re.match(r"/(?:i/web|i|[A-Za-z0-9_]{1,20})/status(?:es)?/(\d+)", path, re.ASCII)
    return match and Link(url, "x", match[1], step=postids.x_status(match[1]))


def _x_mirror(url: str, path: str, query: str) -> Link | None:
    link = _x_post(url, path, query)
    return link and replace(link, mirror=True)


def _discord_message(url: str, path: str, _query: str) -> Link | None:
    match = re.match(r"/channels/(?:@me|\d+)/\d+/(\d+)", path, re.ASCII)
    return match and Link(url, "discord", match[1], step=postids.discord(match[1]))


def _discord_file(url: str, path: str, _query: str) -> Link | None:
    match = re.match(r"/attachments/\d+/(\d+)/", path, re.ASCII)
    step = match and postids.discord(match[1])
    return match and Link(url, "discord", match[1], picture=True, upload=True, step=step)


def _pixiv_picture(url: str, path: str, _query: str) -> Link | None:
    found = postids.pixiv_path(path)
    return found and Link(url, "pixiv", found[1], picture=True, step=found[0])


def _pixiv_work(url: str, path: str, _query: str) -> Link | None:
    match = re.match(r"(?:/[a-z]{2})?/artworks/(\d+)", path, re.ASCII)
    return match and Link(url, "pixiv", match[1])


def _bluesky_page(url: str, path: str, _query: str) -> Link | None:
    match = re.match(r"/profile/([^/]+)/post/([^/]+)", path)
    return match and _bluesky(url, match[1], match[2])


def _x_picture(url: str, path: str, _query: str) -> Link | None:
    if match := re.match(r"/(?:ext_tw_video_thumb|ext_tw_video|amplify_video_thumb)/(\d+)/", path, re.ASCII):
        step = postids.x_status(match[1])
        if step is not None:
            step = Step(step.start, step.width, "x-picture-name")
        return Link(url, "x", f"media:{match[1]}", picture=True, upload=True, step=step)
    match = re.match(
        r"/(?:media|tweet_video_thumb|tweet_video)/([A-Za-z0-9_-]+)(?:\.[a-z0-9]+)?(?::[a-z]+)?$", path
    )
    if match is None:
        return None
    return Link(url, "x", f"media:{match[1]}", picture=True, upload=True, step=postids.x_picture(match[1]))


def _bluesky(url: str, account: str, key: str) -> Link:
    # With a handle instead of a DID the same post would have two ids; only the DID is the author's for good.
    post_id = f"at://{account}/app.bsky.feed.post/{key}"
    return Link(url, "bluesky", post_id, step=postids.bluesky(key))


def _fediverse(url: str, host: str, path: str) -> Link | None:
    """Read the paths of Mastodon and Misskey, which any host may have."""
    if match := re.fullmatch(r"/(?:@|users/)([^/@]+)(@[^/]+)?/(?:statuses/)?(\d{15,20})/?", path, re.ASCII):
        step = None if match[2] else postids.mastodon(match[3])
        return Link(url, "mastodon", f"{host}/{match[3]}", upload=bool(match[2]), step=step)
    if match := re.fullmatch(r"/(?:web|deck)/(?:statuses|@[^/]+)/(\d{15,20})/?", path, re.ASCII):
        return Link(url, "mastodon", f"{host}/{match[1]}", upload=True)
    if (match := re.fullmatch(r"/notes/([0-9A-Za-z]{10,26})/?", path)) and (
        step := postids.misskey(match[1])
    ):
        return Link(url, "misskey", f"{host}/{match[1]}", step=step)
    return None


_READERS: tuple[tuple[frozenset[str], Callable[[str, str, str], Link | None]], ...] = (
    (X_HOSTS, _x_post),
    (X_MIRRORS, _x_mirror),
    (frozenset({"pbs.twimg.com", "video.twimg.com"}), _x_picture),
    (frozenset({"discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"}), _discord_message),
    (frozenset({"cdn.discordapp.com", "media.discordapp.net"}), _discord_file),
    (frozenset({"i.pximg.net", "i-f.pximg.net"}), _pixiv_picture),
    (frozenset({"pixiv.net"}), _pixiv_work),
    (frozenset({"bsky.app"}), _bluesky_page),
)
