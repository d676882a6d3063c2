"""Judge the weights-free names of stages on timelines that people drew: `python -m bench.stage_names --corpus DIR`.

Prints a confusion table of groups (lines, flats, shaded: what the corpus's own names of stages can be sorted into), and how
often the estimate of a later stage goes back a step against an earlier one.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.protocol import picture
from sakigake.labels import STEPS
from watch.deep.estimate import estimate

# The names that a corpus gives its stages, in words of its sources, and the group each of them means.
_NAMES = (
    ("lines", r"draw|clean|line art|trunk line|gesture|shapes|contour|frame \d+|sketch"),
    ("shaded", r"shad|polish|finished|leaves|highlight"),
    ("flats", r"flat|fill|rough colour|clone|clusters|base"),
)
GROUPS = {
    "blank": "lines",
    "rough": "lines",
    "sketch": "lines",
    "lineart": "lines",
    "color_rough": "flats",
    "flats": "flats",
    "shading": "shaded",
    "finishing": "shaded",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One stage of a timeline: what its source calls it, the group that means, the estimate."""

    work: str
    name: str
    truth: str
    label: str
    confidence: float


def group_of(name: str) -> str:
    """Return the group that a source's name of a stage means, empty when it means none."""
    plain = name.lower().replace("with hair shade", "")  # of a base with one shaded part
    return next((group for group, pattern in _NAMES if re.search(pattern, plain)), "")


def rows(folder: Path, kind: str = "human") -> list[Row]:
    """Return the stages of the timelines of a kind, in drawing order, each with its estimate."""
    found = []
    with (folder / "timelines.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["type"].startswith(kind):
                made = estimate(picture(folder / row["file"]))
                name = row["stage_name"]
                found.append(Row(row["artwork_id"], name, group_of(name), made.label, made.confidence))
    return found


def confusion(found: list[Row]) -> dict[str, Counter[str]]:
    """Return how often stages of each group were given each group."""
    table: dict[str, Counter[str]] = {}
    for row in found:
        if row.truth:
            table.setdefault(row.truth, Counter())[GROUPS[row.label]] += 1
    return table


def steps_back(found: list[Row]) -> tuple[int, int]:
    """Return how many neighbouring stages there are, and in how many the later one's group comes before the earlier's."""
    order = {name: number for number, name in enumerate(("lines", "flats", "shaded"))}
    pairs = [(one, other) for one, other in pairwise(found) if one.work == other.work]
    back = sum(order[GROUPS[one.label]] > order[GROUPS[other.label]] for one, other in pairs)
    return len(pairs), back


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = rows(options.corpus)
    for row in found:
        print(f"{row.work:20} {row.name[:28]:28} {row.truth:7} {row.label:12} {row.confidence:.2f}")
    table, (pairs, back) = confusion(found), steps_back(found)
    for truth, counts in table.items():
        print(f"{truth:7} {dict(counts)}")
    right = sum(counts[truth] for truth, counts in table.items())
    whole = sum(sum(counts.values()) for counts in table.values())
    print(f"right {right}/{whole}; of {pairs} neighbours {back} go back a group")
    if options.json:
        labels = Counter(row.label for row in found)
        record = {
            "confusion": {truth: dict(counts) for truth, counts in table.items()},
            "labels": {name: labels[name] for name in STEPS if labels[name]},
            "right": right,
            "stages": whole,
            "neighbours": pairs,
            "steps_back": back,
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
