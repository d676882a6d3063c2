"""What a command answers to a program: one JSON object with `schema_version` on standard output, errors as well."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sakigake import errors, words

SCHEMA_VERSION = 1
F = TypeVar("F", bound=Callable[..., Any])


class _Said:
    """Whether this call has answered already: an error after an answer is for people only."""

    answered = False
    as_json = False


def begin(*, as_json: bool = False) -> None:
    """Forget what was answered before in this process."""
    _Said.answered, _Said.as_json = False, as_json


def say(line: str) -> None:
    """Print a line for people: where a program reads the answer, beside it."""
    click.echo(line, err=_Said.as_json)


def answer(record: dict[str, Any], *, ascii_only: bool = False) -> None:
    """Print the answer. `ascii_only` is for what strangers wrote: it must not reach a terminal as it is."""
    _Said.answered = True
    # A console of another encoding would put question marks into the answer.
    bare = ascii_only or (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") != "utf8"
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **record}, ensure_ascii=bare))


def answer_error(error: errors.SakigakeError) -> None:
    """Print an error as an object, unless the command has answered before it failed."""
    answer_fault(error.code, error.message(), error.hint(), error.exit_code)


def answer_fault(code: str, message: str, hint: str, exit_code: int) -> None:
    """Print what went wrong as an object, unless the command has answered before."""
    if not _Said.answered:
        answer({"error": {"code": code, "message": message, "hint": hint, "exit_code": exit_code}})


def told(record: dict[str, Any], *lines: str, as_json: bool) -> None:
    """Answer with the record where that is wanted, else with the lines for people."""
    if as_json:
        answer(record)
    elif lines:
        click.echo("\n".join(lines))


def as_json(lang_help: str = "verify.json") -> Callable[[F], F]:
    """Return the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help=words.text(lang_help))
