"""The bookmarklet: a bookmark that hands the page one looks at to the desk, through the fragment of an address.

A fragment never travels to any server, so nobody but the desk's own page reads it; no rule of the browser has to be
loosened for it. Any web page can open an address of the desk as well. So the bookmark's has a key in it, which opens this
one page and nothing else; nothing is kept before the user has pressed a button there; and it is so often a minute at most.
A page on which the bookmark was used could have read the key: all it could do with it is ask the same question.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sakigake.errors import UsageError
from sakigake.text import plain
from watch.links import read_link

KIND = "hand-in"  # of the key, among those that the desk keeps
PAGE = "/hand-in"
MOST_PICTURES = 8
LEAST_SIDE = 200  # pixels: smaller ones are icons and faces
MOST_TOLD = 40_000  # characters
MOST_TITLE = 200
PER_MINUTE = 20
MINUTE_S = 60.0

# What the bookmark runs on the page that is looked at. `noopener`: that page keeps no hold of the window.
_SCRIPT = """(function(){
var d=document,u=[],p=[].slice.call(d.images).filter(function(i){
return i.naturalWidth>=%(least)d&&i.naturalHeight>=%(least)d&&/^https?:/.test(i.currentSrc||i.src)});
p.sort(function(a,b){return b.naturalWidth*b.naturalHeight-a.naturalWidth*a.naturalHeight});
p.forEach(function(i){var a=i.currentSrc||i.src;if(u.indexOf(a)<0&&u.length<%(most)d)u.push(a)});
window.open('http://%(host)s%(page)s?k=%(key)s#'+encodeURIComponent(JSON.stringify(
{url:location.href,title:d.title.slice(0,%(title)d),pictures:u})),
'_blank','width=560,height=680,noopener')})()"""


@dataclass(frozen=True, slots=True)
class Told:
    """What the bookmark handed over: the address, the title as plain text, and the addresses of pictures."""

    url: str
    title: str
    pictures: tuple[str, ...]


def bookmarklet(host: str, key: str) -> str:
    """Return the address of the bookmark for the desk at `host` ("127.0.0.1:8765")."""
    script = _SCRIPT % {
        "least": LEAST_SIDE,
        "most": MOST_PICTURES,
        "host": host,
        "page": PAGE,
        "key": key,
        "title": MOST_TITLE,
    }
    return f"javascript:{quote(script.replace(chr(10), ''), safe=_UNQUOTED)}"


_UNQUOTED = "!$&'()*+,-./:;=?@_~"


def read(text: str) -> Told:
    """Read what came in the fragment; raises UsageError when no bookmark of ours wrote it.

    Of the title only what can be shown as one line of text is left; addresses that are no links to a page or picture of
    the web are refused or passed over.
    """
    try:
        told = json.loads(text) if len(text) <= MOST_TOLD else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise UsageError("handed-odd-note")
    url, title, pictures = (told.get(name) for name in ("url", "title", "pictures"))
    if not isinstance(url, str) or read_link(url) is None:
        raise UsageError("handed-odd-note")
    return Told(
        url,
        plain(title, MOST_TITLE) if isinstance(title, str) else "",
        _addresses(pictures) if isinstance(pictures, list) else (),
    )


def _addresses(told: Sequence[object]) -> tuple[str, ...]:
    sound = (each for each in told if isinstance(each, str) and (link := read_link(each)) and link.url)
    return tuple(dict.fromkeys(sound))[:MOST_PICTURES]


def note(url: str, pictures: Sequence[str]) -> bytes:
    """Return what the watcher's own parser of handed-in notes takes."""
    return json.dumps({"url": url, "pictures": list(pictures)}).encode()


class Pace:
    """Lets something happen so many times a minute; may be used from several threads."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count one more; raises UsageError (`handed-too-often`) when it is too many."""
        now = self._clock()
        with self._lock:
            while self._times and self._times[0] <= now - MINUTE_S:
                self._times.popleft()
            if len(self._times) >= self._most:
                raise UsageError("handed-too-often", most=self._most)
            self._times.append(now)
