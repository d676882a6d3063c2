"""The result card: what a comparison says, always in the same order and in the same words whichever way it goes.

First the order in time with both intervals and where each comes from, then the likeness with its stage and its counts,
then other explanations, then what it does not show. Nothing here weighs the two answers into one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.watching import basis
from sakigake import words
from sakigake.clock import parse_time
from sakigake.model import CalibrationCount, Interval, Likeness
from sakigake.phrases import chance
from watch.finding import ALIKE
from watch.post import PostTime, Stamp

NO_LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class Rest:
    """What one end of the post's interval rests on: the class of its clock and what it was read from, in words."""

    clock: str
    basis: str


@dataclass(frozen=True, slots=True)
class Card:
    """One answer, ready to be shown. `order` and `likeness` are the slugs, the `…_words` their sentences.

    Moments are aware datetimes, so that the page can show them in the reader's zone. `stages` are the first and last
    of those that the order rests on, empty when it is one alone. `chance` is empty where no likeness was found.
    """

    order: str
    order_words: str
    order_why: str
    draft: Interval
    draft_rests: str
    claimed: datetime | None
    post: Interval
    post_rests: tuple[Rest, ...]
    likeness: str
    likeness_words: str
    likeness_why: str
    stage: int | None
    stages: tuple[int, int] | None
    view: str
    compared: int
    chance: str
    notes: tuple[str, ...]
    others: str
    footer: str


def card(detail: Mapping[str, Any], time: PostTime | None) -> Card:
    """Make the card of a finding as `watch.finding.to_json` wrote it; `time` is where the post's time was read.

    A part that this version cannot read is left out rather than guessed.
    """

    def say(key: str) -> str:
        return words.text(key)

    likeness = Likeness(str(detail["likeness"]))
    alike, stage = likeness in ALIKE, detail.get("stage")
    ends = detail.get("stage_range") or [stage, stage]
    draft = _interval(detail.get("draft"))
    counts = _counts(detail.get("counts")) if alike else None
    return Card(
        order=str(detail["order"]),
        order_words=say(f"finding.order.{detail['order']}"),
        order_why=_worded(f"finding.order-reason.{detail.get('order_reason')}"),
        draft=draft,
        draft_rests=say("desk.findings.draft-rests") if draft != Interval() else "",
        claimed=parse_time(detail["claimed"]) if detail.get("claimed") else None,
        post=_interval(detail.get("post")),
        post_rests=_rests(time),
        likeness=likeness.value,
        likeness_words=say(f"finding.likeness.{likeness.value}"),
        likeness_why=_worded(f"finding.likeness-reason.{detail.get('likeness_reason')}"),
        stage=stage if isinstance(stage, int) else None,
        stages=(int(ends[0]), int(ends[1])) if stage is not None and ends[0] != ends[1] else None,
        view=_worded(f"finding.view.{detail.get('view')}") if alike else "",
        compared=int(detail.get("compared_stages") or 0),
        chance=chance(counts) if counts else "",
        notes=tuple(told for each in detail.get("notes", ()) if (told := _worded(f"finding.note.{each}"))),
        others=say("report.other-explanations"),
        footer=say("report.limits"),
    )


def _worded(key: str) -> str:
    """Return a sentence, nothing for a slug that a later version may have written."""
    return words.table(words.language()).get(key, "")


def _interval(told: Mapping[str, Any] | None) -> Interval:
    ends = told or {}
    return Interval(
        *(parse_time(ends[key]) if ends.get(key) else None for key in ("not_before", "not_after"))
    )


def _counts(told: Mapping[str, Any] | None) -> CalibrationCount | None:
    if not told:
        return None
    return CalibrationCount(
        version=str(told["calibration"]),
        pairs=int(told["unrelated_pairs"]),
        reached=int(told["pairs_as_high"]),
        pair_bound=float(told.get("pair_rate_upper_bound") or NO_LIMIT),
        posts=int(told["unrelated_posts"]),
        post_alarms=int(told["posts_as_high"]),
        post_bound=float(told.get("post_rate_upper_bound") or NO_LIMIT),
    )


def _rests(time: PostTime | None) -> tuple[Rest, ...]:
    """Return what the ends of a post's time rest on; stated by hand they rest on whoever stated them."""
    stamps: list[Stamp] = [stamp for stamp in (time.not_before, time.not_after) if stamp] if time else []
    return tuple(
        dict.fromkeys(
            Rest(words.text(f"findings.clock.{stamp.clock.value}"), basis(stamp.basis)) for stamp in stamps
        )
    )
