"""A video file: a recording of the drawing, or a stream that was downloaded (PyAV, the extra "video").

The time of a picture is its presentation time in the file, and that is all a file can say. Where the key frames lie
close enough together only they are decoded, which is ten times quicker.
"""

import errno
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from capture.frame import Frame, NoFrame, Region
from capture.sources.folder import MAX_PIXELS
from capture.sources.packets import Hole, VideoReader
from sakigake.clock import Clock
from sakigake.errors import NotFoundError, SakigakeError, UsageError

# No playlists and no addresses: a file that only names others could make us fetch them.
FORMATS = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,mpegts,mpeg,asf,ogg,mxf,gif,apng"
BOX_HEAD = 8


class VideoSource:
    """The pictures of `path`, one every `step_s` seconds of its own time; `canvas` is a rectangle in the picture."""

    live = False

    def __init__(
        self, path: Path, step_s: float, canvas: Region | None = None, clock: Clock | None = None
    ) -> None:
        self._path = path
        self._step = step_s
        self._canvas = canvas
        self._clock = clock or Clock()
        self._container: Any = None
        self._walk: Iterator[Frame | NoFrame] = iter(())
        self._seq = 0

    def open(self) -> None:
        """Open the file; raises NotFoundError, UsageError or SakigakeError with one sentence."""
        if not self._path.exists():
            raise NotFoundError("video-missing", path=self._path)
        if not self._path.is_file():  # a pipe would keep us waiting
            raise UsageError("video-unreadable", path=self._path, why=os.strerror(errno.EINVAL))
        av = _av()
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        try:
            self._container = av.open(str(self._path), container_options=options)
        except (OSError, ValueError) as error:  # FFmpegError is the one or the other
            if _cut_off(self._path):
                raise UsageError("video-cut-off", path=self._path) from error
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError("video-unreadable", path=self._path, why=why) from error
        try:
            self._walk = self._pictures(av, self._stream())
        except BaseException:
            self.close()
            raise

    def _stream(self) -> Any:
        streams = self._container.streams.video
        if not streams:
            raise UsageError("video-without-pictures", path=self._path)
        stream = streams[0]
        if stream.width * stream.height > MAX_PIXELS:
            raise UsageError("video-too-large", path=self._path, width=stream.width, height=stream.height)
        stream.thread_type = "AUTO"
        return stream

    def grab(self) -> Frame | NoFrame:
        """Return the next picture, a Hole, or "exhausted"."""
        return next(self._walk, NoFrame("exhausted"))

    def _pictures(self, av: Any, stream: Any) -> Iterator[Frame | NoFrame]:
        reader = VideoReader(av, stream, self._step)
        for found in reader.pictures(self._container):
            if isinstance(found, Hole):
                yield found
            else:
                yield self._frame(found, reader.since_start_ms(reader.time_of(found)))

    def _frame(self, picture: Any, pts_ms: int) -> Frame | NoFrame:
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        pixels = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
        if turn := getattr(picture, "rotation", 0):
            pixels = np.rot90(pixels, round(turn / 90) % 4)
        whole = Region(0, 0, pixels.shape[1], pixels.shape[0])
        region = (self._canvas or whole).clip(whole)
        if region is None:
            return NoFrame("too-small", self._path.name)
        cut = pixels[region.top : region.top + region.height, region.left : region.left + region.width]
        self._seq += 1
        return Frame(
            pixels=np.ascontiguousarray(cut),
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq - 1,
            origin="video",
            region=region,
            lossy=True,
            info={"pts_ms": pts_ms},
        )

    def close(self) -> None:
        """Close the file."""
        self._walk = iter(())
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def describe(self) -> dict[str, int | str]:
        """Return kind and step: a file name can hold a person's name."""
        return {"origin": "video", "step_ms": round(self._step * 1000)}


def _av() -> Any:
    """Return the module av; raises SakigakeError with what to install."""
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise SakigakeError("video-extra-missing") from error


def _cut_off(path: Path) -> bool:
    """Say whether this is an MP4 without its index (the box "moov"), which is written last of all."""
    found: set[bytes] = set()
    try:
        with path.open("rb") as file:
            place = 0
            size = path.stat().st_size
            while place + BOX_HEAD <= size and len(found) < 64:  # noqa: PLR2004 - more boxes than any file has
                file.seek(place)
                head = file.read(2 * BOX_HEAD)
                length, kind = int.from_bytes(head[:4], "big"), head[4:BOX_HEAD]
                found.add(kind)
                if length == 1:
                    length = int.from_bytes(head[BOX_HEAD:], "big")
                if length < BOX_HEAD:
                    break
                place += length
    except OSError:
        return False
    return b"ftyp" in found and b"moov" not in found
