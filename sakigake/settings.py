"""Where things are kept and what the user has set.

Order of precedence: command line, `SAKIGAKE_*` variables, `sakigake.toml`, `config/defaults.toml`.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakigake import resources
from sakigake.errors import ConfigError

# Settings that have no default: they name what only the user knows.
WITHOUT_DEFAULTS = {"anchor": ("authority", "use"), "obs": ("password",)}


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


def load(home: Path | None = None) -> Settings:
    """Read the settings; raises ConfigError when the home is no folder or `sakigake.toml` cannot be read."""
    given, config = _places(home)
    if given.exists() and not given.is_dir():
        raise ConfigError("home-not-folder", path=given)
    tables = tomllib.loads(resources.read_text("defaults.toml"))
    own = _read(config)
    _check(tables, own)
    return Settings(home=given.expanduser().absolute(), tables=merge(tables, own))


def load_section(name: str) -> dict[str, Any]:
    """Read one table of the settings alone, for what needs no other: a fault elsewhere in the file is no hindrance.

    Raises ConfigError when `sakigake.toml` cannot be read, or when this table has a fault.
    """
    tables = tomllib.loads(resources.read_text("defaults.toml"))
    own = {key: rows for key, rows in _read(_places(None)[1]).items() if key == name}
    _check(tables, own)
    return Settings(home=Path(), tables=merge(tables, own)).section(name)


def _places(home: Path | None) -> tuple[Path, Path]:
    """Return the folder everything is kept in, and the file of the settings."""
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


def _read(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():  # a pipe or a device would never end
        raise ConfigError("config-unreadable", path=path, why="not a file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("config-unreadable", path=path, why=error) from error


def _check(defaults: dict[str, Any], own: dict[str, Any]) -> None:
    """Refuse what would be ignored or misread: a mistyped privacy setting must not go unnoticed."""
    for section, rows in own.items():
        if section not in defaults and section not in WITHOUT_DEFAULTS:
            raise ConfigError(
                "setting-unknown",
                name=f"[{section}]",
                known=", ".join(sorted({*defaults, *WITHOUT_DEFAULTS})),
            )
        if not isinstance(rows, dict):
            raise ConfigError("setting-wrong", name=section, value=rows, example=f"[{section}]")
        known = defaults.get(section, {})
        for key, value in rows.items():
            if key in known:
                _check_value(f"{section}.{key}", value, known[key])
            elif (section, key) == ("obs", "password") and not isinstance(value, str):
                raise ConfigError("setting-wrong", name="obs.password", value=value, example='"…"')
            elif key not in WITHOUT_DEFAULTS.get(section, ()):
                names = ", ".join(sorted({*known, *WITHOUT_DEFAULTS.get(section, ())}))
                raise ConfigError("setting-unknown", name=f"{section}.{key}", known=names)


def _check_value(name: str, value: object, default: object) -> None:
    """Hold a value against its default: the same kind, a length of time above nothing, no size below it."""
    if isinstance(default, bool) or not isinstance(default, int | float):
        fits = type(value) is type(default)
    else:
        low, high = (1e-3, 1e7) if name.endswith("_s") else (0.0, 1e12)
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
