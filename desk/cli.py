"""The command line: a table of sub-commands, each imported only when it is called."""

import errno
import importlib
import os
import sys
from typing import Any

import click

from desk import answering, clickwords, speaking
from sakigake import __version__, errors, settings, words
from sakigake.text import plain

# name -> (module, function, key of its one-line help)
COMMANDS = {
    "desk": ("desk.commands.desk", "desk", "cli.desk"),
    "init": ("desk.commands.init", "init", "cli.init"),
    "doctor": ("desk.commands.doctor", "doctor", "cli.doctor"),
    "targets": ("desk.commands.targets", "targets", "cli.targets"),
    "record": ("desk.commands.record", "record", "cli.record"),
    "session": ("desk.commands.session", "session", "cli.session"),
    "timeline": ("desk.commands.timeline", "timeline", "cli.timeline"),
    "check": ("desk.commands.check", "check", "cli.check"),
    "watch": ("desk.commands.watch", "watch", "cli.watch"),
    "findings": ("desk.commands.findings", "findings", "cli.findings"),
    "calibrate": ("desk.commands.calibrate", "calibrate", "cli.calibrate"),
    "export": ("desk.commands.export", "export", "cli.export"),
    "share": ("desk.commands.share", "share", "cli.share"),
    "verify": ("desk.commands.verify", "verify", "cli.verify"),
    "witness": ("desk.commands.witness", "witness", "cli.witness"),
    "models": ("desk.commands.models", "models", "cli.models"),
    "deep": ("desk.commands.deep", "deep", "cli.deep"),
    "key": ("desk.commands.key", "key", "cli.key"),
    "config": ("desk.commands.config", "config", "cli.config"),
    "selftest": ("desk.commands.selftest", "selftest", "cli.selftest"),
    "demo": ("desk.commands.demo", "demo", "cli.demo"),
    "logs": ("desk.commands.logs", "logs", "cli.logs"),
    "completion": ("desk.commands.completion", "completion", "cli.completion"),
}
MOST_LINE = 4000


clickwords.install()


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

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what the program is for, in the language that `--lang` may just have chosen."""
        self.help = words.text("cli.help")
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table: showing help imports none of them."""
        with formatter.section(words.text("cli.commands")):
            formatter.write_dl([(name, words.text(key)) for name, (_, _, key) in COMMANDS.items()])


class Worded(click.Option):
    """An option whose help is looked up when it is shown: the language is chosen on the same line."""

    def __init__(self, *args: Any, word: str, **more: Any) -> None:
        super().__init__(*args, **{**more, "help": words.text(word)})
        self.word = word

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help."""
        self.help = words.text(self.word)
        return super().get_help_record(ctx)


@click.command(
    cls=LazyGroup, help=words.text("cli.help"), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--lang", cls=Worded, word="cli.lang", type=click.Choice(words.LANGUAGES))
@click.option("--plain", "without", cls=Worded, word="cli.plain", is_flag=True)
@click.option("-v", "--verbose", cls=Worded, word="cli.verbose", is_flag=True)
@click.option("--set", "given", cls=Worded, word="cli.set", metavar="NAME=VALUE", multiple=True)
@click.version_option(__version__, prog_name="sakigake", cls=Worded, word="click.show-version")
def cli(*, lang: str | None, without: bool, verbose: bool, given: tuple[str, ...]) -> None:
    """Run one sub-command."""
    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    speaking.begin(plain=without, verbose=verbose)
    values = {}
    for each in given:
        name, joint, value = each.partition("=")
        if not joint or "." not in name:
            raise errors.UsageError("set-odd", value=each)
        values[name.strip()] = value.strip()
    settings.give(values)
    settings.from_texts(values, "--set ")  # a mistake is said at once, whatever the command reads


def fail(error: errors.SakigakeError) -> int:
    """Print what is wrong and what to do next; return the exit code."""
    # A sentence may hold what others wrote: a file's name, an address, an answer.
    lines = f"sakigake: {error.message()}\n  {error.hint()}".splitlines()
    click.echo("\n".join(plain(line, MOST_LINE) for line in lines), err=True)
    if speaking.verbose():
        for cause in speaking.causes(error):
            click.echo(f"  {plain(cause, MOST_LINE)}", err=True)
    return error.exit_code


def main(args: list[str] | None = None) -> Any:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Japanese Windows console speaks cp932: a letter it lacks must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    given = list(sys.argv[1:] if args is None else args)
    as_json = "--json" in given
    answering.begin(as_json=as_json)
    speaking.choose_language(given)
    if os.environ.get("_SAKIGAKE_COMPLETE"):
        from desk import completing  # noqa: PLC0415 - click asks for its classes by name

        completing.register()
    try:
        return speaking.logged(
            given,
            lambda: cli.main(args=given, prog_name="sakigake", standalone_mode=False) or errors.EXIT_OK,
        )
    except click.ClickException as error:
        return _misused(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return errors.EXIT_INTERRUPTED
    except errors.SakigakeError as error:
        return _failed(error, as_json=as_json)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _failed(errors.SakigakeError("output-full"), as_json=as_json)


def _failed(error: errors.SakigakeError, *, as_json: bool) -> int:
    if as_json:
        answering.answer_error(error)
    return fail(error)


def _misused(error: click.ClickException, *, as_json: bool) -> int:
    code = errors.UsageError.exit_code
    if as_json:
        ctx = getattr(error, "ctx", None)
        path = ctx.command_path if ctx else "sakigake"
        answering.answer_fault("usage", error.format_message(), words.text("cli.see-help", path=path), code)
    error.show()
    return code


if __name__ == "__main__":
    sys.exit(main())
