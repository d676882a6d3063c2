"""The clipboard, through programs in the place of xclip and wl-paste that say what lies in it."""

import os
import stat
import sys
from pathlib import Path

import pytest

from sakigake.errors import NotFoundError, UsageError
from tests.watch.pipeline import scene
from watch import clipboard
from watch.post import MediaRef, Post, PostTime

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other programs")


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder: what lies in it under `picture` and `text` is in the clipboard."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "xclip"
    program.write_text(
        f'#!/bin/sh\ncase "$4" in image/png) name=picture;; *) name=text;; esac\nexec /bin/cat "{tmp_path}/$name"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert os.environ["PATH"] == str(folder)
    return tmp_path


def test_a_picture_comes_before_text(board: Path) -> None:
    picture = scene.unrelated(1)
    (board / "picture").write_bytes(picture)
    (board / "text").write_text("https://example.com/")
    assert clipboard.read() == picture


def test_a_link_is_text(board: Path) -> None:
    (board / "text").write_text(" https://example.com/作品 \n")
    assert clipboard.read() == "https://example.com/作品"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"x" * 9000])
def test_nothing_of_use_is_told(board: Path, data: bytes) -> None:
    (board / "text").write_bytes(data)
    with pytest.raises(NotFoundError):
        clipboard.read()


def test_without_a_program_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError) as caught:
        clipboard.read()
    assert "xclip" in caught.value.message()


def test_a_kept_picture_goes_and_no_other_file(tmp_path: Path) -> None:
    kept = clipboard.keep(scene.unrelated(1), tmp_path)
    other = tmp_path / "mine.jpg"
    other.write_bytes(b"x")
    media = (MediaRef(path=str(kept)), MediaRef(path=str(other)), MediaRef(url="https://example.com/"))
    clipboard.let_go(Post("inbox", "file", "1", "", "", "", media, PostTime()), tmp_path)
    assert not kept.exists()
    assert other.exists()
    with pytest.raises(UsageError):
        clipboard.keep(b"text", tmp_path)
