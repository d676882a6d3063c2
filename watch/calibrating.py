"""Counting with the artist's own works: which of them, each left out in turn, would have raised an alarm."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakigake.errors import NotFoundError, UsageError
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import VERSION, Descriptors, pack_v2, unpack
from sakigake.fingerprint.views import reduce_v1
from sakigake.model import Likeness, Session
from sakigake.store.protocol import Store
from sakigake.timeline.reading import is_forgotten
from sakigake.timeline.reading import stages as stages_of
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.compare import engine, own
from watch.compare.calibration import upper_bound
from watch.compare.leaveout import leave_one_out
from watch.sanitise import load_picture


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A finished work: its name below the folder that was given, its fingerprint, and its views as a post."""

    name: str
    fingerprint: bytes
    views: dict[str, Descriptors]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The works that can be used, and the names of those that cannot: no picture, too little in it, there twice."""

    works: tuple[Work, ...]
    unreadable: tuple[str, ...]
    too_little: tuple[str, ...]
    twice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """A work that reaches `strong` against a recorded stage (`session` and number) or against another work (`other`)."""

    name: str
    session: str = ""
    stage: int | None = None
    other: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of `works` reach each level as posts against `stages` recorded stages and one another.

    `near` are those that nobody has said anything about yet: they are not among `works`, and with any of them nothing
    may be kept. `raised` is what is added to the levels `some` and `strong`.
    """

    works: int
    stages: int
    some: int
    strong: int
    raised: tuple[float, float]
    near: tuple[Near, ...]

    def bound(self, alarms: int) -> float:
        """Return the 95 % upper limit of a rate of which `alarms` were seen."""
        return upper_bound(alarms, self.works)


def gather(folders: Sequence[Path], leave_out: Collection[str], unrelated: Collection[str]) -> Gathered:
    """Read every picture below some folders; raises NotFoundError for a folder or a name that is not there."""
    works: list[Work] = []
    unreadable: list[str] = []
    too_little: list[str] = []
    twice: list[str] = []
    digests: set[str] = set()
    wanted = set(leave_out) | set(unrelated)
    seen: set[str] = set()
    for name, path in _files(folders):
        seen.add(name)
        if name in leave_out:
            continue
        try:
            pixels, digest = load_picture(path)
        except (UsageError, NotFoundError):
            unreadable.append(name)
            continue
        if digest in digests:
            twice.append(name)
            continue
        digests.add(digest)
        views, reason = engine.comparable(engine.post_views(pixels))
        if reason:
            too_little.append(name)
        else:
            works.append(Work(name, pack_v2(reduce_v1(pixels)), views))
    if wanted - seen:
        raise NotFoundError("own-works-name", name=", ".join(sorted(wanted - seen)))
    return Gathered(tuple(works), tuple(unreadable), tuple(too_little), tuple(twice))


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the files below folders, hidden ones left out, by name; a name that two folders have is told apart."""
    seen: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            raise NotFoundError("own-works-folder", path=folder)
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in inside.parts):
                name = inside.as_posix()
                name = f"{folder.name}/{name}" if name in seen else name
                seen.add(name)
                yield name, path


def count(works: Sequence[Work], store: Store | None, unrelated: Collection[str]) -> Outcome:
    """Compare each work with all recorded stages and all other works; raises UsageError without any work.

    `unrelated` are the names of works of which the artist has said that their likeness is an accident.
    """
    if not works:
        raise UsageError("own-works-none")
    cohort, known = cohorts.load(VERSION), calibrations.load(VERSION)
    named, stages = _stages(store)
    plain = [work.views[engine.FULL] for work in works]
    used = np.ones(len(works), np.bool_)
    if stages:
        used = own.like_stages(plain, stages, cohort, known).max(axis=1) < known.some
    left = leave_one_out([work.views for work in works], stages, used, cohort, known)
    every = np.concatenate([left.stages, left.works], axis=1)
    total = every.shape[1] - 1
    best = every.max(axis=1) - np.float32(max(0.0, np.log10(max(total, 1) / known.stages)))
    levels = [known.level(float(value), total) for value in every.max(axis=1)]
    near = []
    for number, level in enumerate(levels):
        if level is Likeness.STRONG and works[number].name not in unrelated:
            at = int(every[number].argmax())
            if at < len(named):
                near.append(Near(works[number].name, named[at][0].id, named[at][1]))
            elif (other := works[at - len(named)].name) not in unrelated:
                near.append(Near(works[number].name, other=other))
    open_names = {each.name for each in near}
    counted = [level for work, level in zip(works, levels, strict=True) if work.name not in open_names]
    return Outcome(
        works=len(counted),
        stages=len(stages),
        some=sum(level is not Likeness.NONE for level in counted),
        strong=sum(level is Likeness.STRONG for level in counted),
        raised=own.raises(best, known),
        near=tuple(near),
    )


def _stages(store: Store | None) -> tuple[list[tuple[Session, int]], list[Descriptors]]:
    """Return the stages of all sessions that can be compared with works, and where each comes from."""
    named: list[tuple[Session, int]] = []
    found: list[Descriptors] = []
    for session in store.sessions() if store else []:
        for stored, entry in stages_of(store, session.id) if store else []:
            if stored.fingerprint is None or is_forgotten(stored):
                continue
            seen = unpack(stored.fingerprint)
            if seen.version == VERSION and information(seen.coverage, seen.contrast) is None:
                named.append((session, entry.seq))
                found.append(seen)
    return named, found
