"""`sakigake timeline lapse` as a person types it, over a session of the real recorder."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.capture.easel import Easel
from tests.capture.running import ROOT, Kept, Recording, configure, environment

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one session: a drawing that was saved as pictures, once zoomed in and once mirrored."""
    folder, home = tmp_path_factory.mktemp("exports"), tmp_path_factory.mktemp("home")
    configure(home)
    easel = Easel()
    for number, pose in enumerate(
        [Easel.fit()] * 3 + [Easel.fit(1.6, shift=(40, -30)), Easel.fit(mirror=True), Easel.fit()]
    ):
        easel.pose = Easel.fit()
        if number:
            easel.scribble(3)
        easel.pose = pose
        assert cv2.imwrite(str(folder / f"{number}.png"), easel.view())
    with Recording(home, "--source", f"folder:{folder}", "--once") as run:
        assert run.ended() == 0, run.sentences
    with Kept(home) as kept:
        kept.check()
    return home


def lapse(home: Path, *args: object, lang: str = "en") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "desk", "timeline", "lapse", *map(str, args)],
        env=environment(home, SAKIGAKE_LANG=lang, PYTHONIOENCODING="utf-8"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        cwd=ROOT,
    )


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_it_says_what_it_wrote_and_that_it_is_no_evidence(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    done = lapse(home, "last", "-o", path)
    assert done.returncode == 0, done.stderr
    film = frames(path)
    assert f"{len(film)} frames" in done.stdout
    assert "800x608" in done.stdout
    assert "no evidence" in done.stdout
    assert {frame.shape for frame in film} == {(608, 800, 3)}
    # The page is as white at its corners in every frame as in a fitted view: no zoom, no surroundings.
    for frame in film:
        for corner in (frame[:20, :20], frame[:20, -20:], frame[-20:, :20], frame[-20:, -20:]):
            assert int(corner.min()) > 200


def test_it_lasts_as_long_as_was_asked(home: Path, tmp_path: Path) -> None:
    done = lapse(home, "-o", tmp_path / "film.webm", "--seconds", 2, "--height", 200, lang="ja")
    assert done.returncode == 0, done.stderr
    assert "証拠にはなりません" in done.stdout
    film = frames(tmp_path / "film.webm")
    assert len(film) == 60
    assert film[0].shape[0] == 200


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (("nobody", "-o", "a.mp4"), 4, "nobody"),
        (("-o", "a.avi"), 2, ".mp4, .webm or .gif"),
        (("-o", "none/a.mp4"), 2, "no folder"),
        (("-o", "there.mp4"), 2, "there already"),
        (("-o", "a.mp4", "--fps", "5", "--seconds", "5"), 2, "not both"),
        (("-o", "a.mp4", "--fps", "0"), 2, "from 0.1 to 60"),
        (("-o", "a.mp4", "--seconds", "nan"), 2, "from 1 to 3600"),
        (("-o", "a.mp4", "--height", "9000"), 2, "from 64 to 2160"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    home: Path, tmp_path: Path, args: tuple[str, ...], code: int, part: str
) -> None:
    (tmp_path / "there.mp4").write_bytes(b"mine")
    placed = [str(tmp_path / arg) if "." in arg and not arg.startswith("-") else arg for arg in args]
    done = lapse(home, *placed)
    assert done.returncode == code
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def test_without_a_picture_there_is_no_film(tmp_path: Path) -> None:
    configure(tmp_path / "home")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = lapse(tmp_path / "home", "-o", tmp_path / "a.mp4")
    assert done.returncode == 4
    with Recording(tmp_path / "home", "--source", f"folder:{empty}", "--once") as run:
        assert run.ended() == 0, run.sentences
    done = lapse(tmp_path / "home", "-o", tmp_path / "a.mp4")
    assert done.returncode == 4
    assert "no stage whose picture is kept" in done.stderr
