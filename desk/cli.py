"""The command line: a table of sub-commands, each imported only when it is called."""

import errno
import importlib
import sys
from typing import Any

import click

from sakigake import __version__, errors, words
from sakigake.text import plain

# name -> (module, function, key of its one-line help)
COMMANDS = {
    "record": ("desk.commands.record", "record", "cli.record"),
    "session": ("desk.commands.session", "session", "cli.session"),
    "timeline": ("desk.commands.timeline", "timeline", "cli.timeline"),
    "check": ("desk.commands.check", "check", "cli.check"),
    "watch": ("desk.commands.watch", "watch", "cli.watch"),
    "findings": ("desk.commands.findings", "findings", "cli.findings"),
    "calibrate": ("desk.commands.calibrate", "calibrate", "cli.calibrate"),
    "export": ("desk.commands.export", "export", "cli.export"),
    "verify": ("desk.commands.verify", "verify", "cli.verify"),
    "witness": ("desk.commands.witness", "witness", "cli.witness"),
    "models": ("desk.commands.models", "models", "cli.models"),
    "deep": ("desk.commands.deep", "deep", "cli.deep"),
    "key": ("desk.commands.key", "key", "cli.key"),
    "selftest": ("desk.commands.selftest", "selftest", "cli.selftest"),
    "demo": ("desk.commands.demo", "demo", "cli.demo"),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), function)
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table: showing help imports none of them."""
        with formatter.section(words.text("cli.commands")):
            formatter.write_dl([(name, words.text(key)) for name, (_, _, key) in COMMANDS.items()])


MOST_LINE = 4000


@click.command(
    cls=LazyGroup, help=words.text("cli.help"), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="sakigake")
def cli() -> None:
    """Run one sub-command."""


def fail(error: errors.SakigakeError) -> int:
    """Print what is wrong and what to do next; return the exit code."""
    # A sentence may hold what others wrote: a file's name, an address, an answer.
    lines = f"sakigake: {error.message()}\n  {error.hint()}".splitlines()
    click.echo("\n".join(plain(line, MOST_LINE) for line in lines), err=True)
    return error.exit_code


def main(args: list[str] | None = None) -> Any:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Japanese Windows console speaks cp932: a letter it lacks must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return cli.main(args=args, prog_name="sakigake", standalone_mode=False) or errors.EXIT_OK
    except click.ClickException as error:
        error.show()
        return errors.UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return errors.EXIT_INTERRUPTED
    except errors.SakigakeError as error:
        return fail(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return fail(errors.SakigakeError("output-full"))


if __name__ == "__main__":
    sys.exit(main())
