"""Asking for the passphrase of the signing key, once a command, where somebody sits to answer."""

import os
import sys
from pathlib import Path

import click

from sakigake import words


def provide(folder: Path, *, piped: bool = False) -> None:
    """Ask for the passphrase of the key in force when it has one and none was given.

    Where there is no terminal it is the next line of the standard input if `piped`, and nobody is asked otherwise.
    """
    from sakigake.timeline import keys  # noqa: PLC0415 - not every command opens a key

    try:
        locked = keys.kept_as((folder / keys.KEY_FILE).read_bytes()) is keys.Keeping.LOCKED
    except OSError:  # no key yet, or one that cannot be read: whoever opens it says so
        return
    if not locked or keys.given_passphrase() is not None:
        return
    if sys.stdin.isatty():
        os.environ[keys.PASSPHRASE] = click.prompt(
            words.text("key.passphrase-current"), hide_input=True, default="", show_default=False, err=True
        )
    elif piped:
        os.environ[keys.PASSPHRASE] = sys.stdin.readline().rstrip("\r\n")


def new() -> bytes | None:
    """Return a new passphrase: typed twice, or one line of the standard input; None for an empty one."""
    if sys.stdin.isatty():
        typed = click.prompt(
            words.text("key.passphrase-new"),
            hide_input=True,
            confirmation_prompt=True,
            default="",
            show_default=False,
            err=True,
        )
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    return typed.encode() or None
