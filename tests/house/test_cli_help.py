"""Every command explains itself in both languages."""

import json
import re
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from sakigake import words

# Run in a process of its own: help texts are chosen when a command is imported.
WALK = """
import json, click
from desk.cli import cli

def walk(path, command):
    ctx = click.Context(command, info_name=path[-1])
    yield {
        "path": path, "help": command.help or "", "page": command.get_help(ctx),
        "options": {p.name: (p.help or "") for p in command.params if isinstance(p, click.Option)},
    }
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from walk([*path, name], command.get_command(ctx, name))

print(json.dumps(list(walk(["sakigake"], cli))))
"""
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")


@cache
def commands(lang: str) -> list[dict[str, Any]]:
    import os

    ran = subprocess.run(
        [sys.executable, "-c", WALK],
        capture_output=True,
        check=True,
        env={**os.environ, "SAKIGAKE_LANG": lang, "PYTHONUTF8": "1"},
    )
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_every_command_and_option_has_help(lang: str) -> None:
    silent = [
        " ".join([*command["path"], option])
        for command in commands(lang)
        for option, text in {"": command["help"], **command["options"]}.items()
        if not text.strip()
    ]
    assert not silent


def test_japanese_help_is_japanese() -> None:
    english = [
        " ".join([*command["path"], option])
        for command in commands("ja")
        for option, text in {"": command["help"], **command["options"]}.items()
        if not JAPANESE.search(text) and option not in {"version", "help"}
    ]
    assert not english


def test_both_languages_have_the_same_commands() -> None:
    assert [c["path"] for c in commands("en")] == [c["path"] for c in commands("ja")]


def test_the_table_of_commands_is_the_list_that_help_shows() -> None:
    from desk.cli import COMMANDS

    page = commands("en")[0]["page"]
    assert all(re.search(rf"^  {name} ", page, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["no-such-command"], 2),
        (["check"], 2),
        (["verify", "--no-such"], 2),
    ],
)
def test_exit_codes_of_the_command_line(arguments: list[str], code: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "desk", *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr
    assert ran.stdout if code == 0 else ran.stderr
