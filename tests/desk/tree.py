"""The tree of commands as click knows it."""

from collections.abc import Iterator

import click

from desk.cli import cli


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Return every command that does something, with the names that lead to it."""
    yield from _below((), cli)


def _below(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        found = command.get_command(ctx, name)
        assert found is not None
        yield from _below((*path, name), found)


def path_of(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the command that some arguments call."""
    known = {path for path, _ in commands()}
    words = tuple(each for each in arguments if not each.startswith("-"))
    return next(words[:length] for length in (3, 2, 1) if words[:length] in known)
