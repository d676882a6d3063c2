"""The demonstration as a whole, run as a person runs it."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from desk.commands import demo as command
from desk.demo import drawing, paint, screen, story
from desk.demo.recording import FRAMES
from sakigake.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(
    tmp_path: Path, *arguments: str, authority: str = "none", **environment: str
) -> subprocess.CompletedProcess[str]:
    given = ("--output", str(tmp_path / "out"), "--authority", authority)
    return subprocess.run(
        [sys.executable, "-m", "desk", "demo", *given, *arguments],
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=280,
    )


def ask(folder: Path, *arguments: str) -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-m", "desk", *arguments, "--json"],
        env={**os.environ, "SAKIGAKE_HOME": str(folder / "records")},
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    answer: dict[str, object] = json.loads(ran.stdout)
    return answer


def test_recorded_frames_are_small_and_there() -> None:
    frames = sorted(FRAMES.glob("*.png"))
    assert len(frames) >= 12
    assert sum(frame.stat().st_size for frame in frames) < 300_000
    sizes = set()
    for frame in frames:
        with Image.open(frame) as picture:
            sizes.add(picture.size)
            assert not {"exif", "icc_profile", "Software", "Title"} & set(picture.info)
    assert sizes == {(560, 420)}


def test_never_takes_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.psd").write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        story.prepare(tmp_path)
    assert raised.value.code == "demo-folder-taken"
    assert (tmp_path / "mine.psd").read_text(encoding="utf-8") == "precious"


def test_empties_only_its_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    story.prepare(folder)
    (folder / "records" / "old.db").write_text("", encoding="utf-8")
    story.prepare(folder)
    assert sorted(item.name for item in folder.iterdir()) == [story.MARK, "records"]
    assert not any((folder / "records").iterdir())


def test_a_real_screen_is_never_recorded_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "has_screen", lambda: True)
    assert command._offer_screen() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_replay_from_frames_to_a_checked_package(tmp_path: Path, lang: str) -> None:
    ran = run(tmp_path, "--replay", "--lang", lang)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    out = tmp_path / "out"
    assert (out / "pack" / "index.html").is_file()
    assert (out / "transcript.txt").read_text(encoding="utf-8").strip() == ran.stdout.strip()
    assert ask(out, "verify", "pack.zip")["verdict"] == "INTEGRITY ONLY"
    assert ask(out, "check", "unrelated.jpg")["likeness"] in {"none", "not_comparable"}
    again = run(tmp_path, "--replay", "--lang", lang)
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl (make system)")
def test_with_an_authority_the_package_verifies_and_the_order_is_known(tmp_path: Path) -> None:
    ran = run(tmp_path, "--replay", authority="local")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ask(tmp_path / "out", "verify", "pack.zip")["verdict"] == "VERIFIED"


@pytest.mark.slow
def test_with_an_authority_that_does_not_answer_the_requests_stay_queued(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        rows = ("[anchor]", 'use = ["away"]', "timeout_s = 2.0", "[[anchor.authority]]", 'name = "away"')
        root = ROOT / "config" / "trust" / "digicert.pem"
        url = f'url = "http://127.0.0.1:{taken.getsockname()[1]}"'
        config = tmp_path / "sakigake.toml"
        config.write_text("\n".join((*rows, url, f"root = '{root}'")), encoding="utf-8")
        ran = run(tmp_path, "--replay", authority="configured", SAKIGAKE_CONFIG=str(config))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ask(tmp_path / "out", "verify", "pack.zip")["verdict"] == "INTEGRITY ONLY"
    waiting = ask(tmp_path / "out", "timeline", "show")["waiting"]
    assert isinstance(waiting, int)
    assert waiting >= 1


@pytest.mark.slow
def test_without_the_paint_program_it_says_so_and_replays(tmp_path: Path) -> None:
    ran = run(tmp_path, PATH="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "mtpaint" in ran.stdout
    assert "apt-get install" in ran.stdout


@pytest.mark.slow
@pytest.mark.x11
@pytest.mark.skipif(bool(screen.missing_programs(paint.PROGRAMS)), reason="needs Xvfb, xdotool and mtpaint")
def test_the_real_paint_program_from_blank_canvas_to_checked_package(tmp_path: Path) -> None:
    ran = run(tmp_path, "--seed", "11", DISPLAY="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = ask(tmp_path / "out", "timeline", "show")
    assert isinstance(shown["stages"], int)
    assert shown["stages"] >= story.ENOUGH_STAGES


def finding(likeness: str, stages: list[int] | None, order: str = "order_unclear") -> dict[str, object]:
    return {"likeness": likeness, "stage_range": stages, "order": order}


@pytest.mark.parametrize(
    ("answer", "met"),
    [
        (finding("strong", [5, 9]), True),
        (finding("some", [7, 7]), True),
        (finding("strong", [8, 9]), False),
        (finding("none", None), False),
        (finding("not_comparable", None), False),
    ],
)
def test_recognised_means_at_its_stage(answer: dict[str, object], met: bool) -> None:
    assert story._recognised(answer, 7).met is met


@pytest.mark.parametrize(("likeness", "met"), [("none", True), ("not_comparable", True), ("some", False)])
def test_the_unrelated_picture_must_not_be_recognised(likeness: str, met: bool) -> None:
    assert story._unrelated(finding(likeness, None)).met is met


@pytest.mark.parametrize(
    ("code", "order", "authority", "met"),
    [
        (0, "draft_first", "local", True),
        (7, "draft_first", "local", False),
        (0, "order_unclear", "local", False),
        (7, "order_unclear", "none", True),
        (0, "draft_first", "none", False),
        (6, "order_unclear", "none", False),
        (7, "order_unclear", "configured", True),
        (0, "draft_first", "configured", True),
        (0, "post_first", "configured", False),
        (6, "draft_first", "configured", False),
    ],
)
def test_what_may_be_said_depends_on_who_was_asked(code: int, order: str, authority: str, met: bool) -> None:
    both = story._order(finding("strong", [1, 9], order), authority), story._verified(code, authority)
    assert all(expectation.met for expectation in both) is met
    assert all(expectation.sentence for expectation in both)


@pytest.mark.slow
@pytest.mark.x11
@pytest.mark.skipif(bool(screen.missing_programs(paint.PROGRAMS)), reason="needs Xvfb, xdotool and mtpaint")
def test_a_real_screen_is_recorded_once_its_owner_says_so(tmp_path: Path) -> None:
    """A person at a terminal, on a screen where mtpaint is open, answers the questions and draws."""
    import pty  # POSIX alone has them, as it has the screens of this test

    picture = drawing.draw(5)
    with (
        screen.virtual_screen(*paint.SCREEN, tmp_path / "scratch") as env,
        paint.Painter(picture, env, tmp_path / "scratch") as painter,
    ):
        ours, theirs = pty.openpty()
        command = [
            sys.executable,
            "-m",
            "desk",
            "demo",
            "--authority",
            "none",
            "--output",
            str(tmp_path / "out"),
        ]
        environment = {**os.environ, "DISPLAY": env["DISPLAY"]}
        asked = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, f"y\n{','.join(map(str, painter.region))}\n40s\n".encode())
        time.sleep(4)
        for phase in picture.phases[:5]:
            painter.draw(phase)
            time.sleep(2)
        shown = b""
        while asked.poll() is None or select.select([ours], [], [], 0)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # Linux ends a terminal this way when nobody holds its other side any more
                break
        os.close(ours)
    assert asked.wait(timeout=60) == 0, shown.decode()
    assert b"--region" in shown
    assert ask(tmp_path / "out", "verify", "pack.zip")["verdict"] == "INTEGRITY ONLY"
