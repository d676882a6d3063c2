import os
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from capture.frame import Pixels
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import EntryType
from sakigake.timeline.entry import parse_picture
from tests.capture.running import Kept, Recording, command, configure, wait_until


def canvas(strokes: int, width: int = 320, height: int = 240) -> Pixels:
    pixels = np.full((height, width, 3), 250, np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(strokes):
        start, end = (tuple(int(value) for value in rng.integers(10, 230, 2)) for _ in range(2))
        cv2.line(pixels, start, end, tuple(int(value) for value in rng.integers(0, 200, 3)), 7)
    return pixels


def write(path: Path, pixels: Pixels) -> None:
    assert cv2.imwrite(str(path), pixels)


def saved_a_minute_apart(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (1_700_000_000 + number * 60, 1_700_000_000 + number * 60))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "山田花子 private exports"
    made.mkdir()
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    configure(tmp_path / "home")
    return tmp_path / "home"


def digests(kept: Kept) -> list[str]:
    return [parse_picture(entry.opening).pixels for entry in kept.stored() if entry.opening]


def once(home: Path, folder: Path, *more: str) -> Recording:
    with Recording(home, "--source", f"folder:{folder}", "--once", *more) as recording:
        assert recording.ended() == 0, recording.sentences
    return recording


def test_a_folder_is_taken_in_by_the_natural_order_of_names(home: Path, folder: Path) -> None:
    for number in (1, 2, 9, 10, 11):
        write(folder / f"draft {number}.png", canvas(number * 2))
    once(home, folder)
    with Kept(home) as kept:
        kept.check()
        wanted = [pixel_digest_v1(canvas(number * 2)) for number in (1, 2, 9, 10, 11)]
        came = digests(kept)
        assert came == [digest for digest in wanted if digest in came]
        assert pixel_digest_v1(canvas(22)) in came
        assert kept.of(EntryType.SESSION_END)[0].info == {"reason": "exhausted"}


def test_the_same_folder_gives_the_same_stages_every_time(home: Path, folder: Path, tmp_path: Path) -> None:
    for number in range(12):
        write(folder / f"{number:02}.png", canvas(number * 3))
    once(home, folder)
    configure(tmp_path / "other")
    once(tmp_path / "other", folder)
    with Kept(home) as first, Kept(tmp_path / "other") as second:
        assert digests(first) == digests(second) != []


def test_the_time_of_a_file_is_kept_as_a_claim_and_its_name_is_not(home: Path, folder: Path) -> None:
    secret = folder / "yamada-secret-name.png"
    write(folder / "a.png", canvas(1))
    write(secret, canvas(9))
    os.utime(secret, (1_600_000_000, 1_600_000_000))
    once(home, folder)
    with Kept(home) as kept:
        assert 1_600_000_000_000 in [stage.info["file_ms"] for stage in kept.of(EntryType.STAGE)]
        assert all(stage.wall > 1_700_000_000_000 for stage in kept.of(EntryType.STAGE))
    kept_bytes = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for name in ("yamada-secret-name", "private exports", "山田花子", str(folder)):
        assert name.encode() not in kept_bytes


def test_odd_files_are_named_once_and_passed_over(home: Path, folder: Path) -> None:
    write(folder / "a.png", canvas(1))
    (folder / "notes.png").write_text("not a picture at all", encoding="utf-8")
    (folder / "empty.jpg").touch()
    whole = cv2.imencode(".jpg", canvas(30))[1].tobytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    whole = cv2.imencode(".png", canvas(30))[1].tobytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "list.txt").write_text("ignored")
    (folder / ".hidden.png").write_text("ignored")
    (folder / "folder.png").mkdir()
    write(folder / "z.png", canvas(12))
    recording = once(home, folder)
    for name in ("notes.png", "empty.jpg", "half.jpg", "half.png"):
        assert sum(f"  {name} is not a whole picture" in line for line in recording.sentences) == 1, name
    assert not any(
        "list.txt" in line or "hidden" in line or "folder.png" in line for line in recording.sentences
    )
    with Kept(home) as kept:
        assert pixel_digest_v1(canvas(12)) in digests(kept)


def test_all_kinds_of_pictures_are_read(home: Path, folder: Path) -> None:
    drawn = [canvas(number) for number in (3, 9, 15, 21)]
    write(folder / "1.png", drawn[0])
    Image.fromarray(drawn[1][:, :, ::-1]).save(folder / "2.webp", lossless=True)
    write(folder / "3.bmp", drawn[2])
    write(folder / "4.JPG", drawn[3])
    saved_a_minute_apart(folder)
    once(home, folder)
    with Kept(home) as kept:
        kept.check()
        came = digests(kept)
        assert {pixel_digest_v1(pixels) for pixels in drawn[1:3]} <= set(came)
        lossy = [stage.info.get("lossy", 0) for stage in kept.of(EntryType.STAGE)]
        assert lossy[-1] == 1
        assert lossy[:-1] == [0] * (len(lossy) - 1)


