"""The child process that decodes one picture. Started as a script; imports Pillow after its limits are set.

Reads the file from standard input, writes `P`, width and height as u32 big endian and BGR bytes to standard output,
or `R` and a slug that says why it refused.
"""

import struct
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535
MEMORY_BYTES = 1_000 * 2**20
STRIP_ROWS = 256
CPU_SECONDS = 20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
PIXELS = b"P"
REFUSED = b"R"
REASONS = frozenset({"picture-damaged", "picture-too-large", "picture-other-kind"})
SIZE = struct.Struct(">II")


class RefusedError(Exception):
    """The picture is refused; the argument is the slug."""


def main() -> int:
    """Decode standard input to standard output."""
    limit()
    data = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        picture = decode(data)
        out.write(PIXELS + SIZE.pack(*picture.size))
        for strip in strips(picture):
            out.write(strip)
    except RefusedError as error:
        out.write(REFUSED + str(error).encode("ascii"))
    except MemoryError:
        out.write(REFUSED + b"picture-too-large")
    out.flush()
    return 0


def limit() -> None:
    """Take away what decoding has no use for: memory, CPU time, writing files, leaving a core."""
    if sys.platform != "win32":  # no such limits there; the parent's wall time and the size checks remain
        import resource  # noqa: PLC0415 - POSIX only

        for kind, most in (
            (resource.RLIMIT_CPU, CPU_SECONDS),
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
    import io  # noqa: PLC0415 - imported under the limits
    import warnings  # noqa: PLC0415

    from PIL import Image, ImageFile, UnidentifiedImageError  # noqa: PLC0415

    warnings.simplefilter("error")
    # Many cameras and apps write EXIF that Pillow grumbles about; the pixels are sound.
    warnings.filterwarnings("ignore", message=".*EXIF")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = picture.size
        too_large = width * height > MAX_PIXELS or max(width, height) > MAX_SIDE
        if not too_large:
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError("picture-too-large") from error
    except UnidentifiedImageError as error:
        raise RefusedError("picture-other-kind") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged files
        raise RefusedError("picture-damaged") from error
    if too_large:
        raise RefusedError("picture-too-large")
    return _upright(picture)


def _upright(picture: "Image.Image") -> "Image.Image":
    from PIL import ImageOps  # noqa: PLC0415

    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - EXIF is free-form; when it is damaged the pixels stand as they are stored
        return picture
    return picture


def strips(picture: "Image.Image") -> Iterator[bytes]:
    """Yield BGR bytes from top to bottom, transparency laid on white; in strips, so that no second copy is held."""
    from PIL import Image  # noqa: PLC0415

    width, height = picture.size
    for top in range(0, height, STRIP_ROWS):
        strip = picture.crop((0, top, width, min(height, top + STRIP_ROWS)))
        if strip.mode.startswith("I"):
            # 16-bit grey: convert("RGB") would clip everything above 255 to white.
            strip = strip.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        elif strip.has_transparency_data:
            layer = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        yield strip.convert("RGB").tobytes("raw", "BGR")


if __name__ == "__main__":
    sys.exit(main())
