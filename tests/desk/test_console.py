"""Consoles as they are: those of Windows that know few letters, pipes, and terminals that want it plain."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desk import speaking
from sakigake.store.sqlite import SqliteStore
from tests.desk import tree
from tests.watch import studio
from tests.watch.pipeline import scene

ROOT = Path(__file__).resolve().parents[2]
# Every command's help and what can be asked of a fresh and of a recorded home, in one process of that encoding.
ALL = """
import sys
from desk.cli import main
from tests.desk import tree

def names(path, command):
    import click
    yield path
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            yield from names([*path, name], command.get_command(ctx, name))

from desk.cli import cli
calls = [[*path, "--help"] for path in names([], cli)]
calls += [line.split("\\t") for line in sys.argv[1:]]
wrong = []
for call in calls:
    try:
        code = main(call)
    except SystemExit as end:
        code = end.code
    if code not in (0, 1, 2, 3, 4, 8, 10):
        wrong.append((call, code))
sys.stdout.flush()
print(len(calls), "calls", wrong)
"""
TYPICAL = (
    "--version",
    "doctor",
    "init",
    "targets",
    "config\tshow\t--origin",
    "config\tcheck",
    "timeline\tlist",
    "timeline\tshow",
    "timeline\tshow\t--json",
    "timeline\thead",
    "session\tclose\tnone",
    "record\tstatus",
    "record\tstop",
    "watch\tlist",
    "findings\tlist",
    "key\tshow",
    "selftest",
    "completion\tpowershell",
    "logs",
    "check\t絵の𠮷と🎨.png",
    "no-such-𠮷",
)


@pytest.mark.parametrize(("lang", "encoding"), [("ja", "cp932"), ("en", "cp1252")])
def test_no_console_of_windows_ends_the_program(own_home: Path, lang: str, encoding: str) -> None:
    store = SqliteStore(own_home / "sakigake.db")
    studio.record(store, studio.pictures()[:2])
    store.close()
    ran = subprocess.run(
        [sys.executable, "-c", ALL, *TYPICAL],
        env={**os.environ, "SAKIGAKE_LANG": lang, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=200,
    )
    told, beside = ran.stdout.decode(encoding), ran.stderr.decode(encoding)
    assert ran.returncode == 0, beside
    assert "Traceback" not in beside
    assert re.search(r"\d+ calls \[\]\s*$", told), told[-2000:]
    lines = [line for line in told.splitlines() if line.startswith('{"schema_version"')]
    assert len(lines) == 1
    assert json.loads(lines[0])["rows"]
    if (lang, encoding) == ("ja", "cp932"):
        assert "使いかた" in told
        assert "が見つかりません" in beside or "ありません" in beside


def on_a_terminal(home: Path, *arguments: str, **variables: str) -> bytes:
    """Run a command whose standard error is a terminal; return what it drew there."""
    parent, child = pty.openpty()
    more = {"TERM": "xterm-256color", "COLUMNS": "80", **variables}
    with subprocess.Popen(
        [sys.executable, "-m", "desk", *arguments],
        env={**os.environ, "SAKIGAKE_HOME": str(home), **more},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=child,
        stdin=subprocess.DEVNULL,
    ) as started:
        os.close(child)
        drawn, end = b"", time.monotonic() + 100
        while time.monotonic() < end:
            if select.select([parent], [], [], 0.2)[0]:
                try:
                    drawn += os.read(parent, 65536)
                except OSError:  # the other end is closed
                    break
            elif started.poll() is not None:
                break
        assert started.stdout is not None
        started.stdout.read()
        assert started.wait(timeout=20) == 0
    os.close(parent)
    return drawn


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recorded")
    store = SqliteStore(home / "sakigake.db")
    studio.record(store, studio.pictures()[:4])
    store.close()
    (home / "post.jpg").write_bytes(scene.derived())
    return home


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(recorded: Path) -> None:
    check = ("check", str(recorded / "post.jpg"))
    colour = re.compile(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    drawn = on_a_terminal(recorded, *check)
    assert b"Comparing with stages" in drawn
    assert colour.search(drawn)
    bare = on_a_terminal(recorded, *check, NO_COLOR="1")
    assert b"Comparing with stages" in bare
    assert not colour.search(bare)
    assert on_a_terminal(recorded, "--plain", *check) == b""
    piped = subprocess.run(
        [sys.executable, "-m", "desk", *check],
        env={**os.environ, "SAKIGAKE_HOME": str(recorded), "FORCE_COLOR": "1"},
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    assert piped.stderr == b""
    assert b"\x1b" not in piped.stdout


def test_who_wants_it_plain_gets_it_plain(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    speaking.begin(plain=False, verbose=False)
    assert speaking.bars()
    for name, value in (("TERM", "dumb"), ("SAKIGAKE_PROGRAM_PLAIN", "true")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not speaking.bars()
    (own_home / "sakigake.toml").write_text("[program]\nplain = true\n", encoding="utf-8")
    assert not speaking.bars()
    (own_home / "sakigake.toml").unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not speaking.bars()


def test_the_tree_has_what_the_design_names() -> None:
    known = {" ".join(path) for path, _ in tree.commands()}
    named = "init,doctor,targets,check,export,verify,witness,calibrate,demo,selftest,completion,logs"
    grouped = (
        "record start,record stop,record status,record pause,config show,config path,config edit,config check"
    )
    assert set(named.split(",")) | set(grouped.split(",")) <= known
