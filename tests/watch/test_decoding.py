"""Children that decode one picture after another: same pixels, own limits for each, one bad picture costs only itself."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sakigake import words
from sakigake.errors import SakigakeError, UsageError
from tests.watch import hostile
from tests.watch.hostile import FILES, noise, png, saved, scans
from watch import decoder, decoding, decoding_child, headers, sanitise
from watch.decoding import DecoderPool

ROOT = Path(__file__).resolve().parents[2]
POSIX_LIMITS = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(1) as made:
        yield made


def refused(pool: DecoderPool, data: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        pool.decode(data, "post.png")
    for language in words.LANGUAGES:
        assert "post.png" in caught.value.message(language)
        assert caught.value.hint(language)
    return caught.value.code


def child_of(pool: DecoderPool) -> int:
    """Return the process of a pool of one worker that is idle now, 0 when it has none."""
    child = pool._idle.queue[0]
    return child._process.pid if child else 0


SOUND = {
    "jpeg": saved(noise(90, 120), "JPEG"),
    "grey": saved(noise(90, 120).convert("L"), "JPEG", progressive=True),
    "cmyk": saved(noise(30, 20).convert("CMYK"), "JPEG"),
    "png": saved(noise(61, 47), "PNG"),
    "alpha": saved(noise(31, 17).convert("RGBA"), "PNG"),
    "palette": saved(noise(40, 40).convert("P"), "PNG", transparency=3),
    "deep": png(9, 7, depth=16, colour=0),
    "webp": saved(noise(64, 48), "WEBP", quality=70),
    "lossless": saved(noise(64, 48).convert("RGBA"), "WEBP", lossless=True),
    "gif": saved(noise(50, 40).convert("P"), "GIF"),
    "turned": saved(noise(20, 10), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    "strips": saved(noise(40, 3000).resize((4000, 3000)), "PNG"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_gives_the_same_pixels_as_a_child_of_its_own(pool: DecoderPool, name: str) -> None:
    (found,) = pool.decode(SOUND[name], name)
    assert np.array_equal(found, sanitise.decode(SOUND[name], name))


SMOOTH = noise(12, 9).resize((480, 360), Image.Resampling.BICUBIC)
SMALL = {
    "jpeg": saved(SMOOTH, "JPEG", quality=95),
    "progressive": saved(SMOOTH, "JPEG", quality=95, progressive=True),
    "grey": saved(SMOOTH.convert("L"), "JPEG", quality=95),
    "turned": saved(SMOOTH, "JPEG", quality=95, exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    "png": saved(SMOOTH, "PNG"),
    "alpha": saved(SMOOTH.convert("RGBA"), "PNG"),
    "palette": saved(SMOOTH.convert("P"), "PNG"),
    "webp": saved(SMOOTH, "WEBP", quality=95),
    "strips": saved(SMOOTH.resize((3840, 2880)), "PNG", compress_level=1),
}  # fmt: skip


@pytest.mark.parametrize("least", [30, 90, 120, 179, 181, 65_535])
@pytest.mark.parametrize("name", SMALL)
def test_a_small_picture_shows_what_the_whole_one_does(pool: DecoderPool, name: str, least: int) -> None:
    (whole,), (small,) = pool.decode(SMALL[name], name), pool.decode(SMALL[name], name, least=least)
    by = max(1, min(whole.shape[:2]) // least)
    if by == 1:
        assert np.array_equal(small, whole)
        return
    assert whole.shape[0] / small.shape[0] == whole.shape[1] / small.shape[1]
    assert least <= min(small.shape[:2]) < 2 * least
    size = small.shape[1::-1]
    meant = cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(int)
    assert float(np.abs(small - meant).mean()) < (4 if name == "palette" else 2)


def test_an_animation_comes_as_often_when_it_comes_small(pool: DecoderPool) -> None:
    frames = [Image.new("RGB", (60, 40), (20 * number, 0, 0)) for number in range(12)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    whole, small = pool.decode(data, "a"), pool.decode(data, "a", least=20)
    assert len(small) == len(whole) == decoding.FRAMES
    assert {each.shape for each in small} == {(20, 30, 3)}
    for name in ("jpeg", "png"):
        assert refused_small(pool, SMALL[name][: len(SMALL[name]) // 2]) == "picture-damaged"


def test_what_is_left_at_the_rim_is_cut_off(pool: DecoderPool) -> None:
    for name, size in (("PNG", (149, 206, 3)), ("JPEG", (150, 207, 3))):  # a JPEG's own halves round up
        (small,) = pool.decode(saved(SMOOTH.resize((413, 299)), name), "a", least=100)
        assert small.shape == size


def refused_small(pool: DecoderPool, data: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        pool.decode(data, "post.png", least=50)
    return caught.value.code


def test_one_child_decodes_many(pool: DecoderPool) -> None:
    pool.decode(SOUND["png"], "a")
    first = child_of(pool)
    for _ in range(20):
        for name, data in SOUND.items():
            if name != "strips":
                pool.decode(data, "a")
    assert child_of(pool) == first


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("count", [2, 5, 9, 40])
def test_an_animation_gives_its_first_frame_and_up_to_eight_others(
    pool: DecoderPool, kind: str, count: int
) -> None:
    frames = [Image.new("RGB", (16, 16), (turn * 6, 0, 0)) for turn in range(count)]
    data = saved(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    shades = [int(frame[8, 8, 2]) / 6 for frame in pool.decode(data, "a")]
    assert len(shades) == min(count, 9)
    assert shades[0] == pytest.approx(0, abs=0.7)
    assert shades[-1] == pytest.approx(count - 1, abs=0.7)
    assert np.diff(shades) == pytest.approx((count - 1) / (len(shades) - 1), abs=1.5)
    assert len(pool.decode(data, "a", frames=1)) == 1


def test_an_animation_that_breaks_off_gives_what_came_before(pool: DecoderPool) -> None:
    frames = [noise(64, 64).point(lambda value, turn=turn: value ^ turn) for turn in range(12)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert 1 <= len(pool.decode(data[: len(data) // 2], "a")) < 9


def test_a_refused_picture_costs_only_itself_and_its_child(pool: DecoderPool) -> None:
    pool.decode(SOUND["png"], "a")
    first = child_of(pool)
    assert refused(pool, FILES["png-cut"][0]()) == "picture-damaged"
    assert child_of(pool) == 0  # the next one gets a new child
    assert np.array_equal(pool.decode(SOUND["png"], "a")[0], sanitise.decode(SOUND["png"], "a"))
    assert child_of(pool) not in {0, first}


def test_a_child_is_replaced_after_so_many_pictures() -> None:
    seen = []
    with DecoderPool(1, recycle=3) as pool:
        for _ in range(7):
            pool.decode(SOUND["png"], "a")
            seen.append(child_of(pool))
    assert [bool(each) for each in seen] == [True, True, False, True, True, False, True]
    assert len(set(seen) - {0}) == 3


def test_a_picture_can_have_a_child_to_itself(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.decode(SOUND["png"], "a")
    first, seen = child_of(pool), []
    real = decoding._Child.ask

    def ask(child: decoding._Child, data: bytes, frames: int, least: int) -> object:
        seen.append((child._process.pid, child.served))
        return real(child, data, frames, least)

    monkeypatch.setattr(decoding._Child, "ask", ask)
    assert len(pool.decode(SOUND["png"], "a", alone=True)) == 1
    with pytest.raises(UsageError):
        pool.decode(FILES["png-cut"][0](), "a", alone=True)
    assert child_of(pool) == first
    assert [served for _, served in seen] == [0, 0]
    assert first not in {process for process, _ in seen}
    assert not [process for process, _ in seen if Path(f"/proc/{process}").exists()]


def test_a_child_that_was_killed_is_replaced(pool: DecoderPool) -> None:
    pool.decode(SOUND["png"], "a")
    os.kill(child_of(pool), signal.SIGKILL)
    assert refused(pool, SOUND["png"]) == "picture-damaged"
    assert len(pool.decode(SOUND["png"], "a")) == 1


def test_a_child_that_stands_still_is_ended_in_time() -> None:
    with DecoderPool(1, wall_seconds=0.6) as pool:
        for _ in range(20):  # until the machine was quick enough for one
            with suppress(UsageError):
                pool.decode(SOUND["png"], "a")
                break
        os.kill(child_of(pool), signal.SIGSTOP)
        began = time.monotonic()
        assert refused(pool, SOUND["png"]) == "picture-too-slow"
        assert time.monotonic() - began < 10


# What a child that was taken over may say instead of an answer: `n` is the nonce it was given.
LIES = {
    "nothing": b"",
    "other-nonce": b"x" * 16 + b"E",
    "no-frame": b"%nE",
    "half-a-frame": b"%nF\0\0\0\x02\0\0\0\x02abc",
    "too-large": b"%nF\xff\xff\xff\xff\xff\xff\xff\xff",
    "no-size": b"%nF\0\0\0\0\0\0\0\x09",
    "no-end": b"%nF\0\0\0\x01\0\0\0\x01abcX",
    "ten-frames": b"%n" + b"F\0\0\0\x01\0\0\0\x01abc" * 10 + b"E",
    "frame-and-refusal": b"%nF\0\0\0\x01\0\0\0\x01abcR\x0fpicture-damaged",
    "odd-slug": b"%nR\x05hello",
    "slug-cut": b"%nR\xffhello",
    "late": b"%nF\0\0\0\x01\0\0\0\x01abcE" + b"leftover",
}
LIAR = """
import sys
out = sys.stdout.buffer
out.write(b"ready"); out.flush()
while head := sys.stdin.buffer.read({head}):
    sys.stdin.buffer.read(int.from_bytes(head[16:20], "big"))
    out.write({lie!r}.replace(b"%n", head[:16])); out.flush()
    if {leave}: break
