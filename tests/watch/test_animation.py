"""Animated pictures from outside: every frame at its moment, and an end to those that have none."""

import io
import struct
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sakigake.errors import NotFoundError, UsageError
from watch import animation, decoder, sanitise
from watch.animation import frames

COLOURS = [(250, 10, 20), (10, 240, 30), (20, 30, 230), (240, 240, 10), (5, 5, 5)]
DURATIONS = [200, 500, 100, 1000, 300]
MOMENTS = [0, 200, 700, 800, 1800]
DOT = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"


@pytest.fixture(autouse=True)
def no_child_stays() -> Iterator[None]:
    yield
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
    if sys.platform == "linux":
        threads = Path("/proc/self/task").glob("*/children")
        assert not [each for thread in threads for each in started_by(thread) if is_decoder(each)]


def started_by(thread: Path) -> list[str]:
    try:
        return thread.read_text().split()
    except OSError:  # a thread of another test may end while its file is looked for
        return []


def is_decoder(pid: str) -> bool:
    try:
        return decoder.FRAMES.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def saved(path: Path, **options: Any) -> Path:
    pictures = [Image.new("RGB", (64, 48), colour) for colour in COLOURS]
    for number, picture in enumerate(pictures):
        picture.paste((128, 128, 128), (number, 0, number + 8, 8))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=DURATIONS, **options)
    return path


def gif(width: int, height: int, count: int, delay: int = 2, last: bytes = b"") -> bytes:
    """Return a GIF of `count` frames that are one dot each."""
    shown = b"\x21\xf9\x04\x00" + struct.pack("<H", delay) + b"\x00\x00" + DOT
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + shown * count + last + b";"


def seen(path: Path) -> tuple[list[int], bool]:
    """Return the moments of all frames, and whether there was more."""
    found = list(frames(path))
    assert None not in found[:-1]
    return [each.at_ms for each in found if each is not None], found[-1] is None


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_every_frame_comes_whole_and_at_its_moment(tmp_path: Path, name: str) -> None:
    found = list(frames(saved(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))))
    assert [each and each.at_ms for each in found] == MOMENTS
    for number, (each, colour) in enumerate(zip(found, COLOURS, strict=True)):
        assert each
        assert each.pixels.shape == (48, 64, 3)
        assert np.abs(each.pixels[24, 32].astype(int) - colour[::-1]).max() <= 2
        assert np.abs(each.pixels[4, number + 4].astype(int) - 128).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_still_picture_has_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "still"
    Image.new("RGB", (7, 5), (200, 10, 30)).save(path, kind)
    assert seen(path) == ([0], False)


def test_the_second_picture_of_a_photo_is_no_frame(tmp_path: Path) -> None:
    photo, depth = Image.new("RGB", (32, 32), (200, 10, 30)), Image.new("RGB", (32, 32))
    photo.save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=[depth])
    assert seen(tmp_path / "photo.jpg") == ([0], False)


def test_what_only_old_programs_show_takes_no_time(tmp_path: Path) -> None:
    still, first, second = (Image.new("RGB", (8, 8), colour) for colour in COLOURS[:3])
    path = tmp_path / "a.png"
    still.save(path, save_all=True, append_images=[first, second], duration=[400, 400], default_image=True)
    assert seen(path) == ([0, 0, 400], False)


@pytest.mark.parametrize(("delay", "step"), [(0, 100), (1, 100), (2, 20), (65535, 655_350)])
def test_times_are_those_that_browsers_use(tmp_path: Path, delay: int, step: int) -> None:
    (tmp_path / "a.gif").write_bytes(gif(4, 4, 3, delay))
    assert seen(tmp_path / "a.gif") == ([0, step, 2 * step], False)


def test_a_picture_lying_on_its_side_is_set_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for each in frames(saved(tmp_path / "a.webp", exif=exif, lossless=True)):
        assert each
        assert each.pixels.shape == (64, 48, 3)


def test_a_hundred_thousand_frames_are_cut_off_soon(tmp_path: Path) -> None:
    (tmp_path / "many.gif").write_bytes(gif(10, 10, 100_000))
    began = time.monotonic()
    moments, cut = seen(tmp_path / "many.gif")
    assert (len(moments), cut) == (animation.MAX_FRAMES, True)
    assert all(later - earlier == 20 for earlier, later in pairwise(moments))
    assert time.monotonic() - began < 60


def test_as_many_as_are_allowed_are_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gif").write_bytes(gif(10, 10, 30))
    monkeypatch.setattr(animation, "MAX_FRAMES", 30)
    assert seen(tmp_path / "a.gif") == (list(range(0, 600, 20)), False)
    monkeypatch.setattr(animation, "MAX_FRAMES", 29)
    assert seen(tmp_path / "a.gif") == (list(range(0, 580, 20)), True)


