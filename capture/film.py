"""Writing a film: VP9 in MP4 or WebM by PyAV (the extra "video"), or GIF by Pillow.

docs/adr/0007 says why VP9.
"""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from capture.frame import Pixels
from sakigake.errors import SakigakeError, UsageError

VIDEO = frozenset({".mp4", ".webm"})
GIF = ".gif"
SUFFIXES = (".mp4", ".webm", GIF)
# Constant quality; line art shows rings around its lines below this. CPU of 60 pictures at 1280x720: 1 s, at the
# "good" deadline 4 s for a file 7 % smaller.
VP9 = {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "crf": "30", "b": "0"}
BT709, LIMITED = (
    1,
    1,
)  # ITU-T H.273: matrix, primaries and transfer of HD video; the range that players expect
GIF_COLOURS = 128
CENTISECOND_MS = 10  # GIF counts time in these


def check(path: Path) -> None:
    """Raise a SakigakeError unless a film can be written to a path; nothing that is there is ever replaced."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("lapse-suffix", path=path)
    if not path.absolute().parent.is_dir():
        raise UsageError("lapse-folder-missing", path=path.absolute().parent)
    if path.exists() or path.is_symlink():
        raise UsageError("lapse-exists", path=path)
    if path.suffix.lower() in VIDEO:
        _av()


def write(path: Path, frames: Iterator[Pixels], rate: Fraction) -> int:
    """Write BGR pictures of one even size, `rate` of them a second; returns how many.

    The file appears under its name when it is whole. Raises SakigakeError when it cannot be written.
    """
    check(path)
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        count = _gif(beside, frames, rate) if path.suffix.lower() == GIF else _video(beside, frames, rate)
        if path.exists():
            raise UsageError("lapse-exists", path=path)
        beside.rename(path)
    except OSError as error:
        raise SakigakeError("lapse-unwritable", path=path, why=error.strerror or error) from error
    finally:
        with suppress(OSError):  # what is in the way is told by the error above
            beside.unlink(missing_ok=True)
    return count


def _video(path: Path, frames: Iterator[Pixels], rate: Fraction) -> int:
    av = _av()
    count = 0
    with av.open(str(path), "w") as container:
        stream = None
        for count, pixels in enumerate(frames, 1):  # noqa: B007 - counts
            if stream is None:
                stream = _stream(container, pixels, rate)
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
    return count


def _stream(container: Any, first: Pixels, rate: Fraction) -> Any:
    stream = container.add_stream("libvpx-vp9", rate=rate, options=dict(VP9))
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    # Without these a player guesses, and reds shift.
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED
    return stream


def _gif(path: Path, frames: Iterator[Pixels], rate: Fraction) -> int:
    from PIL import Image  # noqa: PLC0415 - only films need it here

    times: list[int] = []

    def images() -> Iterator[Any]:
        for pixels in frames:
            # Each picture ends on the centisecond nearest to where it should.
            end = round(Fraction(len(times) + 1) / rate * 100)
            times.append(end * CENTISECOND_MS - sum(times))
            picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
            picture = picture.quantize(GIF_COLOURS, dither=Image.Dither.NONE)
            picture.info["duration"] = times[-1]
            yield picture

    every = images()
    first = next(every, None)
    if first is not None:
        first.save(path, save_all=True, append_images=every, loop=0)
    return len(times)


def held(frames: Iterator[Pixels], count: int, total: int) -> Iterator[Pixels]:
    """Spread `count` pictures evenly over `total`: each is repeated, or left out, as that needs."""
    for number, pixels in enumerate(itertools.islice(frames, count)):
        for _ in range((number + 1) * total // count - number * total // count):
            yield pixels


def _av() -> Any:
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SakigakeError("lapse-extra-missing") from error
    return av
