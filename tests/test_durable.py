"""Files that are whole or not there, and whose bytes are the same on every system."""

import ast
import os
from pathlib import Path

import pytest

from sakigake import durable

ROOT = Path(__file__).resolve().parents[1]


def opened_for_writing(source: str) -> list[str]:
    """Return the flags of each `os.open` in a source that writes bytes."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    flags = [ast.unparse(call.args[1]) for call in calls if ast.unparse(call.func) == "os.open"]
    return [each for each in flags if "O_WRONLY" in each]


def test_no_system_changes_the_bytes_of_what_is_written() -> None:
    """Windows would turn line ends into others, and a signed note would no longer hold."""
    found = {
        path: flags
        for package in ("sakigake", "capture", "watch", "desk")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (flags := opened_for_writing(path.read_text(encoding="utf-8")))
    }
    assert len(found) >= 2
    assert [path for path, flags in found.items() if not all("BINARY" in each for each in flags)] == []
    assert getattr(os, "O_BINARY", 0) == durable.BINARY


def test_a_write_without_the_flag_is_noticed() -> None:
    assert opened_for_writing("import os\nos.open(p, os.O_WRONLY | os.O_CREAT)\n") == [
        "os.O_WRONLY | os.O_CREAT"
    ]


def test_a_file_is_replaced_as_a_whole_and_stays_when_it_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    durable.write(path, b"one\n")
    durable.write(path, b"two\n")
    assert path.read_bytes() == b"two\n"
    assert list(path.parent.iterdir()) == [path]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    folder = tmp_path / "taken"
    (folder / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        durable.write(folder, b"three")
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".tmp"] == []


def test_a_taken_name_is_not_taken_twice(tmp_path: Path) -> None:
    durable.create(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        durable.create(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
