"""The user's own `sakigake.toml`: written once with every default commented out, and changed without losing a comment.

Whoever wrote into it by hand finds it again as it was, but for the lines that were to change. What cannot be read is
never thrown away: it stays beside as `sakigake.toml.broken-N`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakigake import durable, resources, settings, words
from sakigake.errors import ConfigError, SakigakeError

_BOM = "\ufeff"
_HEADER = re.compile(r"\s*\[+\s*([\w.-]+)\s*\]+")
_KEY = re.compile(r"\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=")
_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_MOST_MENDED = 20
_ASIDE = "# ✗ "


@dataclass(frozen=True, slots=True)
class Written:
    """A file of settings that was changed.

    `backup` is where the old one lies when it could not be read as it was, and `aside` are the lines that were made
    comments of for that.
    """

    path: Path
    backup: Path | None = None
    aside: tuple[str, ...] = ()


def set_values(path: Path, values: Mapping[str, Any], *, mend: bool = False) -> Written:
    """Put values into the file, by `section.key`; None takes one out again. The file is made when it is not there.

    Comments, order, line ends and what else stands in it stay. Raises ConfigError when what would stand in the file
    afterwards is not allowed (then nothing was written), and when the file cannot be read as TOML; with `mend` it is
    copied beside instead, and the lines that hinder are made comments of. Raises SakigakeError (`config-unwritable`).
    """
    place = path.resolve() if path.is_symlink() else path
    text = _text(place)
    mended, aside = text, list[str]()
    try:
        tomllib.loads(_lines(text))
    except tomllib.TOMLDecodeError as error:
        if not mend:
            raise ConfigError("config-unreadable", path=place, why=error) from error
        mended, aside = _mended(text)
    changed = _changed(mended, values)
    settings.check(tomllib.loads(_lines(changed)))
    try:
        backup = _keep_aside(place) if aside else None
        durable.write(place, changed.encode())
    except OSError as error:
        raise SakigakeError("config-unwritable", path=place, why=error.strerror or error) from error
    return Written(place, backup, tuple(aside))


def write_once(path: Path, language: str | None = None) -> bool:
    """Write the file with every default commented out, unless there is one; says whether it was written.

    Raises SakigakeError (`config-unwritable`).
    """
    try:
        durable.create(path, template(language).encode())
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            return False
        raise SakigakeError("config-unwritable", path=path, why=error.strerror or error) from error
    return True


def template(language: str | None = None) -> str:
    """Return a file of settings in which every default is a comment, explained in one language."""
    lines = [f"# {line}" for line in words.text("settings.file-head", language).splitlines()]
    samples = {"anchor.use": '["digicert"]'}
    for section, rows in {**settings.defaults(), "obs": {"password": ""}}.items():
        lines += ["", f"[{section}]"]
        known = {
            **rows,
            **{key: "" for key in settings.WITHOUT_DEFAULTS.get(section, ()) if key != "authority"},
        }
        for key, value in known.items():
            shown = f"# {key} = {samples.get(f'{section}.{key}') or toml(value)}"
            lines += [f"# {line}" for line in about(section, key, language).splitlines()] + [shown]
    return "\n".join(lines) + "\n"


def about(section: str, key: str, language: str | None = None) -> str:
    """Return what a setting is for, in one language; as the defaults say it where there is no sentence of its own."""
    told = words.table(language or words.language()).get(f"settings.about.{section}.{key}")
    return told or shipped_comments().get(f"{section}.{key}", key)


def toml(value: object) -> str:
    """Return a value as it is written in TOML: what a setting can be, no table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted) + '"'
    return str(value)


def line_of(text: str, name: str) -> int | None:
    """Return the number of the line on which `section.key`, `section` or `[section]` stands, counted from 1."""
    wanted = name.strip("[]")
    return next((number for number, found in _named(text) if found == wanted), None)


def fault_line(error: BaseException) -> int | None:
    """Return the number of the line that a reader of TOML complained about, None when it names none."""
    found = _LINE.search(str(error))
    return int(found[1]) if found and found[1] else None


