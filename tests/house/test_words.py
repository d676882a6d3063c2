"""Wording as a mechanism: both languages complete, every error with a next step, no word that accuses."""

import ast
import re
import string
from functools import cache
from pathlib import Path

import pytest

from sakigake import words

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sakigake", "capture", "watch", "desk")
TEMPLATES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*")
    if path.suffix in {".j2", ".html", ".css", ".js"}
)
PAGES = [ROOT / "README.md", ROOT / "README.ja.md", *sorted((ROOT / "docs").rglob("*.md"))]
FORBIDDEN = {
    "ja": re.compile("盗作|盗用|パクリ|トレパク|犯人|加害者|窃盗|(?<![ァ-ヶー])クロ(?![ァ-ヶー])|確定|証明済み|100 ?[%%]|AI判定|先取権"),
    "en": re.compile(r"\b(?:theft|stolen|thief|plagiari\w*|guilty|proven|fake)\b|100 ?%", re.IGNORECASE),
}  # fmt: skip
CALLS = {"text", "say"}
# The one place where a word that accuses may be quoted: a line of its own, between these marks, on the glossary pages.
GLOSSARY = {ROOT / "docs" / "glossary.md", ROOT / "docs" / "glossary.ja.md"}
QUOTED = re.compile(r"<!-- quotation: others' words -->\n> トレパク\n\n")


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert set(words.table("en")) == set(words.table("ja"))


def test_both_languages_fill_the_same_places() -> None:
    other = words.table("ja")
    differing = {
        key: (placeholders(sentence), placeholders(other[key]))
        for key, sentence in words.table("en").items()
        if key in other and placeholders(sentence) != placeholders(other[key])
    }
    assert not differing


def test_no_sentence_is_empty_or_left_in_the_other_language() -> None:
    for lang in words.LANGUAGES:
        assert not [key for key, sentence in words.table(lang).items() if not sentence.strip()]
    japanese = re.compile("[ぁ-んァ-ヶ一-龠]")
    assert not [
        key for key, text in words.table("en").items() if japanese.search(text) and key not in BILINGUAL
    ]
    wordy = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]{2,}){3,}")
    assert not [
        key for key, text in words.table("ja").items() if wordy.search(text) and not japanese.search(text)
    ]


# The names of the languages stand in their own script in both tables.
BILINGUAL = {"report.other-language"}


def accusing(text: str) -> list[str]:
    return [match[0] for pattern in FORBIDDEN.values() for match in pattern.finditer(text)]


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_no_table_accuses_anybody(lang: str) -> None:
    found = {key: hits for key, sentence in words.table(lang).items() if (hits := accusing(sentence))}
    assert not found


@pytest.mark.parametrize("path", [*TEMPLATES, *PAGES], ids=lambda path: path.name)
def test_no_page_accuses_anybody(path: Path) -> None:
    page = re.sub(r"<style.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    if path in GLOSSARY:
        page, quoted = QUOTED.subn("", page)
        assert quoted == 1
    assert path.suffix == ".css" or not accusing(page)


def test_an_accusing_word_is_noticed() -> None:
    assert accusing("This is Plagiarism.") == ["Plagiarism"]
    assert accusing("結果はクロです") == ["クロ"]
    assert not accusing("クロック、マクロ、proof")


def test_a_word_is_quoted_on_the_glossary_pages_only_and_only_as_a_quotation() -> None:
    for path in GLOSSARY:
        page = path.read_text(encoding="utf-8")
        assert accusing(page) == ["トレパク"], "once, and no other"
        assert "<!-- /quotation -->" in page
    assert QUOTED.sub("", "> トレパク\n\n") == "> トレパク\n\n", "without its marks it is no quotation"
    others = "".join(path.read_text(encoding="utf-8") for path in PAGES if path not in GLOSSARY)
    assert "トレパク" not in others


@cache
def trees() -> dict[str, ast.Module]:
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def raised_slugs(tree: ast.AST) -> set[str]:
    """Return the slugs of errors that a module makes: `SomeError("slug", …)`."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and called(node).endswith("Error")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)+", node.args[0].value)
    }


def test_every_error_says_what_is_wrong_and_what_to_do() -> None:
    missing = [
        f"{name}: {lang}: error.{slug}{part}"
        for name, tree in trees().items()
        for slug in raised_slugs(tree)
        for lang in words.LANGUAGES
        for part in ("", ".hint")
        if f"error.{slug}{part}" not in words.table(lang)
    ]
    assert not missing


def literals() -> set[str]:
    return {
        node.value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_error_sentence_is_left_over() -> None:
    slugs = {
        key.removeprefix("error.").removesuffix(".hint")
        for key in words.table("en")
        if key.startswith("error.")
    }
    assert not slugs - literals()


def test_every_sentence_asked_for_is_there() -> None:
    asked = {
        (name, node.args[0].value)
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and called(node) in CALLS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch(r"[a-z]+(?:\.[\w-]+)+", node.args[0].value)
    }
    assert not {(name, key) for name, key in asked if key not in words.table("en")}


def prefixes() -> set[str]:
    """Return how keys begin that are put together while running: `f"verify.reason.{reason}"`."""
    return {
        str(node.values[0].value)
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant)
    } - {""}


def test_no_sentence_is_left_over() -> None:
    used, begun = literals(), tuple(prefix for prefix in prefixes() if "." in prefix)
    templates = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    left = [
        key
        for key in words.table("en")
        if not key.startswith("error.")
        and key not in used
        and not key.startswith(begun)
        and key not in templates
        and key.split(".", 1)[1] not in templates
        and key.split(".", 1)[1] not in used
    ]
    assert not left
