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
    exit_code: bool,
    lang: str | None,
) -> None:
    """Compare and answer."""
    from desk.sessions import find, open_store
    from sakigake import settings
    from watch.check import check_picture
    from watch.finding import ALIKE, to_json, to_text

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    posted = read_posted(posted_not_before, posted_not_after)
    store = open_store(settings.load())
    sessions = store.sessions() if session == "all" else [find(store, session)]
    finding = check_picture(store, sessions, picture, posted)
    click.echo(json.dumps(to_json(finding), ensure_ascii=False) if as_json else to_text(finding))
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
