"""Several packages held against each other: what one alone cannot show.

Two of one ledger must agree on every entry and every checkpoint that both have. Two ledgers of one key whose times
overlap were kept in parallel: no fault by itself, but a reader should know that there are two. That they were not can
only be said of all their stages, shown or not, and only by tokens: a clock is the holder's to set.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from sakigake.anchor.rfc3161 import read_token
from sakigake.anchor.trust import Trust
from sakigake.clock import from_ms
from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.verify import MAX_LARGE, MAX_TOKEN, Report, verify
from sakigake.model import Interval
from sakigake.timeline import note
from sakigake.timeline.bounds import TokenTime, bounds
from sakigake.timeline.entry import MAX_ENTRY_BYTES, parse_entry


class Relation(StrEnum):
    """How two sound packages stand to each other."""

    SAME = "same"  # one ledger; they agree as far as both reach
    PARALLEL = "parallel"  # two ledgers of one key at the same time, by the tokens
    PERHAPS = "perhaps-parallel"  # the same by the computer's claims, which no token excludes
    CLAIMED = "apart-by-clock"  # at another time by the computer's claims, and no token shows that
    APART = "apart"  # two ledgers of one key; all stages of one lie before those of the other, by the tokens
    OTHER_KEY = "other-key"


@dataclass(frozen=True, slots=True)
class Told:
    """A package that was checked, with what the comparison needs of it.

    `claimed` is first and last by its clock. `reach` is what the tokens show of all its stages, shown or not: none
    before the first moment, none after the last.
    """

    path: Path
    report: Report
    leaves: tuple[bytes, ...]
    notes: tuple[bytes, ...]
    claimed: Interval
    reach: Interval

    @property
    def keys(self) -> frozenset[str]:
        """Return the ledger's key and the one that it continues."""
        return frozenset({self.report.key, *filter(None, [self.report.continues])})


@dataclass(frozen=True, slots=True)
class Compared:
    """Another package and its relation to the first.

    `shared` counts the entries that both have. Of relations within one key, `linked` means that there are two keys and
    a rotation links them.
    """

    path: Path
    report: Report
    relation: Relation
    shared: int = 0
    linked: bool = False


def tell(path: Path, report: Report, trust: Trust) -> Told:
    """Return what the comparison needs of a package that `verify` has just checked."""
    package = container.open_container(path)
    lines = container.read(package, layout.LEAVES, MAX_LARGE).split()
    events = container.read(package, layout.EVENTS, MAX_LARGE).splitlines()
    entries = [parse_entry(line) for line in (events[0], events[-1])]
    walls = [entry.wall for entry in entries]
    walls += [int(stage.claimed.timestamp() * 1000) for stage in report.stages if stage.claimed]
    leaves = tuple(bytes.fromhex(line.decode()) for line in lines)
    names = sorted(name for name in package.names() if layout.CHECKPOINT_FILE.fullmatch(name))
    notes = tuple(container.read(package, name, note.MAX_NOTE_BYTES) for name in names)
    reach = Interval(_before_stages(package, events, notes, trust), _after_all(package, report, notes, trust))
    return Told(path, report, leaves, notes, _interval(walls), reach)


def _before_stages(
    package: container.Container, events: list[bytes], notes: Sequence[bytes], trust: Trust
) -> datetime | None:
    """Return what no stage is before: the first entry that can be one is the first that is no event."""
    entries = [parse_entry(line) for line in events]
    first = next(number for number, entry in enumerate([*entries, None]) if not entry or entry.seq != number)
    shown = layout.stage(first, "entry.json")
    if shown in package.names():
        entries.append(parse_entry(container.read(package, shown, MAX_ENTRY_BYTES)))
    named = {entry.after for entry in entries if entry.after and entry.seq <= first}
    times = {
        digest: TokenTime(0, low, high)
        for digest, low, high in _counted(package, notes, trust, lambda _, digest: digest in named)
    }
    return bounds([(entry.seq, entry.after) for entry in entries], times, [first])[first].not_before


def _after_all(
    package: container.Container, report: Report, notes: Sequence[bytes], trust: Trust
) -> datetime | None:
    """Return what no entry is after: the latest high end of what counts over the last checkpoint."""
    last = len(notes) - 1
    highs = [high for _, _, high in _counted(package, notes, trust, lambda number, _: number == last)]
    highs += [block.high for block in report.blocks if block.size == report.entries]
    return max(highs, default=None)


def _counted(
    package: container.Container,
    notes: Sequence[bytes],
    trust: Trust,
    wanted: Callable[[int, str], bool],
) -> list[tuple[str, datetime, datetime]]:
    """Return digest, low and high end of the trusted tokens that are `wanted` by checkpoint number and digest."""
    found = []
    for name in package.names():
        if not (match := layout.TOKEN_FILE.fullmatch(name)):
            continue
        raw, number = container.read(package, name, MAX_TOKEN), int(match["number"])
        digest = sha256(raw).hexdigest()
        if wanted(number, digest):
            reading = read_token(raw, notes[number], trust, open_chain=True, what=name)
            if reading.authority:
                found.append((digest, reading.low, reading.high))
    return found


def compare(first: Path, report: Report, others: Sequence[Path], trust: Trust) -> tuple[Compared, ...]:
    """Check `others` and hold each against the first and against those before it.

    Raises VerificationError when one does not hold by itself, or when two tell one ledger differently. The relations
    are those to the first.
    """
    told = [tell(first, report, trust)]
    found = []
    for path in others:
        try:
            one = tell(path, verify(path, trust), trust)
        except VerificationError as error:
            raise VerificationError("against-fails", path=path, why=error.message()) from error
        for before in told:
            _must_agree(before, one)
        told.append(one)
        relation = _relation(told[0], one)
        shared = min(len(told[0].leaves), len(one.leaves)) if relation is Relation.SAME else 0
        linked = relation is not Relation.OTHER_KEY and one.report.key != report.key
        found.append(Compared(path, one.report, relation, shared, linked))
    return tuple(found)


def _must_agree(one: Told, other: Told) -> None:
    if one.report.ledger != other.report.ledger:
        return
    for seq, (left, right) in enumerate(zip(one.leaves, other.leaves, strict=False)):
        if left != right:
            raise VerificationError("ledgers-disagree", one=one.path, other=other.path, seq=seq)
    # Whoever signs signs once behind each checkpoint, so two signatures are a fork even where all entries agree.
    for number, (first, second) in enumerate(zip(one.notes, other.notes, strict=False)):
        if first != second:
            raise VerificationError(
                "checkpoints-disagree", one=one.path, other=other.path, name=layout.checkpoint(number)
            )


def _relation(one: Told, other: Told) -> Relation:
    if one.report.ledger == other.report.ledger:
        return Relation.SAME
    if not one.keys & other.keys:
        return Relation.OTHER_KEY
    if _overlap(one.report.under_way, other.report.under_way):
        return Relation.PARALLEL
    if _before(one.reach, other.reach) or _before(other.reach, one.reach):
        return Relation.APART
    return Relation.PERHAPS if _overlap(one.claimed, other.claimed) else Relation.CLAIMED


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


def _before(early: Interval, late: Interval) -> bool:
    """Say whether all of `early` lies before `late`."""
    high, low = early.not_after, late.not_before
    return high is not None and low is not None and high < low


def _interval(walls: list[int]) -> Interval:
    try:
        return Interval(from_ms(min(walls)), from_ms(max(walls)))
    except OverflowError:
        return Interval()
