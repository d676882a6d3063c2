"""One post against the recorded stages of one or more sessions."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakigake.clock import from_ms
from sakigake.errors import NotFoundError
from sakigake.evidence.comparison import order_of
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import VERSION, Descriptors, unpack
from sakigake.model import Finding, Interval, Likeness, Order, Session
from sakigake.store.protocol import Store
from sakigake.timeline.reading import is_forgotten, picture_bounds, stages
from watch.compare import calibration, cohort, engine
from watch.compare.attribute import Attribution, attribute, copies
from watch.compare.calibration import Calibration
from watch.compare.measures import Matrix
from watch.compare.opinion import Ranked, SecondOpinion
from watch.compare.own import Own
from watch.sanitise import load_picture

SHORTLISTED = "shortlist"  # a note of a finding: not all stages that it counts were read
LEAST_SIDE = 32  # of a post: what carries too little and is smaller than this is too small


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The stages of one session that carry enough to be compared, in drawing order.

    `recorded` counts those that carry too little as well. `galleries` keeps the stages of each version made ready.
    """

    session: Session
    recorded: int
    numbers: list[int] = field(default_factory=list)
    claimed: list[datetime] = field(default_factory=list)
    descriptors: list[Descriptors] = field(default_factory=list)
    galleries: dict[str, engine.Gallery] = field(default_factory=dict)

    def gallery(self, version: str) -> engine.Gallery:
        """Return the stages of a version ready for comparing with the shipped cohort; made when first asked for."""
        if version not in self.galleries:
            own = [each for each in self.descriptors if each.version == version]
            self.galleries[version] = engine.gallery(own, cohort.load(version))
        return self.galleries[version]


class Seen:
    """A decoded post (BGR), described only as the versions of the fingerprint that it is to be compared as."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self._found: dict[str, tuple[dict[str, Descriptors], str | None]] = {}
        self._beside: dict[str, engine.Beside] = {}

    def comparable(self, version: str) -> tuple[dict[str, Descriptors], str | None]:
        """Return the views that carry enough as a version sees them; none, and why, when the post does not."""
        if version not in self._found:
            self._found[version] = engine.comparable(engine.post_views(self.pixels, version))
        return self._found[version]

    def beside(self, version: str) -> engine.Beside:
        """Return its comparable views beside the shipped cohort: that is asked once, however many works there are."""
        if version not in self._beside:
            views, _ = self.comparable(version)
            others, known = cohort.load(version), calibration.load(version)
            self._beside[version] = engine.beside_of(views, others, known)
        return self._beside[version]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The stages of a timeline whose fingerprints are of one version: `at` are their positions in it."""

    at: NDArray[np.intp]
    match: engine.Match
    known: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """A timeline with the value of each stage; `same` are the positions that the post is a plain copy of.

    A session that was going on when sakigake was updated has stages of two versions. Each is compared with the post as
    that version sees it and has a calibration of its own; what comes out is a probability and can stand side by side.
    """

    timeline: Timeline
    parts: list[_Part]
    surprise: Matrix
    same: NDArray[np.intp]

    def part(self, position: int) -> tuple[_Part, int]:
        """Return the part that holds a stage, and the stage's place in it."""
        for part in self.parts:
            found = np.flatnonzero(part.at == position)
            if found.size:
                return part, int(found[0])
        raise IndexError(position)

    def earliest(self, total: int, first: int) -> int:
        """Return the first stage that is alike at all: from there on the drawing may have looked like the post."""
        if self.same.size:
            return first
        alike = [
            int(position)
            for part in self.parts
            for position, surprise in zip(part.at, part.match.surprise, strict=True)
            if part.known.level(float(surprise), total) is not Likeness.NONE
        ]
        return min([self.timeline.numbers[position] for position in alike] + [first])


def check_picture(
    store: Store, sessions: Sequence[Session], path: Path, posted: Interval, own: Own | None = None
) -> Finding:
    """Compare the picture at `path` with every stage of `sessions`; `posted` is when it was posted, as far as known.

    With `own` works of the artist, stages of the present version are read against these as well.

    Raises UsageError for a file that is not a picture and NotFoundError when no stage was recorded.
    """
    pixels, digest = load_picture(path)
    return compare(store, [read(store, each) for each in sessions], Seen(pixels), posted, digest, own=own)


