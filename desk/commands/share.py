"""`sakigake share`: a comparison as a file that can be posted, after what to know before publishing was shown."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakigake import errors, words

if TYPE_CHECKING:
    from sakigake.fingerprint.views import Pixels
    from sakigake.model import Finding
    from sakigake.settings import Settings
    from sakigake.store.sqlite import SqliteStore

WAYS = ("blink", "wipe", "overlay")
TEXT = ".before-you-publish.txt"


@click.command(help=words.text("pictures.share.help"))
@click.argument("finding", required=False, type=click.IntRange(min=1))
@click.option("--post", type=click.Path(path_type=Path), help=words.text("pictures.share.post"))
@click.option("--session", default="last", show_default=True, help=words.text("check.session"))
@click.option("--posted-not-before", help=words.text("check.posted-not-before"))
@click.option("--posted-not-after", help=words.text("check.posted-not-after"))
@click.option("--as", "way", type=click.Choice(WAYS), help=words.text("pictures.share.as"))
@click.option("--i-have-read", "have_read", is_flag=True, help=words.text("pictures.share.read"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("verify.lang"))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help=words.text("pictures.share.output")
)
def share(  # noqa: PLR0917 - click passes by name
    finding: int | None,
    post: Path | None,
    session: str,
    posted_not_before: str | None,
    posted_not_after: str | None,
    way: str | None,
    have_read: bool,
    lang: str | None,
    output: Path,
) -> None:
    """Show the text, ask, write."""
    from desk import explaining
    from desk.sessions import open_store
    from sakigake import settings
    from watch.explaining import letters, sharing

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    _require_sensible(finding, post, way, output)
    loaded = settings.load()
    store = open_store(loaded)
    if finding is not None:
        pixels, found = _of_finding(loaded, store, finding)
    else:
        stated = posted_not_before, posted_not_after
        pixels, found = _of_post(loaded, store, post or Path(), session, stated)
    shown = explaining.material(store, loaded, pixels, found)
    text = words.text("pictures.share.before").strip()
    click.echo(text)
    click.echo()
    if not have_read and not _confirmed():
        raise errors.UsageError("share-not-read")
    chosen = sharing.Share(sharing.Way(way or WAYS[0]), words.language(), letters.shipped())
    made = sharing.file_of(shown, chosen, output.suffix.lower())
    beside = output.with_name(output.name + TEXT)
    _write(beside, f"{text}\n".encode())
    _write(output, made)
    click.echo(words.text("pictures.share.written", path=output))
    click.echo(words.text("pictures.share.text-written", path=beside))


def _require_sensible(finding: int | None, post: Path | None, way: str | None, output: Path) -> None:
    """Raise UsageError for what cannot be meant, before anything is compared."""
    from watch.explaining.sharing import SUFFIXES

    if (finding is None) == (post is None):
        raise errors.UsageError("share-which")
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise errors.UsageError("share-suffix", path=output)
    if suffix == ".png" and way in {"blink", "wipe"}:
        raise errors.UsageError("share-still", way=way)
    for path in (output, output.with_name(output.name + TEXT)):
        if path.exists() or path.is_symlink():
            raise errors.UsageError("export-exists", path=path)


def _of_post(
    loaded: "Settings", store: "SqliteStore", post: Path, session: str, stated: tuple[str | None, str | None]
) -> "tuple[Pixels, Finding]":
    from desk import own_works
    from desk.commands.check import read_posted
    from desk.sessions import find
    from watch.check import Seen, compare, read
    from watch.sanitise import load_picture

    posted = read_posted(*stated)
    pixels, digest = load_picture(post)
    sessions = store.sessions() if session == "all" else [find(store, session)]
    timelines = [read(store, each) for each in sessions]
    return pixels, compare(store, timelines, Seen(pixels), posted, digest, own=own_works.provide(loaded))


def _of_finding(loaded: "Settings", store: "SqliteStore", number: int) -> "tuple[Pixels, Finding]":
    """Return the kept picture of a finding, compared again with the session that it was found alike to."""
    from desk import explaining, own_works
    from desk.sessions import find
    from desk.watching import open_watch
    from watch.check import Seen, compare, read
    from watch.pipeline.verdict import deciding
    from watch.sanitise import load_picture

    row = open_watch(loaded).finding(number)
    pixels, digest = load_picture(explaining.picture_of(loaded, row))
    timeline = read(store, find(store, row.new.session))
    posted = deciding(row.post.time)
    return pixels, compare(store, [timeline], Seen(pixels), posted, digest, own=own_works.provide(loaded))


def _confirmed() -> bool:
    try:
        return click.confirm(words.text("pictures.share.question"), default=False)
    except click.Abort:  # nobody is there to answer
        click.echo()
        return False


def _write(path: Path, raw: bytes) -> None:
    from sakigake import durable

    try:
        durable.create(path, raw)
    except FileExistsError as error:
        raise errors.UsageError("export-exists", path=path) from error
    except OSError as error:
        raise errors.SakigakeError("head-not-written", path=path, why=error.strerror or error) from error
