"""Where things are kept and what the user has set.

Order of precedence: command line (`sakigake --set NAME=VALUE`), variables (`SAKIGAKE_<SECTION>_<KEY>`),
`sakigake.toml`, `config/defaults.toml`.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakigake import resources
from sakigake.errors import ConfigError

# Settings that have no default: they name what only the user knows.
WITHOUT_DEFAULTS = {"anchor": ("authority", "use"), "obs": ("password",)}
PREFIX = "SAKIGAKE_"
SWITCHES = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}
_given: dict[str, str] = {}  # of this call: `--set NAME=VALUE`


@dataclass(frozen=True, slots=True)
class Settings:
    """The folder everything is kept in and the merged tables of the configuration."""

    home: Path
    tables: dict[str, Any]

    @property
    def database(self) -> Path:
        """Return the path of the store."""
        return self.home / "sakigake.db"

    @property
    def pictures(self) -> Path:
        """Return the folder of kept pictures, named by the digest of each file."""
        return self.home / "pictures"

    @property
    def keys(self) -> Path:
        """Return the folder of the signing key."""
        return self.home / "keys"

    def section(self, name: str) -> dict[str, Any]:
        """Return one table of the configuration, empty when it is not there."""
        value = self.tables.get(name, {})
        return value if isinstance(value, dict) else {}


def give(values: Mapping[str, str]) -> None:
    """Take in what the command line sets for this call, by `section.key`; counts before everything else."""
    _given.clear()
    _given.update(values)


def load(home: Path | None = None) -> Settings:
    """Read the settings; raises ConfigError when the home is no folder or a setting cannot be read."""
    given, _ = places(home)
    if given.exists() and not given.is_dir():
        raise ConfigError("home-not-folder", path=given)
    merged = defaults()
    for _, tables in layers(home):
        merged = merge(merged, tables)
    return Settings(home=given.expanduser().absolute(), tables=merged)


def load_section(name: str) -> dict[str, Any]:
    """Read one table of the settings alone, for what needs no other: a fault elsewhere in the file is no hindrance.

    Raises ConfigError when `sakigake.toml` cannot be read, or when this table has a fault.
    """
    merged = defaults()
    for _, tables in layers(None, name):
        merged = merge(merged, tables)
    return Settings(home=Path(), tables=merged).section(name)


def defaults() -> dict[str, Any]:
    """Return the tables that ship with the program."""
    return tomllib.loads(resources.read_text("defaults.toml"))


def layers(home: Path | None = None, only: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what lies over the defaults, the strongest last: `file`, `variable`, `call`, each with its tables.

    `only` leaves out every other table. Raises ConfigError for what cannot be used.
    """
    own = {key: rows for key, rows in read(places(home)[1]).items() if not only or key == only}
    check(own)
    yield "file", own
    yield "variable", from_texts(variables(only), PREFIX)
    yield (
        "call",
        from_texts(
            {name: text for name, text in _given.items() if only in {"", name.partition(".")[0]}}, "--set "
        ),
    )


def places(home: Path | None = None) -> tuple[Path, Path]:
    """Return the folder everything is kept in, and the file of the settings, whether they are there or not."""
    given = home or (Path(value) if (value := os.environ.get("SAKIGAKE_HOME")) else None)
    if given is None:
        # Imported late: the verifier and --help have no use for it.
        import platformdirs  # noqa: PLC0415

        given = platformdirs.user_data_path("sakigake", appauthor=False)
        config = platformdirs.user_config_path("sakigake", appauthor=False) / "sakigake.toml"
    else:
        config = given / "sakigake.toml"
    if named := os.environ.get("SAKIGAKE_CONFIG"):
        config = Path(named)
    return given, config


def variables(only: str = "") -> dict[str, str]:
    """Return the texts of the settings among the variables, by `section.key`, whether there is such a key or not."""
    found = {}
    for section in {*defaults(), *WITHOUT_DEFAULTS}:
        begin = f"{PREFIX}{section}_".upper()
        for variable, text in os.environ.items():
            if variable.startswith(begin) and only in {"", section}:
                found[f"{section}.{variable.removeprefix(begin).lower()}"] = text
    return found


