import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType
from sakigake.timeline.entry import parse_picture
from tests.capture.running import Kept, Recording, command, configure, wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux")
NO_LEVELS = "[record]\ndisk_low_mb = 0\ndisk_small_mb = 0\ndisk_none_mb = 0\nheartbeat_s = 0.5\n"


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    path.mkdir()
    options = ["-o", f"size={megabytes}m", "sakigake-test", str(path)]
    made = subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot mount a small tmpfs: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(path)], check=True)


def noise_frames(folder: Path, count: int) -> None:
    """Pictures of 750 KB each, saved a minute apart."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(count):
        path = folder / f"{number:03}.png"
        assert cv2.imwrite(str(path), rng.integers(0, 256, (500, 500, 3), np.uint8))
        os.utime(path, (1_700_000_000 + number * 60, 1_700_000_000 + number * 60))


@linux
def test_a_full_disk_is_said_once_nothing_is_lost_and_recording_goes_on(tmp_path: Path) -> None:
    noise_frames(tmp_path / "frames", 14)
    home = tmp_path / "home"
    with small_disk(home, 6):
        configure(home, NO_LEVELS)
        with Recording(home, "--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.2s") as recording:
            recording.wait_said("The disk is full")
            before = recording.count("stage")
            wait_until(lambda: command(home, "status").returncode == 1, 20)
            time.sleep(3)
            assert recording.count("stage") <= before + 1
            assert sum("The disk is full" in line for line in recording.sentences) == 1
            with Kept(home) as kept:
                assert len(kept.of(EntryType.STAGE)) == recording.count("stage")
            remount(home, "size=40m")
            recording.wait_said("accepts again")
            recording.wait_for("stage", 14)
            recording.wait_for("gap")
            assert recording.end() == 0
        with Kept(home) as kept:
            kept.check()
            assert len(kept.of(EntryType.STAGE)) == 14
            assert not kept.of(EntryType.DROP)
            assert "disk" in {gap.info["reason"] for gap in kept.of(EntryType.GAP)}


@linux
@pytest.mark.slow
def test_an_end_on_a_full_disk_is_honest_and_the_next_start_goes_on(tmp_path: Path) -> None:
    noise_frames(tmp_path / "frames", 8)
    home = tmp_path / "home"
    with small_disk(home, 3):
        configure(home, NO_LEVELS)
        source = ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.2s")
        with Recording(home, *source) as recording:
            recording.wait_said("The disk is full")
            assert recording.end() == 1
            assert any("could not be written any more" in line for line in recording.sentences)
            kept_before = recording.count("stage")
        remount(home, "size=40m")
        with Recording(home, *source, "--once") as recording:
            recording.wait_said("The last recording was cut off.")
            assert recording.ended() == 0
        with Kept(home) as kept:
            kept.check()
            assert len(kept.sessions) == 1
            assert len(kept.of(EntryType.STAGE)) == 8 > kept_before


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_met_like_a_full_disk(tmp_path: Path) -> None:
    import resource

    noise_frames(tmp_path / "frames", 2)
    configure(tmp_path / "home", NO_LEVELS)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    source = ("--source", f"folder:{tmp_path / 'frames'}", "--interval", "0.2s")
    with Recording(tmp_path / "home", *source, setup=limit) as recording:
        recording.wait_said("The disk is full")
        assert recording.count("stage") == 0
        assert recording.end() == 1
    assert not list((tmp_path / "home" / "pictures").glob("*/*.tmp"))


@pytest.mark.parametrize(("level", "picture"), [("small", (320, 240)), ("none", None)])
def test_when_room_gets_tight_less_is_kept_and_that_is_said(
    tmp_path: Path, level: str, picture: tuple[int, int] | None
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    assert cv2.imwrite(str(frames / "a.png"), pixels)
    configure(tmp_path / "home", f"[record]\ndisk_{level}_mb = 1e9\n")
    with Recording(tmp_path / "home", "--source", f"folder:{frames}", "--once") as recording:
        assert recording.ended() == (0 if picture else 1)
        assert any("only" in line and "kept from now on" in line for line in recording.sentences)
        lacking = any("not every picture could be kept" in line for line in recording.sentences)
        assert lacking is (picture is None)
    with Kept(tmp_path / "home") as kept:
        kept.check()
        (entry,) = kept.of(EntryType.STAGE if picture else EntryType.DROP)
        (opened,) = [parse_picture(stored.opening) for stored in kept.stored() if stored.opening]
        digest = pixel_digest_v1(pixels)
        if picture:
            assert (opened.width, opened.height) == picture
            assert entry.info["whole_pixels"] == digest
        else:  # every package shows this entry: the digest stays at home, behind a salt
            assert (opened.pixels, opened.width, opened.height) == (digest, 640, 480)
            assert not any(digest.encode() in stored.raw for stored in kept.stored())
            assert not list((tmp_path / "home" / "pictures").glob("*/*"))


def test_a_home_that_is_read_only_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    home = tmp_path / "home"
    source = ("start", "--source", f"folder:{tmp_path / 'frames'}", "--once")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # nothing is read-only for root but a file system
        with small_disk(home, 1):
            configure(home)
            remount(home, "ro")
            tried = command(home, *source)
    else:
        configure(home)
        home.chmod(0o500)
        tried = command(home, *source)
        home.chmod(0o700)
    assert tried.returncode == 1
    assert tried.stderr.startswith(f"sakigake: Nothing can be kept in {home}: ")
    assert "Traceback" not in tried.stderr
