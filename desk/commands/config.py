"""`sakigake config`: what is set and by whom, and the file it is set in."""

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

import click

from desk.answering import answer, as_json
from sakigake import errors, settings, words
from sakigake.text import plain


@click.group(help=words.text("cli.config"))
def config() -> None:
    """Show, path, edit, check."""


@config.command("show", help=words.text("settings.show-help"))
@click.argument("name", required=False, metavar="[SECTION[.KEY]]")
@click.option("--origin", is_flag=True, help=words.text("settings.origin-help"))
@as_json()
def show(name: str | None, origin: bool, as_json: bool) -> None:
    """Print every setting in force; what opens an account is not shown."""
    from desk.origins import effective
    from sakigake.setting_file import toml

    _, path = settings.places()
    found = [each for each in effective(path) if not name or f"{each.name}.".startswith(f"{name}.")]
    if not found:
        known = ", ".join(sorted({*settings.defaults(), *settings.WITHOUT_DEFAULTS}))
        raise errors.NotFoundError("setting-none", name=name, known=known)
    if as_json:
        rows = [
            {
                "name": each.name,
                "value": each.shown,
                "layer": each.layer,
                "place": None if each.layer == "default" else each.place,
            }
            for each in found
        ]
        answer({"path": str(path), "settings": rows})
        return
    for each in found:
        value = toml(each.shown) if not isinstance(each.shown, dict) else str(each.shown)
        line = f"{each.name} = {plain(value)}"
        if origin:
            line += f"  # {words.text(f'settings.layer.{each.layer}', place=each.place)}"
        click.echo(line)


@config.command("path", help=words.text("settings.path-help"))
@as_json()
def path(as_json: bool) -> None:
    """Print where the file of the settings is."""
    home, file = settings.places()
    if as_json:
        answer({"path": str(file), "exists": file.is_file(), "home": str(home)})
    else:
        click.echo(str(file))


@config.command("edit", help=words.text("settings.edit-help"))
def edit() -> int:
    """Open the file in an editor, and check it afterwards."""
    from sakigake import setting_file

    _, file = settings.places()
    if setting_file.write_once(file):
        click.echo(words.text("settings.written", path=file))
    command = editor()
    try:
        done = subprocess.run([*command, str(file)], check=False)
    except OSError as error:
        why = error.strerror or error
        raise errors.SakigakeError("editor-failed", editor=command[0], path=file, why=why) from error
    if done.returncode:
        raise errors.SakigakeError("editor-failed", editor=command[0], path=file, why=done.returncode)
    return _check(file, as_json=False)


def editor() -> list[str]:
    """Return the command of the editor: $VISUAL, else $EDITOR, else one that is there; raises UsageError."""
    system = platform.system()
    for name in ("VISUAL", "EDITOR"):
        if value := os.environ.get(name, "").strip():
            if system == "Windows" or Path(value).is_file():
                return [value.strip('"')]
            return shlex.split(value)
    if system == "Windows":
        return ["notepad"]
    found = next(filter(shutil.which, ("sensible-editor", "nano", "vim", "vi")), None)
    if system == "Darwin":
        return ["open", "-W", "-t"]
    if not found:
        raise errors.UsageError("editor-none", path=settings.places()[1])
    return [found]


@config.command("check", help=words.text("settings.check-help"))
@as_json()
def check(as_json: bool) -> int:
    """Say what is wrong with the settings, each with its line and the next step."""
    return _check(settings.places()[1], as_json=as_json)


def _check(path: Path, *, as_json: bool) -> int:
    found = faults(path)
    if as_json:
        rows = [
            {"line": line, "code": fault.code, "message": fault.message(), "hint": fault.hint()}
            for line, fault in found
        ]
        answer({"path": str(path), "exists": path.is_file(), "good": not found, "faults": rows})
    else:
        for line, fault in found:
            place = f"{path}:{line}: " if line else ""
            click.echo(f"{place}{plain(fault.message(), 2000)}\n  {plain(fault.hint(), 2000)}")
        if not found:
            key = "settings.good" if path.is_file() else "settings.good-none"
            click.echo(words.text(key, path=path))
    return errors.ConfigError.exit_code if found else errors.EXIT_OK


def faults(path: Path) -> list[tuple[int | None, errors.ConfigError]]:
    """Return all that is wrong with the file and the variables, each with the line of the file where it has one."""
    from sakigake import setting_file
    from sakigake.anchor import trust

    try:
        own = settings.read(path)
        text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    except errors.ConfigError as error:
        return [(setting_file.fault_line(error.__cause__ or error), error)]
    found: list[tuple[int | None, errors.ConfigError]] = [
        (setting_file.line_of(text, str(fault.params["name"])), fault) for fault in settings.faults(own)
    ]
    try:
        settings.from_texts(settings.variables(), settings.PREFIX)
        if not found:
            trust.load(settings.load().tables)
    except errors.ConfigError as fault:
        found.append((setting_file.line_of(text, "anchor.authority"), fault))
    return found
