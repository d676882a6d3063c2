"""The pictures that a page or a piece of HTML shows, without running or fetching anything."""

from collections.abc import Iterable
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

MAX_LINK = 4096
MAX_HTML = 2 * 2**20
MAX_PICTURES = 30
PREVIEWS = frozenset(
    {"og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"}
)


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.previews: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "meta":
            name = (found.get("property") or found.get("name") or "").lower()
            if name in PREVIEWS:
                self.previews.append(found.get("content", ""))
        elif tag == "link" and found.get("rel", "").lower() == "image_src":
            self.previews.append(found.get("href", ""))
        elif tag == "img":
            self.shown.append(found.get("src", ""))


def addresses(found: Iterable[str], base: str) -> tuple[str, ...]:
    """Return http(s) addresses, made absolute and without repeats, at most thirty; none of over 4,096 characters."""
    kept: dict[str, None] = {}
    for each in found:
        try:
            address = urljoin(base, each.strip())
            parts = urlsplit(address)
        except ValueError:
            continue
        # Controls and characters that turn the direction of writing have no place in an address.
        sound = each.strip() and len(address) <= MAX_LINK and address.isprintable()
        if sound and parts.scheme in {"http", "https"} and parts.hostname:
            kept[address] = None
        if len(kept) == MAX_PICTURES:
            break
    return tuple(kept)


def _parse(html: str) -> _Pictures:
    parser = _Pictures()
    with suppress(
        AssertionError
    ):  # how html.parser says of "<![;" that it is no markup: what came before stays
        parser.feed(html[:MAX_HTML])
        parser.close()
    return parser


def shown_pictures(html: str, base: str) -> tuple[str, ...]:
    """Return the pictures that a piece of HTML shows, as the content of a feed's entry."""
    return addresses(_parse(html).shown, base)


def page_pictures(html: str, base: str) -> tuple[str, ...]:
    """Return the picture that a page gives as its preview; that is the post's picture where a page is a post."""
    return addresses(_parse(html).previews, base)
