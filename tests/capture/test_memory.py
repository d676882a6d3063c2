"""What is handed back is gone from the process, and nothing that is needed goes with it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from capture.memory import clean_code, give_back_rest
from capture.sources.screen import bgr_within
from tests.capture.running import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is handed back on Linux only")

SMAPS = """\
7f0000000000-7f0000001000 r--p 00000000 fe:01 77 /usr/lib/libone.so.1
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
SwapPss:               0 kB
VmFlags: rd mr mw me
7f0000001000-7f0000003000 r-xp 00001000 fe:01 77 /opt/a b/lib two.cpython-311.so
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
7f0000003000-7f0000004000 rw-p 00003000 fe:01 77 /usr/lib/libone.so.1
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me
7f0000004000-7f0000005000 r--p 00004000 fe:01 77 /usr/lib/libone.so.1
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7f0000005000-7f0000006000 r--p 00005000 fe:01 77 /usr/lib/libone.so.1
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd mr mw me
7f0000006000-7f0000007000 r--s 00006000 fe:01 77 /usr/lib/libone.so.1
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr me
7f0000007000-7f0000008000 r--p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7f0000008000-7f0000009000 r--p 00000000 fe:01 78 /opt/a.so.d/words.db
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
"""


def test_only_untouched_code_of_libraries_is_let_go() -> None:
    assert list(clean_code(SMAPS.splitlines(keepends=True))) == [
        (0x7F0000000000, 0x7F0000001000),
        (0x7F0000001000, 0x7F0000003000),
    ]


@linux
def test_libraries_work_on_after_their_pages_were_let_go() -> None:
    code = """
from pathlib import Path
import cv2, numpy, sqlite3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from capture.memory import give_back_loaded

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile:"))

def work():
    noise = numpy.random.default_rng(1).integers(0, 256, (300, 400, 3), numpy.uint8)
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    pose = numpy.linalg.inv(numpy.eye(3) + 1)
    return cv2.imencode(".png", cv2.GaussianBlur(noise, (5, 5), 1.0))[1].tobytes(), key.sign(b"x"), pose.tobytes()

before, loaded = work(), resident()
for _ in range(3):
    give_back_loaded()
    assert resident() < loaded * 0.7, (loaded, resident())
    assert work() == before
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@linux
@pytest.mark.parametrize("kept", [0, 1, 4096, 5_000_001, 7_999_999, 8_000_000])
def test_the_rest_of_a_buffer_goes_back_and_its_beginning_stays(kept: int) -> None:
    buffer = bytearray(b"\x07") * 8_000_000
    before = resident_kb()
    give_back_rest(buffer, kept)
    assert before - resident_kb() >= (8_000_000 - kept) // 1024 - 64
    assert buffer[:kept] == b"\x07" * kept
    assert len(buffer) == 8_000_000
    buffer[:] = b"\x08" * len(buffer)  # and it is there to be used again


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1, 1), (33, 31), (640, 32), (7, 97), (801, 65)])
def test_a_picture_made_in_place_is_the_picture(width: int, height: int) -> None:
    four = np.random.default_rng(width).integers(0, 256, (height, width, 4), np.uint8)
    made = bgr_within(bytearray(four.tobytes()), width, height)
    assert np.array_equal(made, four[:, :, :3])
    assert made.flags.c_contiguous


def test_a_picture_of_another_size_than_its_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        bgr_within(bytearray(4 * 10 * 10), 10, 11)


def resident_kb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
