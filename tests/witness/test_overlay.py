"""The picture for the stream: read back by the real reader, whole at every moment, nothing in it but the code."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sakigake import words as sentences
from sakigake.errors import UsageError
from sakigake.witness import overlay
from sakigake.witness.code import Head, words
from sakigake.witness.reader import heads, places


def head(number: int) -> Head:
    root = hashlib.sha256(b"%d" % number).digest()
    return Head(root.hex()[:8], 10**number, root)


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("language", sentences.LANGUAGES)
@pytest.mark.parametrize("number", range(10))
def test_is_read_back(language: str, number: int) -> None:
    shown = pixels(overlay.picture(head(number), language))
    assert heads(shown) == ({head(number)}, 0)


@pytest.mark.parametrize("language", sentences.LANGUAGES)
def test_the_words_are_drawn(language: str) -> None:
    """Each letter stands where it belongs: what is right of the code is exactly the five lines, dot by dot."""
    one = head(3)
    text = pixels(overlay.picture(one, language))[:, overlay.SIDE :, 0]
    expected = np.full((overlay.HEIGHT, overlay.WIDTH - overlay.SIDE), 255, np.uint8)
    lines = [*words(one, language), one.ledger.upper()]
    for number, line in enumerate(lines):
        left, top = 0, (overlay.HEIGHT - 32 * len(lines)) // 2 + 32 * number
        for letter in line:
            glyph = overlay._glyphs()[letter]
            for y, row in enumerate(glyph.rows):
                for x in range(glyph.width):
                    if row >> (glyph.width - 1 - x) & 1:
                        expected[top + y, left + x] = 0
            left += glyph.width
        assert left <= expected.shape[1]
    assert np.array_equal(text, expected)
    assert (text == 0).sum() > 1000


def test_every_word_fits_and_every_letter_is_drawn() -> None:
    from sakigake import resources

    glyphs = overlay._glyphs()
    assert all(any(glyph.rows) and len(glyph.rows) == 32 for glyph in glyphs.values())
    for language in sentences.LANGUAGES:
        for word in resources.read_text(f"codewords/{language}.txt").split():
            assert sum(glyphs[letter].width for letter in word) <= overlay.WIDTH - overlay.SIDE
    assert sum(glyphs[letter].width for letter in "0123456789ABCDEF") / 2 <= overlay.WIDTH - overlay.SIDE


def test_size_and_form() -> None:
    png = overlay.picture(head(1), "ja")
    assert png == overlay.picture(head(1), "ja")
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.size, picture.mode) == ((overlay.WIDTH, overlay.HEIGHT), "L")
        assert not picture.info
    assert overlay.SIDE == 164
    assert overlay.SIDE**2 / (1920 * 1080) < 0.015
    quiet = pixels(png)[:, : overlay.SIDE, 0]
    assert (quiet[:16] == 255).all()
    assert (quiet[-16:] == 255).all()
    assert (quiet[:, :16] == 255).all()
    assert (quiet[:, -16:] == 255).all()


def test_says_nothing_but_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same head gives the same bytes, whoever's computer draws it and wherever it is written."""
    canary = tmp_path / "canary-user" / "secret title.png"
    canary.parent.mkdir()
    overlay.write(canary, head(2), "ab" * 16, "ja")
    monkeypatch.setenv("USER", "canary-user")
    monkeypatch.setenv("HOSTNAME", "canary-host")
    said = json.loads(overlay.beside(canary).read_text(encoding="utf-8"))
    assert set(said) == {"schema_version", "code", "ledger", "size", "root", "words"}
    assert said["words"] == {language: list(words(head(2), language)) for language in ("en", "ja")}
    assert canary.read_bytes() == overlay.picture(head(2), "ja")
    everything = canary.read_bytes() + overlay.beside(canary).read_bytes()
    for secret in (b"canary", b"secret", os.uname().nodename.encode()):
        assert secret not in everything


