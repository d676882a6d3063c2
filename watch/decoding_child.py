"""The child process that decodes one picture after another for `decoding`, each under limits of its own.

It is started without the user's site-packages and environment, loads every decoder it will need, and then gives up what
it has no further use for: opening files and sockets, starting programs, memory beyond what one picture takes.

A request is `HEAD`: a nonce, the length of the file, how many frames are wanted, and how long their shorter side has to be
at least when they may be smaller than they are, else 0; then the file. The answer is the nonce, then `F`, width and height as u32 big endian and BGR bytes for each frame, then `E`; or `R`, the length of a slug, a slug.
"""

import math
import os
import struct
import sys
import time
from typing import TYPE_CHECKING

from watch import decoder, headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

HEAD = struct.Struct(">16sIBH")
MAX_FILE_BYTES = 100 * 2**20
CPU_SECONDS = 5
# Beyond what the process takes with everything loaded (17 MB resident). 50 million pixels in RGBA are 200.
PICTURE_BYTES = 270 * 2**20
# Looking for more frames ends after so much CPU time, and at so many pixels of all frames together.
SAMPLING_SECONDS = 2.0
MAX_PIXELS = decoder.MAX_PIXELS
MAX_FRAMES = 2_000
READY = b"ready"
# What decoding never does. An audit hook cannot be taken out again.
FORBIDDEN = (
    "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "os.putenv",
    "os.remove", "os.rename", "os.kill", "os.listdir", "socket.", "ctypes.", "open", "pty.", "winreg.",
)  # fmt: skip
FORBIDDEN_EXIT, MEMORY_EXIT = 3, 4


def main() -> int:
    """Answer requests until standard input ends."""
    _load_everything()
    _give_up()
    out = sys.stdout.buffer
    out.write(READY)
    out.flush()
    while head := sys.stdin.buffer.read(HEAD.size):
        nonce, length, most, least = HEAD.unpack(head)
        data = sys.stdin.buffer.read(length)
        _grant_cpu()
        out.write(nonce)
        _answer(data, most, least)
        out.flush()
    return 0


def _answer(data: bytes, most: int, least: int) -> None:
    out = sys.stdout.buffer
    told = False
    try:
        for picture in sampled(data, most, least):
            by = decoder.factor(picture.size, least)
            out.write(decoder.FRAME + decoder.SIZE.pack(*(side // by for side in picture.size)))
            told = True
            for strip in decoder.strips(picture, by):
                out.write(strip)
    except decoder.RefusedError as error:
        if not told:
            # Its first bytes are those of one of the four kinds, so it is not of another kind.
            _refuse(str(error).replace("picture-other-kind", "picture-damaged"))
            return
    except MemoryError:
        if told:  # perhaps in the middle of a frame: nothing may follow it
            os._exit(MEMORY_EXIT)
        _refuse("picture-too-large")
        return
    out.write(decoder.END)


def _refuse(slug: str) -> None:
    sys.stdout.buffer.write(decoder.REFUSED + bytes([len(slug)]) + slug.encode("ascii"))


def sampled(data: bytes, most: int, least: int = 0) -> "Iterator[Image.Image]":
    """Yield the first frame and up to `most` - 1 others, spread evenly over the animation; raises RefusedError.

    A JPEG may come smaller, its shorter side `least` at least, when that is not 0. Frames are fewer when looking for them takes too long. What follows a frame that is damaged is not looked for.
    """
    began = time.process_time()
    if headers.needed(data) > PICTURE_BYTES:
        raise decoder.RefusedError("picture-too-large")
    picture = decoder.open_picture(data, least)
    with decoder.refusing():
        moving = most > 1 and picture.format in decoder.ANIMATED and getattr(picture, "is_animated", False)
    if not moving:
        yield decoder.upright(picture)
        return
    yield decoder.upright(picture.copy())
    with decoder.refusing():
        count = min(int(getattr(picture, "n_frames", 1)), MAX_FRAMES)
    pixels = picture.width * picture.height
    wanted = {math.ceil(turn * (count - 1) / (most - 1)) for turn in range(1, most)} - {0}
    given = 1
    for number in range(1, count):
        with decoder.refusing():
            try:
                picture.seek(number)
            except EOFError:
                return
            if number in wanted:
                picture.load()
        if time.process_time() - began > SAMPLING_SECONDS or (given + 1) * pixels > MAX_PIXELS:
            return
        if number in wanted:
            given += 1
            yield decoder.upright(picture.copy())


def _load_everything() -> None:
    """Import what the four kinds need: nothing can be opened later. Pillow would load all its kinds to find WebP."""
    import io  # noqa: PLC0415 - after the path was set
    import warnings  # noqa: PLC0415

    from PIL import (  # noqa: PLC0415
        ExifTags,  # noqa: F401
        GifImagePlugin,  # noqa: F401
        Image,
        ImageFile,  # noqa: F401
        ImageMath,  # noqa: F401
        ImageOps,  # noqa: F401
        ImagePalette,  # noqa: F401
        ImageSequence,  # noqa: F401
        JpegImagePlugin,  # noqa: F401
        MpoImagePlugin,  # noqa: F401
        PngImagePlugin,  # noqa: F401
        TiffImagePlugin,  # noqa: F401
        WebPImagePlugin,  # noqa: F401
    )

    exif = Image.Exif()
    exif[0x0112] = 6
    for (
        kind
    ) in decoder.FORMATS:  # and once through everything, which finds the imports that hide in functions
        for mode in ("RGB", "RGBA", "P", "L"):
            if kind == "JPEG" and mode in {"RGBA", "P"}:
                continue
            stream = io.BytesIO()
            Image.new(mode, (2, 3)).save(stream, kind, **({} if kind == "GIF" else {"exif": exif}))
            for by in (1, 2):
                for strip in decoder.strips(decoder.decode(stream.getvalue()), by):
                    bytes(strip)
    frames = [Image.new("RGB", (2, 2), (shade, 0, 0)) for shade in (0, 90, 180)]
    for kind in decoder.ANIMATED:
        stream = io.BytesIO()
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
        list(sampled(stream.getvalue(), 3))
    warnings.simplefilter("error")


def _give_up() -> None:
    if sys.platform != "win32":  # there the parent puts the process into a job with limits
        import resource  # noqa: PLC0415 - POSIX only

        for kind, most in (
            (resource.RLIMIT_AS, _size() + PICTURE_BYTES),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, 3),  # the three that are open
            (resource.RLIMIT_NPROC, 0),  # counts for nothing when run by root
        ):
            _, hard = resource.getrlimit(kind)
            value = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(kind, (value, value))
            except (OSError, ValueError):
                continue  # macOS refuses RLIMIT_AS; the size checks before decoding and the time limits still hold
    sys.addaudithook(_audit)


def _audit(event: str, _: tuple[object, ...]) -> None:
    if event.startswith(FORBIDDEN):
        os._exit(FORBIDDEN_EXIT)


def _size() -> int:
    """Return how much address space the process takes now, in bytes; a usual figure where the system does not say."""
    try:
        with open("/proc/self/status", encoding="ascii") as stream:  # noqa: PTH123 - pathlib is not loaded here
            return next(int(line.split()[1]) for line in stream if line.startswith("VmSize:")) * 1024
    except (OSError, ValueError, StopIteration):
        return 64 * 2**20


def _grant_cpu() -> None:
    """Let this picture have its CPU seconds: the limit counts all that the process ever used."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - POSIX only, loaded already

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(time.process_time()) + CPU_SECONDS
        resource.setrlimit(
            resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
        )
