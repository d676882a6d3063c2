"""The pages say what the program does now: help blocks, commands, links, pictures, exit codes, version."""

import re
from pathlib import Path

import pytest

from bench import helpblocks
from desk.cli import COMMANDS
from sakigake import __version__, errors

ROOT = Path(__file__).resolve().parents[2]
PAGES = helpblocks.pages()
READMES = {"en": ROOT / "README.md", "ja": ROOT / "README.ja.md"}
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s#]+)(?:#[^)]*)?\)|<img[^>]*src=\"(?P<picture>[^\"]+)\"")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_help_blocks_are_what_the_program_prints(path: Path) -> None:
    page = text(path)
    assert helpblocks.renewed(page, "ja" if path.name.endswith(".ja.md") else "en") == page


def test_both_readmes_show_the_help() -> None:
    for path in READMES.values():
        assert helpblocks.BLOCK.search(text(path))


def test_an_outdated_help_block_is_noticed() -> None:
    page = "<!-- help: -->\nold\n<!-- /help -->"
    assert "Usage: sakigake" in helpblocks.renewed(page, "en")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    targets = [match["target"] or match["picture"] for match in LINK.finditer(text(path))]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert not [target for target in local if not (path.parent / target).exists()]


def test_readmes_link_to_each_other_and_show_a_picture() -> None:
    assert "(README.ja.md)" in text(READMES["en"])
    assert "(README.md)" in text(READMES["ja"])
    for path in READMES.values():
        first_screen = "\n".join(text(path).splitlines()[:60])
        assert re.search(r"docs/img/[\w-]+\.png", first_screen)
        assert "make demo" in first_screen
        assert "make test" in first_screen


def test_both_readmes_have_the_same_sections_and_pictures() -> None:
    sections = [len(re.findall(r"^## ", text(path), re.MULTILINE)) for path in READMES.values()]
    pictures = [set(re.findall(r"docs/img/[\w-]+\.png", text(path))) for path in READMES.values()]
    assert sections[0] == sections[1]
    assert pictures[0] == pictures[1]


def test_readmes_say_what_is_not_shown() -> None:
    assert "## What this does not show" in text(READMES["en"])
    assert "この結果は、似かたと日時の前後を示すものです。" in text(READMES["ja"])
    assert "It does not establish copying, use of AI, or infringement." in text(READMES["en"])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_only_commands_that_exist_are_named(path: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`|^)sakigake ([a-z]+)", text(path), re.MULTILINE))
    assert not named - set(COMMANDS)
    makefile = text(ROOT / "Makefile")
    targets = set(re.findall(r"(?:^\$ |`|^)make ([a-z-]+)", text(path), re.MULTILINE))
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


def test_every_command_is_in_the_reference() -> None:
    reference = text(ROOT / "docs" / "commands.md")
    assert not [name for name in COMMANDS if f"sakigake {name}" not in reference]


def test_the_reference_lists_every_exit_code() -> None:
    listed = {
        int(code) for code in re.findall(r"^\| (\d+) \|", text(ROOT / "docs" / "commands.md"), re.MULTILINE)
    }
    kinds: list[type[errors.SakigakeError]] = [errors.SakigakeError, *errors.SakigakeError.__subclasses__()]
    plain = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert listed == plain | {kind.exit_code for kind in kinds}


def test_the_changelog_knows_this_version() -> None:
    assert re.search(
        rf"^## \[(?:{re.escape(__version__)}|Unreleased)\]", text(ROOT / "CHANGELOG.md"), re.MULTILINE
    )
