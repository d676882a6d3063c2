"""Reading the configuration of a source: every option is known, of the right kind, and says what is wrong when it is not."""

import errno
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sakigake.errors import UsageError

MAX_ENTRIES = 100
MAX_TEXT = 2000


class Options:
    """The options of one source. Each method takes one; `done` refuses what nobody asked for. All raise UsageError.

    `resolved` is what was given, with the paths among it made independent of the folder that one happens to be in.
    """

    def __init__(self, kind: str, given: Mapping[str, object]) -> None:
        self._kind = kind
        self._given = given
        self._known: list[str] = []
        self.resolved: dict[str, object] = dict(given)

    def _take(self, name: str) -> object | None:
        self._known.append(name)
        value = self._given.get(name)
        return None if value == "" else value

    def _wrong(self, name: str, example: str) -> UsageError:
        return UsageError("source-option-wrong", kind=self._kind, name=name, example=example)

    def text(self, name: str, *, example: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self._take(name)
        if value is None:
            if default is None:
                raise UsageError("source-option-missing", kind=self._kind, name=name, example=example)
            return default
        if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
            raise self._wrong(name, example)
        return value.strip()

    def texts(self, name: str, *, example: str) -> tuple[str, ...]:
        """Return a list of texts, given as a list or as one text with commas; empty when it is not there."""
        value = self._take(name)
        if value is None:
            return ()
        if isinstance(value, str):
            value = value.split(",")
        if not isinstance(value, list | tuple) or len(value) > MAX_ENTRIES:
            raise self._wrong(name, example)
        texts = [entry.strip() for entry in value if isinstance(entry, str)]
        if len(texts) != len(value) or any(not text or len(text) > MAX_TEXT for text in texts):
            raise self._wrong(name, example)
        return tuple(texts)

    def seconds(self, name: str, *, default: float, least: float, most: float = 86_400.0) -> float:
        """Return a length of time in seconds."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, str) and re.fullmatch(r"\d{1,6}(?:\.\d{1,3})?", value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise UsageError(
                "source-option-range", kind=self._kind, name=name, least=f"{least:g}", most=f"{most:g}"
            )
        return float(value)

    def switch(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise self._wrong(name, "true")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of some texts, the first when it is not there."""
        value = self.text(name, example=choices[0], default=choices[0])
        if value not in choices:
            raise self._wrong(name, " / ".join(choices))
        return value

    def url(self, name: str, *, example: str, default: str | None = None) -> str:
        """Return an http(s) address without a user name in it."""
        value = self.text(name, example=example, default=default)
        return self.address(name, value, example, ("http", "https"))

    def address(self, name: str, value: str, example: str, schemes: tuple[str, ...]) -> str:
        """Return `value` if it is an address of one of the schemes."""
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise self._wrong(name, example) from error
        odd = parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc or " " in value
        if odd:
            raise self._wrong(name, example)
        return value

    def server(self, name: str, *, example: str) -> str:
        """Return the address of a server without a path; a bare host name is taken for https."""
        value = self.text(name, example=example)
        if "://" not in value:
            value = f"https://{value}"
        value = self.address(name, value.rstrip("/"), example, ("http", "https"))
        if urlsplit(value).path or urlsplit(value).query:
            raise self._wrong(name, example)
        return value

    def folder(self, name: str, *, example: str) -> Path:
        """Return a folder that is there."""
        path = Path(self.text(name, example=example)).expanduser().absolute()
        if not path.is_dir():
            raise UsageError("source-folder-missing", path=path)
        self.resolved[name] = str(path)
        return path

    def file(self, name: str, *, example: str) -> Path | None:
        """Return a file that is there, None when none is named."""
        named = self.text(name, example=example, default="")
        if not named:
            return None
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise UsageError("source-file-unreadable", path=path, why=os.strerror(errno.ENOENT))
        self.resolved[name] = str(path)
        return path

    def program(self, name: str, *, default: str) -> str:
        """Return where a program lies that is installed here."""
        named = self.text(name, example=default, default=default)
        found = shutil.which(named)
        if found is None:
            raise UsageError("source-program-missing", name=named)
        return found

    def done(self) -> None:
        """Refuse options that the source does not have: a mistyped one must not be passed over."""
        unknown = sorted(set(self._given) - set(self._known))
        if unknown:
            raise UsageError(
                "source-option-unknown",
                kind=self._kind,
                name=unknown[0],
                known=", ".join(self._known) or "-",
            )
