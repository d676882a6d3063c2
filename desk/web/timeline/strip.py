"""The strip and the rows of a session, from what is in its reel and how people and programs call its stages.

Three sizes of part, from small to large:

    shot    one kept stage
    tile    one shot, or several that a person merged: what the list below the strip shows
    block   the tiles from one name to the next. A name says what begins there: 「ラフ 19:02 → 線画 20:11 → 塗り 21:40」

Everything here is a view. Places on the strip are shares of its width, 0 to 1, linear in the computer's wall-clock time.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from desk.web.timeline.reel import Reel, Shot
from sakigake.labels import PERSON, StageLabel

BUCKETS = 120  # of the curve that says where stages lie close together
PICTURES = 12  # along the strip
TICKS = 200  # marks of time tokens, at most
HUES = 8  # colours that blocks take in turn


@dataclass(frozen=True, slots=True)
class Tile:
    """Shots `first` to `last` (places among the shots) that are shown as one, under the name of the first with one."""

    first: int
    last: int
    label: StageLabel | None = None

    @property
    def count(self) -> int:
        """Return how many stages it shows."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Block:
    """The shots `first` to `last` (places among the shots) under one name; `label` is None before the first name."""

    first: int
    last: int
    label: StageLabel | None = None

    @property
    def count(self) -> int:
        """Return how many stages lie in it."""
        return self.last - self.first + 1

    @property
    def estimated(self) -> bool:
        """Say whether a program chose the name."""
        return self.label is not None and self.label.source != PERSON


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the strip from `x` on, `width` wide, both 0 to 1; `number` is its place in what it was made from."""

    x: float
    width: float
    number: int


@dataclass(frozen=True, slots=True)
class Strip:
    """What the strip draws. `curve` has the stages in each of `BUCKETS` parts as shares of the fullest part."""

    blocks: tuple[Span, ...]
    holes: tuple[Span, ...]
    airs: tuple[Span, ...]
    ticks: tuple[float, ...]
    curve: tuple[float, ...]
    pictures: tuple[Span, ...]


def tiles(shots: Sequence[Shot], labels: Mapping[int, StageLabel], joined: frozenset[int]) -> list[Tile]:
    """Return the shots, those that are shown as one taken together."""
    made: list[Tile] = []
    for place, shot in enumerate(shots):
        label = labels.get(shot.seq)
        if made and shot.seq in joined:
            made[-1] = Tile(made[-1].first, place, made[-1].label or label)
        else:
            made.append(Tile(place, place, label))
    return made


def blocks(made: Iterable[Tile]) -> list[Block]:
    """Return the tiles from one name to the next."""
    found: list[Block] = []
    for tile in made:
        if found and (tile.label is None or _same(tile.label, found[-1].label)):
            found[-1] = Block(found[-1].first, tile.last, found[-1].label)
        else:
            found.append(Block(tile.first, tile.last, tile.label))
    return found


def _same(one: StageLabel, other: StageLabel | None) -> bool:
    return other is not None and one.label == other.label


def strip(reel: Reel, found: Sequence[Block]) -> Strip:
    """Return what the strip of a session draws."""
    scale = Scale(reel.begin, reel.end)
    starts = [reel.shots[block.first].at for block in found]
    return Strip(
        blocks=tuple(
            scale.span(start, end, number)
            for number, (start, end) in enumerate(zip(starts, [*starts[1:], reel.end], strict=True))
        )
        if found
        else (),
        holes=tuple(scale.span(hole.begin, hole.end, n) for n, hole in enumerate(reel.holes)),
        airs=tuple(scale.span(air.begin, air.end, n) for n, air in enumerate(reel.airs)),
        ticks=tuple(sorted({round(scale.at(at) * TICKS) / TICKS for at in reel.witnesses.tokens_at})),
        curve=_curve(reel.shots, scale),
        pictures=tuple(_pictures(reel.shots, scale)),
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Wall-clock time, in ms since 1970, on a strip that is 1 wide."""

    begin: int
    end: int

    def at(self, ms: int) -> float:
        """Return where a moment lies; one outside lies at the nearer end."""
        return min(1.0, max(0.0, (ms - self.begin) / max(1, self.end - self.begin)))

    def ms(self, x: float) -> int:
        """Return the moment at a place."""
        return self.begin + round(min(1.0, max(0.0, x)) * (self.end - self.begin))

    def span(self, begin: int, end: int, number: int) -> Span:
        """Return the part between two moments; a clock that was set back makes it empty, never negative."""
        x = self.at(begin)
        return Span(x, max(0.0, self.at(end) - x), number)


def _curve(shots: Sequence[Shot], scale: Scale) -> tuple[float, ...]:
    counts = [0] * BUCKETS
    for shot in shots:
        counts[min(BUCKETS - 1, int(scale.at(shot.at) * BUCKETS))] += 1
    most = max(1, *counts)
    return tuple(round(count / most, 4) for count in counts)


def _pictures(shots: Sequence[Shot], scale: Scale) -> Iterator[Span]:
    """Choose the pictures along the strip: in each part the last one that is kept."""
    chosen: dict[int, int] = {}
    for place, shot in enumerate(shots):
        if shot.file:
            chosen[min(PICTURES - 1, int(scale.at(shot.at) * PICTURES))] = place
    for part, place in sorted(chosen.items()):
        yield Span(part / PICTURES, 1 / PICTURES, place)


def nearest(shots: Sequence[Shot], ms: int) -> int | None:
    """Return the place of the shot whose time is nearest to a moment, None without any."""
    if not shots:
        return None
    times = [shot.at for shot in shots]
    if any(after < before for before, after in itertools.pairwise(times)):  # the clock was set back
        return min(range(len(times)), key=lambda place: abs(times[place] - ms))
    place = bisect_left(times, ms)
    if place == len(times) or (place and ms - times[place - 1] <= times[place] - ms):
        return place - 1
    return place


def window(made: Sequence[Tile], at: int, count: int) -> tuple[int, int]:
    """Return the places [first, behind) of `count` tiles from the one that has shot `at` on."""
    first = next((n for n, tile in enumerate(made) if tile.last >= at), max(0, len(made) - 1))
    first = max(0, min(first, len(made)))
    return first, min(len(made), first + count)
