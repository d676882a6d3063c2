"""`sakigake desk`: the page of this computer."""

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from desk.needing import desk_parts
from sakigake import errors, words

if TYPE_CHECKING:
    from types import FrameType

    from desk.web.serve import Server
    from sakigake.settings import Settings


@click.command("desk", help=words.text("desk.command.help"))
@click.option("--port", type=click.IntRange(0, 65535), help=words.text("desk.command.port-help"))
@click.option("--no-browser", is_flag=True, help=words.text("desk.command.no-browser-help"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("desk.command.lang-help"))
def desk(port: int | None, no_browser: bool, lang: str | None) -> int:
    """Serve the page until stopped; where it is served already, print a new link."""
    from sakigake import settings

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang  # those that the desk starts speak it as well
    with desk_parts():
        from desk.web import serve
    loaded = settings.load()
    if (found := serve.running(loaded.home)) is not None:
        _show("desk.command.running", found.link(), no_browser=no_browser)
        return errors.EXIT_OK
    return _serve(loaded, loaded.section("desk")["port"] if port is None else port, no_browser=no_browser)


def _serve(loaded: "Settings", port: int, *, no_browser: bool) -> int:
    from desk.web import serve

    with serve.opened(loaded, port) as (server, bound, link):
        bound.listen()  # the browser may come before the server is up: it waits that moment
        _end_on_signals(server)
        _show("desk.command.open", link(), no_browser=no_browser)
        click.echo(words.text("desk.command.stop"))
        sys.stdout.flush()
        server.run_on(bound)
    click.echo(words.text("desk.command.closed"))
    return errors.EXIT_OK


def _end_on_signals(server: "Server") -> None:
    """Let what is being answered end; uvicorn raises a signal again once it has, which then does no more."""

    def handler(_number: int, _frame: "FrameType | None") -> None:
        server.should_exit = True

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


def _show(key: str, link: str, *, no_browser: bool) -> None:
    click.echo(words.text(key))
    click.echo(link)
    sys.stdout.flush()
    if not no_browser:
        import webbrowser

        webbrowser.open(link)