def test_pictures_of_another_size_are_taken_in_as_well(home: Path, folder: Path) -> None:
    for number in range(3):
        write(folder / f"a{number}.png", canvas(number * 6))
        write(folder / f"b{number}.png", canvas(number * 6, 200, 260))
    once(home, folder)
    with Kept(home) as kept:
        kept.check()
        pictures = [parse_picture(entry.opening) for entry in kept.stored() if entry.opening]
        assert {(320, 240), (200, 260)} == {(picture.width, picture.height) for picture in pictures}


def test_a_canvas_inside_the_pictures_is_cut_out(home: Path, folder: Path) -> None:
    for number in (0, 8, 16):
        write(folder / f"{number}.png", canvas(number))
    write(folder / "small.png", canvas(4, 60, 60))
    recording = once(home, folder, "--canvas", "100,40,150,120")
    with Kept(home) as kept:
        pictures = [parse_picture(entry.opening) for entry in kept.stored() if entry.opening]
        assert {(150, 120)} == {(picture.width, picture.height) for picture in pictures}
        assert pixel_digest_v1(np.ascontiguousarray(canvas(16)[40:160, 100:250])) in digests(kept)
    assert any("small.png is smaller than the canvas rectangle" in line for line in recording.sentences)


@pytest.mark.slow
def test_new_pictures_are_noticed_and_a_half_written_one_is_waited_for(home: Path, folder: Path) -> None:
    write(folder / "1.png", canvas(1))
    whole = cv2.imencode(".png", canvas(25))[1].tobytes()
    with Recording(home, "--source", f"folder:{folder}", "--interval", "0.3s") as recording:
        recording.wait_said("Recording. Session")
        time.sleep(1)
        with (folder / "2.png").open("wb") as file:
            file.write(whole[:2000])
            file.flush()
            time.sleep(1)
            file.write(whole[2000:])
        recording.wait_for("stage", 2)  # after ten seconds in which no other came
        write(folder / "2.png", canvas(50))  # the same name, saved over
        time.sleep(2)
        assert recording.end() == 0
        assert not any("not a whole picture" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()
        assert pixel_digest_v1(canvas(25)) in digests(kept)
        assert digests(kept)[-1] == pixel_digest_v1(canvas(50))


def test_a_folder_that_goes_away_is_a_gap_and_comes_back(home: Path, folder: Path) -> None:
    write(folder / "1.png", canvas(1))
    away = folder.with_name("away")
    with Recording(home, "--source", f"folder:{folder}", "--interval", "0.3s") as recording:
        recording.wait_said("Recording. Session")
        time.sleep(1)
        shutil.move(folder, away)
        recording.wait_for("gap")
        wait_until(lambda: command(home, "status").returncode == 1, 10)
        write(away / "2.png", canvas(25))
        shutil.move(away, folder)
        recording.wait_said("Seeing again")
        recording.wait_for("stage")
        assert recording.end() == 0
    with Kept(home) as kept:
        # On a machine that is busy enough a look may come late as well, which is a gap of its own.
        assert {gap.info["reason"] for gap in kept.of(EntryType.GAP)} - {"stall"} == {"source-gone"}


def test_nothing_in_the_folder_is_touched(home: Path, folder: Path) -> None:
    write(folder / "1.png", canvas(1))
    write(folder / "2.png", canvas(9))
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    once(home, folder)
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_used_is_one_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    for path, code, part in (
        (tmp_path / "nowhere", 4, "is not there"),
        (tmp_path / "file.png", 2, "is a file, not a folder"),
        (home, 2, "where sakigake itself keeps its records"),
        (home / "pictures", 2, "where sakigake itself keeps its records"),
    ):
        tried = command(home, "start", "--source", f"folder:{path}", "--once")
        assert (tried.returncode, part in tried.stderr) == (code, True), tried.stderr
    with Kept(home) as kept:
        assert kept.sessions == []


def test_an_empty_folder_is_taken_in_at_once(home: Path, folder: Path) -> None:
    began = time.monotonic()
    recording = once(home, folder)
    assert recording.kinds() == {"session_start": 1, "session_end": 1}
    assert time.monotonic() - began < 20


def test_pictures_saved_by_hand_are_all_kept_and_those_of_a_recorder_only_when_something_happens(
    home: Path, folder: Path, tmp_path: Path
) -> None:
    for number in range(8):
        write(folder / f"{number}.png", canvas(2 + number))  # each a stroke of about one per cent
    saved_a_minute_apart(folder)
    once(home, folder)
    with Kept(home) as kept:
        assert digests(kept) == [pixel_digest_v1(canvas(2 + number)) for number in range(8)]
    for number in range(8):
        os.utime(folder / f"{number}.png", (1_700_000_000 + number * 2, 1_700_000_000 + number * 2))
    configure(tmp_path / "other")
    once(tmp_path / "other", folder)
    with Kept(tmp_path / "other") as kept:
        assert 2 <= len(digests(kept)) < 8
        assert digests(kept)[-1] == pixel_digest_v1(canvas(9))
