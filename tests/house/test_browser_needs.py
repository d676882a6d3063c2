"""`make test-all` runs the tests of the browser: on Linux a missing browser or package is a failure here, not a skip there."""

import ast
import importlib.resources
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
WEB = sorted((ROOT / "tests" / "desk" / "web").glob("*.py"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the browser of Debian")
def test_the_browser_is_here() -> None:
    assert CHROMIUM.is_file(), "bash .ci/system-packages all installs it"


def test_system_packages_bring_the_browser_for_all_tests() -> None:
    script = (ROOT / ".ci" / "system-packages").read_text(encoding="utf-8")
    part = script.partition("= all ]; then")[2].partition("\nfi\n")[0]
    assert "need_program chromium chromium" in part
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\ntest-all: $(DEV) all-system" in recipe


def test_the_extra_for_tests_brings_playwright_and_axe() -> None:
    assert importlib.util.find_spec("playwright")
    script = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
    assert "axe.run" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WEB, ids=lambda path: path.name)
def test_pages_are_not_skipped_for_a_package_that_nothing_installs(path: Path) -> None:
    lost = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        asked = str(node.args[0].value).partition(".")[0]
        if name in {"importorskip", "find_spec"} and importlib.util.find_spec(asked) is None:
            lost.append(asked)
    assert not lost


@pytest.mark.parametrize("path", WEB, ids=lambda path: path.name)
def test_pages_in_a_browser_are_among_the_slow_tests(path: Path) -> None:
    """Only for those the browser is installed: among the others they would be skipped in CI, and never run."""
    text = path.read_text(encoding="utf-8")
    if path.name.startswith("test_") and ("playwright" in text or "chromium(" in text):
        assert "pytest.mark.slow" in text
