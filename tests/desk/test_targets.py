"""`sakigake targets` and the screen lines of `doctor`, before a real X server with real windows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk.cli import main
from desk.demo.authority import local_authority
from desk.painters import paints
from tests.capture.running import configure
from tests.peers import windows

pytestmark = pytest.mark.x11


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with windows.server() as name:
        monkeypatch.setenv("DISPLAY", name)
        monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
        yield name


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_drawing_programs_come_first_and_titles_only_when_asked(
    display: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(own_home)
    with (
        windows.Window(display, "0,0,400,300", "--title", "canary letter", "--program", "mail"),
        windows.Window(display, "10,10,300,200", "--title", "canary drawing", "--program", "mtpaint"),
    ):
        told = answer(capsys, "targets")
        assert [row["program"] for row in told["windows"]] == ["mtpaint", "mail"]
        assert [row["paints"] for row in told["windows"]] == [True, False]
        assert told["windows"][0]["source"] == "window:mtpaint"
        assert [row["area"] for row in told["screens"]] == ["0,0,800,600"]
        assert "canary" not in json.dumps(told)
        assert main(["targets"]) == 0
        text = capsys.readouterr().out
        assert text.index("mtpaint") < text.index("mail")
        assert "canary" not in text
        titled = answer(capsys, "targets", "--titles")
        assert [row["title"] for row in titled["windows"]] == ["canary drawing", "canary letter"]
        lines = {line["code"]: line for line in answer(capsys, "doctor")["lines"]}
        assert "800x600" in str(lines["screen"]["message"])
        assert lines["windows"]["state"] == "ok"
        assert "canary" not in json.dumps(lines)


def test_authorities_that_answer_tell_how_far_off_the_clock_is(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with local_authority(tmp_path / "authority") as authority:
        (own_home / "sakigake.toml").write_text(authority.settings(), encoding="utf-8")
        lines = {line["code"]: line for line in answer(capsys, "doctor", "--online")["lines"]}
    assert lines["authority"]["state"] == "ok"
    assert lines["clock"]["state"] == "ok"
    assert "offline" not in lines
    silent = {line["code"]: line for line in answer(capsys, "doctor", "--online")["lines"]}
    assert silent["authority-silent"]["state"] == "warn"
    assert silent["authority-silent"]["next"]


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (("clipstudiopaint.exe",), True),
        (("krita",), True),
        (("sai2.exe", "sai2"), True),
        (("firefox", "navigator"), False),
        (("sailfish",), False),
    ],
)
def test_drawing_programs_are_known_by_their_names(names: tuple[str, ...], known: bool) -> None:
    assert paints(names) is known
