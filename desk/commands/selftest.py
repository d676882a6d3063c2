"""`sakigake selftest`: check this installation against the shipped conformance vectors."""

import click

from sakigake import words


@click.command(help=words.text("cli.selftest"))
@click.pass_context
def selftest(ctx: click.Context) -> None:
    """Print one line for each part; ends 1 when one does not hold."""
    from sakigake import selftest as check

    parts = check.run()
    for part in parts:
        name = words.text(f"selftest.part.{part.name}")
        if part.wrong is None:
            click.echo(words.text("selftest.good", part=name, count=part.tried))
        else:
            click.echo(words.text("selftest.wrong", part=name, which=part.wrong))
    failed = any(part.wrong for part in parts)
    click.echo(words.text("selftest.bad-end" if failed else "selftest.good-end"))
    ctx.exit(1 if failed else 0)
