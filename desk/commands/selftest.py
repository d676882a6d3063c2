"""`sakigake selftest`: check this installation against the shipped conformance vectors."""

import click

from desk.answering import as_json as json_option
from desk.answering import told
from sakigake import words


@click.command(help=words.text("cli.selftest"))
@json_option()
@click.pass_context
def selftest(ctx: click.Context, as_json: bool) -> None:
    """Print one line for each part; ends 1 when one does not hold."""
    from sakigake import selftest as check

    parts = check.run()
    lines = []
    for part in parts:
        name = words.text(f"selftest.part.{part.name}")
        if part.wrong is None:
            lines.append(words.text("selftest.good", part=name, count=part.tried))
        else:
            lines.append(words.text("selftest.wrong", part=name, which=part.wrong))
    failed = any(part.wrong for part in parts)
    lines.append(words.text("selftest.bad-end" if failed else "selftest.good-end"))
    rows = [{"name": part.name, "tried": part.tried, "wrong": part.wrong} for part in parts]
    told({"good": not failed, "parts": rows}, *lines, as_json=as_json)
    ctx.exit(1 if failed else 0)
