import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.frame import Frame, NoFrame, Region
from capture.sources.pictures import PictureSource
from sakigake.errors import NotFoundError, UsageError


def picture(path: Path, grey: int) -> Path:
    cv2.imwrite(str(path), np.full((64, 80, 3), grey, np.uint8))
    return path


def everything(source: PictureSource) -> list[Frame | NoFrame]:
    source.open()
    found: list[Frame | NoFrame] = []
    while not found or found[-1] != NoFrame("exhausted"):
        found.append(source.grab())
    source.close()
    return found[:-1]


def test_pictures_come_in_the_order_they_were_given_and_each_comes_to_rest(tmp_path: Path) -> None:
    paths = [picture(tmp_path / name, grey) for name, grey in (("z.png", 10), ("a.png", 20), ("m.jpg", 30))]
    found = everything(PictureSource([*paths, paths[0]]))
    frames = [seen for seen in found if isinstance(seen, Frame)]
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [10, 20, 30, 10]
    assert [frame.lossy for frame in frames] == [False, False, True, False]
    assert [frame.seq for frame in frames] == [0, 1, 2, 3]
    assert found[1::2] == [NoFrame("at-rest")] * 4
    assert all(frame.info["file_ms"] for frame in frames)


def test_what_is_no_picture_is_passed_over_by_name(tmp_path: Path) -> None:
    good, bad = picture(tmp_path / "good.png", 10), tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    found = everything(PictureSource([bad, good]))
    assert found[0] == NoFrame("not-a-picture", "bad.png")
    assert isinstance(found[1], Frame)


def test_a_canvas_is_cut_out(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 10)
    found = everything(PictureSource([path], Region(8, 8, 40, 32)))
    assert isinstance(found[0], Frame)
    assert found[0].pixels.shape == (32, 40, 3)
    assert everything(PictureSource([path], Region(70, 8, 40, 32))) == [NoFrame("too-small", "a.png")]


def test_nothing_begins_when_one_is_missing(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 10)
    with pytest.raises(NotFoundError):
        PictureSource([path, tmp_path / "b.png"]).open()
    with pytest.raises(UsageError):
        PictureSource([]).open()
    with pytest.raises(UsageError):
        PictureSource([tmp_path]).open()


def test_the_files_are_only_read(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 10)
    path.chmod(0o400)
    before = path.stat().st_mtime_ns
    assert isinstance(everything(PictureSource([path]))[0], Frame)
    assert path.stat().st_mtime_ns == before


def test_what_it_is_names_no_file(tmp_path: Path) -> None:
    assert PictureSource([tmp_path / "name.png"]).describe() == {"origin": "pictures", "count": 1}


def test_a_file_that_is_no_picture_is_said_before_anything_is_recorded(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    with pytest.raises(UsageError) as caught:
        PictureSource([picture(tmp_path / "a.png", 10), text]).open()
    assert caught.value.code == "pictures-unreadable"


def test_a_picture_too_large_to_be_taken_in_is_called_that(tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    wide.write_bytes(huge_png(30_000, 30_000))
    assert everything(PictureSource([wide])) == [NoFrame("too-large", "wide.png")]


def huge_png(width: int, height: int) -> bytes:
    """Return a whole black PNG of that size, a few hundred kilobytes."""
    packed = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
