"""`sakigake logs`: what commands did and how they ended; no pictures, titles or names are in it."""

import click

from desk.answering import answer, as_json
from sakigake import errors, settings, words

TAIL = 40


@click.command(help=words.text("cli.logs"))
@click.option(
    "--tail",
    type=click.IntRange(min=0),
    default=TAIL,
    show_default=True,
    help=words.text("settings.tail-help"),
)
@as_json()
def logs(tail: int, as_json: bool) -> None:
    """Print the last lines of the log."""
    from desk import logbook

    path = logbook.path_of(settings.load().home)
    older = [path.with_name(f"{path.name}.{number}") for number in range(logbook.KEPT, 0, -1)]
    lines = [
        line
        for file in (*older, path)
        if file.is_file()
        for line in file.read_text(encoding="ascii", errors="replace").splitlines()
    ]
    if not lines:
        raise errors.NotFoundError("logs-none", path=path)
    last = lines[-tail:] if tail else []
    if as_json:
        answer({"path": str(path), "lines": last})
        return
    for line in last:
        click.echo(line)
    click.echo(words.text("settings.logs-where", path=path), err=True)
