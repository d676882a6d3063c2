"""`sakigake watch add`, `list`, `pause`, `resume`, `remove`, `test` and `inbox`."""

import json
from typing import TYPE_CHECKING

import click

from desk.needing import watch_parts
from sakigake import errors, words
from sakigake.text import plain

if TYPE_CHECKING:
    from sakigake.settings import Settings

TRIED = 5  # posts of a trial


@click.command("add", help=words.text("watch.add-help"))
@click.argument("kind", metavar="KIND")
@click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...")
@click.option("--name", metavar="NAME", help=words.text("watch.name-help"))
def add(kind: str, options: tuple[str, ...], name: str | None) -> None:
    """Add a source and say what it sends out."""
    from desk import sources
    from sakigake import settings
    from sakigake.clock import Clock

    config = dict(_option(each) for each in options)
    added = sources.add(settings.load(), kind, config, name, Clock().now())
    click.echo(words.text("watch.added", source=added.name, kind=kind))
    for line in sources.described(added.info):
        click.echo(f"    {line}")
    click.echo(words.text("watch.added-next", source=added.name))


def _option(told: str) -> tuple[str, object]:
    key, joint, value = told.partition("=")
    if not joint or not key.strip():
        raise errors.UsageError("watch-option-odd", value=told)
    return key.strip(), value


@click.command("list", help=words.text("watch.list-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def list_sources(as_json: bool) -> None:
    """List the sources, how each is, and the holes in what was watched."""
    from desk import sources
    from desk.watching import hole_json, open_watch, source_json
    from sakigake import settings

    store = open_watch(settings.load())
    rows, holes = store.sources(), store.holes()
    if as_json:
        told = {
            "sources": [source_json(row) for row in rows],
            "holes": [hole_json(each) for each in holes],
        }
        click.echo(json.dumps({"schema_version": 1, **told}))
        return
    for row in rows:
        click.echo(
            words.text("watch.row", source=plain(row.id), kind=row.kind, state=sources.state_line(row))
        )
        click.echo(f"    {sources.options_line(row.config)}")
    if not rows:
        click.echo(words.text("watch.none"))
    for hole in holes:
        click.echo(f"    {sources.hole_line(hole)}")


@click.command("pause", help=words.text("watch.pause-help"))
@click.argument("source")
def pause(source: str) -> None:
    """Pause a source."""
    _pause(source, paused=True)


@click.command("resume", help=words.text("watch.resume-help"))
@click.argument("source")
def resume(source: str) -> None:
    """Resume a source."""
    _pause(source, paused=False)


def _pause(source: str, *, paused: bool) -> None:
    from desk import sources
    from sakigake import settings
    from sakigake.clock import Clock

    sources.pause(settings.load(), source, paused=paused, now=Clock().now())
    click.echo(words.text("watch.paused" if paused else "watch.resumed", source=source))


@click.command("remove", help=words.text("watch.remove-help"))
@click.argument("source")
def remove(source: str) -> None:
    """Remove a source; its findings stay."""
    from desk import sources
    from sakigake import settings

    sources.remove(settings.load(), source)
    click.echo(words.text("watch.removed", source=source))


@click.command("test", help=words.text("watch.test-help"))
@click.argument("source", required=False)
@click.option("--alerts", is_flag=True, help=words.text("watch.test-alerts-help"))
def test(source: str | None, alerts: bool) -> int:
    """Ask a source once without keeping anything, or send a trial message."""
    from sakigake import settings

    loaded = settings.load()
    if not source and not alerts:
        raise errors.UsageError("watch-test-what")
    if source:
        from desk.watching import open_watch

        with watch_parts():
            from watch import assembly

        row = open_watch(loaded).source(source)
        with assembly.network(loaded) as net:
            made = assembly.make_source(row.id, row.kind, row.config, net)
            try:
                posts = made.poll(row.cursor, TRIED).posts
            finally:
                made.close()
        pictures = sum(len(post.media) for post in posts)
        click.echo(words.text("watch.tested", source=source, posts=len(posts), pictures=pictures))
    return _trial_message(loaded) if alerts else errors.EXIT_OK


def _trial_message(loaded: "Settings") -> int:
    from watch.alerts import message
    from watch.alerts.receivers import configured

    receivers, code = configured(loaded), errors.EXIT_OK
    for receiver in receivers:
        try:
            receiver.send(message.trial())
        except errors.SakigakeError as error:
            code = error.exit_code
            click.echo(f"{receiver.shown}: {error.message()} {error.hint()}", err=True)
        else:
            click.echo(words.text("watch.test-sent", receiver=receiver.shown))
    if not receivers:
        click.echo(words.text("watch.no-receiver"))
    return code


@click.command("inbox", help=words.text("watch.inbox-help"))
@click.argument("what", required=False, metavar="[LINK|FILE]")
@click.option("--clipboard", is_flag=True, help=words.text("watch.clipboard-help"))
def inbox(what: str | None, clipboard: bool) -> None:
    """Hand in a link or a picture for the watcher to look at."""
    from desk import handing
    from sakigake import settings
    from sakigake.clock import Clock

    if clipboard == bool(what):
        raise errors.UsageError("watch-inbox-what")
    loaded, now = settings.load(), Clock().now()
    taken: str | bytes = what or ""
    if clipboard:
        from watch import clipboard as board

        taken = board.read()
    if isinstance(taken, bytes):
        fresh = handing.hand_in_picture(loaded, taken, now)
    else:
        fresh = bool(handing.hand_in(loaded, handing.typed(taken, now), now))
    click.echo(words.text("watch.handed-in" if fresh else "watch.handed-in-before"))


SOURCE_COMMANDS = (add, list_sources, pause, resume, remove, test, inbox)
