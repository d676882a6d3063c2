"""Which layer set each value of the settings: the default, a line of the file, a variable, the command line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sakigake import setting_file, settings

HIDDEN = "…"
# Never shown: what opens an account, and addresses that may hold one (an address of apprise is a password).
SECRET = ("password", "token", "secret", "passphrase", "alerts")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value with the layer that set it: `default`, `file`, `variable` or `call`; `place` says where exactly."""

    name: str
    value: object
    layer: str
    place: str

    @property
    def shown(self) -> object:
        """Return the value, or a sign in its place when it may open something."""
        key = self.name.rpartition(".")[2]
        if key == "alerts" and isinstance(self.value, list):
            return [each if each == "desktop" else HIDDEN for each in self.value]
        return HIDDEN if self.value and any(part in key for part in SECRET) else _without_login(self.value)


def _without_login(value: object) -> object:
    """Return a value with what stands before the @ of an address left out, and long texts without a key of a table."""
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}"
    if isinstance(value, list):
        return [_without_login(each) for each in value]
    if isinstance(value, dict):
        return {
            key: HIDDEN if any(part in str(key) for part in SECRET) else _without_login(each)
            for key, each in value.items()
        }
    return value


def effective(path: Path) -> Iterator[Setting]:
    """Return every setting in force with where it comes from; raises ConfigError as `settings.load` does."""
    text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    found = {
        f"{section}.{key}": Setting(f"{section}.{key}", value, "default", "defaults.toml")
        for section, rows in settings.defaults().items()
        for key, value in rows.items()
    }
    for layer, tables in settings.layers():
        for section, rows in tables.items():
            for key, value in rows.items():
                name = f"{section}.{key}"
                found[name] = Setting(name, value, layer, _place(layer, name, path, text))
    yield from found.values()


def _place(layer: str, name: str, path: Path, text: str) -> str:
    if layer == "file":
        line = setting_file.line_of(text, name)
        return f"{path}:{line}" if line else str(path)
    if layer == "variable":
        return f"{settings.PREFIX}{name.replace('.', '_')}".upper()
    return "--set"
