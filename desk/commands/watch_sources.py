"""`sakigake watch add`, `list`, `pause`, `resume`, `remove`, `test` and `inbox`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.answering import answer, say, told
from desk.answering import as_json as json_option
from desk.needing import watch_parts
from sakigake import errors, words
from sakigake.clock import iso
from sakigake.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sakigake.settings import Settings
    from watch.post import Post, SourceInfo
    from watch.store.records import HoleRow, SourceRow

TRIED = 5  # posts of a trial
MOST_NAME = 100  # characters of a source's name


@click.command("add", help=words.text("watch.add-help"))
@click.argument("kind", metavar="KIND")
@click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...")
@click.option("--name", metavar="NAME", help=words.text("watch.name-help"))
@json_option()
def add(kind: str, options: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Add a source and say what it sends out."""
    from desk.watching import open_watch
    from sakigake import settings
    from sakigake.clock import Clock

    with watch_parts():
        from watch import assembly
        from watch.sources import registry

    config = dict(_option(each) for each in options)
    if name is not None and (not name.strip() or len(name) > MOST_NAME or plain(name) != name):
        raise errors.UsageError("watch-name-odd", value=name)
    loaded = settings.load()
    with assembly.network(loaded) as net:
        config = registry.check(kind, config)  # a path is kept as it is meant here, not from wherever it runs
        source = assembly.make_source(kind, kind, config, net)
        info = source.describe()
        source.close()
    store = open_watch(loaded, make=True)
    rows = store.sources()
    if twin := registry.same(rows, kind, config):
        raise errors.UsageError("watch-source-twin", source=twin)
    taken = {row.id for row in rows}
    chosen = name or next(
        each for each in (kind, *(f"{kind}-{n}" for n in range(2, len(taken) + 3))) if each not in taken
    )
    store.add_source(chosen, kind, config, Clock().now())
    say(words.text("watch.added", source=chosen, kind=kind))
    for line in described(info):
        say(f"    {line}")
    say(words.text("watch.added-next", source=chosen))
    about = {
        "sends": info.sent,
        "terms": info.terms,
        "clock": info.clock.value,
        "tried_live": info.tried_live,
    }
    told({"name": chosen, "kind": kind, **about}, as_json=as_json)


def _option(told: str) -> tuple[str, object]:
    key, joint, value = told.partition("=")
    if not joint or not key.strip():
        raise errors.UsageError("watch-option-odd", value=told)
    return key.strip(), value


def described(info: "SourceInfo") -> list[str]:
    """Return what a person should know of a source, in sentences."""
    told = [
        words.text("watch.about-sent", sent=_sentence(info.sent)),
        words.text("watch.about-terms", terms=_sentence(info.terms)),
        words.text("watch.about-clock", clock=words.text(f"findings.clock.{info.clock.value}")),
    ]
    return told if info.tried_live else [*told, words.text("watch.about-not-tried")]


def _sentence(slug: str) -> str:
    """Return the wording of a slug that a source gave; the slug itself when this version does not know it."""
    return words.table(words.language()).get(f"source.{slug}", slug)


@click.command("list", help=words.text("watch.list-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def list_sources(as_json: bool) -> None:
    """List the sources, how each is, and the holes in what was watched."""
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
        click.echo(words.text("watch.row", source=plain(row.id), kind=row.kind, state=_state(row)))
        click.echo(f"    {options_line(row.config)}")
    if not rows:
        click.echo(words.text("watch.none"))
    for hole in holes:
        click.echo(f"    {hole_line(hole)}")


def options_line(config: "Mapping[str, object]") -> str:
    """Return the options of a source as they are given to `watch add`, without what opens an account."""
    from desk.watching import shown_options

    return plain("  ".join(f"{name}={value}" for name, value in shown_options(config).items()))


def _state(row: "SourceRow") -> str:
    if row.paused:
        return words.text("watch.state-paused")
    if row.resting_until and row.failures:
        from desk.watching import why

        return words.text("watch.state-resting", until=iso(row.resting_until), why=why(row.trouble))
    if row.good is None:
        return words.text("watch.state-never")
    return words.text("watch.state-good", when=iso(row.good))


def hole_line(hole: "HoleRow") -> str:
    """Return a hole as a sentence."""
    from desk.watching import why

    told = {"source": plain(hole.source), "began": iso(hole.began), "why": why(hole.reason)}
    if hole.ended is None:
        return words.text("watch.hole-open", **told)
    return words.text("watch.hole-closed", ended=iso(hole.ended), **told)


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
    from desk.watching import open_watch
    from sakigake import settings
    from sakigake.clock import Clock

    open_watch(settings.load()).pause_source(source, paused=paused, now=Clock().now())
    say(words.text("watch.paused" if paused else "watch.resumed", source=source))


@click.command("remove", help=words.text("watch.remove-help"))
@click.argument("source")
@json_option()
def remove(source: str, as_json: bool) -> None:
    """Remove a source; its findings stay."""
    from desk.watching import open_watch
    from sakigake import settings
    from watch import retention

    store = open_watch(settings.load())
    store.remove_source(source)
    retention.clean(store)
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
    from desk.watching import open_watch
    from sakigake import settings
    from sakigake.clock import Clock
    from watch import clipboard as board

    with watch_parts():  # it would lie there for ever
        from watch.fetch import client as _client  # noqa: F401
    if clipboard == bool(what):
        raise errors.UsageError("watch-inbox-what")
    loaded, now = settings.load(), Clock().now()
    taken = board.read() if clipboard else what or ""
    store = open_watch(loaded, make=True)
    before = set(board.kept(loaded.home))
    posts = _handed(taken, loaded.home, now)
    fresh = [store.hand_in(post, now) for post in posts]
    if not any(fresh) and set(board.kept(loaded.home)) - before:
        board.let_go(posts[0], loaded.home)  # it was looked at before, and nobody will look at it again
    say(words.text("watch.handed-in" if any(fresh) else "watch.handed-in-before"))
    told({"posts": len(posts), "new": sum(map(bool, fresh))}, as_json=as_json)


def _handed(taken: str | bytes, home: Path, now: "datetime") -> "Sequence[Post]":
    """Return the posts of what was handed in: pictures, files of the computer, or texts with links."""
    from watch import clipboard as board
    from watch.sources import handed

    if isinstance(taken, bytes):
        return (handed.from_picture(board.keep(taken, home), now),)
    path = Path(taken).expanduser()
    if not handed.links_in(taken) or path.is_file():
        return (handed.from_picture(path.absolute(), now),)
    return handed.from_text(taken, now)


SOURCE_COMMANDS = (add, list_sources, pause, resume, remove, test, inbox)