def compare(
    store: Store,
    recorded: Sequence[Timeline],
    post: Seen,
    posted: Interval,
    digest: str,
    *,
    own: Own | None = None,
    among: int | None = None,
    rank: SecondOpinion | None = None,
) -> Finding:
    """Compare a decoded post with every stage of `recorded`; `digest` is the SHA-256 of its file.

    `rank` may choose which of the stages of the range is named; it decides nothing else.

    `among` is how many stages there are when `recorded` are only those sessions that a shortlist named: an accident had
    as many chances as there are stages, so all of them are charged for and counted as compared.

    Raises NotFoundError when no stage was recorded.
    """
    if not any(timeline.recorded for timeline in recorded):
        raise NotFoundError("check-no-stage")
    timelines = [timeline for timeline in recorded if timeline.descriptors]
    versions = {each.version for timeline in timelines for each in timeline.descriptors} or {VERSION}
    seen = {version: post.comparable(version) for version in sorted(versions)}
    reason = next(iter(seen.values()))[1]
    if reason or not timelines:
        small = min(post.pixels.shape[:2]) < LEAST_SIDE
        why = ("too-small" if small else reason) if reason else "stages-carry-too-little"
        return _nothing(recorded[-1].session, posted, digest, Likeness.NOT_COMPARABLE, why)
    read_whole = sum(len(timeline.descriptors) for timeline in timelines)
    total = max(read_whole, among or 0)
    compared = [_compare(timeline, post, list(seen), own) for timeline in timelines]
    best = max(compared, key=lambda each: float(each.surprise.max()))
    place = attribute(best.surprise, best.same)
    part, spot = best.part(place.best)
    surprise = float(best.surprise[place.best])
    known = part.known
    likeness = known.level(surprise, total)
    found = likeness is not Likeness.NONE
    timeline = best.timeline
    # The claim rests on the whole range of fitting stages.
    first, last = timeline.numbers[place.first], timeline.numbers[place.last]
    earliest = best.earliest(total, first)
    draft = picture_bounds(store, timeline.session.id, earliest, first, last) if found else Interval()
    order, order_reason = _order(draft, posted) if found else (Order.UNCLEAR, "no-likeness")
    chosen, scores = place.best, part.match.scores(spot)
    if ranked := _ranked(rank, post, best, place) if found else None:
        chosen = place.first + ranked.place
        part, spot = best.part(chosen)
        scores = (*part.match.scores(spot), ranked.score)
    return Finding(
        session=timeline.session.id,
        order=order,
        order_reason=order_reason,
        likeness=likeness,
        likeness_reason="",
        post=posted,
        draft=draft,
        claimed=timeline.claimed[chosen] if found else None,
        stage=timeline.numbers[chosen] if found else None,
        first_stage=first if found else None,
        last_stage=last if found else None,
        earliest=earliest if found else None,
        view=part.match.names[part.match.views[spot]],
        part=astuple(window) if (window := part.match.window(spot)) else None,
        compared=total,
        scores=scores,
        counts=known.count(surprise),
        fingerprint_version=timeline.descriptors[chosen].version,
        post_digest=digest,
        notes=((SHORTLISTED,) if total > read_whole else ()) + ((rank.note,) if rank and ranked else ()),
    )


def _ranked(rank: SecondOpinion | None, post: Seen, best: _Compared, place: Attribution) -> Ranked | None:
    """Ask for a second opinion on the stages of the range; a plain copy needs none."""
    if rank is None or best.same.size or place.first == place.last:
        return None
    inside = slice(place.first, place.last + 1)
    timeline = best.timeline
    return rank.choose(post.pixels, timeline.session.id, timeline.numbers[inside], best.surprise[inside])


def read(store: Store, session: Session) -> Timeline:
    """Read the stages of a session that were not forgotten."""
    found = [stage for stage in stages(store, session.id) if not is_forgotten(stage[0])]
    timeline = Timeline(session, len(found))
    for stored, entry in found:
        if stored.fingerprint is None:
            continue
        descriptors = unpack(stored.fingerprint)
        if information(descriptors.coverage, descriptors.contrast) is None:
            timeline.numbers.append(entry.seq)
            timeline.claimed.append(from_ms(entry.wall))
            timeline.descriptors.append(descriptors)
    return timeline


def _compare(timeline: Timeline, post: Seen, versions: Sequence[str], works: Own | None) -> _Compared:
    """Compare a post with a timeline, as each of some versions of the fingerprint sees it."""
    surprise = np.zeros(len(timeline.descriptors), np.float32)
    parts: list[_Part] = []
    same: list[NDArray[np.intp]] = []
    for version in versions:
        views, _ = post.comparable(version)
        at = np.array([n for n, each in enumerate(timeline.descriptors) if each.version == version], np.intp)
        if not at.size:
            continue
        own = [timeline.descriptors[position] for position in at]
        others, known = cohort.load(version), calibration.load(version)
        match = engine.match(views, timeline.gallery(version), others, known, post.beside(version))
        if works and version == VERSION:
            # The counts of a finding were made with the shipped cohort: own works may lower a value, never raise it.
            others, known = works.cohort(views, own), works.calibration
            further = engine.match(views, engine.gallery(own, others), others, known)
            match = replace(further, surprise=np.minimum(match.surprise, further.surprise))
        surprise[at] = match.surprise
        parts.append(_Part(at, match, known))
        same.append(at[copies(views[engine.FULL], own)])
    return _Compared(timeline, parts, surprise, np.sort(np.concatenate(same)))


def _order(draft: Interval, post: Interval) -> tuple[Order, str]:
    order = order_of(draft, post)
    if order is not Order.UNCLEAR:
        return order, ""
    if draft.not_after is None:
        return order, "no-trusted-draft-time"
    if post.not_before is None and post.not_after is None:
        return order, "post-time-not-given"
    return order, "intervals-overlap"


def _nothing(session: Session, posted: Interval, digest: str, likeness: Likeness, reason: str) -> Finding:
    return Finding(
        session=session.id,
        order=Order.UNCLEAR,
        order_reason="no-likeness",
        likeness=likeness,
        likeness_reason=reason,
        post=posted,
        draft=Interval(),
        claimed=None,
        stage=None,
        first_stage=None,
        last_stage=None,
        view="",
        compared=0,
        post_digest=digest,
    )
