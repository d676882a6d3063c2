"""What somebody wants in a package, carried from one step to the next in the address. Pure; nothing is made here.

Without scripts every step is a page of its own, so that going back in the browser takes a choice back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sakigake.errors import UsageError
from sakigake.evidence import audience as readers
from sakigake.evidence.audience import ORDER, PROCESS, REPORTS, Audience, wants

if TYPE_CHECKING:
    from starlette.datastructures import ImmutableMultiDict

KINDS = REPORTS
AUDIENCES = readers.AUDIENCES
PUBLIC = "public"
MOST_SESSION = 64
MOST_DIGITS = 9
MOST_CHOICE = 40_000  # characters of a list of stages
MOST_THUMBS = 96  # of a long session, spread over it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted so far. `finding` is 0 for none; `stages` are entry numbers, empty while none are chosen.

    `session` is the one of the finding where there is one. `named` says that the other account's name may go in.
    """

    session: str = ""
    finding: int = 0
    kind: str = PROCESS
    audience: str = "self"
    stages: tuple[int, ...] = ()
    named: bool = False

    @property
    def reader(self) -> Audience:
        """Return whom it is for."""
        return AUDIENCES[self.audience]

    @property
    def compares(self) -> bool:
        """Say whether a post is in it."""
        return bool(self.finding) and wants(self.kind, ORDER)

    @property
    def is_public(self) -> bool:
        """Say whether the page before publishing has to be read."""
        return self.audience == PUBLIC

    def query(self, **more: str) -> str:
        """Return it as the query of an address."""
        fields = {
            "session": self.session,
            "finding": str(self.finding or ""),
            "kind": self.kind,
            "audience": self.audience,
            "named": "1" if self.named else "",
            "stages": ranges(self.stages),
            **more,
        }
        return urlencode({name: value for name, value in fields.items() if value})


def read(query: "ImmutableMultiDict[str, Any]") -> Wanted:
    """Return what an address or a form says; what is odd in it counts as not said."""
    finding = _number(query.get("finding", ""))
    kind, audience = str(query.get("kind", "")), str(query.get("audience", ""))
    return Wanted(
        session=str(query.get("session", ""))[:MOST_SESSION],
        finding=finding,
        kind=kind if kind in KINDS else ORDER if finding else PROCESS,
        audience=audience if audience in AUDIENCES else "self",
        named=query.get("named", "") == "1",
    )


def chosen(query: "ImmutableMultiDict[str, Any]", known: Sequence[int]) -> tuple[int, ...]:
    """Return the stages that were ticked (`stage`, several) and written (`stages`, as 3,7-9), in drawing order.

    Raises UsageError for a text that is no list, and for numbers that are no stages of the session.
    """
    picked = {_number(each) for each in query.getlist("stage")} - {0}
    told = str(query.get("stages", "")).strip()
    if len(told) > MOST_CHOICE:
        raise UsageError("export-stages-unreadable", value=f"{told[:40]}…")
    from desk.commands.export import parse_stages  # noqa: PLC0415 - the words of the command are loaded with it

    if told:
        listed = parse_stages(told, list(known))
        picked |= set(known if listed is None else listed)
    if other := sorted(picked - set(known)):
        raise UsageError("export-no-such-stages", stages=ranges(other[:20]))
    return tuple(sorted(picked))


def with_needed(wanted: Wanted, needed: Iterable[int]) -> Wanted:
    """Return it with the stages that a finding rests on among those that are shown."""
    return replace(wanted, stages=tuple(sorted({*wanted.stages, *needed})))


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers as they are written: 3,7,9. Neighbouring entries need not be stages, so no span is put in between."""
    return ",".join(map(str, sorted(numbers)))


def spread(known: Sequence[int], needed: Iterable[int], most: int = MOST_THUMBS) -> tuple[int, ...]:
    """Return which stages are shown as thumbnails: all of a short session, else some over its whole length and the needed."""
    if len(known) <= most:
        return tuple(known)
    step = (len(known) - 1) / (most - 1)
    return tuple(sorted({known[round(place * step)] for place in range(most)} | (set(known) & set(needed))))


def suggested(wanted: Wanted, known: Sequence[int], needed: Sequence[int]) -> tuple[int, ...]:
    """Return the stages that are ticked at first: of an order those that it rests on, of a process all."""
    return tuple(needed) if wanted.kind == ORDER and needed else tuple(known)


def arguments(wanted: Wanted, post: Sequence[str], *, stamped: bool) -> list[str]:
    """Return what is written behind `sakigake export` for this, but for where it goes; `post` is how the post is told of."""
    told = [wanted.session, "--audience", wanted.audience, "--stages", ranges(wanted.stages), *post]
    if post:
        told += ["--report", wanted.kind]
    if wanted.named and wanted.reader.named and wanted.compares:
        told.append("--with-account")
    return told if stamped else [*told, "--no-stamp"]


def file_name(wanted: Wanted) -> str:
    """Return what the package is called at first: ASCII, and nothing of the other side in it."""
    return f"sakigake-{wanted.session}-{wanted.kind}-{wanted.audience}.zip"


def _number(value: object) -> int:
    told = str(value)
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS else 0


def contents(wanted: Wanted, counts: Mapping[str, int]) -> tuple[tuple[str, str, int], ...]:
    """Return what a package will hold: name of the file or folder, the key of its sentence, and how many there are.

    `counts` has "stages" and "entries".
    """
    reader, post = wanted.reader, wanted.compares
    found = (
        ("index.html", "page", 1),
        ("report.pdf", "pdf", 1),
        ("READ-ME-FIRST.txt", "readme", 1),
        ("stages/", "stages", counts["stages"]),
        ("post/, compare/", "post", post),
        ("forms/", "forms", post and len(reader.forms)),
        ("custody.csv", "custody", reader.custody),
        ("leaves.txt, events.jsonl", "ledger", counts["entries"]),
        ("anchors/, trust/", "anchors", 1),
        ("artist.pub, artist-pub.pem", "key", 1),
        ("verify.py, SHA256SUMS", "verify", 1),
    )
    return tuple((name, key, int(count)) for name, key, count in found if count)
