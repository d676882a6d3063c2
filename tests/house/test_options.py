"""Every command and option is in the reference of both languages, with the setting that is its twin or why it has none."""

import re

import pytest

from bench import optiontables
from sakigake import settings, words

KNOWN = {f"{section}.{key}" for section, rows in settings.defaults().items() for key in rows} | {
    f"{section}.{key}" for section, keys in settings.WITHOUT_DEFAULTS.items() for key in keys
}


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_reference_lists_every_command_and_option_as_it_is(lang: str) -> None:
    page = optiontables.PAGES[lang].read_text(encoding="utf-8")
    assert page.count(optiontables.BEGIN) == page.count(optiontables.END) == 1
    assert optiontables.renewed(page, lang) == page, "run python -m bench.optiontables --write"


def test_every_option_has_a_setting_or_a_reason() -> None:
    lacking = [
        f"{command['path']} {option['long']}".strip()
        for command in optiontables.commands("en")
        for option in command["options"]
        if not optiontables.twin(command["path"], option["long"], "en")
    ]
    assert not lacking, f"add them to TWINS or ALONE in bench/optiontables.py: {lacking}"


def test_the_twins_are_settings_that_there_are() -> None:
    assert not set(optiontables.TWINS.values()) - KNOWN
    assert not set(optiontables.ALONE.values()) - set(optiontables.REASONS)


def test_no_twin_is_of_an_option_that_is_gone() -> None:
    known = {
        f"{command['path']} {option['long']}".strip()
        for command in optiontables.commands("en")
        for option in command["options"]
    }
    assert not set(optiontables.TWINS) - known
    assert not set(optiontables.ALONE) - {name.rpartition(" ")[2] for name in known}


def test_both_languages_list_the_same() -> None:
    listed = [
        re.findall(r"^\*\*`sakigake ?([^`]*)`\*\*|^\| `(-[^`]*)` \|", optiontables.tables(lang), re.MULTILINE)
        for lang in words.LANGUAGES
    ]
    assert [row[0] for row in listed[0]] == [row[0] for row in listed[1]]
    assert len(listed[0]) > 100
