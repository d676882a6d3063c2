"""The string tables: every sentence a person reads, by key, in Japanese and English."""

import locale
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from sakigake import resources

LANGUAGES = ("en", "ja")
# Rooms whose sentences have a file of their own, `words/<language>/<room>.toml`: the keys begin with the room's name.
PARTS = ("deep", "desk", "doctor", "paper", "pictures", "settings")

# The language of one task or thread among several, such as an answer of the desk.
_SPOKEN: ContextVar[str | None] = ContextVar("spoken", default=None)


@contextmanager
def speaking(lang: str | None) -> Iterator[None]:
    """Speak another language inside this block (None: the one outside it), in this task and what it awaits."""
    token = _SPOKEN.set(lang or _SPOKEN.get())
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def language() -> str:
    """Return the language to speak: that of `speaking`, else `SAKIGAKE_LANG`, else the locale's, else English."""
    if spoken := _SPOKEN.get():
        return spoken
    wanted = os.environ.get("SAKIGAKE_LANG", "")
    if wanted in LANGUAGES:
        return wanted
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.startswith("ja") else "en"
    # Windows has none of the three; getlocale() answers "Japanese_Japan" there and "ja_JP" on macOS.
    return "ja" if (locale.getlocale()[0] or "").lower().startswith("ja") else "en"


@cache
def table(lang: str) -> dict[str, str]:
    """Return one language's whole table, nested sections flattened to dotted keys."""
    whole = dict(_read(f"words/{lang}.toml"))
    for part in PARTS:
        whole |= _part(lang, part)
    return whole


@cache
def _part(lang: str, part: str) -> dict[str, str]:
    return _read(f"words/{lang}/{part}.toml", f"{part}.")


@cache
def _read(name: str, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}

    def walk(prefix: str, node: dict[str, object]) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            else:
                flat[f"{prefix}{key}"] = str(value)

    walk(prefix, tomllib.loads(resources.read_text(name)))
    return flat


def text(key: str, /, lang: str | None = None, **params: object) -> str:
    """Return the sentence of `key`, its placeholders filled with `params`.

    Raises KeyError when the key or a placeholder is unknown: a missing sentence is a defect, not a state.
    """
    spoken = lang or language()
    part = key.partition(".")[0]
    # The command line reads the common table alone; a long one of another room is read when it first speaks.
    known = _part(spoken, part) if part in PARTS else _read(f"words/{spoken}.toml")
    sentence = known[key]
    return sentence.format_map(params) if params else sentence
