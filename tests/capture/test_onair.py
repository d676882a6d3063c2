"""The code for the stream is kept up to date, held long enough, and never stops a recording."""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from capture import onair
from capture.elapsed import Elapsed
from capture.onair import OnAir
from sakigake.model import StoredCheckpoint
from sakigake.timeline import merkle
from sakigake.witness.code import Head, head_of_note
from sakigake.witness.reader import heads
from tests.capture.display import Painter, XServer, have_xvfb
from tests.capture.running import Kept, Recording, configure, environment, wait_until

LEDGER = "499f379f" * 4
QUICK = "[record]\nheartbeat_s = 0.5\n[anchor]\ncheckpoint_s = 1\nstage_checkpoint_s = 1\nenabled = false\n"


def checkpoint(size: int) -> StoredCheckpoint:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from sakigake.timeline import note

    stated = note.Checkpoint(LEDGER, size, hashlib.sha256(b"%d" % size).digest(), None, None, 1)
    signed = note.sign(stated, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return StoredCheckpoint(size, size, signed)


def shown(path: Path) -> Head | None:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    found, _ = heads(np.asarray(picture, np.uint8))
    return next(iter(found), None)


class Said:
    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str, **_values: Any) -> None:
        self.keys.append(key)


def size_shown(path: Path) -> int:
    head = shown(path)
    return head.size if head else 0


def test_each_picture_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onair, "HOLD_S", 1.5)
    path, said = tmp_path / "air.png", Said()
    air = OnAir(path, LEDGER, Elapsed(), said)
    air.show(checkpoint(1))
    air.start()
    wait_until(lambda: size_shown(path) == 1, 5)
    began = time.monotonic()
    air.show(checkpoint(2))
    air.show(checkpoint(3))
    wait_until(lambda: size_shown(path) != 1, 5)
    assert time.monotonic() - began > 1.2
    assert size_shown(path) == 3, "the newest, not the next"
    air.show(checkpoint(4))
    began = time.monotonic()
    air.finish()
    assert time.monotonic() - began < 1, "the last one does not wait"
    assert size_shown(path) == 4
    assert said.keys == ["record.overlay-shown"]
    assert air.turns == 3


def test_trouble_is_said_once_and_gets_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onair, "HOLD_S", 0.1)
    monkeypatch.setattr(onair, "RETRY_S", 0.2)
    folder, said = tmp_path / "stick", Said()
    folder.mkdir()
    air = OnAir(folder / "air.png", LEDGER, Elapsed(), said)
    air.start()
    air.show(checkpoint(1))
    wait_until(lambda: size_shown(folder / "air.png") == 1, 5)
    shutil.rmtree(folder)  # somebody pulls out the stick
    air.show(checkpoint(2))
    wait_until(lambda: "record.overlay-failed" in said.keys, 5)
    air.show(checkpoint(3))
    time.sleep(0.6)
    folder.mkdir()
    wait_until(lambda: size_shown(folder / "air.png") == 3, 5)
    wait_until(lambda: said.keys[-1] == "record.overlay-back", 5)
    air.finish()
    assert said.keys == ["record.overlay-shown", "record.overlay-failed", "record.overlay-back"]


def test_a_full_disk_leaves_the_picture_before(tmp_path: Path) -> None:
    """/dev/full refuses every byte, as a full disk does: the temporary file is a link to it."""
    path, said = tmp_path / "air.png", Said()
    (tmp_path / ".air.png.part").symlink_to("/dev/full")
    air = OnAir(path, LEDGER, Elapsed(), said)
    air.start()
    air.show(checkpoint(1))
    wait_until(lambda: said.keys == ["record.overlay-failed"], 5)
    assert not path.exists()
    air.finish()
    assert size_shown(path) == 1, "the end tries once more; the link is gone by then"


needs_x = pytest.mark.skipif(not have_xvfb(), reason="Xvfb is not installed")


@pytest.mark.x11
@needs_x
def test_a_real_recording_shows_its_own_ledger(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "canary-folder" / "air.png"
    path.parent.mkdir()
    home.mkdir()
    (home / "sakigake.toml").write_text(f"{QUICK}[privacy]\nsettle_s = 0.1\n", encoding="utf-8")
    with XServer() as server, Painter(server) as painter:
        painter.fill(0, 0, 640, 480, 0xFFFFFF)
        screen = ("--region", "0,0,640,480", "--interval", "0.2s", "--overlay", str(path))
        with Recording(home, *screen, display=server.name) as recording:
            recording.wait_said("The code for the stream is in")
            first = shown(path)
            recording.wait_for("stage")
            painter.stroke(1, size=20)
            recording.wait_for("stage", 2)
            assert recording.end() == 0
    last = shown(path)
    assert first
    assert last
    assert last.size > first.size
    with Kept(home) as kept:
        kept.check()
        session = kept.sessions[-1]
        leaves = kept.store.leaves(session.id)
        checkpoints = kept.store.checkpoints(session.id)
    for head in (first, last):
        assert head.ledger == session.ledger[:8]
        assert head.root == merkle.root(leaves[: head.size])
    assert last == head_of_note(checkpoints[-1].note)
    assert last.size == len(leaves), "the end of the recording is on the last picture"
    everything = path.read_bytes() + path.with_suffix(".json").read_bytes()
    assert b"canary" not in everything
    assert str(tmp_path).encode() not in everything


@pytest.mark.x11
@needs_x
def test_a_folder_that_is_not_there_does_not_stop_a_recording(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "sakigake.toml").write_text(f"{QUICK}[privacy]\nsettle_s = 0.1\n", encoding="utf-8")
    with XServer() as server, Painter(server) as painter:
        painter.fill(0, 0, 640, 480, 0xFFFFFF)
        missing = tmp_path / "nowhere" / "air.png"
        screen = ("--region", "0,0,640,480", "--interval", "0.2s", "--overlay", str(missing))
        with Recording(home, *screen, display=server.name) as recording:
            recording.wait_said("cannot be written")
            recording.wait_for("stage")
            painter.stroke(1, size=20)
            recording.wait_for("stage", 2)
            assert recording.end() == 0
            assert sum("cannot be written" in line for line in recording.sentences) == 1
            assert not any("codes were made" in line for line in recording.sentences)
    with Kept(home) as kept:
        kept.check()


def test_a_name_that_is_taken_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.png"
    drawing.write_bytes(cv2.imencode(".png", np.full((200, 300, 3), 250, np.uint8))[1].tobytes())
    before = drawing.read_bytes()
    for where in (("--overlay", str(drawing)), ()):
        home = tmp_path / f"home{len(where)}"
        setting = "" if where else f"[record]\noverlay = '{drawing}'\n"
        configure(home, setting)
        command = [sys.executable, "-m", "desk", "record", "start", str(drawing), *where]
        ran = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert "already something else" in ran.stderr
        assert drawing.read_bytes() == before
        assert not (home / "sakigake.db").exists()


def test_a_recording_without_an_overlay_loads_neither_writer_nor_reader(tmp_path: Path) -> None:
    picture = tmp_path / "1.png"
    cv2.imwrite(str(picture), np.full((200, 300, 3), 250, np.uint8))
    for more, expected in (([], []), (["--overlay", str(tmp_path / "air.png")], ["segno", "zxingcpp"])):
        home = tmp_path / f"home{len(more)}"
        configure(home)
        code = (
            f"import sys; from desk.cli import main; main({['record', 'start', str(picture), *more]!r});"
            "print(sorted({name.split('.')[0] for name in sys.modules} & {'segno', 'zxingcpp'}))"
        )
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[-1] == str(expected)
