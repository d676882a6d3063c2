"""How this call speaks: in which language, with or without colours and progress bars, and what it leaves in the log."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from desk import logbook
from sakigake import errors, settings, words

# Looked at again and again by other programs, and of no help afterwards.
UNLOGGED = frozenset({"logs", "completion", "status", "--help", "-h", "--version", "show", "list", "path"})


class _Call:
    plain = False
    verbose = False


def begin(*, plain: bool, verbose: bool) -> None:
    """Take in the switches of this call."""
    _Call.plain, _Call.verbose = plain, verbose


def verbose() -> bool:
    """Say whether the causes of an error are wanted too."""
    return _Call.verbose


def is_plain() -> bool:
    """Say whether somebody wants neither colours nor progress bars."""
    if _Call.plain or os.environ.get("TERM") == "dumb":
        return True
    try:
        return bool(settings.load_section("program")["plain"])
    except errors.SakigakeError:
        return False


def bars() -> bool:
    """Say whether progress bars may be drawn: on a terminal only, and where nobody wants it plain."""
    return sys.stderr.isatty() and not is_plain()


def choose_language(arguments: Sequence[str]) -> None:
    """Let `--lang` before the command, else the settings, choose the language where no variable has.

    Before anything is imported that speaks. What is wrong with the settings is said by who needs them.
    """
    for index, argument in enumerate(arguments):
        if not argument.startswith("-"):
            break
        value = argument.partition("=")[2] if argument.startswith("--lang=") else ""
        if argument == "--lang" and index + 1 < len(arguments):
            value = arguments[index + 1]
        if value in words.LANGUAGES:
            os.environ["SAKIGAKE_LANG"] = value
            return
        if argument in {"--lang", "--set"}:
            break
    if os.environ.get("SAKIGAKE_LANG") not in words.LANGUAGES:
        with suppress(errors.SakigakeError, OSError):
            chosen = settings.load_section("program")["lang"]
            if chosen in words.LANGUAGES:
                os.environ["SAKIGAKE_LANG"] = chosen


def logged(arguments: Sequence[str], run: Callable[[], Any]) -> Any:
    """Run the command and note how it ended; what it raises goes on."""
    names = [each for each in arguments if each.isascii() and each.replace("-", "").isalpha()][:2]
    known = [each for each in names if not each.startswith("-")]
    command = "-".join(known) if known and _is_ours(known) else ""
    try:
        code = run()
    except errors.SakigakeError as error:
        logbook.note(command, "error", error.code, f"exit={error.exit_code}")
        raise
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] != "click":
            logbook.note(command, "unexpected", logbook.places_of(error))
        raise
    if command and not UNLOGGED & set(arguments):
        logbook.note(command, "done", f"exit={code}")
    return code


def _is_ours(names: list[str]) -> bool:
    """Say whether these are names of commands; leaves those in `names` that are."""
    from desk.cli import COMMANDS  # noqa: PLC0415 - that module imports this one

    if names[0] not in COMMANDS:
        return False
    del names[1:]
    return True


def causes(error: BaseException) -> Iterator[str]:
    """Return what led to an error, the nearest first."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield f"{type(cause).__name__}: {cause}"
        cause = cause.__cause__ or cause.__context__
