"""The process that compares one picture: `python -m desk.web.checking.worker FOLDER`.

It reads the request in the folder, tells each step on its standard output as a line of JSON, and leaves the answer and its
pictures in the folder. The desk starts it, and ends it when a check is cancelled; when the desk is gone its standard
input ends, and so does this. The picture that was given is decoded in a child of its own (watch.sanitise).
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desk.web.checking.carried import GIVEN, Answer, Request
from sakigake.errors import SakigakeError, UsageError

if TYPE_CHECKING:
    from sakigake.model import Session
    from sakigake.settings import Settings
    from sakigake.store.sqlite import SqliteStore
    from watch.post import PostTime

Tell = Callable[..., None]


def main(arguments: list[str]) -> int:
    """Compare; returns 0 also when the answer is an error, which is told."""
    folder = Path(arguments[0])
    threading.Thread(target=_end_with_the_desk, daemon=True).start()
    try:
        _compare(folder, _tell)
    except SakigakeError as error:
        _tell(error=error.code, params={name: str(value) for name, value in error.params.items()})
    return 0


def _tell(**told: object) -> None:
    print(json.dumps(told), flush=True)  # noqa: T201 - this is how the desk is told


def _end_with_the_desk() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


def _compare(folder: Path, tell: Tell) -> None:
    from desk.sessions import open_store  # noqa: PLC0415 - errors below are told, also those of a broken installation
    from sakigake import settings  # noqa: PLC0415
    from watch import sanitise  # noqa: PLC0415

    began = time.monotonic()
    request = Request.read(folder)
    loaded = settings.load()
    store = open_store(loaded)
    sessions = [each for each in store.sessions() if not request.sessions or each.id in request.sessions]
    data, name, read_time, address = _given(folder, loaded, request, tell)
    tell(step="decode")
    pixels = sanitise.decode(data, name)
    _answer(folder, (store, loaded, sessions), (pixels, data), request, (read_time, address), tell, began)


def _given(
    folder: Path, loaded: "Settings", request: Request, tell: Tell
) -> "tuple[bytes, str, PostTime | None, str]":
    """Return the picture, its name, what its link tells of when it was posted, and where it was fetched."""
    if request.fetch:
        from desk.needing import watch_parts  # noqa: PLC0415 - may be missing
        from sakigake.clock import Clock  # noqa: PLC0415

        with watch_parts():
            from watch import assembly, linked  # noqa: PLC0415
        tell(step="fetch")
        with assembly.network(loaded) as net:
            found = linked.fetch(net.fetcher, request.link, Clock().now())
        (folder / GIVEN).write_bytes(found.data)
        return found.data, "picture", found.time, found.url
    data = (folder / GIVEN).read_bytes()
    if not data:
        raise UsageError("picture-empty", name=request.name)
    if not request.link:
        return data, request.name, None, ""
    from watch import posted  # noqa: PLC0415

    return data, request.name, posted.decode_link(request.link), ""


def _answer(  # noqa: PLR0917 - the steps of one job
    folder: Path,
    recorded: "tuple[SqliteStore, Settings, list[Session]]",
    given: tuple[Any, bytes],
    request: Request,
    read: "tuple[PostTime | None, str]",
    tell: Tell,
    began: float,
) -> None:
    from desk import deep_room  # noqa: PLC0415 - as above
    from desk.web.checking import drawing  # noqa: PLC0415 - loads OpenCV
    from sakigake.model import Interval  # noqa: PLC0415
    from watch import pdqlist  # noqa: PLC0415
    from watch.check import Seen, compare  # noqa: PLC0415
    from watch.check import read as read_session  # noqa: PLC0415
    from watch.compare import own as own_works  # noqa: PLC0415
    from watch.pipeline.verdict import deciding, with_claims  # noqa: PLC0415

    (store, loaded, sessions), (pixels, data), (linked, address) = recorded, given, read
    timelines = []
    for number, session in enumerate(sessions):
        tell(step="read", done=number, of=len(sessions))
        timelines.append(read_session(store, session))
    tell(step="compare", stages=sum(len(each.descriptors) for each in timelines))
    # What somebody states by hand comes before what a link says.
    told = linked if request.stated == Interval() else None
    posted = deciding(told) if told else request.stated
    post = Seen(pixels)
    rank = deep_room.asked_opinion(loaded, store)
    own = own_works.read(loaded.home)
    found = compare(store, timelines, post, posted, sha256(data).hexdigest(), own=own, rank=rank)
    found = pdqlist.with_lists(found, pdqlist.load(loaded.home), post)
    if told:
        found = with_claims(found, told)
    quick = drawing.beside(folder, store, loaded.pictures, pixels, found)
    Answer(found, told, quick, address, time.monotonic() - began, complete=False).write(folder)
    tell(step="draw")  # the answer can be read while the pictures that explain it are drawn
    further = drawing.explaining(folder, store, loaded.pictures, pixels, found, request.lang)
    Answer(found, told, (*quick, *further), address, time.monotonic() - began).write(folder)
    tell(step="done")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
