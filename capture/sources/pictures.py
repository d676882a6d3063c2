"""Single picture files, given by hand, in the order they were given."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from capture.frame import Frame, NoFrame, Region
from capture.sources.folder import decode, opens, why_not
from sakigake.clock import Clock
from sakigake.errors import NotFoundError, UsageError


class PictureSource:
    """The pictures `paths`, each once; `canvas` is a rectangle in each of them. The files are only read.

    After each there is an "at-rest": a picture that somebody chose is worth a stage if it shows anything new.
    """

    live = False

    def __init__(
        self, paths: Sequence[Path], canvas: Region | None = None, clock: Clock | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._canvas = canvas
        self._clock = clock or Clock()
        self._next = 0
        self._seq = 0
        self._given = False

    def open(self) -> None:
        """See that every file is there; raises UsageError or NotFoundError before anything is recorded."""
        if not self._paths:
            raise UsageError("pictures-none")
        for path in self._paths:
            if path.is_dir():
                raise UsageError("pictures-a-folder", path=path)
            if not path.is_file():
                raise NotFoundError("pictures-missing", path=path)
            if not opens(path):
                raise UsageError("pictures-unreadable", path=path)

    def grab(self) -> Frame | NoFrame:
        """Return the next picture; "not-a-picture" or "too-small" name a file that is passed over."""
        if self._given:
            self._given = False
            return NoFrame("at-rest")
        if self._next >= len(self._paths):
            return NoFrame("exhausted")
        path = self._paths[self._next]
        self._next += 1
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        decoded = decode(path)
        if decoded is None:
            return NoFrame(why_not(path), path.name)
        pixels, lossy = decoded
        whole = Region(0, 0, pixels.shape[1], pixels.shape[0])
        region = (self._canvas or whole).clip(whole)
        if region is None:
            return NoFrame("too-small", path.name)
        cut = pixels[region.top : region.top + region.height, region.left : region.left + region.width]
        self._seq += 1
        self._given = True
        return Frame(
            pixels=np.ascontiguousarray(cut),
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq - 1,
            origin="pictures",
            region=region,
            lossy=lossy,
            info=claimed(path),
        )

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def describe(self) -> dict[str, int | str]:
        """Return kind and number: a name can be a person's."""
        return {"origin": "pictures", "count": len(self._paths)}


def claimed(path: Path) -> dict[str, int | str]:
    """Return what a file says of its own time: a claim."""
    try:
        return {"file_ms": path.stat().st_mtime_ns // 1_000_000}
    except OSError:
        return {}  # it was moved away after it was read
