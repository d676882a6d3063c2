"""One thing that was looked at, in words that may be pasted in public: no user, no computer, no titles."""

import getpass
import re
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sakigake import words
from sakigake.text import plain

SHORTEST = 3  # a user called "a" would blot out every letter of that sort


class State(StrEnum):
    """How it is: good, worth knowing, worth doing something about, or broken."""

    GOOD = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """`check` is what was looked at, `code` what was found; both are stable. `facts` fill the sentence."""

    check: str
    state: State
    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return what was found, in words."""
        return scrubbed(words.text(f"doctor.found.{self.code}", **self.facts))

    def next(self) -> str:
        """Return what to do next, empty when there is nothing to do."""
        key = f"doctor.next.{self.code}"
        told = words.table(words.language()).get(key)
        return scrubbed(told.format_map(self.facts)) if told else ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        facts = {
            key: scrubbed(value) if isinstance(value, str) else value for key, value in self.facts.items()
        }
        said = {"message": self.text(), "next": self.next() or None}
        return {"check": self.check, "state": self.state.value, "code": self.code, "facts": facts, **said}


def scrubbed(text: str) -> str:
    """Return a text without the names of the user and the computer; the home folder becomes `~`."""
    told = plain(text, 2000)
    for home in {str(Path.home()), str(Path.home().resolve())}:
        if len(home) > 1:
            told = told.replace(home, "~").replace(home.replace("\\", "/"), "~")
    for name, sign in ((_user(), "<user>"), (socket.gethostname(), "<host>")):
        if len(name) >= SHORTEST:
            told = re.sub(
                rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", sign, told, flags=re.IGNORECASE
            )
    return told


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a process without a name
        return ""
