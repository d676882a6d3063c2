"""The process that finds stages by words: `python -m desk.web.sought.worker`.

One line of JSON comes on its standard input, the words and how many stages are wanted; each step and at last the answer go
to its standard output as a line of JSON. It alone loads the model and the libraries that compute with it: the desk never
does. When the desk is gone its standard input ends, and so does this.
"""

import json
import os
import sys
import threading
from contextlib import closing, suppress

from sakigake.errors import SakigakeError

MOST_LINE = 100_000
NICE = 10  # a person waits for it, but a recording comes first


def main() -> int:
    """Find; returns 0 also when the answer is an error, which is told."""
    asked = json.loads(sys.stdin.readline(MOST_LINE))
    threading.Thread(target=_end_with_the_desk, daemon=True).start()
    if sys.platform != "win32":
        with suppress(OSError):
            os.nice(NICE)
    try:
        _find(str(asked["text"]), int(asked["limit"]))
    except SakigakeError as error:
        _tell(error=error.code, params={name: str(value) for name, value in error.params.items()})
    return 0


def _tell(**told: object) -> None:
    print(json.dumps(told), flush=True)  # noqa: T201 - this is how the desk is told


def _end_with_the_desk() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


def _find(text: str, limit: int) -> None:
    from desk import deep_room  # noqa: PLC0415 - errors above are told, also those of a broken installation
    from desk.sessions import open_store  # noqa: PLC0415
    from sakigake import settings  # noqa: PLC0415
    from watch.deep import worker  # noqa: PLC0415

    loaded = settings.load()
    with closing(open_store(loaded)) as store:
        sessions = [each.id for each in store.sessions()]
        sought = deep_room.seek(
            loaded, store, text, sessions=sessions, limit=limit, threads=worker.threads(), step=_step
        )
    _tell(
        model=sought.model.id,
        searched=sought.search.searched,
        unread=sought.search.unread,
        foreign=sought.foreign,
        hits=[[hit.stage.session, hit.stage.seq, round(hit.above, 2)] for hit in sought.search.hits],
    )


def _step(name: str) -> None:
    _tell(step=name)


if __name__ == "__main__":
    sys.exit(main())
