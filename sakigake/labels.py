"""Names of stages: what a person or a program calls them. Notes beside the ledger, never part of what it shows.

Several may name one stage: a person, and programs that estimate. Which of them is shown is decided here, once: what a
person says stands above everything, and of estimates the latest.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sakigake.errors import UsageError

# The steps of drawing that have a name in the string tables (`desk.stage.<slug>`). Their order is that of many drawings,
# not of all: who paints without lines has none of some, so nothing here forces it.
STEPS = (
    "blank",
    "thumbnail",
    "rough",
    "color_rough",
    "sketch",
    "lineart",
    "flats",
    "shading",
    "finishing",
    "final",
)
PERSON, ESTIMATE = "person", "estimate"
MOST_LABEL, MOST_TITLE = 60, 120  # characters
# What a line of text must not hold: controls, what turns the direction of writing, separators, halves of characters.
_NOT_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class StageLabel:
    """What `source` ("person", "estimate" or another program's word) calls stage `seq`.

    `label` is one of `STEPS` or free text. `confidence` 0 to 1 and `model` are of estimates: None and empty for a person.
    `at` is when it was said, by this computer's clock.
    """

    seq: int
    label: str
    source: str
    at: datetime
    confidence: float | None = None
    model: str = ""


def shown(labels: Iterable[StageLabel]) -> dict[int, StageLabel]:
    """Return the label of each stage that is shown: a person's, else the latest one."""
    chosen: dict[int, StageLabel] = {}
    for each in labels:
        held = chosen.get(each.seq)
        if held is None or (each.source == PERSON, each.at) > (held.source == PERSON, held.at):
            chosen[each.seq] = each
    return chosen


def read_label(value: str) -> str:
    """Return a label as it is kept: one of `STEPS`, or a line of text. Empty: none. Raises UsageError when it is too long."""
    text = _line(value, MOST_LABEL, "label-too-long")
    slug = text.lower().replace("-", "_").replace(" ", "_")
    return slug if slug in STEPS else text


def read_title(value: str) -> str:
    """Return a title as it is kept: a line of text, empty for none. Raises UsageError when it is too long."""
    return _line(value, MOST_TITLE, "title-too-long")


def _line(value: str, most: int, slug: str) -> str:
    """Return a line without what cannot be seen or turns the direction of writing, its spaces made single."""
    if len(value) > most * 100:  # before anything is made of it
        raise UsageError(slug, most=most)
    seen = "".join(
        each if each in _JOINERS or unicodedata.category(each) not in _NOT_TEXT else " " for each in value
    )
    text = " ".join(unicodedata.normalize("NFC", seen).split()).strip(_JOINERS)
    if len(text) > most:
        raise UsageError(slug, most=most)
    return text
