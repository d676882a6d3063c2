"""The pictures of findings: opened in the process that opens hostile files, and drawn anew before a page shows them."""

import io
import threading
from collections import OrderedDict
from contextlib import closing

from desk import reviewing
from desk.watching import open_watch
from sakigake.errors import NotFoundError
from sakigake.settings import Settings

SIDES = (320, 960)  # longer sides in pixels: in the list, on the page of one
MOST_HELD = 60
QUALITY = 85


class Pictures:
    """Keeps the last ones in memory only: what is erased must not lie in a cache. Two are opened at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.BoundedSemaphore(2)

    def get(self, number: int, side: int) -> bytes:
        """Return a JPEG of the picture that a finding is of.

        Raises NotFoundError when there is no such finding or no evidence of it, UsageError when it cannot be opened.
        """
        with closing(open_watch(self._settings)) as store:
            row = store.finding(number)
        key = (row.new.digest, side)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        data = reviewing.picture(self._settings, row)
        if data is None:
            raise NotFoundError("findings-no-evidence", number=number)
        with self._turn:
            made = redrawn(data, side)
        with self._lock:
            self._held[key] = made
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        return made

    def forget(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._held.clear()


def redrawn(data: bytes, side: int) -> bytes:
    """Return a picture from outside as a JPEG of ours, its longer side at most `side` pixels; raises UsageError."""
    from PIL import Image  # noqa: PLC0415 - the desk starts without it

    from watch import sanitise  # noqa: PLC0415

    pixels = sanitise.decode(data, "picture")
    picture = Image.fromarray(pixels[:, :, ::-1].copy(), "RGB")
    picture.thumbnail((side, side))
    raw = io.BytesIO()
    picture.save(raw, "JPEG", quality=QUALITY)
    return raw.getvalue()
