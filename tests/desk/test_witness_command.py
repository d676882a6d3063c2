"""`witness` and `timeline head` as a person types them: a real clip, real sessions, hostile files."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from desk import sightings
from sakigake.errors import UsageError
from sakigake.timeline import merkle
from sakigake.witness import overlay
from sakigake.witness.code import Head, head_of, head_of_note, words
from tests.desk.test_evidence_commands import home, sakigake
from tests.evidence.conftest import record

__all__ = ["home", "record"]

RATE = 5
Pixels = NDArray[np.uint8]


def scene(head: Head | None, number: int, scale: float = 2 / 3) -> Pixels:
    """A frame of 1280x720 in which somebody draws, with an overlay made for 1080 lines in the corner."""
    picture = np.full((720, 1280, 3), 240, np.uint8)
    rng = np.random.default_rng(1)
    for x, y, *colour in rng.integers(0, (1100, 700, 256, 256, 256), (number, 5)).tolist():
        cv2.line(picture, (x, y), (x + 150, y - 60), colour, 4)
    if head is not None:
        png = np.frombuffer(overlay.picture(head, "ja"), np.uint8)
        whole = np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)
        small = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture[-small.shape[0] - 10 : -10, 10 : 10 + small.shape[1]] = small
    return picture


def film(path: Path, shown: list[tuple[Head | None, int]]) -> Path:
    """Encode a clip: each head for so many seconds."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 720, "yuv420p", 2_500_000
        stream.gop_size = 2 * RATE
        frames = [head for head, seconds in shown for _ in range(seconds * RATE)]
        for number, head in enumerate(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(head, number), "bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def ledger(home: Path) -> list[bytes]:
    from sakigake.store.sqlite import SqliteStore

    store = SqliteStore(home / "sakigake.db")
    known = store.leaves(store.sessions()[-1].id)
    store.close()
    return known


def at(leaves: list[bytes], size: int) -> Head:
    return head_of(leaves[0].hex()[:32], size, merkle.root(leaves[:size]))


def fork(leaves: list[bytes], size: int) -> Head:
    other = [*leaves[: size - 1], hashlib.sha256(b"another").digest()]
    return head_of(leaves[0].hex()[:32], size, merkle.root(other))


FOREIGN = Head("0badc0de", 7, bytes(range(32)))


def test_a_clip_with_matching_forked_and_foreign_codes(
    home: Path, ledger: list[bytes], tmp_path: Path
) -> None:
    two, five = at(ledger, 2), at(ledger, 5)
    beyond = Head(five.ledger, len(ledger) + 3, bytes(32))
    shown = [(None, 2), (two, 6), (five, 6), (fork(ledger, 4), 6), (FOREIGN, 6), (beyond, 6)]
    clip = film(tmp_path / "clip.mp4", shown)
    told = sakigake(home, "witness", str(clip), "--json")
    assert told.returncode == 6, told.stderr
    (file,) = json.loads(told.stdout)["files"]
    assert 60 <= file["looks"] <= 70
    found = {code["code"]: code for code in file["codes"]}
    answers = {two: "same", five: "same", fork(ledger, 4): "other", FOREIGN: "unknown", beyond: "beyond"}
    assert {head.code: fit for head, fit in answers.items()} == {
        code: each["fit"] for code, each in found.items()
    }
    assert 1900 <= found[two.code]["first_ms"] <= 2600
    assert 7300 <= found[two.code]["last_ms"] <= 8000
    assert found[two.code]["looks"] >= 11
    for lang, words_of in (
        (
            "en",
            ("found in", "does not match it", "not known here", "5 different codes were read; 2", "0:00:02"),
        ),
        ("ja", ("にあります", "中身が合いません", "ここにはない", "5 種類のコード", "0:00:02")),
    ):
        printed = sakigake(home, "witness", str(clip), "--interval", "1s", lang=lang)
        assert printed.returncode == 6
        assert not [part for part in words_of if part not in printed.stdout]


def test_a_clip_of_the_ledger_alone_and_the_package(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", [(at(ledger, 3), 4), (at(ledger, len(ledger)), 4)])
    assert sakigake(home, "witness", str(clip)).returncode == 0
    pack = tmp_path / "pack.zip"
    assert sakigake(home, "export", "last", "--no-stamp", "-o", str(pack)).returncode == 0
    elsewhere = tmp_path / "elsewhere"
    told = sakigake(elsewhere, "witness", str(clip), "--package", str(pack))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "2 of them are in the ledger" in told.stdout
    assert "does not show: when the video was made" in told.stdout
    unknown = sakigake(elsewhere, "witness", str(clip))
    assert unknown.returncode == 4
    assert "0 of them" in unknown.stdout
    assert not elsewhere.exists(), "looking makes nothing"
    # A package that does not hold is no ledger to compare with.
    whole = pack.read_bytes()
    pack.write_bytes(whole[:-100])
    assert sakigake(elsewhere, "witness", str(clip), "--package", str(pack)).returncode == 6


def test_screenshots(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    paths = []
    for number, (suffix, scale) in enumerate(
        ((".png", 1.0), (".jpg", 2 / 3), (".webp", 0.5), (".png", 1 / 3))
    ):
        path = tmp_path / f"{number}{suffix}"
        assert cv2.imwrite(str(path), scene(at(ledger, 4), 300, scale))
        paths.append(str(path))
    told = sakigake(home, "witness", *paths, "--session", "last", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    files = json.loads(told.stdout)["files"]
    assert [[code["fit"] for code in file["codes"]] for file in files] == [["same"]] * 4
    assert files[0]["codes"][0]["first_ms"] is None


def test_nothing_to_read(home: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "empty.png"), scene(None, 30))
    told = sakigake(home, "witness", str(tmp_path / "empty.png"))
    assert told.returncode == 4
    assert "No code was found" in told.stdout


@pytest.mark.slow
def test_hostile_files_end_in_one_sentence(home: Path, tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(bomb + chunk(b"IDAT", zlib.compress(bytes(100_000))))
    (tmp_path / "cut.png").write_bytes(bomb[:20])
    (tmp_path / "text.mp4").write_text("not a video at all", encoding="utf-8")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", encoding="utf-8")
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    whole = film(tmp_path / "whole.mp4", [(FOREIGN, 2)]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    names = [
        "bomb.png",
        "cut.png",
        "text.mp4",
        "list.m3u8",
        "empty.mp4",
        "pipe.mp4",
        "cut.mp4",
        "nowhere.mp4",
    ]
    for name in [*names, "."]:
        told = sakigake(home, "witness", str(tmp_path / name))
        assert told.returncode in {2, 4}, (name, told.returncode)
        assert told.stderr.startswith("sakigake: "), (name, told.stderr)
        assert "Traceback" not in told.stderr
    assert sakigake(home, "witness").returncode == 2
    both = sakigake(home, "witness", "x.mp4", "--session", "last", "--package", "y.zip")
    assert both.returncode == 2


@pytest.mark.slow
def test_damage_inside_a_video_hides_no_later_code(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", [(at(ledger, 2), 6), (at(ledger, 3), 10)])
    whole = bytearray(clip.read_bytes())
    rng = np.random.default_rng(1)
    for place in rng.integers(len(whole) // 4, len(whole) // 3, 200):
        whole[place] ^= 0x55
    clip.write_bytes(whole)
    told = sakigake(home, "witness", str(clip), "--json")
    assert "Traceback" not in told.stderr
    found = {code["size"] for file in json.loads(told.stdout)["files"] for code in file["codes"]}
    assert 3 in found


def test_more_codes_than_a_stream_shows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MAX_HEADS", 10)
    seen = sightings.Seen({})
    crowd = {Head("0badc0de", number + 1, bytes(32)) for number in range(11)}
    with pytest.raises(UsageError):
        seen.add(crowd, 0, 0)


def test_the_newest_head_of_a_session(home: Path, ledger: list[bytes], tmp_path: Path) -> None:
    newest = at(ledger, len(ledger))
    for lang in ("en", "ja"):
        told = sakigake(home, "timeline", "head", "last", lang=lang)
        assert told.returncode == 0, told.stderr
        assert told.stdout.splitlines()[0] == newest.code
        assert " ".join(words(newest, "en")) in told.stdout
        assert " ".join(words(newest, "ja")) in told.stdout
    picture = tmp_path / "head.png"
    for _ in range(2):  # our own picture may be renewed
        assert sakigake(home, "timeline", "head", "-o", str(picture)).returncode == 0
    assert picture.read_bytes() == overlay.picture(newest, "en")
    assert json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))["code"] == newest.code
    told = sakigake(home, "timeline", "head", "-o", str(tmp_path / "head.txt"), "--json")
    assert json.loads(told.stdout)["root"] == newest.root.hex()
    assert head_of_note((tmp_path / "head.txt").read_bytes()) == newest
    pack = tmp_path / "pack.zip"
    assert sakigake(home, "export", "last", "--no-stamp", "-o", str(pack)).returncode == 0
    seen = sakigake(home, "verify", str(pack), "--head", str(tmp_path / "head.txt"), "--head", newest.code)
    assert seen.stdout.count("Head seen: yes") == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("-o", "taken.txt"), 2),
        (("-o", "head.gif"), 2),
        (("-o", "nowhere/head.png"), 1),
        (("-o", "nowhere/head.txt"), 1),
        (("nothing",), 4),
    ],
)
def test_odd_places_for_a_head(home: Path, tmp_path: Path, args: tuple[str, ...], code: int) -> None:
    (tmp_path / "taken.txt").write_text("mine", encoding="utf-8")
    whole = [str(tmp_path / arg) if "." in arg else arg for arg in args]
    told = sakigake(home, "timeline", "head", *whole)
    assert told.returncode == code
    assert told.stderr.startswith("sakigake: ")
    assert "Traceback" not in told.stderr
    assert (tmp_path / "taken.txt").read_text(encoding="utf-8") == "mine"
