"""Pictures from outside: what is opened, what is refused and with which sentence, and what it may cost."""

import hashlib
import io
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sakigake import words
from sakigake.errors import NotFoundError, SakigakeError, UsageError
from watch import decoder
from watch.sanitise import decode, extension_of, kind_of, load_picture


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b""
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Return a zlib stream of `count` zero bytes; one flushed block is repeated, which takes no time at any size."""
    size = 1 << 20
    first = zlib.compressobj(9, wbits=-15)
    block = first.compress(b"\0" * size) + first.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, wbits=-15)
    tail = last.compress(b"\0" * (count % size)) + last.flush()
    checksum = struct.pack(">I", (count % 65521) << 16 | 1)
    return b"\x78\xda" + block * (count // size) + tail + checksum


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "suffix"), [("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("JPEG", ".jpg")]
)
def test_opens_the_four_kinds_whatever_they_are_called(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(
        saved(Image.new("RGB", (7, 5), (200, 10, 30)), kind, **({"lossless": True} if kind == "WEBP" else {}))
    )
    pixels, digest = load_picture(path)
    assert pixels.shape == (5, 7, 3)
    assert np.abs(pixels[2, 3].astype(int) - [30, 10, 200]).max() <= 3  # BGR; JPEG rounds
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert extension_of(path) == suffix


def test_transparency_is_laid_on_white() -> None:
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 128))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    pixels = decode(saved(picture, "PNG"), "a.png")
    assert pixels[0].tolist() == [[127, 127, 255], [255, 255, 255]]


def test_palette_transparency_is_laid_on_white() -> None:
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    pixels = decode(saved(picture, "GIF", transparency=0), "a.gif")
    assert pixels[0].tolist() == [[255, 255, 255], [60, 50, 40]]


def test_exif_orientation_is_applied() -> None:
    picture = Image.new("RGB", (4, 2), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 1, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: the left edge becomes the top
    pixels = decode(saved(picture, "PNG", exif=exif), "a.png")
    assert pixels.shape == (4, 2, 3)
    assert (pixels[0] == 255).all()
    assert not pixels[1:].any()


def test_damaged_exif_leaves_the_pixels_as_stored() -> None:
    data = saved(Image.new("RGB", (9, 4), (5, 6, 7)), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff garbage")
    assert decode(data, "a.jpg").shape == (4, 9, 3)


def test_sixteen_bit_grey_keeps_its_middle_tones() -> None:
    rows = b"".join(b"\0" + struct.pack(">4H", 0, 16448, 32896, 65535) for _ in range(2))
    pixels = decode(png(4, 2, zlib.compress(rows), depth=16, colour=0), "a.png")
    assert pixels[0, :, 0].tolist() == [0, 64, 128, 255]


def test_sixteen_bit_colour() -> None:
    rows = b"\0" + struct.pack(">6H", 65535, 32896, 0, 0, 16448, 65535)
    pixels = decode(png(2, 1, zlib.compress(rows), depth=16), "a.png")
    assert pixels[0].tolist() == [[0, 128, 255], [255, 64, 0]]


def test_cmyk_jpeg_is_not_inverted() -> None:
    pixels = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95), "a.jpg")
    assert np.abs(pixels[4, 4].astype(int) - [0, 0, 255]).max() <= 6


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (6, 6), (shade, shade, shade)) for shade in (20, 200)]
    for kind in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(decode(data, "a").astype(int) - 20).max() <= 4, kind


BAD = {
    "text": (b"this is text\n" * 50, "picture-other-kind"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture-other-kind"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n", "picture-other-kind"),
    "tiff": (saved(Image.new("RGB", (4, 4)), "TIFF"), "picture-other-kind"),
    "cut short": (saved(Image.effect_noise((64, 64), 90).convert("RGB"), "JPEG")[:900], "picture-damaged"),
    "header only": (b"\x89PNG\r\n\x1a\n", "picture-other-kind"),
    "png in name": (b"\x89PNG\r\n\x1a\n" + b"junk" * 40, "picture-damaged"),
    "checksum": (png(4, 4, zlib.compress(b"\0" * 52)).replace(b"IDAT\x78", b"IDAT\x79"), "picture-damaged"),
    "liar": (png(65000, 65000, zlib.compress(b"\0" * 100)), "picture-too-large"),
    "narrow": (png(1, 900_000, zeros(900_000 * 4)), "picture-too-large"),
    "text bomb": (
        png(4, 4, zlib.compress(b"\0" * 52), extra=chunk(b"zTXt", b"a\0\0" + zeros(90_000_000))),
        "picture-damaged",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_with_one_sentence_and_a_hint(tmp_path: Path, case: str) -> None:
    data, slug = BAD[case]
    path = tmp_path / "post.png"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_picture(path)
    assert caught.value.code == slug
    for language in words.LANGUAGES:
        assert "post.png" in caught.value.message(language)
        assert caught.value.hint(language)


def test_a_bomb_of_30000_by_30000_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30000, 30000, zeros(30000 * 90001)))
    started = time.monotonic()
    with pytest.raises(UsageError, match="too large"):
        load_picture(path)
    assert time.monotonic() - started < 5


def test_missing_folder_empty_and_odd_paths(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    cases = [
        (tmp_path / "no.png", "picture-missing"),
        (tmp_path, "picture-is-folder"),
        (empty, "picture-empty"),
    ]
    for path, slug in [*cases, (tmp_path / "a\0b.png", "picture-unreadable")]:
        with pytest.raises(SakigakeError) as caught:
            load_picture(path)
        assert caught.value.code == slug
        assert caught.value.exit_code == (4 if isinstance(caught.value, NotFoundError) else 2)


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(decoder, "__file__", str(script))
    started = time.monotonic()
    with pytest.raises(UsageError) as caught:
        decode(saved(Image.new("RGB", (4, 4)), "PNG"), "a.png", wall_seconds=0.5)
    assert caught.value.code == "picture-too-slow"
    assert time.monotonic() - started < 10


def test_a_child_that_dies_or_lies_is_a_damaged_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = saved(Image.new("RGB", (4, 4)), "PNG")
    lies = {
        "import os; os.kill(os.getpid(), 9)": "picture-too-large",
        "raise SystemExit(1)": "picture-damaged",
        "print('')": "picture-damaged",
        "import sys; sys.stdout.buffer.write(b'P' + bytes(8))": "picture-damaged",
        "import sys; sys.stdout.buffer.write(b'P' + b'\\0\\0\\0\\x04' * 2 + bytes(47))": "picture-damaged",
        "import sys; sys.stdout.buffer.write(b'Rmade-up')": "picture-damaged",
    }
    for number, (body, slug) in enumerate(lies.items()):
        script = tmp_path / f"{number}.py"
        script.write_text(body + "\n")
        monkeypatch.setattr(decoder, "__file__", str(script))
        with pytest.raises(UsageError) as caught:
            decode(data, "a.png")
        assert caught.value.code == slug, body


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are a POSIX matter")
def test_the_child_inherits_nothing_and_is_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probe = (
        f"import sys; sys.path.insert(0, {str(Path(decoder.__file__).parent)!r})\n"
        "import os, resource, struct, decoder\n"
        "decoder.limit()\n"
        "room = resource.getrlimit(resource.RLIMIT_AS)[0] <= decoder.MEMORY_BYTES\n"
        "limited = room and resource.getrlimit(resource.RLIMIT_CPU)[0] <= decoder.CPU_SECONDS\n"
        "clean = not [key for key in os.environ if 'SECRET' in key or key.startswith('PYTHON')]\n"
        "try:\n    bytearray(2 * decoder.MEMORY_BYTES)\n    limited = False\nexcept MemoryError:\n    pass\n"
        "try:\n    open('/tmp/' + str(os.getpid()), 'wb').write(b'x' * 9000)\n    limited = False\nexcept OSError:\n    pass\n"
        "sys.stdout.buffer.write(b'P' + struct.pack('>II', 1, 1) + bytes([limited, clean, 7]))\n"
    )
    script = tmp_path / "probe.py"
    script.write_text(probe)
    monkeypatch.setenv("SAKIGAKE_SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(decoder, "__file__", str(script))
    assert decode(saved(Image.new("RGB", (4, 4)), "PNG"), "a.png").tolist() == [[[1, 1, 7]]]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_the_largest_picture_stays_within_its_limits(mode: str) -> None:
    data = saved(Image.new(mode, (7000, 7000), 1 if mode == "P" else tuple([90] * len(mode))), "PNG")
    assert decode(data, "a.png").shape == (7000, 7000, 3)
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert peak * (1 if sys.platform == "darwin" else 1024) < decoder.MEMORY_BYTES


def test_kind_is_read_from_the_bytes() -> None:
    assert kind_of(b"RIFF\0\0\0\0WEBPVP8 ") == ".webp"
    assert kind_of(b"RIFF\0\0\0\0AVI LIST") == ""
    assert kind_of(b"") == ""


def test_the_decoder_imports_pillow_only() -> None:
    script = (
        "import sys, watch.decoder; print(sorted({'numpy', 'cv2', 'PIL', 'sakigake'} & set(sys.modules)))"
    )
    root = Path(decoder.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.strip() == "[]"