"""


@pytest.mark.parametrize("name", LIES)
def test_a_child_that_says_something_odd_is_not_believed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = LIAR.format(lie=LIES[name], leave=name != "late", head=decoding_child.HEAD.size)
    monkeypatch.setattr(decoding, "command", lambda: [sys.executable, "-I", "-S", "-c", script])
    with DecoderPool(1) as pool:
        if name == "late":  # this answer is sound; what was left over must not begin the next
            assert pool.decode(SOUND["png"], "a")[0].tolist() == [[[97, 98, 99]]]
        assert refused(pool, SOUND["png"]) == "picture-damaged"
        assert child_of(pool) == 0


def test_a_child_that_cannot_be_started_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "command", lambda: ["/nowhere/python"])
    with DecoderPool(1) as pool, pytest.raises(SakigakeError) as caught:
        pool.decode(SOUND["png"], "a")
    assert caught.value.code == "picture-decoder-gone"


def test_threads_share_a_pool_and_get_their_own_answers() -> None:
    names = [name for name in SOUND if name != "strips"]
    wanted = {name: sanitise.decode(SOUND[name], name) for name in names}
    with DecoderPool(2) as pool, ThreadPoolExecutor(6) as threads:
        turns = names * 10
        found = list(threads.map(lambda name: pool.decode(SOUND[name], name)[0], turns))
    assert all(np.array_equal(each, wanted[name]) for name, each in zip(turns, found, strict=True))


@POSIX_LIMITS
def test_closing_ends_every_child_even_one_at_work() -> None:
    slow = scans(3000, 1500)
    pool = DecoderPool(1)
    codes = []

    def work() -> None:
        try:
            pool.decode(slow, "a")
        except UsageError as error:
            codes.append(error.code)

    thread = threading.Thread(target=work)
    thread.start()
    while not pool._busy:
        time.sleep(0.01)
    (child,) = pool._busy
    pool.close()
    thread.join(10)
    assert codes == ["picture-damaged"]
    assert not Path(f"/proc/{child._process.pid}").exists()
    with pytest.raises(SakigakeError):
        pool.decode(SOUND["png"], "a")


@POSIX_LIMITS
def test_a_child_has_given_up_what_it_has_no_use_for(pool: DecoderPool) -> None:
    pool.decode(SOUND["png"], "a")
    limits = Path(f"/proc/{child_of(pool)}/limits").read_text(encoding="ascii")
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert found["Max open files"] == ["3", "3"]
    assert found["Max file size"] == found["Max core file size"] == found["Max processes"] == ["0", "0"]
    assert int(found["Max address space"][1]) < 330 * 2**20
    assert int(found["Max cpu time"][0]) <= 60
    assert {each.name for each in Path(f"/proc/{child_of(pool)}/fd").iterdir()} == {"0", "1", "2"}
    environment = Path(f"/proc/{child_of(pool)}/environ").read_bytes()
    assert b"SAKIGAKE" not in environment
    assert b"HOME" not in environment


CANARY = """
import sys
sys.path[:0] = {path!r}
from watch import decoder, decoding_child
def harm(data):
    {harm}
