"""`sakigake watch add`, `list`, `pause`, `resume`, `remove`, `test` and `inbox`."""

from typing import TYPE_CHECKING

import click

from desk.answering import answer, say, told
from desk.answering import as_json as json_option
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
@json_option()
def add(kind: str, options: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Add a source and say what it sends out."""
    from desk import sources
    from sakigake import settings
    from sakigake.clock import Clock

    config = dict(_option(each) for each in options)
    added = sources.add(settings.load(), kind, config, name, Clock().now())
    say(words.text("watch.added", source=added.name, kind=kind))
    for line in sources.described(added.info):
        say(f"    {line}")
    say(words.text("watch.added-next", source=added.name))
    about = {
        "sends": added.info.sent,
        "terms": added.info.terms,
        "clock": added.info.clock.value,
        "tried_live": added.info.tried_live,
    }
    told({"name": added.name, "kind": kind, **about}, as_json=as_json)


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
        answer(told, ascii_only=True)
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
@json_option()
def pause(source: str, as_json: bool) -> None:
    """Pause a source."""
    _pause(source, paused=True)
    told({"name": source, "paused": True}, as_json=as_json)


@click.command("resume", help=words.text("watch.resume-help"))
@click.argument("source")
@json_option()
def resume(source: str, as_json: bool) -> None:
    """Resume a source."""
    _pause(source, paused=False)
    told({"name": source, "paused": False}, as_json=as_json)


def _pause(source: str, *, paused: bool) -> None:
    from desk import sources
    from sakigake import settings
    from sakigake.clock import Clock

    sources.pause(settings.load(), source, paused=paused, now=Clock().now())
    say(words.text("watch.paused" if paused else "watch.resumed", source=source))


@click.command("remove", help=words.text("watch.remove-help"))
@click.argument("source")
@json_option()
def remove(source: str, as_json: bool) -> None:
    """Remove a source; its findings stay."""
    from desk import sources
    from sakigake import settings

    sources.remove(settings.load(), source)
    say(words.text("watch.removed", source=source))
    told({"removed": source}, as_json=as_json)


@click.command("test", help=words.text("watch.test-help"))
@click.argument("source", required=False)
@click.option("--alerts", is_flag=True, help=words.text("watch.test-alerts-help"))
@json_option()
def test(source: str | None, alerts: bool, as_json: bool) -> int:
    """Ask a source once without keeping anything, or send a trial message."""
    from sakigake import settings

    loaded = settings.load()
    if not source and not alerts:
        raise errors.UsageError("watch-test-what")
    counts = None
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
        counts = {"name": source, "posts": len(posts), "pictures": pictures}
        say(words.text("watch.tested", source=source, posts=len(posts), pictures=pictures))
    code = _trial_message(loaded) if alerts else errors.EXIT_OK
    told({"source": counts, "alerts_sent": code == errors.EXIT_OK if alerts else None}, as_json=as_json)
    return code


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
            say(words.text("watch.test-sent", receiver=receiver.shown))
    if not receivers:
        say(words.text("watch.no-receiver"))
    return code


@click.command("inbox", help=words.text("watch.inbox-help"))
@click.argument("what", required=False, metavar="[LINK|FILE]")
@click.option("--clipboard", is_flag=True, help=words.text("watch.clipboard-help"))
@json_option()
def inbox(what: str | None, clipboard: bool, as_json: bool) -> None:
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
        posts, fresh = 1, int(handing.hand_in_picture(loaded, taken, now))
    else:
        typed = handing.typed(taken, now)
        posts, fresh = len(typed), handing.hand_in(loaded, typed, now)
    say(words.text("watch.handed-in" if fresh else "watch.handed-in-before"))
    told({"posts": posts, "new": fresh}, as_json=as_json)


SOURCE_COMMANDS = (add, list_sources, pause, resume, remove, test, inbox)
