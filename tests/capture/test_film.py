"""Films as files: what a player gets, and what happens when there can be none."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from capture import film
from capture.frame import Pixels
from sakigake.errors import SakigakeError, UsageError

av = pytest.importorskip("av")

COLOURS = [(255, 255, 255), (0, 0, 0), (30, 30, 200), (40, 160, 60), (180, 60, 40), (150, 190, 240)]


def panes(count: int, size: tuple[int, int] = (128, 96)) -> Iterator[Pixels]:
    """Pictures of six broad stripes, each picture with the next colour first."""
    for number in range(count):
        turned = COLOURS[number % 6 :] + COLOURS[: number % 6]
        row = np.repeat(np.array(turned, np.uint8), size[0] // 6 + 1, axis=0)[: size[0]]
        yield np.ascontiguousarray(np.broadcast_to(row, (size[1], size[0], 3)))


def read(path: Path) -> list[Any]:
    """The BGR pictures of a film whose pixels are BT.709, worked out here: PyAV below 18 takes them for BT.601."""
    pictures = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p").astype(float)
            y = (planes[: frame.height] - 16) / 219
            blue, red = (planes[frame.height :].reshape(2, frame.height // 2, frame.width // 2) - 128) / 224
            u, v = (plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (blue, red))
            bgr = np.stack([y + 1.8556 * u, y - 0.1873 * u - 0.4681 * v, y + 1.5748 * v], axis=2)
            pictures.append(bgr.clip(0, 1) * 255)
    return pictures


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_film_has_every_picture_at_its_time_in_its_colours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"絵{suffix}"
    assert film.write(path, panes(9), Fraction(10)) == 9
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) in {
            ("vp9", "yuv420p"),
            ("libvpx-vp9", "yuv420p"),
        }
        assert float(stream.average_rate) == pytest.approx(10)
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / 10 for number in range(9)], abs=0.002)
    for frame, wanted in zip(read(path), panes(9), strict=True):
        middles = [11, 32, 54, 75, 97, 120]
        assert np.abs(frame[48, middles].astype(int) - wanted[48, middles]).max() <= 8


def test_a_player_is_told_which_colours_these_are(tmp_path: Path) -> None:
    film.write(tmp_path / "a.mp4", panes(2), Fraction(10))
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (int(context.colorspace), int(context.color_range)) == (film.BT709, film.LIMITED)


def test_a_gif_lasts_as_long_as_it_should(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    assert film.write(path, panes(7), Fraction(30)) == 7
    with Image.open(path) as picture:
        frames = [
            (frame.info["duration"], np.asarray(frame.convert("RGB")))
            for frame in ImageSequence.Iterator(picture)
        ]
    assert sum(duration for duration, _ in frames) == 230
    assert {duration for duration, _ in frames} == {30, 40}
    for (_, frame), wanted in zip(frames, panes(7), strict=True):
        assert np.abs(frame[:, :, ::-1].astype(int) - wanted).max() <= 8


def test_a_single_picture_is_a_film_too(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.gif"):
        assert film.write(tmp_path / name, panes(1), Fraction(10)) == 1
    assert len(read(tmp_path / "a.mp4")) == 1


def test_pictures_are_held_or_left_out_as_the_length_needs() -> None:
    numbers = [np.full((1, 1, 3), number, np.uint8) for number in range(4)]

    def shown(total: int) -> list[int]:
        return [int(pixels[0, 0, 0]) for pixels in film.held(iter(numbers), 4, total)]

    assert shown(4) == [0, 1, 2, 3]
    assert shown(10) == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert shown(2) == [1, 3]
    assert shown(1) == [3]


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        film.write(path, panes(2), Fraction(10))
    assert caught.value.code == "lapse-exists"
    assert path.read_bytes() == b"mine"


def test_a_film_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Pixels]:
        yield from panes(2)
        raise OSError(28, "No space left on device")

    for name in ("a.mp4", "a.gif"):
        with pytest.raises(SakigakeError) as caught:
            film.write(tmp_path / name, broken(), Fraction(10))
        assert caught.value.code == "lapse-unwritable"
        assert "No space left" in caught.value.message("en")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("a.avi", "lapse-suffix"), ("a", "lapse-suffix"), ("none/a.mp4", "lapse-folder-missing")],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        film.check(tmp_path / name)
    assert caught.value.code == code


def test_without_the_extra_only_gifs_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SakigakeError) as caught:
        film.check(tmp_path / "a.mp4")
    assert caught.value.code == "lapse-extra-missing"
    assert film.write(tmp_path / "a.gif", panes(2), Fraction(10)) == 2
