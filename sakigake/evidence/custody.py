"""custody.csv: who did what when, step by step, from the record itself. No user, no computer and no account is named.

Plain ASCII, so that any program for tables reads it right; a cell that one of them could take for a formula is quoted.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sakigake.clock import iso

HEADER = ("step", "who", "what", "when_utc", "clock", "entry", "file")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: recorded, sealed, anchored, checked or exported. `clock` says whose time `when` is."""

    step: str
    who: str
    what: str
    when: datetime | None = None
    clock: str = ""
    entry: int | None = None
    file: str = ""


def cell(value: str) -> str:
    """Return a cell in which no program for tables finds a formula, nor a terminal an order."""
    plain = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in value)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def write(steps: Iterable[Step]) -> bytes:
    """Return the file; lines end with LF."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    for each in steps:
        rows.writerow(
            (
                cell(each.step),
                cell(each.who),
                cell(each.what),
                iso(each.when) if each.when else "",
                cell(each.clock),
                "" if each.entry is None else each.entry,
                cell(each.file),
            )
        )
    return out.getvalue().encode("ascii")
