"""The floors: imports point down only, modules stay readable, and no file knows the machine it was written on."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sakigake", "capture", "watch", "desk")
ABOVE = {
    "sakigake": {"capture", "watch", "desk"},
    "capture": {"watch", "desk"},
    "watch": {"capture", "desk"},
    "desk": set[str](),
}
KEPT = ("sakigake", "capture", "watch", "desk", "config", "tests", "bench", "docs", ".ci")
TEXT = {".py", ".toml", ".md", ".sql", ".j2", ".txt", ".csv", ".json", ".pem", ".html", ".css", ".js", ""}
MAX_LINES = 500

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which floor is meant"
            yield node.module or ""


def upward(package: str, source: str) -> set[str]:
    """Return the forbidden packages that a module of `package` imports."""
    forbidden = ABOVE[package] | {"tests", "bench"}
    return {name.split(".")[0] for name in imported(ast.parse(source))} & forbidden


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_point_down_only(path: Path) -> None:
    assert not upward(path.relative_to(ROOT).parts[0], path.read_text(encoding="utf-8"))


def test_an_upward_import_is_noticed() -> None:
    assert upward("sakigake", "def f():\n    from desk.cli import main\n") == {"desk"}
    assert upward("watch", "import capture.frame\n") == {"capture"}
    assert upward("desk", "import tests.conftest\n") == {"tests"}


def heavy_at_the_top(source: str) -> set[str]:
    """Return what a command imports before it is run, apart from what costs next to nothing."""
    light = {"click", "desk", "sakigake"} | set(sys.stdlib_module_names)
    body = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name for node in body for name in imported(node) if name.split(".")[0] not in light}


@pytest.mark.parametrize(
    "path", [ROOT / "desk/cli.py", *sorted((ROOT / "desk/commands").glob("*.py"))], ids=named
)
def test_commands_import_their_room_when_they_run(path: Path) -> None:
    assert not heavy_at_the_top(path.read_text(encoding="utf-8"))


def test_a_heavy_import_at_the_top_is_noticed() -> None:
    assert heavy_at_the_top("import numpy as np\nfrom pathlib import Path\n") == {"numpy"}


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_file_is_too_long_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{lines} lines"


def tracked() -> list[Path]:
    """Return the project's text files; the folders that git ignores are no part of it."""
    inside = [path for folder in KEPT for path in (ROOT / folder).rglob("*") if path.is_file()]
    beside = [path for path in ROOT.iterdir() if path.is_file()]
    return [path for path in (*inside, *beside) if path.suffix in TEXT and "__pycache__" not in path.parts]


# Written in pieces, so that this file does not hold what it looks for.
MACHINE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/" + r"(?:root|work)/",
            r"(?<![\w.])/" + r"home/[a-z]",
            r"C:\\Users" + r"\\[A-Za-z]",
            r"python" + r"hosted\.org",
            r"pypi" + r"\.org",
            r"deb\.deb" + r"ian\.org",
            r"registry\.np" + r"mjs",
        )
    )
)


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for path in tracked():
        match = MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))
        if match:
            found[named(path)] = match[0]
    assert not found


def test_a_machine_path_is_noticed() -> None:
    assert MACHINE.search("see /" + "root/notes.txt")
    assert not MACHINE.search("https://example.com/" + "work/")
