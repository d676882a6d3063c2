"""Pictures made to do harm, by name, each with what must come of it: "ok", or the slug of the sentence that refuses it."""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

from PIL import Image

OK = "ok"
OTHER, DAMAGED, LARGE, SLOW = "picture-other-kind", "picture-damaged", "picture-too-large", "picture-too-slow"
MEBI = 2**20
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(count: int) -> bytes:
    """Return a zlib stream of `count` zero bytes, made in no time."""
    first = zlib.compressobj(9, wbits=-15)
    block = first.compress(b"\0" * MEBI) + first.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    tail = last.compress(b"\0" * (count % MEBI)) + last.flush()
    return b"\x78\xda" + block * (count // MEBI) + tail + struct.pack(">I", (count % 65521) << 16 | 1)


def png(
    width: int,
    height: int,
    *,
    rows: bytes | None = None,
    depth: int = 8,
    colour: int = 2,
    extra: bytes = b"",
    interlace: int = 0,
    after: bytes = b"",
) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    if rows is None:
        rows = zeros(height * (1 + (width * channels * depth + 7) // 8))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return SIGNATURE + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + after + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def gif(width: int, height: int, blocks: bytes) -> bytes:
    return (
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + blocks + b";"
    )


def gif_frame(width: int, height: int, data: bytes = b"\x02\x44\x01\0", left: int = 0, top: int = 0) -> bytes:
    control = b"!\xf9\x04\x04\x05\0\0\0"
    return control + b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x02" + data


def apng(
    count: int, frames: int, *, width: int = 8, height: int = 8, left: int = 0, sequence: int = 1
) -> bytes:
    """Return an animation that announces `count` frames of 8x8 and has `frames`."""
    first = chunk(b"acTL", struct.pack(">II", count, 0)) + control(0, width, height, left)
    after, number = b"", sequence
    for _ in range(frames - 1):
        after += control(number, width, height, left)
        after += chunk(b"fdAT", struct.pack(">I", number + 1) + zeros(height * (1 + 3 * width)))
        number += 2
    return png(8, 8, extra=first, after=after)


def control(number: int, width: int, height: int, left: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, left, 0, 1, 10, 0, 0))


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4 if size is None else size) + b"WEBP" + body


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def animated(kind: str, size: int, count: int) -> bytes:
    frames = [Image.new("RGB", (size, size), (turn % 251, turn % 13, 90)) for turn in range(count)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)


def scans(size: int, times: int) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again, each over the whole picture."""
    data = saved(Image.new("RGB", (size, size), (90, 20, 200)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + b"\xff\xd9"


def jpeg(size: int = 64, **options: object) -> bytes:
    return saved(noise(size, size), "JPEG", **options)


def resized(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG that states another size in its header."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def segments(kind: int, data: bytes, times: int) -> bytes:
    made = jpeg()
    return made[:2] + (bytes([0xFF, kind]) + struct.pack(">H", len(data) + 2) + data) * times + made[2:]


def looping_exif() -> bytes:
    """Return EXIF whose directories point at themselves."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x0112, 3, 0xFFFFFFFF, 8)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entry + struct.pack("<I", 8)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("run.sh", "#!/bin/sh\n")
    return stream.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(%pipe%touch harm) (w) file\nshowpage\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>'
ENTITIES = b'<!DOCTYPE svg [<!ENTITY a "&b;&b;"><!ENTITY b "bbbbbbbb">]>' + SVG
SOLID = zlib.compress(b"\0" * 52)

FILES: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    # sizes
    "png-30000": (lambda: png(30_000, 30_000), {LARGE}),
    "png-13000": (lambda: png(13_000, 13_000), {LARGE}),
    "png-just-allowed-rgb": (lambda: png(7071, 7071), {OK}),
    "png-just-allowed-rgba": (lambda: png(7071, 7071, colour=6), {OK, LARGE}),
    "png-just-allowed-16-bit": (lambda: png(7071, 7071, depth=16, colour=0), {OK, LARGE}),
    "png-just-allowed-interlaced": (lambda: png(7000, 7000, colour=0, interlace=1), {OK, DAMAGED}),
    "png-65000-liar": (lambda: png(65_000, 65_000, rows=SOLID), {LARGE}),
    "png-narrow": (lambda: png(1, 900_000), {LARGE}),
    "png-nothing-wide": (lambda: png(0, 0, rows=SOLID), {DAMAGED}),
    "png-half-there": (lambda: png(5000, 5000, rows=SOLID), {DAMAGED}),
    "png-too-much-there": (lambda: png(4, 4, rows=zeros(900 * MEBI)), {OK, DAMAGED}),
    "jpeg-65500-liar": (lambda: resized(jpeg(), 65_500, 65_500), {LARGE}),
    "jpeg-7000-liar": (lambda: resized(jpeg(), 7000, 7000), {OK, DAMAGED}),
    "jpeg-nothing-high": (lambda: resized(jpeg(), 64, 0), {DAMAGED}),
    "jpeg-thousand-scans": (lambda: scans(3000, 1500), {SLOW, DAMAGED, LARGE}),
    "jpeg-progressive-49-mpx": (lambda: saved(Image.new("RGB", (7000, 7000)), "JPEG", progressive=True), {LARGE}),
    "gif-65535-canvas": (lambda: gif(65_535, 65_535, gif_frame(1, 1)), {LARGE}),
    "gif-65535-frame": (lambda: gif(1, 1, gif_frame(65_535, 65_535)), {LARGE, DAMAGED}),
    "gif-frame-outside": (lambda: gif(4, 4, gif_frame(9, 9, left=60_000, top=60_000)), {LARGE, DAMAGED}),
    "gif-nothing-wide": (lambda: gif(0, 0, gif_frame(0, 0)), {DAMAGED, LARGE}),
    "webp-16383": (lambda: saved(Image.new("L", (16_383, 4000)), "WEBP", lossless=True, quality=0, method=0), {LARGE}),
    "webp-canvas-liar": (lambda: riff((b"VP8X", vp8x(1 << 24, 1 << 24))), {DAMAGED, LARGE}),
    "webp-length-liar": (lambda: riff((b"VP8 ", b"\x30\x01\0\x9d\x01\x2a\xff\x3f\xff\x3f"), size=0xFFFFFFF0), {DAMAGED, LARGE}),
    # many frames
    "gif-3000-frames": (lambda: animated("GIF", 64, 3000), {OK}),
    "gif-40000-empty-frames": (lambda: gif(600, 600, gif_frame(1, 1) * 40_000), {OK, DAMAGED}),
    "gif-large-frames": (lambda: gif(5000, 5000, gif_frame(1, 1) * 500), {OK, DAMAGED}),
    "webp-1500-frames": (lambda: animated("WEBP", 64, 1500), {OK}),
    "apng-300-frames": (lambda: animated("PNG", 64, 300), {OK}),
    "apng-four-billion": (lambda: apng(0xFFFFFFFF, 3), {OK, DAMAGED}),
    "apng-none": (lambda: apng(0, 3), {OK, DAMAGED}),
    "apng-frame-outside": (lambda: apng(3, 3, width=8, left=4000), {OK, DAMAGED}),
    "apng-large-frame": (lambda: apng(2, 2, width=60_000, height=60_000), {OK, DAMAGED, LARGE}),
    "apng-out-of-order": (lambda: apng(3, 3, sequence=7), {OK, DAMAGED}),
    # text, profiles, metadata
    "png-text-bomb": (lambda: png(4, 4, extra=chunk(b"zTXt", b"a\0\0" + zeros(90 * MEBI))), {DAMAGED}),
    "png-itext-bomb": (lambda: png(4, 4, extra=chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(90 * MEBI))), {DAMAGED}),
    "png-many-texts": (lambda: png(4, 4, extra=chunk(b"zTXt", b"a\0\0" + zeros(900_000)) * 300), {DAMAGED}),
    "png-plain-text": (lambda: png(4, 4, extra=chunk(b"tEXt", b"a\0" + b"x" * (70 * MEBI))), {DAMAGED, OK, LARGE}),
    "png-profile-bomb": (lambda: png(4, 4, extra=chunk(b"iCCP", b"a\0\0" + zeros(300 * MEBI))), {OK, DAMAGED, LARGE}),
    "png-script": (lambda: png(4, 4, extra=chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")), {OK}),
    "png-hundred-thousand-chunks": (lambda: png(4, 4, extra=chunk(b"teXt", b"") * 100_000), {OK, DAMAGED}),
    "jpeg-many-profiles": (lambda: segments(0xE2, b"ICC_PROFILE\0\x01\xff" + b"x" * 65_000, 255), {OK, DAMAGED}),
    "jpeg-many-comments": (lambda: segments(0xFE, b"x" * 65_000, 400), {OK}),
    "jpeg-looping-exif": (lambda: jpeg(exif=looping_exif()), {OK, DAMAGED}),
    "jpeg-script": (lambda: segments(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SVG, 1), {OK}),
    "jpeg-odd-mpf": (lambda: segments(0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\xff\xff\xff\xff\0\0\0\0", 1), {OK, DAMAGED}),
    "webp-large-profile": (lambda: saved(noise(9, 9), "WEBP", icc_profile=b"x" * (30 * MEBI)), {OK, DAMAGED}),
    # cut short, or not what it says
    "png-cut": (lambda: saved(noise(300, 300), "PNG")[:9000], {DAMAGED}),
    "jpeg-cut": (lambda: jpeg(300)[:9000], {DAMAGED}),
    "gif-cut": (lambda: saved(noise(99, 99).convert("P"), "GIF")[:2000], {DAMAGED}),
    "webp-cut": (lambda: saved(noise(300, 300), "WEBP")[:9000], {DAMAGED}),
    "gif-endless-comment": (lambda: gif(4, 4, b"!\xfe" + (b"\xff" + b"x" * 255) * 40_000), {DAMAGED}),
    "png-negative-length": (lambda: SIGNATURE + b"\xff\xff\xff\xffIDAT" + b"x" * 99, {DAMAGED}),
    "png-no-palette": (lambda: png(4, 4, colour=3), {OK, DAMAGED}),
    "png-checksum": (lambda: png(4, 4, rows=SOLID).replace(b"IDAT\x78", b"IDAT\x79"), {DAMAGED}),
    "jpeg-header-only": (lambda: b"\xff\xd8\xff\xe0", {DAMAGED}),
    "jpeg-twelve-bits": (lambda: jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), {DAMAGED}),
    "eps-as-jpeg": (lambda: EPS, {OTHER}),
    "eps-behind-a-jpeg-head": (lambda: b"\xff\xd8\xff" + EPS, {DAMAGED}),
    "eps-in-dos-binary": (lambda: b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, len(EPS)) + bytes(20) + EPS, {OTHER}),
    "svg": (lambda: SVG, {OTHER}),
    "svg-entities": (lambda: ENTITIES, {OTHER}),
    "svg-behind-a-gif-head": (lambda: b"GIF89a" + SVG, {DAMAGED, LARGE}),
    "svgz": (lambda: gzip.compress(SVG), {OTHER}),
    "pdf": (lambda: b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript>>>>endobj", {OTHER}),
    "html": (lambda: b"<!doctype html><title>a.jpg</title>", {OTHER}),
    "tiff": (lambda: saved(noise(9, 9), "TIFF"), {OTHER}),
    "ico": (lambda: saved(noise(16, 16), "ICO"), {OTHER}),
    "zip-behind-a-png": (lambda: saved(noise(9, 9), "PNG") + zipped(), {OK}),
    "script-as-gif": (lambda: b"GIF89a=1;alert(1)//" + b"x" * 400, {DAMAGED, LARGE}),
    "page-behind-a-jpeg": (lambda: jpeg() + b"<script>alert(1)</script>" * 99, {OK}),
    # rare and sound
    "jpeg-cmyk": (lambda: saved(Image.new("CMYK", (9, 9), (9, 90, 9, 0)), "JPEG"), {OK}),
    "jpeg-grey": (lambda: saved(Image.new("L", (9, 9)), "JPEG"), {OK}),
    "png-16-bit-colour": (lambda: png(4, 4, depth=16, colour=6), {OK}),
    "png-one-bit": (lambda: png(9, 9, depth=1, colour=0), {OK}),
    "png-grey-alpha": (lambda: png(4, 4, colour=4), {OK}),
    "png-palette-alpha": (lambda: saved(Image.new("P", (9, 9)), "PNG", transparency=0), {OK}),
}  # fmt: skip
