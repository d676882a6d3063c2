"""One post against the recorded stages of one or more sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sakigake.clock import from_ms
from sakigake.errors import NotFoundError
from sakigake.evidence.comparison import order_of
from sakigake.fingerprint.information import information
from sakigake.fingerprint.vector import Descriptors, unpack
from sakigake.model import Finding, Interval, Likeness, Order, Session, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.entry import Entry
from sakigake.timeline.reading import is_forgotten, picture_bounds, stages
from watch.compare import calibration, cohort, engine
from watch.compare.attribute import attribute, copies
from watch.compare.calibration import Calibration
from watch.sanitise import load_picture

LEAST_SIDE = 32  # of a post: what carries too little and is smaller than this is too small


@dataclass(frozen=True, slots=True, eq=False)
class _Timeline:
    """The stages of one session that carry enough to be compared, in drawing order."""

    session: Session
    numbers: list[int]
    claimed: list[datetime]
    descriptors: list[Descriptors]


def check_picture(store: Store, sessions: Sequence[Session], path: Path, posted: Interval) -> Finding:
    """Compare the picture at `path` with every stage of `sessions`; `posted` is when it was posted, as far as known.

    Raises UsageError for a file that is not a picture and NotFoundError when no stage was recorded.
    """
    pixels, digest = load_picture(path)
    views, reason = engine.comparable(engine.post_views(pixels))
    recorded = [
        (session, [stage for stage in stages(store, session.id) if not is_forgotten(stage[0])])
        for session in sessions
    ]
    if not any(found for _, found in recorded):
        raise NotFoundError("check-no-stage")
    timelines = [timeline for timeline in map(_timeline, recorded) if timeline.descriptors]
    version = timelines[0].descriptors[0].version if timelines else ""
    if reason or not timelines:
        small = min(pixels.shape[:2]) < LEAST_SIDE
        why = ("too-small" if small else reason) if reason else "stages-carry-too-little"
        return _nothing(sessions[-1], posted, digest, Likeness.NOT_COMPARABLE, why)
    total = sum(len(timeline.descriptors) for timeline in timelines)
    known, others = calibration.load(), cohort.load()
    matches = [
        engine.match(views, engine.gallery(line.descriptors, others), others, known) for line in timelines
    ]
    at = max(range(len(matches)), key=lambda number: float(matches[number].surprise.max()))
    timeline, match = timelines[at], matches[at]
    same = copies(views[engine.FULL], timeline.descriptors)
    place = attribute(match.surprise, same)
    surprise = float(match.surprise[place.best])
    likeness = known.level(surprise, total)
    found = likeness is not Likeness.NONE
    # The claim rests on the whole range of fitting stages.
    first, last = timeline.numbers[place.first], timeline.numbers[place.last]
    earliest = first if same.size else _earliest(timeline, match, known, total, first)
    draft = picture_bounds(store, timeline.session.id, earliest, first, last) if found else Interval()
    order, order_reason = _order(draft, posted) if found else (Order.UNCLEAR, "no-likeness")
    return Finding(
        session=timeline.session.id,
        order=order,
        order_reason=order_reason,
        likeness=likeness,
        likeness_reason="",
        post=posted,
        draft=draft,
        claimed=timeline.claimed[place.best] if found else None,
        stage=timeline.numbers[place.best] if found else None,
        first_stage=first if found else None,
        last_stage=last if found else None,
        earliest=earliest if found else None,
        view=match.names[match.views[place.best]],
        compared=total,
        scores=match.scores(place.best),
        counts=known.count(surprise),
        fingerprint_version=version,
        post_digest=digest,
    )


def _timeline(recorded: tuple[Session, list[tuple[StoredEntry, Entry]]]) -> _Timeline:
    session, found = recorded
    timeline = _Timeline(session, [], [], [])
    for stored, entry in found:
        if stored.fingerprint is None:
            continue
        descriptors = unpack(stored.fingerprint)
        if information(descriptors.coverage, descriptors.contrast) is None:
            timeline.numbers.append(entry.seq)
            timeline.claimed.append(from_ms(entry.wall))
            timeline.descriptors.append(descriptors)
    return timeline


def _earliest(timeline: _Timeline, match: engine.Match, known: Calibration, total: int, first: int) -> int:
    """Return the first stage that is alike at all: from there on the drawing may have looked like the post."""
    alike = (
        number
        for number, surprise in zip(timeline.numbers, match.surprise, strict=True)
        if known.level(float(surprise), total) is not Likeness.NONE
    )
    return min(next(alike, first), first)


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