def from_texts(texts: Mapping[str, str], shown: str) -> dict[str, Any]:
    """Read settings that were written as text, by `section.key`, each as its default is; raises ConfigError."""
    tables: dict[str, Any] = {}
    known = defaults()
    for name, text in texts.items():
        section, _, key = name.partition(".")
        said = f"{shown}{section}_{key}".upper() if shown == PREFIX else f"{shown}{name}"
        default = known.get(section, {}).get(key)
        if default is None and key not in WITHOUT_DEFAULTS.get(section, ()):
            names = ", ".join(sorted({*known.get(section, {}), *WITHOUT_DEFAULTS.get(section, ())} or known))
            raise ConfigError("setting-unknown", name=said, known=names)
        listed = isinstance(default, list) or (section, key) == ("anchor", "use")
        if (section, key) == ("anchor", "authority"):
            raise ConfigError("setting-wrong", name=said, value=text, example="[[anchor.authority]]")
        value = _from_text(text, [] if listed else default)
        if default is not None:
            _check_value(said, value, default, time=key.endswith("_s"))
        tables.setdefault(section, {})[key] = value
    return tables


def _from_text(text: str, default: object) -> object:
    """Read one text as what its default is; as it stands when it cannot be, so that the check names it."""
    if isinstance(default, bool):
        return SWITCHES.get(text.strip().lower(), text)
    try:
        if isinstance(default, int | float):
            return float(text) if "." in text or isinstance(default, float) else int(text)
        if isinstance(default, list) and text.lstrip().startswith("["):
            return tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # a TOMLDecodeError is one
        return text
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(default, list) else text


def read(path: Path) -> dict[str, Any]:
    """Return what a file of settings holds, nothing when it is not there; raises ConfigError."""
    if path.exists() and not path.is_file():  # a pipe or a device would never end
        raise ConfigError("config-unreadable", path=path, why="not a file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("config-unreadable", path=path, why=error) from error


def check(own: Mapping[str, Any]) -> None:
    """Refuse what would be ignored or misread: a mistyped privacy setting must not go unnoticed."""
    for fault in faults(own):
        raise fault


def faults(own: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Return everything that is wrong with tables that somebody wrote, in their order."""
    shipped = defaults()
    for section, rows in own.items():
        if section not in shipped and section not in WITHOUT_DEFAULTS:
            known = ", ".join(sorted({*shipped, *WITHOUT_DEFAULTS}))
            yield ConfigError("setting-unknown", name=f"[{section}]", known=known)
        elif not isinstance(rows, dict):
            yield ConfigError("setting-wrong", name=section, value=rows, example=f"[{section}]")
        else:
            yield from _faults_of(section, rows, shipped.get(section, {}))


def _faults_of(section: str, rows: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[ConfigError]:
    for key, value in rows.items():
        try:
            if key in known:
                _check_value(f"{section}.{key}", value, known[key], time=key.endswith("_s"))
            elif (section, key) == ("obs", "password") and not isinstance(value, str):
                raise ConfigError("setting-wrong", name="obs.password", value="…", example='"…"')  # noqa: TRY301
            elif key not in WITHOUT_DEFAULTS.get(section, ()):
                names = ", ".join(sorted({*known, *WITHOUT_DEFAULTS.get(section, ())}))
                raise ConfigError("setting-unknown", name=f"{section}.{key}", known=names)  # noqa: TRY301
        except ConfigError as fault:
            yield fault


def _check_value(name: str, value: object, default: object, *, time: bool) -> None:
    """Hold a value against its default: the same kind, a length of time above nothing, no size below it."""
    if isinstance(default, bool) or not isinstance(default, int | float):
        fits = type(value) is type(default)
    else:
        low, high = (1e-3, 1e7) if time else (0.0, 1e12)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not fits:
        shown = f'"{value}"' if isinstance(value, str) else value  # the quotes may be the mistake
        raise ConfigError("setting-wrong", name=name, value=shown, example=str(default).lower())


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay `over` on `base`, table by table; lists and values are replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