decoder.open_picture = harm
decoding_child._load_everything = lambda: None
sys.exit(decoding_child.main())
"""


@pytest.mark.parametrize(
    "harm",
    [
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.fork()",
        "import socket; socket.socket()",
        "open('/etc/passwd').read()",
        "import os; os.listdir('/')",
        "import ctypes; ctypes.CDLL(None)",
    ],
)
def test_a_decoder_that_would_do_more_than_decode_ends_its_child(
    harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preload = "import os, subprocess, socket, ctypes; "  # what is loaded already needs no file to be opened
    script = preload + CANARY.format(path=[str(ROOT), *sys.path], harm=harm)
    monkeypatch.setattr(decoding, "command", lambda: [sys.executable, "-I", "-S", "-c", script])
    codes = []

    def epitaph(child: decoding._Child) -> str:
        child.end()
        codes.append(child._process.returncode)
        return "picture-damaged"

    monkeypatch.setattr(decoding._Child, "epitaph", epitaph)
    with DecoderPool(1) as pool:
        assert refused(pool, SOUND["png"]) == "picture-damaged"
    assert codes == [3]


@given(
    data=st.binary(max_size=400),
    kind=st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_picture_or_one_sentence(pool: DecoderPool, data: bytes, kind: bytes) -> None:
    code = ""
    try:
        pool.decode(kind + data, "a")
    except UsageError as error:
        code = error.code
    assert code in decoder.REASONS | {"", "picture-too-slow"}


@given(st.integers(1, 16_383), st.integers(1, 16_383))
def test_the_size_of_a_webp_is_read_from_each_of_its_heads(width: int, height: int) -> None:
    bits = (width - 1) | (height - 1) << 14
    lossless = hostile.riff((b"VP8L", b"\x2f" + bits.to_bytes(4, "little") + b"\0" * 9))
    lossy = hostile.riff(
        (b"VP8 ", b"\0\0\0\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little"))
    )
    extended = hostile.riff((b"VP8X", hostile.vp8x(width, height)))
    assert {headers.webp_size(each) for each in (lossless, lossy, extended)} == {(width, height)}


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}]
)
def test_the_size_of_a_real_webp(options: dict[str, object]) -> None:
    assert headers.webp_size(saved(noise(61, 47), "WEBP", **options)) == (61, 47)


def test_what_a_progressive_jpeg_keeps_is_counted() -> None:
    for progressive, size in ((False, 4), (True, 10)):
        data = saved(noise(60, 40), "JPEG", progressive=progressive, exif=b"Exif\0\0" + b"x" * 5000)
        assert headers.needed(data) == 60 * 40 * size


@given(st.binary(max_size=200))
def test_a_head_that_makes_no_sense_needs_nothing_known(data: bytes) -> None:
    for kind in (b"\xff\xd8", b"RIFF", b""):
        assert headers.needed(kind + data) >= 0


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, object]]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.watch.run_hostile"],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True, timeout=600,
    )  # fmt: skip
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return {str(line.get("name", "end")): line for line in lines}


@pytest.mark.slow
@POSIX_LIMITS
def test_no_hostile_picture_does_harm(report: dict[str, dict[str, object]]) -> None:
    assert len(FILES) >= 40
    for name, (_, wanted) in FILES.items():
        found = report[name]
        assert found["outcome"] in wanted, found
        assert float(str(found["cpu_s"])) <= 5.1, found
        assert float(str(found["rss_mb"])) <= 300, found
        assert 1 <= int(str(found["frames"])) <= 9 or found["outcome"] != "ok", found


@pytest.mark.slow
@POSIX_LIMITS
def test_no_process_is_started_but_our_own(report: dict[str, dict[str, object]]) -> None:
    assert report["end"]["foreign"] == []
    assert int(str(report["end"]["started"])) > 40
