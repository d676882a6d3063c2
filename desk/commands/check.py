"""`sakigake check`: compare a picture with the recorded stages."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from sakigake import errors, words

if TYPE_CHECKING:
    from sakigake.model import Finding, Interval
    from sakigake.settings import Settings
    from sakigake.store.protocol import Store
    from watch.post import PostTime


@dataclass(frozen=True, slots=True)
class _Given:
    """A picture as it was named: its bytes and name; of a link also what is known of when it was posted."""

    data: bytes
    name: str
    time: "PostTime | None" = None


@click.command(help=words.text("cli.check"))
@click.argument("picture", required=False, metavar="PICTURE|LINK")
@click.option("--clipboard", is_flag=True, help=words.text("watch.clipboard-help"))
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
    picture: str | None,
    clipboard: bool,
    session: str,
    posted_not_before: str | None,
    posted_not_after: str | None,
    as_json: bool,
    picture_of: Path | None,
    exit_code: bool,
    lang: str | None,
) -> None:
    """Compare and answer."""
    from desk import own_works, progress
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.model import Interval
    from watch import explained
    from watch.finding import ALIKE

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    if clipboard == bool(picture):
        raise errors.UsageError("watch-check-which")
    stated = read_posted(posted_not_before, posted_not_after)
    if picture_of:
        explained.require_writable(picture_of)
    loaded = settings.load()
    store = open_store(loaded)
    sessions = store.sessions() if session == "all" else [find(store, session)]
    given = _given(loaded, picture)
    own = own_works.provide(loaded)
    # What somebody states by hand comes before what a link says.
    time = given.time if stated == Interval() else None
    with progress.busy("check"):
        finding, pixels = _compare(store, sessions, given, time, stated, own, loaded)
    _tell(finding, time, as_json=as_json)
    if picture_of and finding.likeness in ALIKE:
        from watch.explaining import gathering, letters, single

        found = gathering.gather(store, loaded.pictures, pixels, finding)
        drawn, told = single.draw(found, letters.shipped(), words.language())
        explained.write(picture_of, drawn, told)
        tell = [words.text("explain.written", path=picture_of), *(f"    {line}" for line in told)]
        click.echo("\n".join(tell), err=as_json)
    elif picture_of:
        click.echo(words.text("explain.not-written"), err=as_json)
    if exit_code and finding.likeness in ALIKE:
        ctx.exit(errors.EXIT_LIKENESS_FOUND)


def _given(loaded: "Settings", picture: str | None) -> _Given:
    """Return the picture that was named, or the one in the clipboard; a link is fetched through the guard."""
    from watch import sanitise

    taken: str | bytes = picture or ""
    if picture is None:
        from watch import clipboard as board

        taken = board.read()
    if isinstance(taken, bytes):
        return _Given(taken, "clipboard")
    if taken.strip().lower().startswith(("http://", "https://")):
        return _fetched(loaded, taken.strip())
    path = Path(taken)
    return _Given(sanitise.read_file(path), path.name)


def _fetched(loaded: "Settings", link: str) -> _Given:
    from desk.needing import watch_parts
    from sakigake.clock import Clock

    with watch_parts():
        from watch import assembly, linked
    with assembly.network(loaded) as net:
        found = linked.fetch(net.fetcher, link, Clock().now())
    return _Given(found.data, "picture", found.time)


def _compare(  # noqa: PLR0917 - a step of the command above
    store: "Store",
    sessions: "list[Any]",
    given: _Given,
    time: "PostTime | None",
    stated: "Interval",
    own: Any,
    loaded: "Settings",
) -> "tuple[Finding, Any]":
    from hashlib import sha256

    from desk import deep_room
    from watch import pdqlist, sanitise
    from watch.check import Seen, compare, read
    from watch.pipeline.verdict import deciding, with_claims

    pixels = sanitise.decode(given.data, given.name)
    digest = sha256(given.data).hexdigest()
    posted = deciding(time) if time else stated
    timelines = [read(store, each) for each in sessions]
    post = Seen(pixels)
    rank = deep_room.asked_opinion(loaded, store)
    finding = compare(store, timelines, post, posted, digest, own=own, rank=rank)
    finding = pdqlist.with_lists(finding, pdqlist.load(loaded.home), post)
    return (with_claims(finding, time) if time else finding), pixels


def _tell(finding: "Finding", time: "PostTime | None", *, as_json: bool) -> None:
    from watch.finding import to_json, to_text

    if as_json:
        told = to_json(finding)
        if time:
            from desk.watching import stamps_json

            told["posted"] = stamps_json(time)
        answer(told)
        return
    click.echo(to_text(finding, time=time))
    if time:
        from desk.commands.findings import time_lines

        click.echo(
            "\n".join([words.text("check.posted-by-link"), *time_lines(time.not_before, time.not_after)])
        )


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
