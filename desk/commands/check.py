"""`sakigake check`: compare a picture with the recorded stages."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakigake import errors, words

if TYPE_CHECKING:
    from sakigake.model import Interval


@click.command(help=words.text("cli.check"))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--session", default="last", show_default=True, help=words.text("check.session"))
@click.option("--posted-not-before", help=words.text("check.posted-not-before"))
@click.option("--posted-not-after", help=words.text("check.posted-not-after"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
@click.option(
    "--explain",
    "picture_of",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help=words.text("check.explain"),
)
@click.option("--exit-code", is_flag=True, help=words.text("check.exit-code"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("verify.lang"))
@click.pass_context
def check(  # noqa: PLR0917 - click passes by name
    ctx: click.Context,
    picture: Path,
    session: str,
    posted_not_before: str | None,
    posted_not_after: str | None,
    as_json: bool,
    picture_of: Path | None,
    exit_code: bool,
    lang: str | None,
) -> None:
    """Compare and answer."""
    from desk import own_works
    from desk.sessions import find, open_store
    from sakigake import settings
    from watch import explained
    from watch.check import check_picture
    from watch.finding import ALIKE, to_json, to_text

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    posted = read_posted(posted_not_before, posted_not_after)
    if picture_of:
        explained.require_writable(picture_of)
    loaded = settings.load()
    store = open_store(loaded)
    sessions = store.sessions() if session == "all" else [find(store, session)]
    finding = check_picture(store, sessions, picture, posted, own_works.provide(loaded))
    click.echo(json.dumps(to_json(finding), ensure_ascii=False) if as_json else to_text(finding))
    if picture_of and finding.likeness in ALIKE:
        found = explained.explain(store, loaded.pictures, picture, finding)
        told = explained.legend(found, finding)
        explained.write(picture_of, explained.draw(found), told)
        tell = [words.text("explain.written", path=picture_of), *(f"    {line}" for line in told)]
        click.echo("\n".join(tell), err=as_json)
    elif picture_of:
        click.echo(words.text("explain.not-written"), err=as_json)
    if exit_code and finding.likeness in ALIKE:
        ctx.exit(errors.EXIT_LIKENESS_FOUND)


def read_posted(not_before: str | None, not_after: str | None) -> "Interval":
    """Return when a post was made, as stated; raises UsageError for times that cannot be."""
    from sakigake.clock import parse_time
    from sakigake.model import Interval

    interval = Interval(
        parse_time(not_before) if not_before else None, parse_time(not_after) if not_after else None
    )
    if interval.not_before and interval.not_after and interval.not_before > interval.not_after:
        raise errors.UsageError("check-times-reversed", before=not_before, after=not_after)
    return interval
