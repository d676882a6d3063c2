"""Lists of PDQ hashes, to be shared where pictures must not be: written for others to match, read from others.

Three forms. `.jsonl` has one body of HMA's `POST /c/bank/NAME/signal` in each line, `.txt` is the file that the exchange
`local_file` of threatexchange reads, `.csv` has a header and the quality too. A hash says little of its picture, but not
nothing: whoever holds a picture can tell whether it is that one.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakigake import durable
from sakigake.errors import ConfigError, UsageError
from sakigake.fingerprint.vector import VERSION
from sakigake.fingerprint.views import LUMA, Floats
from sakigake.model import Finding, Likeness
from watch.check import Seen
from watch.index.search import differing

NEAR = 31  # bits of 256: what the makers of PDQ call a confident match
LEAST_QUALITY = 50  # below it they do not match at all: too little is in the picture
MOST_QUALITY = 100
MAX_BYTES = 64 * 2**20
MAX_HASHES = 1_000_000
NAME = "hash-lists"
ON_A_LIST = "on-a-list"  # a note of a finding
FORMS = (".csv", ".jsonl", ".txt")
_HASH = re.compile("[0-9a-f]{64}")
_LIST = re.compile(r"[\w.-]{1,64}")
_COLUMNS = ("hash", "quality", "label")
_TYPE = "pdq"


@dataclass(frozen=True, slots=True)
class Listed:
    """One hash: 64 hex digits, PDQ's quality of its picture (0 to 100) when it is known, whose or what it is."""

    pdq: str
    quality: int | None = None
    label: str = ""


