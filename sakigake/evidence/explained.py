"""The pictures that explain a comparison, as a package takes them in.

They are drawn two floors up, where posts are compared; a package only carries them and says what they show.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sakigake import words
from sakigake.errors import UsageError

METHOD = "method.json"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\.(?:png|gif|svg)")


class Captioned(Protocol):
    """A sentence by its key in the string tables and what fills its places."""

    @property
    def key(self) -> str:
        """Return the key."""

    @property
    def params(self) -> Mapping[str, object]:
        """Return what fills the places."""


class Pictures(Protocol):
    """What the room that draws hands over: files by ASCII name, captions of the pictures, the name of the record."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Return the files, the record of the method among them."""

    @property
    def captions(self) -> Mapping[str, Captioned]:
        """Return the captions by the pictures' names."""

    @property
    def method(self) -> str:
        """Return the name of the record."""


@dataclass(frozen=True, slots=True)
class Caption:
    """The sentence that stands beside a picture: a key into the string tables and what fills its places."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: str | None = None) -> str:
        """Return the sentence in a language."""
        return words.text(self.key, lang, **self.params)


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Pictures (PNG, GIF, SVG) by ASCII name, a caption for each, and the record `method` of how they were made.

    Names match `NAME`; a package puts them under `compare/`. Raises UsageError for any other name.
    """

    files: Mapping[str, bytes]
    captions: Mapping[str, Caption]
    method: str = METHOD

    def __post_init__(self) -> None:
        """Refuse what no verifier would let pass."""
        for name in self.files:
            if name != METHOD and not NAME.fullmatch(name):
                raise UsageError("export-compare-name", name=ascii(name)[:80])
        if self.method != METHOD or METHOD not in self.files:
            raise UsageError("export-compare-name", name=ascii(self.method)[:80])


def taken(drawn: Pictures) -> Explained:
    """Return what was drawn elsewhere as a package takes it; raises UsageError for names that no package may hold."""
    captions = {name: Caption(each.key, dict(each.params)) for name, each in drawn.captions.items()}
    return Explained(dict(drawn.files), captions, drawn.method)
