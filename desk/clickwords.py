"""What click says by itself, "Usage:" and "No such option", in the language of the answer.

click asks gettext for its sentences, and gettext looks for compiled catalogues in folders of the system. The string tables
hold the same sentences, so that both languages stand in one place: the English ones are click's own, word for word
(a test compares them), and what a table does not know stays as click has it.
"""

from functools import cache

import click.core
import click.decorators
import click.exceptions
import click.formatting
import click.parser
import click.termui
import click.types

from sakigake import words

SENTENCES = (
    "usage",
    "options",
    "commands",
    "arguments",
    "show-help",
    "show-version",
    "version",
    "default",
    "error",
    "try",
    "missing-command",
    "missing-argument",
    "missing-option",
    "missing-parameter",
    "did-you-mean",
    "did-you-mean-one",
    "no-option",
    "no-command",
    "extra",
    "extras",
    "invalid",
    "invalid-for",
    "needs-value",
    "takes-no-value",
    "not-choice",
    "not-choices",
    "not-number",
    "not-in-range",
    "choose",
    "not-there",
    "aborted",
    "repeat",
    "not-equal",
)
MODULES = (
    click.core,
    click.decorators,
    click.exceptions,
    click.formatting,
    click.parser,
    click.termui,
    click.types,
)


@cache
def _translations(lang: str) -> dict[str, str]:
    return {words.text(f"click.{name}", "en"): words.text(f"click.{name}", lang) for name in SENTENCES}


def translated(message: str) -> str:
    """Return one of click's sentences in the language of the answer."""
    lang = words.language()
    return message if lang == "en" else _translations(lang).get(message, message)


def counted(one: str, many: str, count: int) -> str:
    """Return one of click's sentences that depend on a number."""
    return translated(one if count == 1 else many)


def install() -> None:
    """Let click ask here instead of gettext."""
    for module in MODULES:
        if hasattr(module, "_"):
            setattr(module, "_", translated)  # noqa: B010 - a name that type checkers do not know of
        if hasattr(module, "ngettext"):
            setattr(module, "ngettext", counted)  # noqa: B010
