"""The options of a source as the fields of a form, read from the very function that reads them when the source is made."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from watch.sources.options import Options


class Shape(StrEnum):
    """What is written into a field."""

    TEXT = "text"
    TEXTS = "texts"  # several, with commas between them
    ADDRESS = "address"
    SERVER = "server"
    FOLDER = "folder"
    FILE = "file"
    PROGRAM = "program"
    SECONDS = "seconds"
    SWITCH = "switch"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """One option. `default` is what counts when nothing is written, empty when nothing does; `least` and `most` in seconds.

    `needed` says that it must be written whatever else is: one of two that stand for each other is not.
    """

    name: str
    shape: Shape
    example: str = ""
    default: str = ""
    needed: bool = False
    choices: tuple[str, ...] = ()
    least: float = 0.0
    most: float = 0.0


class _Asked(Options):
    """Options that note what is asked of them and answer as if the form had been left empty, or `filled` wherever it may be."""

    def __init__(self, kind: str, *, filled: bool = False) -> None:
        super().__init__(kind, {})
        self.fields: list[Field] = []
        self._filled = filled

    def _note(self, field: Field) -> None:
        if field.name not in {known.name for known in self.fields}:
            self.fields.append(field)

    def _noted_text(self, name: str, shape: Shape, example: str, default: str | None) -> str:
        self._note(Field(name, shape, example, default or "", default is None))
        return example if default is None or (self._filled and not default) else default

    def text(self, name: str, *, example: str, default: str | None = None) -> str:
        return self._noted_text(name, Shape.TEXT, example, default)

    def texts(self, name: str, *, example: str) -> tuple[str, ...]:
        self._note(Field(name, Shape.TEXTS, example))
        return ()

    def seconds(self, name: str, *, default: float, least: float, most: float = 86_400.0) -> float:
        self._note(Field(name, Shape.SECONDS, f"{default:g}", default=f"{default:g}", least=least, most=most))
        return default

    def switch(self, name: str, *, default: bool) -> bool:
        self._note(
            Field(name, Shape.SWITCH, default="true" if default else "false", choices=("true", "false"))
        )
        return default

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        self._note(Field(name, Shape.CHOICE, default=choices[0], choices=choices))
        return choices[-1 if self._filled else 0]

    def url(self, name: str, *, example: str, default: str | None = None) -> str:
        return self._noted_text(name, Shape.ADDRESS, example, default)

    def server(self, name: str, *, example: str) -> str:
        return self._noted_text(name, Shape.SERVER, example, None)

    def address(self, name: str, value: str, example: str, schemes: tuple[str, ...]) -> str:
        del name, example, schemes
        return value

    def folder(self, name: str, *, example: str) -> Path:
        return Path(self._noted_text(name, Shape.FOLDER, example, None))

    def file(self, name: str, *, example: str) -> Path | None:
        self._note(Field(name, Shape.FILE, example))
        return None

    def program(self, name: str, *, default: str) -> str:
        return self._noted_text(name, Shape.PROGRAM, default, default)


def of(kind: str, configure: Callable[[Options], object]) -> tuple[Field, ...]:
    """Return the fields that a source's `configure` asks for, in its order. Nothing is opened, and nobody is asked."""
    empty, filled = _Asked(kind), _Asked(kind, filled=True)
    configure(empty)
    configure(filled)
    always = {field.name for field in filled.fields if field.needed}
    return tuple(replace(field, needed=field.needed and field.name in always) for field in empty.fields)
