import os
import struct
import zlib
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.frame import Pixels
from capture.spool import Spool, encode
from sakigake.fingerprint.vector import pixel_digest_v1


def picture(seed: int = 0, height: int = 60, width: int = 80) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def decoded(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def chunks(data: bytes) -> list[bytes]:
    place, names = 8, []
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        names.append(data[place + 4 : place + 8])
        (crc,) = struct.unpack_from(">I", data, place + 8 + length)
        assert crc == zlib.crc32(data[place + 4 : place + 8 + length])
        place += 12 + length
    return names


@pytest.mark.parametrize("shape", [(60, 80), (1, 1), (33, 7), (400, 300)])
def test_a_png_is_lossless_and_has_no_ancillary_chunks(shape: tuple[int, int]) -> None:
    pixels = picture(1, *shape)
    data = bytes(encode(pixels))
    assert set(chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    assert np.array_equal(decoded(data), pixels)


def test_a_cut_out_of_a_larger_picture_is_encoded_as_such() -> None:
    pixels = picture()[10:40, 20:60]
    assert np.array_equal(decoded(bytes(encode(pixels))), pixels)


def test_a_picture_is_named_by_its_file_and_known_by_its_pixels(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "pictures")
    kept = spool.keep(picture())
    path = spool.path(kept.file)
    assert path == tmp_path / "pictures" / kept.file[:2] / f"{kept.file}.png"
    assert sha256(path.read_bytes()).hexdigest() == kept.file
    assert kept.pixels == pixel_digest_v1(picture())
    assert (kept.width, kept.height) == (80, 60)


def test_the_same_picture_is_kept_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    first = spool.keep(picture())
    before = spool.path(first.file).stat()
    assert spool.keep(picture()) == first
    assert spool.path(first.file).stat().st_mtime_ns == before.st_mtime_ns
    assert len(list(tmp_path.glob("*/*"))) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_pictures_are_for_their_owner_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "pictures")
    path = spool.path(spool.keep(picture()).file)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_a_crash_left_is_removed_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.keep(picture())
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "abc.tmp").write_bytes(b"half")
    spool.path(kept.file).with_suffix(".tmp").write_bytes(b"half")
    assert spool.clean() == 2
    assert spool.path(kept.file).exists()
    assert spool.clean() == 0


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        Spool(tmp_path / "file").keep(picture(2))
    spool = Spool(tmp_path / "pictures")
    path = spool.path(spool.keep(picture(1)).file)
    path.unlink()
    path.with_suffix(".tmp").mkdir()  # a name that cannot be written to
    with pytest.raises(OSError, match="directory"):
        spool.keep(picture(1))
    assert not path.exists()
