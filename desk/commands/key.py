"""`sakigake key`: which key signs, changing it, and its passphrase."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from desk.answering import answer, say, told
from desk.answering import as_json as json_option
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
    raw = path.read_bytes()
    current = keys.public_in(raw)
    if current is None:  # a file of before, or a plain one: only opened it tells
        passphrase.provide(folder)
        current = keys.public_of(keys.load(path))
    step = keys.step_of(folder, current)
    # A rotation that was cut off may have put a copy of the key in force aside.
    opened = {each: _opened(each) for each in keys.files(folder) if each != path}
    older = {each: public for each, public in opened.items() if public != current.hex()}
    linked = bool(step and step.old in older.values())
    exposed = sys.platform != "win32" and bool(path.stat().st_mode & OTHERS)
    keeping = keys.kept_as(raw)
    if as_json:
        record = {
            "key": current.hex(),
            "kept": keeping.value,
            "path": str(path),
            "exposed": exposed,
            "continues": step.old or None if step else None,
            "reason": step.reason if step else None,
            "linked": linked,
            "older": [{"path": str(each), "key": public or None} for each, public in older.items()],
        }
        answer(record)
        return
    click.echo(words.text("key.current", key=current.hex()))
    click.echo(words.text(f"key.kept.{keeping.value}", path=path))
    if exposed:
        click.echo(words.text("key.exposed"))
    if step:
        _say_step(step, linked=linked)
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
        stands = keys.public_in(path.read_bytes())
        return (stands or keys.public_of(keys.load(path))).hex()
    except (errors.ConfigError, OSError):
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
@json_option()
def rotate(reason: str, without_old: bool, as_json: bool) -> None:
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
    told({"key": done.new, "continues": done.old, "kept": str(done.keeping)}, as_json=as_json)
    say(words.text("key.rotated", key=done.new))
    say(words.text(f"key.kept.{done.keeping}", path=loaded.keys / keys.KEY_FILE))
    if done.old is None:
        say(words.text("key.rotated-without", path=done.kept))
        return
    say(words.text("key.rotated-from", key=done.old, path=done.kept))
    say(words.text("key.rotated-next"))


@key.command("passphrase", help=words.text("key.passphrase-help"))
@click.option("--remove", is_flag=True, help=words.text("key.passphrase-remove"))
@json_option()
def change(remove: bool, as_json: bool) -> None:
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
        say(words.text(said, count=done.changed))
    if done.in_keyring:
        say(words.text("key.in-keyring", count=done.in_keyring))
    for path in done.closed:
        say(words.text("key.still-closed", path=path))
    counts = {"changed": done.changed, "in_keyring": done.in_keyring, "still_closed": len(done.closed)}
    told(counts, as_json=as_json)