def _named(text: str) -> Iterator[tuple[int, str]]:
    """Return the dotted name that begins on each line of a file, with the line's number."""
    section, within = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if not within:
            if header := _HEADER.match(line):
                section = header[1]
                yield number, section
            elif key := _KEY.match(line):
                yield number, ".".join(filter(None, (section, re.sub(r"\s", "", key[1]))))
        for quotes in ('"""', "'''"):
            if within in {"", quotes} and line.count(quotes) % 2:
                within = "" if within else quotes


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise ConfigError("config-unreadable", path=path, why="not a file")
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return template()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config-unreadable", path=path, why=error) from error


def _lines(text: str) -> str:
    """Return the text as readers of TOML want it: without a mark at the beginning, each line ended alike."""
    return text.removeprefix(_BOM).replace("\r\n", "\n")


def _changed(text: str, values: Mapping[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 - only who changes the file needs it

    plain = _lines(text)
    for name, value in values.items():
        section, _, key = name.partition(".")
        if value is not None and key not in tomllib.loads(plain).get(section, {}):
            plain = _uncommented(plain, section, key, value)
        document = tomlkit.parse(plain)
        if value is not None:
            if section not in document:
                document[section] = tomlkit.table()
            if not isinstance(document[section], Mapping):  # `record = 3`: the check says so
                raise ConfigError(
                    "setting-wrong", name=section, value=document[section], example=f"[{section}]"
                )
            document[section][key] = value
        elif key in document.get(section, {}):
            del document[section][key]
        plain = tomlkit.dumps(document)
    ended = plain.replace("\n", "\r\n") if "\r\n" in text else plain
    return _BOM + ended if text.startswith(_BOM) else ended


def _uncommented(text: str, section: str, key: str, value: object) -> str:
    """Return the text with the commented default of a setting made a line of its own, where there is one."""
    lines, now = text.split("\n"), ""
    commented = re.compile(rf"#\s?{re.escape(key)}\s*=")
    for index, line in enumerate(lines):
        if header := _HEADER.match(line):
            now = header[1]
        elif now == section and commented.match(line):
            lines[index] = f"{key} = {toml(value)}" if not isinstance(value, Mapping) else line
            break
    fresh = "\n".join(lines)
    try:  # a line inside a long text may look like one of these
        before, after = tomllib.loads(text), tomllib.loads(fresh)
    except tomllib.TOMLDecodeError:
        return text
    after.get(section, {}).pop(key, None)
    return fresh if settings.merge(before, {section: before.get(section, {})}) == after else text


def _mended(text: str) -> tuple[str, list[str]]:
    """Return the text with the lines that hinder made comments of, and those lines; the template when that is too much."""
    lines, aside = _lines(text).split("\n"), list[str]()
    for _ in range(_MOST_MENDED):
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            number = fault_line(error)
            # A text or list that never ends is noticed at the end of the document only.
            if number is None or number > len(lines) or lines[number - 1].startswith(_ASIDE):
                break
            aside.append(lines[number - 1])
            lines[number - 1] = f"{_ASIDE}{lines[number - 1]}"
        else:
            return "\n".join(lines), aside
    return template(), [
        line for line in _lines(text).split("\n") if line.strip() and not line.startswith("#")
    ]


def _keep_aside(path: Path) -> Path:
    raw = path.read_bytes()
    for number in range(1, 1000):
        try:
            durable.create(backup := path.with_name(f"{path.name}.broken-{number}"), raw)
        except FileExistsError:
            continue
        return backup
    raise FileExistsError(path)


def shipped_comments() -> dict[str, str]:
    """Return the comments of `config/defaults.toml` by `section.key`: what the English sentences are held against."""
    section, found = "", {}
    for line in resources.read_text("defaults.toml").splitlines():
        if header := _HEADER.match(line):
            section = header[1]
        elif (key := _KEY.match(line)) and " # " in line:
            found[f"{section}.{key[1]}"] = line.rpartition(" # ")[2].strip()
    return found
