"""Holding heads that were seen against ledgers that are known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sakigake.timeline import merkle
from sakigake.witness.code import Head


class Fit(StrEnum):
    """How a head stands to a ledger."""

    SAME = "same"  # the ledger's root at that size
    BEYOND = "beyond"  # the ledger has fewer entries than the head covers
    OTHER = "other"  # it names this ledger, and its root is not the ledger's
    UNKNOWN = "unknown"  # it names no ledger that is known here


@dataclass(frozen=True, slots=True)
class Ledger:
    """A known ledger: `name` is for people (a session, a package), `leaves` its leaf hashes in order."""

    name: str
    leaves: Sequence[bytes]

    @property
    def id(self) -> str:
        """Return the ledger's id."""
        return self.leaves[0].hex()[:32]


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one head; `name` is the ledger's, empty when none is known."""

    head: Head
    fit: Fit
    name: str = ""


def match(heads: Iterable[Head], ledgers: Sequence[Ledger]) -> list[Match]:
    """Return one answer for each head, in order: every ledger is walked once, however many heads there are."""
    wanted = list(heads)
    sizes = {head.size for head in wanted}
    roots = [_roots(ledger.leaves, sizes) if _named(ledger, wanted) else {} for ledger in ledgers]
    return [_match(head, ledgers, roots) for head in wanted]


def _match(head: Head, ledgers: Sequence[Ledger], roots: Sequence[dict[int, bytes]]) -> Match:
    answer = Match(head, Fit.UNKNOWN)
    for ledger, known in zip(ledgers, roots, strict=True):
        if not ledger.id.startswith(head.ledger):
            continue
        if known.get(head.size) == head.root:
            return Match(head, Fit.SAME, ledger.name)
        answer = Match(head, Fit.OTHER if head.size in known else Fit.BEYOND, ledger.name)
    return answer


def _named(ledger: Ledger, heads: Iterable[Head]) -> bool:
    return any(ledger.id.startswith(head.ledger) for head in heads)


def _roots(leaves: Sequence[bytes], sizes: set[int]) -> dict[int, bytes]:
    tree = merkle.Frontier()
    found = {}
    for leaf in leaves:
        tree.append(leaf)
        if tree.size in sizes:
            found[tree.size] = tree.root()
    return found