def quality_v1(luma: Floats) -> int:
    """Return PDQ's quality (0 to 100) of a picture from its 64 x 64 luminance: how much goes up and down in it."""
    if luma.shape != (LUMA, LUMA):
        raise ValueError(f"expected {LUMA} x {LUMA}")
    # The reference cuts each hundredfold difference to a whole number, towards zero.
    steps = sum(int(np.abs(np.trunc(np.diff(luma, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(MOST_QUALITY, steps // 90)


def write(path: Path, hashes: Sequence[Listed]) -> None:
    """Write a list in the form that the file's ending names; raises UsageError for another or when it is there already."""
    if path.suffix.lower() not in FORMS:
        raise UsageError("pdq-form", path=path, forms=", ".join(FORMS))
    try:
        durable.create(path, _WRITERS[path.suffix.lower()](hashes).encode("utf-8"))
    except FileExistsError as error:
        raise UsageError("export-exists", path=path) from error


def read(path: Path) -> list[Listed]:
    """Return the hashes of a list in one of the forms, each once; raises UsageError with the first line that is none."""
    if path.suffix.lower() not in FORMS:
        raise UsageError("pdq-form", path=path, forms=", ".join(FORMS))
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError("pdq-unreadable", path=path, why=error.strerror) from error
    return parse(raw, path.suffix.lower(), path.name)


def parse(raw: bytes, form: str, name: str) -> list[Listed]:
    """Return the hashes of a list, each once; raises UsageError."""
    if len(raw) > MAX_BYTES:
        raise UsageError("pdq-too-large", name=name)
    found: dict[str, Listed] = {}
    read_to = 0
    try:
        for number, each in _READERS[form](raw.decode("utf-8-sig")):
            read_to = number
            found.setdefault(_sound(each).pdq, each)
            read_to = number + 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise UsageError("pdq-line", name=name, line=read_to + 1) from error
    if len(found) > MAX_HASHES:
        raise UsageError("pdq-too-large", name=name)
    if not found:
        raise UsageError("pdq-empty", name=name)
    return list(found.values())


def _sound(each: Listed) -> Listed:
    if not _HASH.fullmatch(each.pdq) or not (each.quality is None or 0 <= each.quality <= MOST_QUALITY):
        raise ValueError(each)
    return each


def _as_csv(hashes: Sequence[Listed]) -> str:
    held = io.StringIO(newline="")
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((each.pdq, "" if each.quality is None else each.quality, each.label) for each in hashes)
    return held.getvalue()


def _as_jsonl(hashes: Sequence[Listed]) -> str:
    return "".join(f"{json.dumps({_TYPE: each.pdq})}\n" for each in hashes)


def _as_text(hashes: Sequence[Listed]) -> str:
    return "".join(f"{_TYPE} {each.pdq}\n" for each in hashes)


Lines = Iterable[tuple[int, Listed]]


def _from_csv(text: str) -> Lines:
    rows = csv.DictReader(io.StringIO(text))
    for row in rows:
        yield (
            rows.line_num - 1,
            Listed(
                row["hash"].strip().lower(),
                int(row["quality"]) if row.get("quality") else None,
                (row.get("label") or "")[:200],
            ),
        )


def _from_jsonl(text: str) -> Lines:
    for number, line in enumerate(text.splitlines()):
        if line.strip():
            yield number, Listed(json.loads(line)[_TYPE].lower())


def _from_text(text: str) -> Lines:
    for number, line in enumerate(text.splitlines()):
        kind, _, value = line.strip().rpartition(" ")
        if value and kind in {"", _TYPE}:  # lines of other kinds of hashes are theirs to have
            yield number, Listed(value.lower())


_WRITERS: Mapping[str, Callable[[Sequence[Listed]], str]] = {
    ".csv": _as_csv,
    ".jsonl": _as_jsonl,
    ".txt": _as_text,
}
_READERS: Mapping[str, Callable[[str], Lines]] = {
    ".csv": _from_csv,
    ".jsonl": _from_jsonl,
    ".txt": _from_text,
}


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The lists that were taken in. `codes` (n x 32 bytes) has a row for each hash, `names` the list it is on."""

    codes: NDArray[np.uint8]
    names: tuple[str, ...]

    def near(self, pdqs: Iterable[NDArray[np.bool_]]) -> str | None:
        """Return the list with the hash that is nearest to one of a post's, None when all are too far."""
        best = NEAR + 1, ""
        for pdq in pdqs if len(self.codes) else ():
            apart = differing(self.codes, np.packbits(pdq))
            at = int(apart.argmin())
            best = min(best, (int(apart[at]), self.names[at]))
        return best[1] or None


def with_lists(finding: Finding, lists: Lists | None, post: Seen) -> Finding:
    """Say of a finding that the post's hash is on a list that was taken in: a note, and no part of the answer."""
    if lists is None or finding.likeness is Likeness.NOT_COMPARABLE:
        return finding
    views, _ = post.comparable(VERSION)
    near = lists.near(view.pdq for view in views.values())
    return replace(finding, notes=(*finding.notes, ON_A_LIST)) if near else finding


def keep(home: Path, name: str, hashes: Sequence[Listed]) -> None:
    """Keep a list under a name, in place of one of the same name; raises UsageError for a name that cannot be one."""
    folder = home / NAME
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    durable.write(folder / f"{_named(name)}.csv", _as_csv(hashes).encode("utf-8"))


def remove(home: Path, name: str) -> bool:
    """Remove a list; returns False when there is none of that name."""
    path = home / NAME / f"{_named(name)}.csv"
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there


def names(home: Path) -> list[str]:
    """Return the names of the lists that are kept."""
    return sorted(path.stem for path in (home / NAME).glob("*.csv"))


def load(home: Path) -> Lists | None:
    """Return all lists that are kept, None without any; raises ConfigError for one that is damaged."""
    found: list[str] = []
    owners: list[str] = []
    for name in names(home):
        path = home / NAME / f"{name}.csv"
        try:
            hashes = read(path)
        except UsageError as error:
            raise ConfigError("pdq-kept-damaged", path=path) from error
        # Pictures of next to nothing have hashes that are near anything.
        good = [each.pdq for each in hashes if each.quality is None or each.quality >= LEAST_QUALITY]
        found += good
        owners += [name] * len(good)
    if not found:
        return None
    raw = np.frombuffer(bytes.fromhex("".join(found)), np.uint8)
    return Lists(raw.reshape(len(found), 32), tuple(owners))


def _named(name: str) -> str:
    if not _LIST.fullmatch(name) or name.startswith("."):
        raise UsageError("pdq-name", name=name)
    return name
