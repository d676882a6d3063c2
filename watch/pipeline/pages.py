"""Which picture a page is about: what the page itself names for previews. Nothing of it is run or shown."""

import json
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

# In the order of trust: what a page says to every service that shows previews.
_META = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
_LD_JSON = "application/ld+json"
_LD_KEYS = ("image", "contentUrl", "thumbnailUrl")
_DEEPEST = 6


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.meta: dict[str, str] = {}
        self.data: list[str] = []
        self.base = ""
        self.linked = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "meta":
            name = (given.get("property") or given.get("name") or "").lower()
            self.meta.setdefault(name, given.get("content", ""))
        elif tag == "base":
            self.base = self.base or given.get("href", "")
        elif tag == "link" and given.get("rel", "").lower() == "image_src":
            self.linked = self.linked or given.get("href", "")
        elif tag == "script" and given.get("type", "").lower() == _LD_JSON:
            self._in_data = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data.append(data)


def picture_in(page: bytes, url: str) -> str | None:
    """Return the address of the picture that a page at `url` names, absolute; None when it names none over http(s)."""
    found = _Page()
    with suppress(AssertionError, ValueError):  # the parser's own words for markup that it gives up on
        found.feed(page.decode("utf-8", "replace"))
    named = [found.meta.get(name, "") for name in _META]
    named += [each for text in found.data if (each := _in_data(text))]
    named.append(found.linked)
    base = urljoin(url, found.base) if found.base else url
    return next((onward for each in named if each and (onward := _absolute(base, each))), None)


def _absolute(base: str, named: str) -> str | None:
    try:
        onward = urljoin(base, named.strip())
        return onward if urlsplit(onward).scheme in {"http", "https"} else None
    except ValueError:
        return None


def _in_data(text: str) -> str:
    try:
        return _search(json.loads(text), _DEEPEST)
    except (ValueError, RecursionError):
        return ""


def _search(node: object, depth: int) -> str:
    if depth and isinstance(node, list):
        return next((found for each in node[:50] if (found := _search(each, depth - 1))), "")
    if not depth or not isinstance(node, dict):
        return ""
    for key in _LD_KEYS:
        value = node.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("url") or value.get("contentUrl")
        if isinstance(value, str) and value:
            return value
    return next((found for value in list(node.values())[:50] if (found := _search(value, depth - 1))), "")
