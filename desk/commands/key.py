"""`sakigake key`: which key signs, changing it, and its passphrase."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from sakigake import errors, words
from sakigake.phrases import cause

OTHERS = 0o077
REASONS = ("routine", "lost-device", "copied", "other")


@click.group(help=words.text("cli.key"))
def key() -> None:
    """Show, rotate, passphrase."""


@key.command("show", help=words.text("key.show-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def show(as_json: bool) -> None:
    """Show the keys there are; never makes one."""
    from desk import passphrase
    from sakigake import settings
    from sakigake.timeline import keys

    folder = settings.load().keys
    path = folder / keys.KEY_FILE
    if not path.is_file():
        raise errors.NotFoundError("key-none")
    passphrase.provide(folder)
    kept = keys.Keys(folder, keys.load(path))
    step, before = kept.step(), kept.predecessor()
    # A rotation that was cut off may have put a copy of the key in force aside.
    opened = {each: _opened(each) for each in keys.files(folder) if each != path}
    older = {each: public for each, public in opened.items() if public != kept.public.hex()}
    exposed = sys.platform != "win32" and bool(path.stat().st_mode & OTHERS)
    keeping = keys.kept_as(path.read_bytes())
    if as_json:
        record = {
            "schema_version": 1,
            "key": kept.public.hex(),
            "kept": keeping.value,
            "path": str(path),
            "exposed": exposed,
            "continues": step.old or None if step else None,
            "reason": step.reason if step else None,
            "linked": before is not None,
            "older": [{"path": str(each), "key": public or None} for each, public in older.items()],
        }
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    click.echo(words.text("key.current", key=kept.public.hex()))
    click.echo(words.text(f"key.kept.{keeping.value}", path=path))
    if exposed:
        click.echo(words.text("key.exposed"))
    if step:
        _say_step(step, linked=before is not None)
    for each, public in older.items():
        known = words.text("key.older", key=public) if public else words.text("key.older-closed", path=each)
        click.echo(known)


def _say_step(step: Any, *, linked: bool) -> None:
    if not step.old:
        click.echo(words.text("key.lost"))
    elif linked:
        click.echo(words.text("key.continues", key=step.old, why=cause({"reason": step.reason})))
    else:
        click.echo(words.text("key.unlinked", key=step.old))


def _opened(path: Path) -> str:
    from sakigake.timeline import keys

    try:
        return keys.public_of(keys.load(path)).hex()
    except (errors.ConfigError, FileNotFoundError):
        return ""


@key.command("rotate", help=words.text("key.rotate-help"))
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    default="routine",
    show_default=True,
    help=words.text("key.rotate-reason"),
)
@click.option("--without-old", is_flag=True, help=words.text("key.rotate-without"))
def rotate(reason: str, without_old: bool) -> None:
    """Put a new key in force."""
    from capture.lock import RecorderLock
    from desk import passphrase
    from sakigake import settings
    from sakigake.timeline import keychange, keys

    loaded = settings.load()
    if not loaded.keys.is_dir():
        raise errors.NotFoundError("key-none")
    passphrase.provide(loaded.keys)
    with RecorderLock(loaded.home):
        done = keychange.rotate(loaded.keys, reason, without_old=without_old, choose=passphrase.new)
    click.echo(words.text("key.rotated", key=done.new))
    click.echo(words.text(f"key.kept.{done.keeping}", path=loaded.keys / keys.KEY_FILE))
    if done.old is None:
        click.echo(words.text("key.rotated-without", path=done.kept))
        return
    click.echo(words.text("key.rotated-from", key=done.old, path=done.kept))
    click.echo(words.text("key.rotated-next"))


@key.command("passphrase", help=words.text("key.passphrase-help"))
@click.option("--remove", is_flag=True, help=words.text("key.passphrase-remove"))
def change(remove: bool) -> None:
    """Encrypt the key files anew, or no more."""
    from capture.lock import RecorderLock
    from desk import passphrase
    from sakigake import settings
    from sakigake.timeline import keychange, keys

    loaded = settings.load()
    if not (loaded.keys / keys.KEY_FILE).is_file():
        raise errors.NotFoundError("key-none")
    passphrase.provide(loaded.keys, piped=remove)
    chosen = None if remove else passphrase.new()
    if chosen is None and not remove:
        raise errors.UsageError("passphrase-empty")
    with RecorderLock(loaded.home):
        done = keychange.change_passphrase(loaded.keys, chosen)
    os.environ.pop(keys.PASSPHRASE, None)
    if done.changed:
        said = "key.passphrase-removed" if remove else "key.passphrase-set"
        click.echo(words.text(said, count=done.changed))
    if done.in_keyring:
        click.echo(words.text("key.in-keyring", count=done.in_keyring))
    for path in done.closed:
        click.echo(words.text("key.still-closed", path=path))
