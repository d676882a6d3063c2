"""What a command answers to a program: one JSON object with `schema_version` on standard output, errors as well."""

import json
from typing import Any

import click

from sakigake import errors, words

SCHEMA_VERSION = 1


class _Said:
    """Whether this call has answered already: an error after an answer is for people only."""

    answered = False


def begin() -> None:
    """Forget what was answered before in this process."""
    _Said.answered = False


def answer(record: dict[str, Any], *, ascii_only: bool = False) -> None:
    """Print the answer. `ascii_only` is for what strangers wrote: it must not reach a terminal as it is."""
    _Said.answered = True
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **record}, ensure_ascii=ascii_only))


def answer_error(error: errors.SakigakeError) -> None:
    """Print an error as an object, unless the command has answered before it failed."""
    answer_fault(error.code, error.message(), error.hint(), error.exit_code)


def answer_fault(code: str, message: str, hint: str, exit_code: int) -> None:
    """Print what went wrong as an object, unless the command has answered before."""
    if not _Said.answered:
        answer({"error": {"code": code, "message": message, "hint": hint, "exit_code": exit_code}})


def as_json(lang_help: str = "verify.json") -> Any:
    """Return the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help=words.text(lang_help))
