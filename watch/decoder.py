"""The child process that decodes one picture. Started as a script; imports Pillow after its limits are set.

Reads the file from standard input, writes `P`, width and height as u32 big endian and BGR bytes to standard output,
or `R` and a slug that says why it refused. With `--frames` every frame of an animated picture comes so, each behind
`F` and its moment in ms as u64, and `E` behind the last one; a refusal may come in between.
"""

import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535
MEMORY_BYTES = 1_000 * 2**20
STRIP_ROWS, STRIP_PIXELS = 256, 4_000_000
CPU_SECONDS = 20
FRAMES_CPU_SECONDS = 120
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
ANIMATED = ("PNG", "WEBP", "GIF")  # what follows the first picture of a JPEG is a depth map or the like
# Browsers take so short a time, which files often state, for this longer one.
SHORT_MS, SHORT_TAKEN_FOR_MS = 10, 100
PIXELS = b"P"
FRAME = b"F"
END = b"E"
REFUSED = b"R"
FRAMES = "--frames"
REASONS = frozenset({"picture-damaged", "picture-too-large", "picture-other-kind"})
SIZE = struct.Struct(">II")
MOMENT = struct.Struct(">Q")


class RefusedError(Exception):
    """The picture is refused; the argument is the slug."""


def main() -> int:
    """Decode standard input to standard output."""
    moving = sys.argv[1:] == [FRAMES]
    limit(FRAMES_CPU_SECONDS if moving else CPU_SECONDS)
    data = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        if moving:
            for at_ms, picture in frames(data):
                out.write(FRAME + MOMENT.pack(at_ms))
                _write(picture)
            out.write(END)
        else:
            _write(decode(data))
    except RefusedError as error:
        out.write(REFUSED + str(error).encode("ascii"))
    except MemoryError:
        out.write(REFUSED + b"picture-too-large")
    out.flush()
    return 0


def _write(picture: "Image.Image") -> None:
    sys.stdout.buffer.write(PIXELS + SIZE.pack(*picture.size))
    for strip in strips(picture):
        sys.stdout.buffer.write(strip)


def limit(cpu_seconds: int = CPU_SECONDS) -> None:
    """Take away what decoding has no use for: memory, CPU time, writing files, leaving a core."""
    if sys.platform != "win32":  # no such limits there; the parent's wall time and the size checks remain
        import resource  # noqa: PLC0415 - POSIX only

        for kind, most in (
            (resource.RLIMIT_CPU, cpu_seconds),
            (resource.RLIMIT_AS, MEMORY_BYTES),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            _, hard = resource.getrlimit(kind)
            value = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(kind, (value, value))
            except (OSError, ValueError):
                # macOS refuses RLIMIT_AS; the size checks before decoding and the wall time still hold.
                continue


def decode(data: bytes) -> "Image.Image":
    """Return the first frame, upright; raises RefusedError."""
    return upright(open_picture(data))


def factor(size: tuple[int, int], least: int) -> int:
    """Return by which whole number a picture can be divided so that its shorter side is still `least`; 1 when that is 0."""
    return max(1, min(size) // least) if least else 1


def frames(data: bytes) -> "Iterator[tuple[int, Image.Image]]":
    """Yield each frame, upright, with the moment at which it appears, in ms from the first; raises RefusedError."""
    picture = open_picture(data)
    number, at_ms = 0, 0.0
    while True:
        yield round(at_ms), upright(picture.copy())
        if picture.format not in ANIMATED:
            return
        at_ms += _lasts_ms(picture, number)
        number += 1
        with refusing():
            try:
                picture.seek(number)
            except EOFError:
                return
            picture.load()


def _lasts_ms(picture: "Image.Image", number: int) -> float:
    if number == 0 and getattr(picture, "default_image", False):
        return 0  # of an APNG: shown only by programs that know nothing of its frames
    stated = float(picture.info.get("duration", 0))
    return stated if stated > SHORT_MS else SHORT_TAKEN_FOR_MS


def open_picture(data: bytes, least: int = 0) -> "Image.Image":
    """Return the picture with its first frame loaded; raises RefusedError.

    A JPEG may come smaller, its shorter side `least` at least, when that is not 0: what nobody wants is not computed.
    """
    import io  # noqa: PLC0415 - imported under the limits
    import warnings  # noqa: PLC0415

    from PIL import Image, ImageFile  # noqa: PLC0415

    warnings.simplefilter("error")
    # Many cameras and apps write EXIF that Pillow grumbles about; the pixels are sound.
    warnings.filterwarnings("ignore", message=".*EXIF")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with refusing():
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = picture.size
        too_large = width * height > MAX_PIXELS or max(width, height) > MAX_SIDE
        if not too_large:
            if (least_factor := factor(picture.size, least)) > 1:
                picture.draft(None, (width // least_factor, height // least_factor))
            picture.load()
    if too_large:
        raise RefusedError("picture-too-large")
    return picture


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what Pillow raises into a refusal."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError("picture-too-large") from error
    except UnidentifiedImageError as error:
        raise RefusedError("picture-other-kind") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged files
        raise RefusedError("picture-damaged") from error


def upright(picture: "Image.Image") -> "Image.Image":
    """Return the picture as its EXIF says it is to be held."""
    from PIL import ImageOps  # noqa: PLC0415

    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - EXIF is free-form; when it is damaged the pixels stand as they are stored
        return picture
    return picture


def strips(picture: "Image.Image", by: int = 1) -> Iterator[bytes]:
    """Yield BGR bytes from top to bottom, transparency laid on white; in strips, so that no second copy is held.

    Both sides are divided `by` a whole number, by area means; a rest at the far rim is cut off.
    """
    from PIL import Image  # noqa: PLC0415

    width, height = (side // by * by for side in picture.size)
    rows = max(STRIP_ROWS, STRIP_PIXELS // width) // by * by or by
    for top in range(0, height, rows):
        whole = rows >= height and (width, height) == picture.size
        strip = picture if whole else picture.crop((0, top, width, min(height, top + rows)))
        if strip.mode.startswith("I"):
            # 16-bit grey: convert("RGB") would clip everything above 255 to white.
            strip = strip.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        elif strip.has_transparency_data:
            layer = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        plain = strip if strip.mode == "RGB" else strip.convert("RGB")
        yield (plain.reduce(by) if by > 1 else plain).tobytes("raw", "BGR")


if __name__ == "__main__":
    sys.exit(main())