def test_all_frames_together_may_have_so_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gif").write_bytes(gif(3000, 2000, 100_000))
    monkeypatch.setattr(animation, "MAX_PIXELS", 18_000_000)
    assert seen(tmp_path / "a.gif") == ([0, 20, 40], True)


def test_a_canvas_too_large_is_refused_at_once_or_when_it_grows(tmp_path: Path) -> None:
    (tmp_path / "huge.gif").write_bytes(gif(60_000, 60_000, 100_000))
    with pytest.raises(UsageError) as caught:
        next(frames(tmp_path / "huge.gif"))
    assert caught.value.code == "picture-too-large"
    grown = b"\x2c" + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x02\x44\x01\x00"
    (tmp_path / "grows.gif").write_bytes(gif(10, 10, 3, last=grown))
    assert seen(tmp_path / "grows.gif") == ([0, 20, 40], True)


def test_what_stands_before_the_damage_is_given(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png").read_bytes()
    third = whole.index(b"fdAT", whole.index(b"fdAT") + 4)
    (tmp_path / "a.png").write_bytes(whole[: third + 12])
    assert seen(tmp_path / "a.png") == (MOMENTS[:2], True)
    (tmp_path / "a.png").write_bytes(whole[: whole.index(b"IDAT") + 12])
    with pytest.raises(UsageError) as caught:
        next(frames(tmp_path / "a.png"))
    assert caught.value.code == "picture-damaged"


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_any_damage_ends_in_frames_or_a_sentence(tmp_path: Path, name: str) -> None:
    whole = saved(tmp_path / name).read_bytes()
    rng = np.random.default_rng(4)
    refused = 0
    for number in range(12):
        damaged = bytearray(whole[: int(rng.integers(20, len(whole)))] if number % 2 else whole)
        for place in rng.integers(13, len(damaged), 3):
            damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / name).write_bytes(damaged)
        try:
            assert seen(tmp_path / name)[0]
        except UsageError:
            refused += 1
    assert refused <= 12


def test_no_picture_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("words", encoding="utf-8")
    with pytest.raises(UsageError):
        next(frames(tmp_path / "a.gif"))
    with pytest.raises(NotFoundError):
        next(frames(tmp_path / "nowhere.gif"))


def test_whoever_stops_looking_ends_the_child(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(gif(2000, 2000, 100_000))
    looking = frames(tmp_path / "a.gif")
    assert next(looking)
    looking.close()  # type: ignore[attr-defined]  # the fixture looks for what is left


FRAME = b"F" + bytes(8) + b"P" + struct.pack(">II", 1, 1)


@pytest.mark.parametrize(
    ("said", "given"),
    [
        (b"", 0),
        (b"Rmade-up", 0),
        (b"X", 0),
        (FRAME + b"ab", 0),
        (b"F" + bytes(8) + b"P" + bytes(8), 0),
        (b"F" + bytes(8) + b"P" + b"\xff" * 8, 0),
        (FRAME + b"abc", 1),
        (FRAME + b"abc" + b"Rpicture-damaged", 1),
        (FRAME + b"abc" + FRAME, 1),
        (FRAME + b"abc" + FRAME.replace(b"P", b"Q"), 1),
    ],
)
def test_a_child_that_lies_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, given: int
) -> None:
    script = tmp_path / "lies.py"
    script.write_text(f"import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write({said!r})\n")
    path = saved(tmp_path / "a.gif")
    monkeypatch.setattr(decoder, "__file__", str(script))
    if given:
        assert seen(path) == ([0] * given, True)
        return
    with pytest.raises(UsageError) as caught:
        next(frames(path))
    assert caught.value.code == "picture-damaged"


@pytest.mark.parametrize("first", [b"", FRAME + b"abc"])
def test_a_child_that_keeps_us_waiting_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    script = tmp_path / "waits.py"
    script.write_text(
        f"import sys, time; sys.stdout.buffer.write({first!r}); sys.stdout.flush(); time.sleep(60)\n"
    )
    path = tmp_path / "a.gif"
    path.write_bytes(gif(10, 10, 20_000))  # more than a pipe holds
    monkeypatch.setattr(decoder, "__file__", str(script))
    monkeypatch.setattr(sanitise, "WALL_SECONDS", 0.5)
    began = time.monotonic()
    if first:
        assert seen(path) == ([0], True)
    else:
        with pytest.raises(UsageError) as caught:
            list(frames(path))
        assert caught.value.code == "picture-too-slow"
    assert time.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_the_largest_still_picture_is_no_less_possible_than_alone(tmp_path: Path, mode: str) -> None:
    colour = 1 if mode == "P" else tuple([90] * len(mode))
    stream = io.BytesIO()
    Image.new(mode, (7000, 7000), colour).save(stream, "PNG")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    assert seen(tmp_path / "a.png") == ([0], False)
