"""Films of sessions on which the canvas keeps its place: made beside the desk, kept in the cache, for looking at only.

Run as a program it makes one: `python -m desk.web.timeline.filming SESSION FOLDER`. The pictures come from the same
machinery as `sakigake timeline lapse`; here they are small and no more than `MOST` of them.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from desk.web.app import Desk
from desk.web.timeline.surroundings import surroundings
from sakigake import copies, settings
from sakigake.errors import NotFoundError

MOST, HEIGHT, QUALITY = 240, 540, 82
FPS = 8
GIF = "film.gif"
DONE = "done"
WALL_S = 20 * 60.0
KEPT = "films"
_NAME = re.compile(r"[0-9]{4}\.jpg|film\.gif", re.ASCII)
_MAKING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Film:
    """How the film of a session stands: `frames` pictures are there, or it is being made (`done` of them so far)."""

    frames: int = 0
    making: bool = False
    done: int = 0
    failed: bool = False


class Films:
    """The films of one home. One is made at a time; thread-safe."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._parts: dict[str, Path] = {}
        self._failed: set[str] = set()

    def _place(self, session: str) -> Path:
        return copies.folder(self._home, copies.FILMS) / session

    def state(self, session: str) -> Film:
        """Return how the film of a session stands."""
        with self._lock:
            process = self._running.get(session)
            if process is not None and process.poll() is None:
                return Film(making=True, done=len(list(self._parts[session].glob("*.jpg"))))
            if process is not None:
                self._finish(session, process.returncode)
            place = self._place(session)
            if (place / DONE).is_file():
                return Film(frames=len(list(place.glob("*.jpg"))))
            return Film(failed=session in self._failed)

    def start(self, session: str) -> None:
        """Begin to make the film of a session, unless one is being made; one that is there is made anew."""
        with self._lock:
            if any(process.poll() is None for process in self._running.values()):
                return
            place = self._place(session)
            shutil.rmtree(place, ignore_errors=True)
            part = place.with_name(f"part-{secrets.token_hex(6)}")
            part.mkdir(parents=True, mode=0o700)
            self._failed.discard(session)
            self._parts[session] = part
            self._running[session] = subprocess.Popen(
                [sys.executable, "-m", "desk.web.timeline.filming", session, str(part)],
                stdin=subprocess.PIPE,  # it ends when the desk does
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=surroundings(self._home),
            )

    def _finish(self, session: str, code: int) -> None:
        process, part = self._running.pop(session), self._parts.pop(session)
        if process.stdin is not None:
            process.stdin.close()
        with suppress(OSError):  # a picture was forgotten meanwhile, and all films with it
            if code == 0 and (part / DONE).is_file():
                part.replace(self._place(session))
                return
        self._failed.add(session)
        shutil.rmtree(part, ignore_errors=True)

    def file(self, session: str, name: str) -> Path:
        """Return a picture of a film, or the film as a GIF; raises NotFoundError."""
        path = self._place(session) / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFoundError("copy-gone")
        return path

    def close(self) -> None:
        """End what is being made."""
        with self._lock:
            for session, process in list(self._running.items()):
                process.kill()
                process.wait()
                self._finish(session, 1)


def films_of(desk: Desk) -> Films:
    """Return the films of a desk, made when first asked for."""
    with _MAKING:
        made = desk.kept.get(KEPT)
        if not isinstance(made, Films):
            made = desk.kept[KEPT] = Films(desk.settings.home)
        return made


def spread(places: Sequence[int], most: int) -> list[int]:
    """Return up to `most` of some places, evenly spread, the first and the last among them."""
    if len(places) <= most:
        return list(places)
    return [places[round(number * (len(places) - 1) / (most - 1))] for number in range(most)]


def main(arguments: Sequence[str]) -> int:
    """Make the film of a session in a folder; returns 1 when there is nothing to show."""
    threading.Thread(target=_end_with_the_desk, daemon=True).start()
    threading.Timer(WALL_S, os._exit, [4]).start()
    code = _make(arguments[0], Path(arguments[1]))
    os._exit(code)  # the timer would wait


def _end_with_the_desk() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


def _make(session: str, folder: Path) -> int:
    from PIL import Image  # noqa: PLC0415 - the desk starts without it

    from capture.lapse import Still, frame_size, pictures, survey  # noqa: PLC0415 - loads OpenCV
    from capture.spool import Spool  # noqa: PLC0415
    from desk.sessions import find, open_store  # noqa: PLC0415
    from sakigake.timeline.entry import parse_picture  # noqa: PLC0415
    from sakigake.timeline.reading import stages  # noqa: PLC0415

    loaded = settings.load()
    store, spool = open_store(loaded), Spool(loaded.pictures)
    found = [(stored, entry) for stored, entry in stages(store, find(store, session).id) if stored.opening]
    stills = [
        Still(
            spool.path(parse_picture(found[place][0].opening or b"").file),
            str(found[place][1].info.get("label", "")),
            str(found[place][1].info.get("why", "")),
        )
        for place in spread(range(len(found)), MOST)
    ]
    sections, count = survey(stills)
    if not count:
        return 1
    shown = []
    for number, pixels in enumerate(pictures(stills, sections, frame_size(sections, None, HEIGHT))):
        picture = Image.fromarray(pixels[..., ::-1])
        picture.save(folder / f"{number:04d}.jpg", "JPEG", quality=QUALITY)
        shown.append(picture.quantize(128, dither=Image.Dither.NONE))
    shown[0].save(folder / GIF, save_all=True, append_images=shown[1:], duration=1000 // FPS, loop=0)
    (folder / DONE).touch()
    return 0


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
