"""Small copies: made anew, kept within bounds, and gone with the picture."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from capture.spool import Spool
from desk.web.timeline.thumbs import SIDES, Copies, difference, fits, shrunk
from sakigake import copies
from sakigake.errors import NotFoundError
from tests.watch.studio import drawing


def kept(home: Path, stage: int = 3, size: tuple[int, int] = (480, 640)) -> str:
    return Spool(home / "pictures").keep(drawing(5, stage, size)).file


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_a_copy_is_a_small_jpeg_of_the_picture(tmp_path: Path) -> None:
    file = kept(tmp_path)
    copy = opened(Copies(tmp_path).get(file, 160))
    assert (copy.format, copy.size) == ("JPEG", (160, 120))
    original = Image.fromarray(drawing(5, 3)[..., ::-1]).resize((160, 120), Image.Resampling.BOX)
    assert np.abs(np.asarray(copy, float) - np.asarray(original, float)).mean() < 6


def test_a_picture_is_never_made_larger(tmp_path: Path) -> None:
    assert opened(Copies(tmp_path).get(kept(tmp_path, size=(90, 120)), 960)).size == (120, 90)


def test_a_copy_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, made = kept(tmp_path), Copies(tmp_path)
    first = made.get(file, 320)
    monkeypatch.setattr("desk.web.timeline.thumbs.shrunk", lambda *_: pytest.fail("made again"))
    assert made.get(file, 320) == first
    assert copies.path(tmp_path, file, 320).stat().st_mode & 0o077 in {0o044, 0}


def test_a_forgotten_picture_takes_its_copies_and_films_along(tmp_path: Path) -> None:
    one, other = kept(tmp_path, 3), kept(tmp_path, 4)
    made = Copies(tmp_path)
    for side in SIDES:
        made.get(one, side)
    made.get(other, 160)
    film = copies.folder(tmp_path, copies.FILMS) / "a" / "0001.jpg"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"x")
    Spool(tmp_path / "pictures").remove(one)
    assert not list(copies.folder(tmp_path).glob(f"*/{one}*"))
    assert not film.exists()
    assert copies.path(tmp_path, other, 160).exists()
    with pytest.raises(NotFoundError):
        made.get(one, 160)


def test_a_copy_whose_picture_went_is_not_shown(tmp_path: Path) -> None:
    file, made = kept(tmp_path), Copies(tmp_path)
    made.get(file, 160)
    (tmp_path / "pictures" / file[:2] / f"{file}.png").unlink()
    with pytest.raises(NotFoundError):
        made.get(file, 160)


def test_the_cache_stays_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.web.timeline.thumbs.LOOK_EVERY", 2)
    made = Copies(tmp_path, most_bytes=20_000)
    files = [kept(tmp_path, stage) for stage in range(8)]
    for file in files:
        made.get(file, 320)
        made.get(file, 160)
    largest = max(each.stat().st_size for each in copies.folder(tmp_path).rglob("*.jpg"))
    assert copies.size(copies.folder(tmp_path)) <= 20_000 + 2 * largest
    assert len(list(copies.folder(tmp_path).rglob("*.jpg"))) < 16


def test_a_cache_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    file = kept(tmp_path)
    (tmp_path / copies.CACHE).write_text("in the way")
    assert opened(Copies(tmp_path).get(file, 160)).size == (160, 120)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40), b"not a picture"])
def test_a_broken_file_is_a_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(NotFoundError) as refused:
        shrunk(path, 160)
    assert refused.value.hint("ja")


def test_a_png_that_would_unfold_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (40_000, 40_000)).save(path)
    with pytest.raises(NotFoundError):
        shrunk(path, 160)


def test_many_ask_at_once(tmp_path: Path) -> None:
    files, made = [kept(tmp_path, stage) for stage in range(4)], Copies(tmp_path)
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda file=file: got.append(made.get(file, 160))) for file in files * 6
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 24
    assert len(set(got)) == 4
    assert not list(tmp_path.rglob("*.part"))


def test_the_difference_is_black_where_nothing_changed(tmp_path: Path) -> None:
    made = Copies(tmp_path)
    before, after = made.get(kept(tmp_path, 2), 960), made.get(kept(tmp_path, 6), 960)
    same = np.asarray(opened(difference(before, before)))
    changed = np.asarray(opened(difference(before, after)))
    assert same.max() < 8
    assert changed.max() > 200
    assert changed.shape[:2] == (480, 640)


@pytest.mark.parametrize("side", ["161", "0", "-160", "160 ", "９60", None, ""])
def test_only_sides_that_are_offered(side: object) -> None:
    with pytest.raises(NotFoundError):
        fits(side)
    assert fits("160") == 160
