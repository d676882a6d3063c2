"""Several packages held against each other: what one alone cannot show.

Two of one ledger must agree on every entry that both have. Two ledgers of one key whose times overlap were kept in
parallel: no fault by itself, but a reader should know that there are two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sakigake.anchor.trust import Trust
from sakigake.clock import from_ms
from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.verify import MAX_LARGE, Report, verify
from sakigake.model import Interval
from sakigake.timeline.entry import parse_entry


class Relation(StrEnum):
    """How two sound packages stand to each other."""

    SAME = "same"  # one ledger; they agree as far as both reach
    PARALLEL = "parallel"  # two ledgers of one key at the same time, by the tokens
    PERHAPS = "perhaps-parallel"  # the same by the computer's claims, which no token excludes
    APART = "apart"  # two ledgers of one key, one after the other
    OTHER_KEY = "other-key"


@dataclass(frozen=True, slots=True)
class Told:
    """A package that was checked, with what the comparison needs of it. `claimed` is first and last by its clock."""

    path: Path
    report: Report
    leaves: tuple[bytes, ...]
    claimed: Interval

    @property
    def keys(self) -> frozenset[str]:
        """Return the ledger's key and the one that it continues."""
        return frozenset({self.report.key, *filter(None, [self.report.continues])})


@dataclass(frozen=True, slots=True)
class Compared:
    """Another package and its relation to the first; `shared` counts the entries that both have."""

    path: Path
    report: Report
    relation: Relation
    shared: int = 0


def tell(path: Path, report: Report) -> Told:
    """Return what the comparison needs of a package that `verify` has just checked."""
    package = container.open_container(path)
    lines = container.read(package, layout.LEAVES, MAX_LARGE).split()
    events = container.read(package, layout.EVENTS, MAX_LARGE).splitlines()
    entries = [parse_entry(line) for line in (events[0], events[-1])]
    walls = [entry.wall for entry in entries]
    walls += [int(stage.claimed.timestamp() * 1000) for stage in report.stages if stage.claimed]
    return Told(path, report, tuple(bytes.fromhex(line.decode()) for line in lines), _interval(walls))


def compare(first: Path, report: Report, others: Sequence[Path], trust: Trust) -> tuple[Compared, ...]:
    """Check `others` and hold each against the first and against those before it.

    Raises VerificationError when one does not hold by itself, or when two tell one ledger differently. The relations
    are those to the first.
    """
    told = [tell(first, report)]
    found = []
    for path in others:
        try:
            one = tell(path, verify(path, trust))
        except VerificationError as error:
            raise VerificationError("against-fails", path=path, why=error.message()) from error
        for before in told:
            _must_agree(before, one)
        told.append(one)
        relation = _relation(told[0], one)
        shared = min(len(told[0].leaves), len(one.leaves)) if relation is Relation.SAME else 0
        found.append(Compared(path, one.report, relation, shared))
    return tuple(found)


def _must_agree(one: Told, other: Told) -> None:
    if one.report.ledger != other.report.ledger:
        return
    for seq, (left, right) in enumerate(zip(one.leaves, other.leaves, strict=False)):
        if left != right:
            raise VerificationError("ledgers-disagree", one=one.path, other=other.path, seq=seq)


def _relation(one: Told, other: Told) -> Relation:
    if one.report.ledger == other.report.ledger:
        return Relation.SAME
    if not one.keys & other.keys:
        return Relation.OTHER_KEY
    if _overlap(one.report.under_way, other.report.under_way):
        return Relation.PARALLEL
    if _must_be_apart(one.report, other.report) or not _overlap(one.claimed, other.claimed):
        return Relation.APART
    return Relation.PERHAPS


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    """Say whether two stretches, both ends of which are known, share a moment."""
    ends = _ends(one), _ends(other)
    if ends[0] is None or ends[1] is None:
        return False
    return max(ends[0][0], ends[1][0]) <= min(ends[0][1], ends[1][1])


def _ends(one: Interval | None) -> tuple[datetime, datetime] | None:
    if one is None or one.not_before is None or one.not_after is None or one.not_before > one.not_after:
        return None
    return one.not_before, one.not_after


def _must_be_apart(one: Report, other: Report) -> bool:
    """Say whether tokens show that all shown stages of one lie before those of the other."""

    def before(early: Report, late: Report) -> bool:
        highs = [stage.interval.not_after for stage in early.stages]
        lows = [stage.interval.not_before for stage in late.stages]
        known_highs, known_lows = [high for high in highs if high], [low for low in lows if low]
        complete = len(known_highs) == len(highs) and len(known_lows) == len(lows)
        return complete and max(known_highs) < min(known_lows)

    return before(one, other) or before(other, one)


def _interval(walls: list[int]) -> Interval:
    try:
        return Interval(from_ms(min(walls)), from_ms(max(walls)))
    except OverflowError:
        return Interval()
