"""`sakigake config`, `init`, `logs` and the options before the command, as a person types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desk import logbook, origins
from desk.cli import main
from sakigake import settings


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out + captured.err


def configure(home: Path, text: str) -> Path:
    path = home / "sakigake.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_layer_is_named(
    own_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(own_home, "# mine\n[record]\ninterval_s = 3\nheartbeat_s = 30\n")
    monkeypatch.setenv("SAKIGAKE_RECORD_HEARTBEAT_S", "20")
    told = said(capsys, "--set", "record.disk_low_mb=9", "config", "show", "record", "--origin")
    assert f"record.interval_s = 3  # {path}:3\n" in told
    assert "record.heartbeat_s = 20.0  # variable SAKIGAKE_RECORD_HEARTBEAT_S\n" in told
    assert "record.disk_low_mb = 9  # command line, --set\n" in told
    assert "record.disk_small_mb = 500  # default\n" in told
    assert settings.load().section("record")["interval_s"] == 3
    rows = json.loads(said(capsys, "config", "show", "record.interval_s", "--json"))["settings"]
    assert rows == [{"name": "record.interval_s", "value": 3, "layer": "file", "place": f"{path}:3"}]


def test_what_opens_an_account_is_never_shown(
    own_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(
        own_home,
        '[obs]\npassword = "canary-1"\n[watch]\nalerts = ["desktop", "tgram://canary-2/canary-3"]\n'
        '[ots]\nexplorer = "https://user:canary-5@example.com/api"\n'
        '[[anchor.authority]]\nname = "x"\nurl = "https://u:canary-6@example.com"\nroot = "x.pem"\n',
    )
    monkeypatch.setenv("SAKIGAKE_OBS_PASSWORD", "canary-7")
    for arguments in (["--origin"], ["--json"], ["obs.password"]):
        told = said(capsys, "config", "show", *arguments)
        assert "canary" not in told
    assert "desktop" in said(capsys, "config", "show", "watch.alerts")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# a\n[record]\ninterval_s = 0\n", 3, "record.interval_s cannot be 0"),
        ("[record]\n\nintervall_s = 2\n", 3, "no setting record.intervall_s"),
        ("\n[records]\n", 2, "no setting [records]"),
        ("[record]\ninterval_s = = 2\n", 2, "cannot be read"),
        ('[watch]\nqueue = "many"\n', 2, "watch.queue cannot be"),
    ],
)
def test_check_names_the_line_and_the_next_step(
    own_home: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, words: str
) -> None:
    path = configure(own_home, text)
    told = said(capsys, "config", "check", code=3)
    assert f"{path}:{line}: " in told
    assert words in told
    assert len(told.strip().splitlines()) == 2, "one line that says what is wrong, one that says what to do"


def test_check_names_a_variable_that_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAKIGAKE_RECORD_INTERVALL_S", "2")
    assert "SAKIGAKE_RECORD_INTERVALL_S" in said(capsys, "config", "check", code=3)


def test_edit_writes_the_file_once_and_checks_what_was_done(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil = tmp_path / "my editor.sh"
    spoil.write_text('#!/bin/sh\necho "[record]" >> "$1"\necho "nonsense = 1" >> "$1"\n', encoding="utf-8")
    spoil.chmod(0o755)
    monkeypatch.setenv("VISUAL", "true")
    told = said(capsys, "config", "edit")
    path = own_home / "sakigake.toml"
    assert f"Written, with every default as a comment: {path}" in told
    before = path.read_bytes()
    assert "Written" not in said(capsys, "config", "edit")
    assert path.read_bytes() == before
    path.write_text("", encoding="utf-8")
    monkeypatch.setenv("VISUAL", str(spoil))
    assert f"{path}:2: There is no setting record.nonsense" in said(capsys, "config", "edit", code=3)


def test_init_twice_changes_nothing(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Signing key made" in said(capsys, "init")
    kept = {
        path: path.read_bytes() for path in own_home.rglob("*") if path.is_file() and "logs" not in path.parts
    }
    assert own_home / "keys" / "ed25519.pem" in kept
    assert "was there already" in said(capsys, "init")
    again = {
        path: path.read_bytes() for path in own_home.rglob("*") if path.is_file() and "logs" not in path.parts
    }
    assert again == kept


def test_the_log_holds_words_of_the_program_only(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "init")
    said(capsys, "check", "canary-picture.png", code=4)
    said(capsys, "session", "close", "canary-session", code=4)
    said(capsys, "canary-command", code=2)
    log = logbook.path_of(own_home).read_text(encoding="ascii")
    assert "init done exit=0" in log
    assert "check error nothing-recorded exit=4" in log
    assert "canary" not in log
    assert json.loads(said(capsys, "logs", "--json", "--tail", "1"))["lines"] == log.splitlines()[-1:]


def test_the_log_rotates(own_home: Path) -> None:
    configure(own_home, "[program]\nlog_mb = 0.001\n")
    for number in range(100):
        logbook.note("command", "done", f"exit={number}")
    files = sorted(path.name for path in (own_home / "logs").iterdir())
    assert files == ["sakigake.log", "sakigake.log.1", "sakigake.log.2", "sakigake.log.3"]
    assert all(path.stat().st_size <= 1000 for path in (own_home / "logs").iterdir())
    assert "exit=99" in logbook.path_of(own_home).read_text(encoding="ascii")


def test_the_log_can_be_switched_off(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(own_home, "[program]\nlog = false\n")
    said(capsys, "check", "x.png", code=4)
    assert not (own_home / "logs").exists()


def test_nothing_is_made_by_looking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAKIGAKE_HOME", str(tmp_path / "not" / "there"))
    said(capsys, "config", "show")
    said(capsys, "doctor")
    said(capsys, "check", "x.png", code=4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "text", "arguments", "japanese"),
    [
        ({"SAKIGAKE_LANG": "en"}, "", ["--lang", "ja"], True),
        ({"SAKIGAKE_LANG": "ja"}, "", ["--lang=en"], False),
        ({"LANG": "C.UTF-8"}, '[program]\nlang = "ja"\n', [], True),
        ({"SAKIGAKE_LANG": "en"}, '[program]\nlang = "ja"\n', [], False),
        ({"LANG": "C.UTF-8"}, "[record\n", ["--plain", "--lang", "ja"], True),
    ],
)
def test_the_language_is_chosen_before_the_first_word(
    own_home: Path, variables: dict[str, str], text: str, arguments: list[str], japanese: bool
) -> None:
    configure(own_home, text)
    clean = {
        key: value
        for key, value in os.environ.items()
        if key not in {"SAKIGAKE_LANG", "LC_ALL", "LC_MESSAGES"}
    }
    for command in (["record", "start", "--help"], ["no-such-command"]):
        ran = subprocess.run(
            [sys.executable, "-m", "desk", *arguments, *command],
            env={**clean, **variables, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (("使いかた" in ran.stdout + ran.stderr), "Usage" in ran.stdout + ran.stderr) == (
            japanese,
            not japanese,
        )


def test_hidden_values() -> None:
    def shown(name: str, value: object) -> object:
        return origins.Setting(name, value, "file", "").shown

    assert shown("obs.password", "x") == "…"
    assert not shown("obs.password", "")
    assert shown("ots.explorer", "https://a:b@c/d") == "https://…@c/d"
    assert shown("watch.alerts", ["desktop", "mailto://x"]) == ["desktop", "…"]
    assert shown("record.interval_s", 2.0) == 2.0