def test_is_whole_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "air.png"
    overlay.write(path, head(0), "ab" * 16, "en")
    valid = {overlay.picture(head(number), "en") for number in range(5)}
    done = threading.Event()
    broken: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen = path.read_bytes()
            if seen not in valid:
                broken.append(len(seen))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(25):
        overlay.write(path, head(turn % 5), "ab" * 16, "en")
    done.set()
    reader.join()
    assert not broken
    assert sorted(each.name for each in tmp_path.iterdir()) == ["air.json", "air.png"]


def test_each_picture_is_of_another_second(tmp_path: Path) -> None:
    """OBS compares whole seconds: two pictures of one second would be one to it."""
    seconds = []
    for number in range(4):
        overlay.write(tmp_path / "air.png", head(number), "ab" * 16, "en")
        seconds.append(int((tmp_path / "air.png").stat().st_mtime))
    assert len(set(seconds)) == 4
    os.utime(tmp_path / "air.png", (2**32, 2**32))  # somebody's clock was wrong
    overlay.write(tmp_path / "air.png", head(5), "ab" * 16, "en")
    assert int((tmp_path / "air.png").stat().st_mtime) == 2**32 + 1


def test_takes_nobodys_file(tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.png"
    drawing.write_bytes(cv2.imencode(".png", np.full((300, 400, 3), 9, np.uint8))[1].tobytes())
    notes = tmp_path / "notes.json"
    notes.write_text('{"mine": 1}', encoding="utf-8")
    for path in (drawing, tmp_path / "notes.png", tmp_path, tmp_path / "air.jpg"):
        with pytest.raises(UsageError):
            overlay.check_place(path)
    (tmp_path / "empty.png").touch()
    overlay.check_place(tmp_path / "empty.png")
    overlay.check_place(tmp_path / "air.png")
    overlay.write(tmp_path / "air.png", head(1), "ab" * 16, "ja")
    overlay.check_place(tmp_path / "air.png")


def test_where_it_stands() -> None:
    shown = pixels(overlay.picture(head(4), "en"))
    for scale, left, top in ((1.0, 1500, 880), (0.5, 40, 30), (1.7, 300, 500)):
        frame = np.full((1080, 1920, 3), 90, np.uint8)
        small = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame[top : top + small.shape[0], left : left + small.shape[1]] = small
        (box,) = places(frame)
        inside = frame.copy()
        inside[box.top : box.top + box.height, box.left : box.left + box.width] = 90
        assert (inside == 90).all(), "the box covers the whole overlay"
        assert box.width * box.height < 1.2 * small.shape[0] * small.shape[1]
    assert places(np.full((1080, 1920, 3), 90, np.uint8)) == []


def test_reading_passes_over_other_codes() -> None:
    import segno

    sheet = np.full((700, 1400, 3), 255, np.uint8)
    one = head(5)
    texts = ["https://example.com/", one.code[:-1] + "1", one.code.lower(), one.code + " ", "SKG1:", "日本語"]
    for number, text in enumerate(texts):
        rows = segno.make_qr(text).matrix
        square = np.kron(1 - np.array([list(row) for row in rows]), np.ones((5, 5))) * 255
        top, left = 40 + number // 3 * 320, 40 + number % 3 * 420
        sheet[top : top + square.shape[0], left : left + square.shape[1]] = square[..., None]
    found, odd = heads(sheet, thorough=True)
    assert not found
    assert odd == 3  # the lower-case one does not even begin like one of ours
    blank = np.zeros((1080, 1920, 3), np.uint8)
    assert heads(blank, thorough=True) == (set(), 0)
    noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    assert heads(noise, thorough=True) == (set(), 0)


def test_drawing_needs_no_image_library() -> None:
    code = (
        "import sys; from sakigake.witness import overlay; from sakigake.witness.code import Head;"
        "overlay.picture(Head('0' * 8, 1, bytes(32)), 'ja');"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'cv2', 'numpy', 'PIL', 'zxingcpp'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
