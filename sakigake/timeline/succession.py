"""Which key followed which, as small files beside the keys: `rotated-<first 8 hex of the new key>.json`.

They only say where to look. What others can check is the entry that both keys sign (`rotation`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sakigake import durable

_KEY = re.compile(r"[0-9a-f]{64}")
_REASON = re.compile(r"[a-z][a-z-]{0,31}")


@dataclass(frozen=True, slots=True)
class Step:
    """One rotation; `old` is empty when the old key was lost."""

    new: str
    old: str
    reason: str


def steps(folder: Path) -> Iterator[Step]:
    """Yield the rotations that are noted in a folder; what cannot be read is passed over."""
    for path in sorted(folder.glob("rotated-*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            new, old, reason = (str(value[name]) for name in ("new", "old", "reason"))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if _KEY.fullmatch(new) and (not old or _KEY.fullmatch(old)) and _REASON.fullmatch(reason):
            yield Step(new, old, reason)


def note(folder: Path, step: Step) -> None:
    """Write a rotation down; raises OSError."""
    text = json.dumps({"new": step.new, "old": step.old, "reason": step.reason}) + "\n"
    durable.write(folder / f"rotated-{step.new[:8]}.json", text.encode())
