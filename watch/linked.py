"""One picture that a person names by a link: fetched through the guard, with what is known of when it was posted."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from watch import posted
from watch.pipeline.ports import Net
from watch.pipeline.steps import fetch_picture
from watch.post import PostTime


@dataclass(frozen=True, slots=True)
class Linked:
    """The picture behind a link. `url` is where the picture itself lies, `digest` the SHA-256 of `data`."""

    data: bytes
    digest: str
    url: str
    time: PostTime


def fetch(net: Net, link: str, now: datetime) -> Linked:
    """Get the picture that a link leads to, or that the page behind it names, with at most one request more.

    Raises NetworkError, and UsageError when the page names none.
    """
    data, fetched = fetch_picture(net, link)
    # What the servers say of the time of day is left out: whoever serves a copy may write any date above it.
    times = [posted.decode_link(link), posted.seen(now), *(posted.decode_link(each.url) for each in fetched)]
    return Linked(data, sha256(data).hexdigest(), fetched[-1].url, posted.combine(times))
