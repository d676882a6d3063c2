"""`sakigake models`: fetching, taking in, checking and removing models. All of them are optional."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from sakigake import errors, words

if TYPE_CHECKING:
    from sakigake.settings import Settings

EVERY_S = 2.0  # between two lines of progress
MEGA = 10**6


@click.group(help=words.text("deep.models.help"))
def models() -> None:
    """List, get, import, verify, remove."""


@models.command("list", help=words.text("deep.models.list-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def list_models(as_json: bool) -> None:
    """List what is known and what is here."""
    from desk import deep_room
    from sakigake import settings
    from watch.deep import shelf

    loaded = settings.load()
    known, here = deep_room.models(loaded), shelf.installed(loaded.home)
    rows: list[dict[str, Any]] = [
        {
            "id": key,
            "title": model.title,
            "licence": model.licence,
            "languages": list(model.languages),
            "page": model.page,
            "bytes": model.size or None,
            "can_be_fetched": model.pinned,
            "here": key in here,
            "key": here[key].key if key in here else None,
            "digest_from": here[key].pinned_by if key in here else None,
        }
        for key, model in known.items()
    ]
    rows += [_stray(each) for key, each in here.items() if key not in known]
    if as_json:
        answer({"models": rows})
        return
    for row in rows:
        state = "here" if row["here"] else "can-be-fetched" if row["can_be_fetched"] else "by-hand"
        told = words.text(f"deep.models.{state}")
        languages = ", ".join(row["languages"])
        click.echo(
            words.text(
                "deep.models.row",
                id=row["id"],
                title=row["title"],
                licence=row["licence"],
                languages=languages,
                state=told,
            )
        )
        if row["page"]:
            click.echo(f"    {row['page']}")


def _stray(model: Any) -> dict[str, Any]:
    return {
        "id": model.id,
        "title": model.title,
        "licence": model.licence,
        "languages": list(model.languages),
        "page": "",
        "bytes": model.size,
        "can_be_fetched": False,
        "here": True,
        "key": model.key,
        "digest_from": model.pinned_by,
    }


@models.command("get", help=words.text("deep.models.get-help"))
@click.argument("model")
def get(model: str) -> None:
    """Fetch a model."""
    from desk import deep_room
    from desk.needing import deep_parts
    from sakigake import settings
    from watch.deep import manifest

    with deep_parts():
        from watch.deep import download
        from watch.fetch.guard import Guard
    loaded = settings.load()
    found = manifest.find(deep_room.models(loaded), model)
    own = deep_room.section(loaded)
    click.echo(
        words.text(
            "deep.models.getting",
            title=found.title,
            licence=found.licence,
            page=found.page or "–",
            megabytes=f"{found.size / MEGA:,.1f}" if found.size else "?",
        )
    )
    ways = download.Ways(
        Guard.of(loaded.section("watch")["trusted_hosts"]),
        float(own["stall_s"]),
        _Progress(),
        lambda url, error: click.echo(
            words.text("deep.models.mirror-failed", url=url, why=error.message()), err=True
        ),
    )
    there = download.get(loaded.home, found, ways, offline=bool(own["offline"]))
    _tell_placed(loaded, there.id)


class _Progress:
    """Says every few seconds how far a file has come."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, name: str, came: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or came == total:
            self._next = now + EVERY_S
            whole = f"{total / MEGA:,.1f}" if total else "?"
            click.echo(
                words.text("deep.models.progress", name=name, came=f"{came / MEGA:,.1f}", total=whole),
                err=True,
            )


@models.command("import", help=words.text("deep.models.import-help"))
@click.argument("model")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--pin", is_flag=True, help=words.text("deep.models.pin"))
def take_in(model: str, files: tuple[Path, ...], pin: bool) -> None:
    """Take in files that were fetched by hand."""
    from desk import deep_room
    from sakigake import settings
    from watch.deep import manifest, shelf

    loaded = settings.load()
    found = manifest.find(deep_room.models(loaded), model)
    names = {each.name for each in found.files}
    given: dict[str, Path] = {}
    for path in files:
        if path.is_dir():
            given |= {each.name: each for each in sorted(path.iterdir()) if each.name in names}
        elif path.name in names:
            given[path.name] = path
        elif len(names) == 1 and len(files) == 1:  # a browser may have called it otherwise
            given[next(iter(names))] = path
        elif path.exists():
            raise errors.UsageError("deep-import-other", name=path.name, files=", ".join(sorted(names)))
        else:
            raise errors.NotFoundError("deep-file-missing", path=path)
    shelf.take_in(loaded.home, found, given, pin=pin)
    _tell_placed(loaded, found.id)


def _tell_placed(loaded: "Settings", name: str) -> None:
    from watch.deep import shelf

    there = shelf.get(loaded.home, name)
    click.echo(
        words.text("deep.models.placed", id=there.id, megabytes=f"{there.size / MEGA:,.1f}", key=there.key)
    )
    click.echo(words.text("deep.models.next"))


@models.command("verify", help=words.text("deep.models.verify-help"))
@click.argument("model", required=False)
def verify(model: str | None) -> None:
    """Check every byte of the models that are here."""
    from sakigake import settings
    from watch.deep import shelf

    home = settings.load().home
    here = [shelf.get(home, model)] if model else list(shelf.installed(home).values())
    if not here:
        raise errors.NotFoundError("deep-no-model")
    for each in here:
        shelf.verify(each)
        click.echo(words.text("deep.models.verified", id=each.id, files=len(each.digests), key=each.key))


@models.command("remove", help=words.text("deep.models.remove-help"))
@click.argument("model")
def remove(model: str) -> None:
    """Remove a model and what was computed with it."""
    from sakigake import settings
    from sakigake.store.sqlite import SqliteStore
    from watch.deep import shelf
    from watch.deep.vectors import FILE, Vectors

    loaded = settings.load()
    try:
        there = shelf.remove(loaded.home, model)
    except OSError as error:
        raise errors.SakigakeError(
            "deep-not-written", path=loaded.home, why=error.strerror or error
        ) from error
    if not there:
        raise errors.NotFoundError("deep-model-absent", name=model)
    if (loaded.home / FILE).is_file() and loaded.database.is_file():
        vectors = Vectors(loaded.home)
        vectors.sweep(
            SqliteStore(loaded.database), [each.key for each in shelf.installed(loaded.home).values()]
        )
        vectors.close()
    click.echo(words.text("deep.models.removed", id=model))
