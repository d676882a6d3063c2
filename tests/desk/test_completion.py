"""Completion as real shells ask for it."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from desk.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """Put a `sakigake` onto the path, as an installation does."""
    script = tmp_path / "bin" / "sakigake"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m desk "$@"\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    places = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return {**os.environ, **places, "PATH": f"{script.parent}:{os.environ['PATH']}", "TERM": "dumb"}


def shell(program: dict[str, str], *command: str, text: str = "") -> str:
    ran = subprocess.run(
        command, input=text, env=program, capture_output=True, encoding="utf-8", check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_bash_completes(program: dict[str, str]) -> None:
    text = """
    eval "$(sakigake completion bash)"
    for line in "sakigake conf" "sakigake record st" "sakigake record start --sou"; do
        COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
        _sakigake_completion sakigake
        echo "${COMPREPLY[*]}"
    done
    complete -p sakigake
    """
    lines = shell(program, "bash", "--norc", "-c", text).splitlines()
    assert lines[:3] == ["config", "start status stop", "--source"]
    assert "_sakigake_completion" in lines[3]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_completes(program: dict[str, str]) -> None:
    # What zsh is given to choose from goes to compadd and _describe: these tell it here.
    text = """
    compdef() { registered="$*" }
    eval "$(sakigake completion zsh)"
    compadd() { print -r -- "compadd: $*" }
    _describe() { shift; print -r -- "described: ${(P)${@[2]:-$1}}" }
    words=(sakigake record st); CURRENT=3
    _sakigake_completion
    print -r -- "registered: $registered"
    """
    said = shell(program, "zsh", "-f", "-c", text)
    assert "start" in said
    assert "status" in said
    assert "registered: _sakigake_completion sakigake" in said


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes(program: dict[str, str]) -> None:
    text = 'sakigake completion fish | source; complete -C "sakigake record st"; complete -C "sakigake conf"'
    said = shell(program, "fish", "--no-config", "-c", text).splitlines()
    assert [line.partition("\t")[0] for line in said] == ["start", "status", "stop", "config"]
    assert said[3].partition("\t")[2].startswith("Show; edit and check"), "its lines are cut at commas"


def test_powershell_is_given_one_line_for_each_word(program: dict[str, str]) -> None:
    asked = {
        "_SAKIGAKE_COMPLETE": "powershell_complete",
        "COMP_WORDS": "sakigake\nrecord",
        "COMP_CWORD": "st",
    }
    said = shell({**program, **asked}, "sakigake").splitlines()
    assert [line.split("\t")[:2] for line in said] == [
        ["plain", name] for name in ("start", "status", "stop")
    ]
    assert all(line.split("\t")[2] for line in said)


@pytest.mark.skipif(not shutil.which("pwsh"), reason="PowerShell is not installed")
def test_powershell_completes(program: dict[str, str]) -> None:
    text = (
        "sakigake completion powershell | Out-String | Invoke-Expression; "
        "(TabExpansion2 'sakigake record st' 18).CompletionMatches.CompletionText"
    )
    assert shell(program, "pwsh", "-NoProfile", "-Command", text).split() == ["start", "status", "stop"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell"])
def test_the_script_is_an_answer_as_well(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", name, "--json"]) == 0
    script = json.loads(capsys.readouterr().out)["script"]
    assert "_SAKIGAKE_COMPLETE" in script
    assert script.count("{") == script.count("}")
    assert script.count("sakigake") > 1
